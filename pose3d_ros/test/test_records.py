from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.geometry import Camera
from pose3d_ros.records import STILL, Detection, Frame, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton

PERSON_MSG = Path(__file__).resolve().parents[2] / "pose3d_msgs/msg/Person3D.msg"
SOURCE = get_skeleton("muco21")
POSE = Pose(
    np.array([0, 0, 4.0]),
    np.arange(63, dtype=np.float64).reshape(21, 3),
    np.arange(42, dtype=np.float64).reshape(21, 2),
    np.linspace(0.5, 1.0, 21, dtype=np.float64),
    SOURCE,
    Detection(np.array([0.0, 0, 1, 1]), 0.9),
)


def test_track_states_are_the_constants_of_the_message() -> None:
    constants = dict(re.findall(r"^uint8 ([A-Z]+)=(\d+)", PERSON_MSG.read_text(), flags=re.MULTILINE))
    assert {name: int(value) for name, value in constants.items()} == {state.name: state.value for state in TrackState}


def test_records_are_frozen_and_have_defaults() -> None:
    frame = Frame(np.zeros((4, 4, 3), dtype=np.uint8), Camera.from_hfov(60.0, 4, 4))
    assert (frame.stamp_ns, frame.frame_id) == (STILL, "camera_optical_frame")
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.stamp_ns = 1  # type: ignore[misc]
    first, second = FrameResult((), ()), FrameResult((), ())
    first.timings_ms["detect"] = 1.0
    assert second.timings_ms == {}


def test_conversion_maps_joints_by_name_and_leaves_the_others_unknown() -> None:
    target = get_skeleton("coco17")
    after = Person(1, TrackState.NEW, POSE, np.zeros(3), 0.9).converted(target).pose
    wrist, source_wrist = target.index_of["L_Wrist"], SOURCE.index_of["L_Wrist"]
    np.testing.assert_array_equal(after.joints_cam_m[wrist], POSE.joints_cam_m[source_wrist])
    np.testing.assert_array_equal(after.joints_img_px[wrist], POSE.joints_img_px[source_wrist])
    assert after.scores[wrist] == POSE.scores[source_wrist]
    nose = target.index_of["Nose"]
    assert np.isnan(after.joints_cam_m[nose]).all()
    assert after.scores[nose] == 0.0
    assert after.skeleton is target
    np.testing.assert_array_equal(after.root_cam_m, POSE.root_cam_m)
    assert POSE.converted(SOURCE) is POSE
