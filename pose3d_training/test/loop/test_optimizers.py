"""Muon on convolutions, AdamW on all else, and resumed states."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import ConfigError
from pose3d_training.loop.optimizers import Muon, make_optimizer
from pose3d_training.loop.recipe import Recipe

RATE = 0.01


def wide(module: nn.Sequential) -> nn.Parameter:
    return module.get_parameter("0.weight")


def net(channels_last: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.Conv2d(16, 4, 1))
    return made.to(memory_format=torch.channels_last) if channels_last else made  # type: ignore[call-overload]


def fill_gradients(module: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def update_of(module: nn.Sequential) -> Tensor:
    before = wide(module).detach().clone()
    fill_gradients(module, 1)
    Muon(module, RATE, weight_decay=0.0).step()
    return before - wide(module).detach()


@pytest.mark.parametrize("channels_last", [False, True])
def test_muon_update_is_orthogonal_and_has_the_size_of_adamw(channels_last: bool) -> None:
    update = update_of(net(channels_last)).flatten(1)
    singular = torch.linalg.svdvals(update)
    assert singular.max() / singular.min() < 2.2  # five Newton-Schulz steps reach 0.7 to 1.2
    assert update.square().mean().sqrt() == pytest.approx(0.2 * RATE, rel=0.25)


def test_muon_update_is_independent_of_memory_layout() -> None:
    torch.testing.assert_close(update_of(net()), update_of(net(channels_last=True)), rtol=0.05, atol=1e-4)


def test_narrow_layers_and_normalizations_are_updated_by_adamw() -> None:
    module = net()
    watched = module.get_parameter("2.weight"), module.get_parameter("1.weight")
    before = [p.detach().clone() for p in watched]
    fill_gradients(module, 2)
    Muon(module, RATE, weight_decay=0.0).step()
    for old, new in zip(before, watched, strict=True):
        # AdamW's first step is the rate in every coordinate.
        torch.testing.assert_close((old - new).abs(), torch.full_like(old, RATE), rtol=1e-3, atol=1e-5)


def test_muon_resumes_from_its_state_dict() -> None:
    first, second = net(True), net(True)
    one, two = Muon(first, RATE, 0.01), Muon(second, RATE, 0.01)
    fill_gradients(first, 3)
    one.step()
    second.load_state_dict(first.state_dict())
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for module, optimizer in ((first, one), (second, two)):
        fill_gradients(module, 4)
        optimizer.step()
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_learning_rate_of_the_param_group_is_used() -> None:
    module = net()
    optimizer = Muon(module, RATE, weight_decay=0.0)
    optimizer.param_groups[0]["lr"] = 0.0
    before = wide(module).detach().clone()
    fill_gradients(module, 5)
    optimizer.step()
    torch.testing.assert_close(before, wide(module).detach())


def test_recipe_chooses_the_optimizer() -> None:
    values = {"net": "detector", "steps": 1, "batch_size": 1, "learning_rate": RATE}
    assert isinstance(make_optimizer(Recipe(**values, optimizer="muon"), net()), Muon)  # type: ignore[arg-type]
    assert isinstance(make_optimizer(Recipe(**values), net()), torch.optim.AdamW)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="optimizer"):
        Recipe(**values, optimizer="sgd")  # type: ignore[arg-type]
