"""Checkpoints of training runs: the averaged net out of one, and a new run that begins with it.

A wider backbone begins with a narrower one's weights (Net2Net, Chen et al. 2016, section 2.2): every added channel
repeats one that there is, and what reads a repeated channel shares its weights out among the copies, so the wide
net has the narrow one's outputs. The shares are drawn unequal, so that the copies part as they learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_training.nets.checkpoint_file import compare_state_dicts, read_tensors

_BACKBONE = "backbone."
_SHARE = (0.3, 0.7)
"""Between which numbers the copies' shares are drawn before they are made to sum to 1."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `Trainer.save` wrote, on the CPU. Raises EngineError for another file."""
    content, _ = read_tensors(path)
    if not isinstance(content, dict) or not {"step", "average"} <= content.keys():
        raise EngineError(
            f"checkpoint {path}",
            expected="a checkpoint.pt that `pose3d train` wrote",
            got="another net's",
            fix="Name the checkpoint.pt in the folder of a run.",
        )
    return content


def averaged_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The averaged net's state dict out of a checkpoint that `Trainer` wrote. Raises EngineError for another file."""
    state = read_checkpoint(checkpoint)["average"]
    return {k.removeprefix("module."): v for k, v in state.items() if k.startswith("module.")}


def samples_seen(state: Mapping[str, Any], batch_size: int) -> int:
    """Samples that a run had learned from. Checkpoints from before they were counted are of one process."""
    return int(state.get("samples", state["step"] * batch_size))


def start_from_checkpoint(module: nn.Module, path: Path) -> None:
    """Load a run's averaged weights, in place, into an untrained net of the same configuration or a wider backbone.

    Raises EngineError for a checkpoint of another net, naming the first tensor that differs.
    """
    weights = averaged_weights(path)
    if can_widen(module, weights):
        weights = widened(module, weights)
    problems = compare_state_dicts(module.state_dict(), weights)
    if problems:
        raise EngineError(
            f"checkpoint {path}",
            expected="the weights of the recipe's net",
            got=f"{len(problems)} differences, the first: {problems[0]}",
            fix="Start from a run of the same recipe, or train from the beginning.",
        )
    module.load_state_dict(weights)


def can_widen(module: nn.Module, narrow: Mapping[str, Tensor]) -> bool:
    """Whether `narrow` is a state dict of the module with fewer channels in its backbone and else alike.

    Fully connected layers have to be alike too: they may read more than the backbone's channels.
    """
    own = module.state_dict()
    return set(own) == set(narrow) and all(
        set(_grown(own[name], narrow[name])) <= axes for name, axes in _may_grow(module).items()
    )


def widened(module: nn.Module, narrow: Mapping[str, Tensor], seed: int = 0) -> dict[str, Tensor]:
    """A state dict for `module` out of a narrower net's (see `can_widen`), with the same outputs.

    Channel i of a wide layer is channel i mod n of the narrow one's n.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = _input_axes(module)
    state: dict[str, Tensor] = {}
    for name, target in module.state_dict().items():
        value = narrow[name]
        for axis in _grown(target, value):
            if axis == inputs.get(name):
                value = _shared_out(value, target.shape[axis], axis, generator)
            else:
                value = value.index_select(axis, torch.arange(target.shape[axis]) % value.shape[axis])
        state[name] = value
    return state


def _grown(wide: Tensor, narrow: Tensor) -> list[int]:
    """Axes along which the wide tensor is longer; [-1] for what can't be made longer."""
    if wide.ndim != narrow.ndim or any(a < b for a, b in zip(wide.shape, narrow.shape, strict=True)):
        return [-1]
    return [axis for axis in range(wide.ndim) if wide.shape[axis] != narrow.shape[axis]]


def _input_axes(module: nn.Module) -> dict[str, int]:
    """Which axis of each convolution's weight its input channels are."""
    return {
        f"{name}.weight": int(isinstance(layer, nn.Conv2d))
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    }


def _may_grow(module: nn.Module) -> dict[str, set[int]]:
    inputs = _input_axes(module)
    return {
        name: {0, inputs.get(name, 0)} if name.startswith(_BACKBONE) else {inputs[name]} if name in inputs else set()
        for name in module.state_dict()
    }


def _shared_out(value: Tensor, size: int, axis: int, generator: torch.Generator) -> Tensor:
    """Inputs repeated, each copy's weight multiplied by its share."""
    before = value.shape[axis]
    source = torch.arange(size) % before
    share = torch.empty(size).uniform_(*_SHARE, generator=generator)
    share = share / torch.zeros(before).index_add(0, source, share)[source]
    shape = [1] * value.ndim
    shape[axis] = size
    return value.index_select(axis, source) * share.reshape(shape)
