"""Checkpoints of training runs: the averaged net out of one, and a new run that begins with it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_training.loop.widen import can_widen, widened
from pose3d_training.nets.checkpoint_file import compare_state_dicts


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `Trainer.save` wrote, on the CPU. Raises EngineError for another file."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        _ = state["step"], state["average"]
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
        raise EngineError(
            f"checkpoint {path}",
            expected="a checkpoint.pt that `pose3d train` wrote",
            got=(str(error).splitlines() or [type(error).__name__])[0],
            fix="Name the checkpoint.pt in the folder of a run.",
        ) from error
    return state


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
