"""The refinement unit has the layout of the authors' code, and gives its outputs with its weights."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from pose3d_training.nets.refinement_net import RefinementUnit

CLONE = "POSE3D_EPIPOLARPOSE"
"""Environment variable: a clone of github.com/mkocabas/EpipolarPose."""


def authors_model() -> ModuleType:
    path = Path(os.environ.get(CLONE, "")) / "refiner" / "model.py"
    if not path.is_file():
        pytest.skip(f"{CLONE} names no clone of the authors' code")
    module = ModuleType("refiner_model")
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))
    return module


def test_outputs_are_those_of_the_authors_code(randomized: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    theirs = randomized(authors_model().LinearModelPG(linear_size=32, input_size=48, output_size=51)).eval()
    ours = RefinementUnit(16, 17, channels=32).eval()
    ours.load_state_dict(theirs.state_dict())
    joints = torch.randn(5, 16, 3)
    with torch.no_grad():
        for own, their in zip(ours(joints), theirs(joints.flatten(1)), strict=True):
            torch.testing.assert_close(own.flatten(1), their, rtol=0, atol=0)


def test_layers_of_the_published_size() -> None:
    """45 inputs and outputs, 1024 channels: as refiner/model.py has by default."""
    unit = RefinementUnit(15, 15)
    shapes = {name: tuple(value.shape) for name, value in unit.state_dict().items()}
    assert shapes["w1.weight"] == shapes["w3.weight"] == (1024, 45)
    assert shapes["w2.weight"] == shapes["w4.weight"] == (45, 1024)
    assert shapes["linear_stages.1.w4.weight"] == (1024, 1024)
    assert shapes["linear_stages.0.batch_norm4.running_mean"] == (1024,)
    assert sum(p.numel() for p in unit.parameters()) == 8_603_738


def test_both_estimates_learn() -> None:
    torch.manual_seed(1)
    unit = RefinementUnit(4, 3, channels=16, dropout=0.0)
    estimates = unit(torch.randn(6, 4, 3))
    assert [tuple(e.shape) for e in estimates] == [(6, 3, 3), (6, 3, 3)]
    sum(e.square().sum() for e in estimates).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in unit.named_parameters() if "weight" in n)
