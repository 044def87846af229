"""AdamW for every weight, or Muon for convolutions and fully connected layers with AdamW for the rest.

Muon (Jordan 2024) makes the update of a weight matrix orthogonal, so that no few directions take it all; a net learns
as much from fewer samples. torch's own works on matrices; a convolution's filters are one, a row for each output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_training.loop.recipe import Recipe

_MIN_SIDE = 8
"""Narrower matrices, such as heads with few outputs, are left to AdamW."""


class Muon(torch.optim.Optimizer):
    """Muon on convolutions and fully connected layers and AdamW on all else, behind the interface of one optimizer.

    All else is transposed convolutions, normalizations, biases and narrow layers. Ours, since torch's own Muon takes
    matrices only and leaves the rest to another optimizer. Updates are scaled to AdamW's size (Liu 2025, eq. 4), so
    that both take one learning rate.
    """

    def __init__(self, module: nn.Module, learning_rate: float, weight_decay: float) -> None:
        filters = list(_filters(module))
        rest = [p for p in module.parameters() if not any(p is f for f in filters)]
        super().__init__([{"params": [*filters, *rest]}], {"lr": learning_rate})
        self._filters = filters
        self._matrices = [nn.Parameter(_as_matrix(f.data, f)) for f in filters]
        self._muon = torch.optim.Muon(
            self._matrices, lr=learning_rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self._adamw = torch.optim.AdamW(rest, lr=learning_rate, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients there are; a closure is not called."""
        for optimizer in (self._muon, self._adamw):
            for group in optimizer.param_groups:
                group["lr"] = self.param_groups[0]["lr"]
        for filters, matrix in zip(self._filters, self._matrices, strict=True):
            matrix.grad = None if filters.grad is None else _as_matrix(filters.grad, filters)
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """Both optimizers' states."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])


def make_optimizer(recipe: Recipe, module: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer for a module that is where it will be trained, in its final memory layout."""
    if recipe.optimizer == "muon":
        return Muon(module, recipe.learning_rate, recipe.weight_decay)
    return torch.optim.AdamW(module.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def _filters(module: nn.Module) -> Iterator[nn.Parameter]:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and min(layer.weight.flatten(1).shape) >= _MIN_SIDE:
            yield layer.get_parameter("weight")


def _as_matrix(values: Tensor, weight: Tensor) -> Tensor:
    """View a weight's values or gradient as (outputs, inputs x height x width).

    The columns are in the order in which the weight lies in memory, so the matrix of the weight shares its memory;
    Muon's result does not depend on that order.
    """
    if weight.ndim == 2 or weight.is_contiguous():
        return values.flatten(1)
    return values.permute(0, 2, 3, 1).flatten(1)
