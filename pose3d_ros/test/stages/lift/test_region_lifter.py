"""Lifting of a region's landmarks: what the net reads, and what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import Engine, ManifestEntry, RoleEngine
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.lift.lift_features import region_features
from pose3d_ros.stages.lift.region_lifter import RegionLifter, is_region_lifter

from ...conftest import AnsweringEngine, Tensors, manifest_entry

MEDIAPIPE, MUCO = get_skeleton("mediapipe33"), get_skeleton("muco21")
NAMES = ["L_Wrist", "Nose"]


def entry(**parameters: Any) -> ManifestEntry:
    given = {"input": "region", "landmarks": NAMES, "input_features": 3, "receptive_field": 1} | parameters
    return manifest_entry("lifter_frame", roles=("lifter",), skeleton="muco21", parameters=given)


def answer(feeds: Tensors) -> Tensors:
    """Joint j is (x of the wrist, y of the nose, visibility of the wrist) times j + 1."""
    read = feeds["keypoints"]
    point = np.stack([read[:, 0, 0], read[:, 1, 1], read[:, 0, 2]], axis=-1)
    return {"joints": point[:, None] * np.arange(1, 22, dtype=np.float32)[None, :, None]}


def engine() -> Engine:
    return AnsweringEngine(answer, {"keypoints": ("batch", 2, 3)}, {"joints": ("batch", 21, 3)})


def lifter(**parameters: Any) -> RegionLifter:
    return RegionLifter(RoleEngine(engine(), entry(**parameters)))


def test_features_have_the_crops_middle_at_zero_and_its_edges_at_one() -> None:
    corners = np.array([[[127.5, 127.5], [-0.5, 255.5]]])
    found = region_features(corners, np.array([[0.25, 1.0]]), 256)
    np.testing.assert_allclose(found, np.array([[[0.0, 0.0, 0.25], [-1.0, 1.0, 1.0]]]))
    assert found.dtype == np.float32


def test_named_landmarks_are_read_and_joints_are_from_the_root() -> None:
    landmarks = np.full((1, 39, 5), 7.0)
    landmarks[0, MEDIAPIPE.index_of["L_Wrist"], :2] = 191.5, 3.0  # half of the way to the right edge
    landmarks[0, MEDIAPIPE.index_of["Nose"], :2] = 9.0, 95.5  # a quarter up
    visibility = np.zeros((1, 39))
    visibility[0, MEDIAPIPE.index_of["L_Wrist"]] = 0.75
    joints = lifter()(landmarks, visibility)
    step = np.arange(21) - MUCO.root
    np.testing.assert_allclose(joints[0], np.outer(step, [0.5, -0.25, 0.75]), atol=1e-6)
    assert joints.dtype == np.float64


def test_nobody_is_nothing() -> None:
    assert lifter()(np.zeros((0, 33, 2)), np.zeros((0, 33))).shape == (0, 21, 3)


def test_too_few_landmarks_are_an_error() -> None:
    with pytest.raises(InputError, match=r"expected \(N, 33 or more, 2\), got shape \(1, 17, 2\)"):
        lifter()(np.zeros((1, 17, 2)), np.zeros((1, 17)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"landmarks": ["Tail"]}, "parameter landmarks .*expected a list of joints of mediapipe33, got .*Tail"),
        ({"landmarks": "Nose"}, "parameter landmarks"),
        ({"input": "person"}, "parameter input .*expected region, got 'person'"),
    ],
)
def test_entry_that_does_not_fit_is_an_error(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineError, match=message):
        lifter(**parameters)


def test_engine_of_other_landmarks_is_an_error() -> None:
    with pytest.raises(EngineError, match="keypoints"):
        lifter(landmarks=["Nose"])


def test_lifters_of_regions_are_told_from_others() -> None:
    assert is_region_lifter(entry())
    assert not is_region_lifter(entry(input="person"))
