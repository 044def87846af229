"""Every published lifter that is imported runs behind a pose preset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pose3d_ros.cli.main import main
from pose3d_ros.engines import ManifestEntry, RoleEngine, choose_backend, load_manifest, open_engine
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame
from pose3d_ros.stages.keypoints import Keypoints
from pose3d_ros.stages.lift.lifter import Lifter
from pose3d_ros.stages.lift_sources import feeding_presets, preset_sources
from pose3d_training.nets.lifter_nets import ResidualLifter
from pose3d_training.nets.sem_gcn import SemGCN, neighbors
from pose3d_training.nets.temporal_net import TemporalModel

CAMERA = Camera.from_hfov(60.0, 640, 480)
EDGES = ((0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), (0, 7), (7, 8), (8, 9), (8, 10), (10, 11), (11, 12), (8, 13),
         (13, 14), (14, 15))  # fmt: skip


def _temporal(joints: int) -> nn.Module:
    return TemporalModel(joints, 2, 17, (3, 3), causal=False, channels=8)


LIFTERS: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "videopose3d-cpn": (lambda: _temporal(17), ["videopose3d", "--input-skeleton", "h36m17"]),
    "videopose3d-detectron": (lambda: _temporal(17), ["videopose3d", "--input-skeleton", "coco17"]),
    "videopose3d-mpii": (lambda: _temporal(16), ["videopose3d", "--input-skeleton", "mpii16"]),
    "semgcn": (lambda: SemGCN(neighbors(16, EDGES), channels=8, layers=2), ["semgcn"]),
    "martinez": (lambda: ResidualLifter(16, 2, 15, channels=8), ["martinez"]),
}


def imported(net: nn.Module, arguments: list[str], folder: Path) -> ManifestEntry:
    key = "model_pos" if arguments[0] == "videopose3d" else "state_dict"
    torch.save({"epoch": 1, key: net.eval().state_dict()}, folder / "checkpoint.bin")
    kind, *options = arguments
    assert main(["import", kind, str(folder / "checkpoint.bin"), "--output", str(folder / "models"), *options]) == 0
    return load_manifest(folder / "models").for_role("lifter")


@pytest.mark.parametrize("name", LIFTERS)
def test_imported_lifter_runs_behind_each_preset_that_feeds_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, arguments = LIFTERS[name]
    torch.manual_seed(0)
    entry = imported(make(), arguments, tmp_path)
    presets = feeding_presets(entry)
    assert presets
    assert f"note:     it reads the 2D joints of the presets {', '.join(presets)}\n" in capsys.readouterr().out
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        for preset in presets:
            given = preset_sources()[preset]
            joints = np.random.default_rng(0).uniform(100, 300, (1, len(given), 2))
            people = Keypoints(
                given,
                [Detection(np.array([90.0, 90.0, 310.0, 310.0]), 1.0)],
                joints,
                np.full((1, len(given)), 0.9),
                np.ones((1, len(given)), dtype=bool),
                np.ones(1, dtype=bool),
                np.full((1, len(given)), np.nan),
            )
            lifted = Lifter(RoleEngine(engine, entry), given)(
                Frame(np.zeros((480, 640, 3), np.uint8), CAMERA, 0), people
            )
            assert lifted.valid.all(), preset


def test_lifter_that_no_preset_feeds_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model_pos": _temporal(40).eval().state_dict()}, tmp_path / "a.bin")
    arguments = ["videopose3d", str(tmp_path / "a.bin"), "--output", str(tmp_path / "models")]
    assert main(["import", *arguments, "--input-skeleton", "body40"]) == 2
    assert "Import a 2D pose model with these joints" in capsys.readouterr().err
    assert list((tmp_path / "models").iterdir()) == []
