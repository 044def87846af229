"""Mixed precision: half the bits in the forward pass, all of them in the weights (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_LONGEST_GRADIENT = 20.0


def half_type(device: torch.device) -> torch.dtype:
    """The 16-bit floats that a device computes with: bfloat16, and float16 on GPUs without it."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


class MixedPrecision:
    """Autocast of the forward pass; float16, whose range is short, has its loss scaled besides."""

    def __init__(self, device: torch.device, half: torch.dtype | None) -> None:
        """half: the 16-bit type; None for full precision."""
        self._device, self._half = device, half
        self._scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)

    def forward(self) -> torch.autocast:
        """The context of the forward pass and the loss."""
        return torch.autocast(self._device.type, self._half or torch.bfloat16, enabled=self._half is not None)

    def update(self, loss: Tensor, optimizer: torch.optim.Optimizer, parameters: Iterable[Tensor]) -> None:
        """One step of the optimizer, with the length of the gradient limited."""
        optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(parameters, _LONGEST_GRADIENT)
        self._scaler.step(optimizer)
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps; empty unless the loss is scaled."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a checkpoint's state; an empty one changes nothing."""
        if state:
            self._scaler.load_state_dict(state)
