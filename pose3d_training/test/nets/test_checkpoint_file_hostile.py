"""Checkpoints that were tampered with: weights, or EngineError."""

from __future__ import annotations

import contextlib
import io
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import hostile_paths, mutated_bytes
from pose3d_ros.errors import EngineError
from pose3d_training.nets.checkpoint_file import read_state_dict
from reliability_log import ReliabilityLog


def saved(*, zipped: bool) -> bytes:
    """A checkpoint as training code saves them."""
    net = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 1), torch.nn.BatchNorm1d(3))
    content = {"epoch": 24, "network": net.state_dict(), "optimizer": torch.optim.Adam(net.parameters()).state_dict()}
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


FILES = (saved(zipped=True), saved(zipped=False))


def read(path: Path, content: bytes) -> None:
    """Read the file."""
    path.write_bytes(content)
    read_state_dict(path)


@pytest.mark.parametrize("content", FILES, ids=["zip", "old format"])
def test_files_are_read_as_they_are(tmp_path: Path, content: bytes) -> None:
    read(tmp_path / "net.pth", content)


def test_paths_without_a_checkpoint_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(EngineError) as caught:
            read_state_dict(Path(path))
        assert len(str(caught.value)) < 8000, name


@given(chance=st.randoms())
def test_any_checkpoint_is_weights_or_refused(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(EngineError):
        read(tmp_path_factory.getbasetemp() / "net.pth", mutated_bytes(chance.choice(FILES), chance))


@pytest.mark.slow
def test_100000_checkpoints(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    def check(chance: random.Random) -> None:
        read(tmp_path / "net.pth", mutated_bytes(chance.choice(FILES), chance))

    found = fuzz(check, 100_000)
    record_promise("fuzzing: checkpoints", "weights or EngineError, no blow-up", str(found), found.kept)
