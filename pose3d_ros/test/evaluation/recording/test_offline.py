from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import FrameResult

from ...conftest import MUCO, Scene


def run(scene: Scene, path: Path, camera: Camera, done: list[tuple[int, int]]) -> Any:
    """Run a pipeline that finds the ground truth."""
    scene.write(path, 3, camera)
    ground_truth = dict(zip(scene.stamps_ns, scene.ground_truth, strict=True))

    def find(frame: Any) -> FrameResult:
        return FrameResult(ground_truth[frame.stamp_ns], (), timings_ms={"detect": 3.0, "pose": 5.0})

    find.skeleton, find.engines = MUCO, SimpleNamespace(backend=SimpleNamespace(name="fake"))  # type: ignore[attr-defined]
    return run_offline(path, find, None, "model", lambda *progress: done.append(progress))  # type: ignore[arg-type]


def test_every_image_is_processed_and_joined_with_its_ground_truth(scene: Scene, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    session = run(scene, tmp_path / "bag.mcap", scene.camera, done)
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert (session.model, session.backend, session.engine_ms) == ("model", "fake", {"detect": 3.0, "pose": 5.0})
    assert [frame.stamp_ns for frame in session.frames] == list(scene.stamps_ns[:3])
    assert all(len(frame.ground_truth) == len(frame.raw) == 3 for frame in session.frames)
    assert session.frames[0].smoothed is None


def test_images_of_another_size_than_camera_info_are_an_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BagError, match="images of 320x240"):
        run(scene, tmp_path / "bag.mcap", Camera.from_hfov(60.0, 320, 240), [])
