from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.records import TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.person_smoother import TrackMemory, is_measured, moved_person

from .conftest import CAMERA, person_at

MPII = get_skeleton("mpii16")
JOINTS = np.linspace(-0.5, 0.5, 48).reshape(16, 3) + [0.0, 0.0, 4.0]


@pytest.mark.parametrize(
    ("later_ns", "kept"),
    [(500_000_000, "past"), (500_000_001, None), (-1_000_000_000, "past"), (-1_000_000_001, None)],
    ids=["within the gap", "after it", "late", "clock went back"],
)
def test_pasts_last_as_long_as_the_gap(later_ns: int, kept: str | None) -> None:
    memory = TrackMemory[str]()
    memory.begin_frame((), 5_000_000_000, 0.5)
    memory.put(1, "past")
    memory.begin_frame((), 5_000_000_000 + later_ns, 0.5)
    assert memory.get(1) == kept


def test_late_frame_counts_at_the_time_of_the_last_one() -> None:
    memory = TrackMemory[str]()
    assert memory.begin_frame((), 5_000_000_000, 0.5) == 5_000_000_000
    assert memory.begin_frame((), 4_900_000_000, 0.5) == 5_000_000_000


def test_lost_people_are_forgotten_and_others_kept() -> None:
    memory = TrackMemory[str]()
    memory.begin_frame((), 0, 0.5)
    memory.put(1, "one")
    memory.put(2, "two")
    memory.begin_frame((person_at(JOINTS, MPII, 1, TrackState.LOST),), 1, 0.5)
    assert (memory.get(1), memory.get(2)) == (None, "two")


def test_only_people_seen_before_the_camera_are_measured() -> None:
    assert is_measured(person_at(JOINTS, MPII))
    assert is_measured(person_at(JOINTS, MPII, state=TrackState.NEW))
    assert not is_measured(person_at(JOINTS, MPII, state=TrackState.PREDICTED))
    assert not is_measured(person_at(JOINTS - [0, 0, 8], MPII))


def test_pixels_follow_with_a_camera_only() -> None:
    before = person_at(JOINTS, MPII)
    moved = JOINTS + [0.1, 0.0, 0.0]
    after = moved_person(before, moved[MPII.root], moved, CAMERA)
    np.testing.assert_allclose(after.pose.joints_img_px, CAMERA.project(moved))
    kept = moved_person(before, moved[MPII.root], moved, None)
    np.testing.assert_array_equal(kept.pose.joints_img_px, before.pose.joints_img_px)
    np.testing.assert_array_equal(kept.pose.joints_cam_m, moved)
