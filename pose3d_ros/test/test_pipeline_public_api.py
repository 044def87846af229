"""`import pose3d_ros` and the embedded engines behind `open_pipeline`."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pose3d_ros

from .conftest import recorded_frames


@pytest.fixture(scope="module")
def frame() -> pose3d_ros.Frame:
    """A frame of the sample recording with people in it, without its stamp."""
    (frame,) = recorded_frames(40, 41)
    return pose3d_ros.Frame(frame.image_bgr, frame.camera)


def test_every_public_name_exists() -> None:
    assert all(getattr(pose3d_ros, name).__doc__ for name in pose3d_ros.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pose3d_ros.nothing  # noqa: B018


def test_importing_the_package_imports_no_library() -> None:
    script = "import sys, pose3d_ros; print(*sorted({'numpy', 'cv2', 'scipy', 'torch', 'rclpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_image_gives_people_in_metres(frame: pose3d_ros.Frame) -> None:
    with pose3d_ros.open_pipeline(backend="onnxruntime") as pipeline:
        people = pipeline(frame).people
        again = pipeline(frame).people
    assert people
    assert all(1.0 < person.pose.root_cam_m[2] < 15.0 for person in people)
    assert {person.state for person in (*people, *again)} == {pose3d_ros.TrackState.NEW}
    assert {person.track_id for person in people}.isdisjoint(person.track_id for person in again)
    for one, other in zip(people, again, strict=True):
        np.testing.assert_array_equal(one.pose.joints_cam_m, other.pose.joints_cam_m)


def test_arguments_override_the_configuration(tmp_path: Path) -> None:
    config = pose3d_ros.PipelineConfig.from_parameters({"engines": str(tmp_path), "backend": "torch"})
    with pytest.raises(pose3d_ros.EngineError, match=str(tmp_path)):
        pose3d_ros.open_pipeline(config=config)
    config = replace(config, engine=replace(config.engine, engines=""))
    with pose3d_ros.open_pipeline(backend="onnxruntime", config=config, smooth=False) as pipeline:
        assert pipeline.engines.backend.name == "onnxruntime"
