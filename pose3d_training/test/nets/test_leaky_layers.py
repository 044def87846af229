"""Layers of RepNet's nets, by hand."""

from __future__ import annotations

import torch

from pose3d_training.nets.leaky_layers import LeakyResidual, glorot, leaky


def test_leaky_slope_is_that_of_keras() -> None:
    torch.testing.assert_close(leaky(torch.tensor([-1.0, 2.0])), torch.tensor([-0.3, 2.0]))


def test_weights_begin_as_those_of_keras() -> None:
    layer = torch.nn.Linear(40, 8)
    glorot(layer)
    limit = (6 / 48) ** 0.5
    assert 0.9 * limit < float(layer.weight.detach().abs().max()) <= limit
    assert not layer.bias.any()


def test_residual_block_by_hand() -> None:
    block = LeakyResidual(1)
    with torch.no_grad():
        for layer, weight in ((block.first, -2.0), (block.second, 4.0)):
            layer.weight.fill_(weight)
            layer.bias.fill_(1.0)
    # first: −2·3 + 1 = −5 → −1.5; second: −6 + 1 = −5; with the shortcut −2 → −0.6.
    torch.testing.assert_close(block(torch.tensor([[3.0]])), torch.tensor([[-0.6]]))
    block.act = False
    torch.testing.assert_close(block(torch.tensor([[3.0]])), torch.tensor([[-2.0]]))
