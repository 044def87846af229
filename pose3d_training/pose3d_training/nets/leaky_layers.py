"""Layers with leaky ReLUs, which RepNet's nets are made of (Wandt 2019)."""

from __future__ import annotations

from torch import Tensor, nn

SLOPE = 0.3
"""Keras' default."""


def leaky(x: Tensor) -> Tensor:
    """Leaky ReLU."""
    return nn.functional.leaky_relu(x, SLOPE)


def glorot(module: nn.Module) -> None:
    """Begin as Keras does: Glorot's uniform weights, no biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)


class LeakyResidual(nn.Module):
    """Two fully connected layers beside a shortcut, (..., C) → (..., C). act: a leaky ReLU behind the sum."""

    def __init__(self, channels: int, *, act: bool = True) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y: Tensor = x + self.second(leaky(self.first(x)))
        return leaky(y) if self.act else y
