"""Tsai's calibration as the package's camera and floor, and errors of people whose distance is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_distances import FUSED, Error, frame_errors, hips_distance_m, read_tsai, rows_of

from pose3d_ros.errors import InputError
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

TSAI = """<Camera name="one"><Geometry width="768" height="576" dpx="5e-3" dpy="4.6e-3"/>
<Intrinsic focal="5.5" kappa1="5e-3" cx="380" cy="290" sx="1.1"/>
<Extrinsic tx="0" ty="0" tz="20000" rx="2.0" ry="0.0" rz="0.0"/></Camera>"""


@pytest.fixture
def calibration(tmp_path: Path) -> Path:
    """A camera whose lens bends, over a floor."""
    path = tmp_path / "camera.xml"
    path.write_text(TSAI)
    return path


def test_lens_is_that_of_the_file(calibration: Path) -> None:
    camera, _ = read_tsai(calibration)
    pixels = np.array([[10.0, 10.0], [380.0, 290.0], [760.0, 570.0], [200.0, 500.0]])
    bent = (pixels - [380.0, 290.0]) * [5e-3 / 1.1, 4.6e-3]
    straight = bent * (1 + 5e-3 * (bent**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(camera.rays(pixels)[:, :2], straight / 5.5, atol=2e-4)


def test_floor_is_the_plane_of_the_world(calibration: Path) -> None:
    camera, ground = read_tsai(calibration)
    # The world's origin is 20 m along the optical axis, which the floor's normal is inclined to by 2 rad.
    assert ground.height_m == pytest.approx(-20.0 * np.cos(2.0))
    foot_px = camera.project(np.array([[0.0, 0.0, 20.0]]))[0]
    hips = np.array([0.0, 0.0, 20.0]) + 0.92 * ground.up_cam
    assert hips_distance_m(foot_px, camera, ground) == pytest.approx(np.linalg.norm(hips), rel=1e-3)


def test_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.xml"
    path.write_text("<Camera><Geometry width='3'/></Camera>")
    with pytest.raises(InputError, match="calibration"):
        read_tsai(path)


def person_in(box_px: Array, distance_m: float) -> Person:
    skeleton = get_skeleton("muco21")
    root = np.array([0.0, 0.0, distance_m])
    joints = np.tile(root, (len(skeleton.joints), 1))
    pose = Pose(root, joints, joints[:, :2], np.ones(len(joints)), skeleton, Detection(box_px, 0.9), 0.5)
    return Person(1, TrackState.TRACKED, pose, np.zeros(3), 0.9)


def test_errors_are_of_who_stands_in_a_box(calibration: Path) -> None:
    camera, ground = read_tsai(calibration)
    box = np.array([360.0, 200.0, 400.0, 290.0])
    true_m = hips_distance_m(np.array([379.0, 289.0]), camera, ground)
    (error,) = frame_errors([person_in(box - 1.0, 1.1 * true_m)], box[None], camera, ground)
    assert error.solver == FUSED
    assert error.log == pytest.approx(np.log(1.1))
    assert not list(frame_errors([person_in(box + 200.0, true_m)], box[None], camera, ground))
    assert not list(frame_errors([], box[None], camera, replace(ground, origin="people")))


def test_rows_judge_what_was_published() -> None:
    def rows(log: float) -> list[dict[str, object]]:
        return list(rows_of("given", [Error(FUSED, 20.0, log, 0.02), Error("ground", 20.0, 0.5, 0.1)]))

    assert [row["asked"] for row in rows(0.005)] == ["pass", ""]
    assert [row["asked"] for row in rows(0.02)] == ["fail", ""]
