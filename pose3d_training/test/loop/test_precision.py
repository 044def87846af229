"""Mixed precision on the CPU: the scaled loss of float16 trains as well, and its scale is kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pose3d_training.loop.precision import MixedPrecision, half_type

CPU = torch.device("cpu")


def step(precision: MixedPrecision, net: nn.Linear, optimizer: torch.optim.Optimizer, factor: float = 1.0) -> float:
    x = torch.linspace(-1, 1, 32)[:, None]
    with precision.forward():
        loss = (net(x).float() - 3 * x).square().mean() * factor
    precision.update(loss, optimizer, net.parameters())
    return float(loss.detach())


@pytest.mark.parametrize("half", [None, torch.bfloat16, torch.float16], ids=str)
def test_a_net_learns(half: torch.dtype | None) -> None:
    torch.manual_seed(0)
    net = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    precision = MixedPrecision(CPU, half)
    losses = [step(precision, net, optimizer) for _ in range(40)]
    assert losses[-1] < 0.02 * losses[0]
    assert net.weight.dtype == torch.float32
    assert bool(precision.state_dict()) == (half is torch.float16)


def test_the_forward_pass_is_in_half_precision() -> None:
    for half in (torch.bfloat16, torch.float16):
        with MixedPrecision(CPU, half).forward():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == half
    with MixedPrecision(CPU, None).forward():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_an_infinite_gradient_is_skipped_and_the_scale_falls() -> None:
    net = nn.Linear(1, 1)
    before = net.weight.detach().clone()
    precision = MixedPrecision(CPU, torch.float16)
    scale = precision.state_dict()["scale"]
    step(precision, net, torch.optim.SGD(net.parameters(), lr=0.3), factor=float("inf"))
    assert torch.equal(net.weight, before)
    assert precision.state_dict()["scale"] < scale
    other = MixedPrecision(CPU, torch.float16)
    other.load_state_dict(precision.state_dict())
    assert other.state_dict() == precision.state_dict()
    other.load_state_dict({})


def test_the_gradient_is_cut_at_its_limit() -> None:
    net = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        net.weight.fill_(0.0)
    x = torch.full((1, 1), 1000.0)
    MixedPrecision(CPU, None).update(
        (net(x) - 1000).square().sum(), torch.optim.SGD(net.parameters(), lr=1.0), net.parameters()
    )
    assert float(net.weight.detach()) == pytest.approx(20.0, rel=1e-4)


def test_the_cpu_computes_in_bfloat16() -> None:
    assert half_type(CPU) == torch.bfloat16
