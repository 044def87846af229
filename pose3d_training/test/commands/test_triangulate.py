"""`pose3d triangulate` from recordings to recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli.main import main
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.extrinsics_file import read_extrinsics
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.commands.triangulate import view_names

SKELETON = get_skeleton("muco21")
CAMERA = Camera.from_hfov(70.0, 64, 48)
START_NS = 1_700_000_000_000_000_000
STEP_NS = 66_666_667
FIRST2SECOND = RigidTransform(Rotation.from_euler("y", -60, degrees=True).as_matrix(), np.array([3.9, 0.1, 2.4]))


def _joints_m() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(T, 21, 3) before the first camera: a body without a model that moves and turns."""
    shape = np.random.default_rng(4).uniform([-0.3, -0.9, -0.2], [0.3, 0.9, 0.2], (21, 3))
    times = np.arange(60) / 15
    turned = Rotation.from_euler("y", 1.5 * times).as_matrix()
    at = np.stack([1.2 * np.sin(2 * times), 0.0 * times, 4.5 + 1.2 * np.cos(1.7 * times)], axis=-1)
    return np.asarray(np.einsum("tij,kj->tki", turned, shape) + at[:, None])


def _write(path: Path, first2camera: RigidTransform, with_camera: bool = True) -> None:
    """A recording with images, and people whose 2D joints are exact and whose 3D joints are nonsense."""
    with BagWriter(path) as bag:
        for number, joints in enumerate(_joints_m()):
            stamp = START_NS + number * STEP_NS
            if with_camera:
                bag.write_camera("/camera/camera_info", stamp, "optical", CAMERA)
            bag.write_image("/camera/image_raw/compressed", stamp, "optical", np.zeros((48, 64, 3), np.uint8))
            pixels = CAMERA.project(first2camera.apply(joints))
            box = Detection(np.concatenate([pixels.min(axis=0), pixels.max(axis=0)]), 1.0)
            pose = Pose(np.ones(3), np.ones((21, 3)), pixels, np.ones(21), SKELETON, box)
            person = Person(7, TrackState.TRACKED, pose, np.zeros(3), 1.0)
            bag.write_people("/people", stamp, "optical", [person], SKELETON)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("recordings")
    _write(folder / "one.mcap", RigidTransform(np.eye(3), np.zeros(3)))
    _write(folder / "other.mcap", FIRST2SECOND)
    return [str(folder / "one.mcap"), str(folder / "other.mcap")]


def test_two_recordings_become_ground_truth(two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = f"{np.linalg.norm(FIRST2SECOND.translation_m):.6f}"
    assert main(["triangulate", *two, "--output", str(tmp_path), "--baseline", baseline, "--max-offset", "0"]) == 0
    assert "one: 60 of 60 images have labels" in capsys.readouterr().out
    poses = read_extrinsics(str(tmp_path / "extrinsics.yaml"), ("one", "other"))
    assert poses["other"].inverse().translation_m == pytest.approx(FIRST2SECOND.translation_m, abs=0.02)
    for name, camera in (("one", RigidTransform(np.eye(3), np.zeros(3))), ("other", FIRST2SECOND)):
        with BagReader(tmp_path / f"{name}.mcap") as bag:
            truth = list(bag.people("*ground_truth*"))
            assert len(list(bag.images())) == 60
        for message, joints in zip(truth, _joints_m(), strict=True):
            off_m = message.people[0].pose.joints_cam_m - camera.apply(joints)
            assert np.nanmax(np.abs(off_m)) < 0.06
    assert json.loads((tmp_path / "summary.json").read_text())["views"][1]["labeled_images"] == 60


def test_no_known_length_is_an_error_of_one_line(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triangulate", *two, "--output", "nowhere"]) == 2
    assert "--height of the person, --baseline between the cameras, or --camera-height" in capsys.readouterr().err


def test_no_calibration_is_refused(two: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "bare.mcap", FIRST2SECOND, with_camera=False)
    arguments = [two[0], str(tmp_path / "bare.mcap"), "--output", str(tmp_path / "out"), "--baseline", "4"]
    assert main(["triangulate", *arguments]) == 2
    assert "Give a calibration (--camera), or a field of view (--hfov)" in capsys.readouterr().err


def test_one_recording_is_too_few(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["triangulate", two[0], "--output", "nowhere", "--height", "1.7"]) == 2
    assert "two recordings" in capsys.readouterr().err


def test_views_are_named_by_namespace_or_file() -> None:
    assert view_names(["a/two.mcap#/left", "a/two.mcap#rear/top"]) == ["left", "rear_top"]
    assert view_names(["a/rec.mcap", "b/rec.mcap"]) == ["rec_1", "rec_2"]
