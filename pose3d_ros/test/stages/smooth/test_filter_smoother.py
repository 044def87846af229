from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.skeletons import SKELETONS, get_skeleton
from pose3d_ros.stages.smooth.filter_smoother import FilterSmoother, PointFilter
from pose3d_ros.types import Array

from .conftest import CAMERA, person_at

MPII = get_skeleton("mpii16")
JOINTS = np.linspace(-0.5, 0.5, 48).reshape(16, 3) + [0.0, 0.0, 4.0]
STEP_NS = 50_000_000


class Counting:
    """Adds a metre for each call, and the time since the call before."""

    def __init__(self) -> None:
        self.calls, self.dt_s = 0, list[float]()

    def __call__(self, points_m: Array, dt_s: float) -> Array:
        self.calls += 1
        self.dt_s.append(dt_s)
        return points_m + self.calls


def nothing() -> PointFilter:
    return lambda points_m, dt_s: points_m


def smoother() -> FilterSmoother:
    return FilterSmoother(Counting, nothing, SmootherConfig(max_gap_s=0.5))


def test_root_and_joints_have_filters_of_their_own() -> None:
    roots = smoother()
    joints = FilterSmoother(nothing, Counting)
    before = person_at(JOINTS, MPII)
    (after,) = roots.update([before], 0, CAMERA)
    np.testing.assert_allclose(after.pose.root_cam_m, before.pose.root_cam_m + 1)
    np.testing.assert_allclose(after.pose.joints_cam_m, JOINTS + 1)
    np.testing.assert_allclose(after.pose.joints_img_px, CAMERA.project(JOINTS + 1))
    (after,) = joints.update([before], 0)
    np.testing.assert_allclose(after.pose.root_cam_m, before.pose.root_cam_m)
    np.testing.assert_allclose(after.pose.joints_cam_m, JOINTS + 1)


def test_everyone_has_filters_of_their_own_which_start_afresh_after_a_gap_and_in_another_skeleton() -> None:
    one = smoother()
    first, second = person_at(JOINTS, MPII, 1), person_at(JOINTS, MPII, 2)

    def moved_m(*people: object, at_ns: int) -> list[float]:
        return [round(p.pose.root_cam_m[0] - JOINTS[MPII.root, 0]) for p in one.update(people, at_ns)]  # type: ignore[arg-type]

    assert moved_m(first, at_ns=0) == [1]
    assert moved_m(second, first, at_ns=STEP_NS) == [1, 2]
    assert moved_m(first, at_ns=12 * STEP_NS) == [1]
    h36m = get_skeleton("h36m16")
    (after,) = one.update([person_at(JOINTS, h36m, 1)], 13 * STEP_NS)
    assert after.pose.root_cam_m[0] - JOINTS[h36m.root, 0] == pytest.approx(1)
    one.reset()
    assert moved_m(first, at_ns=14 * STEP_NS) == [1]


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_is_smoothed(name: str) -> None:
    skeleton = get_skeleton(name)
    assert smoother().why_unsmoothed(skeleton) is None
    joints = np.linspace(-0.5, 0.5, 3 * len(skeleton)).reshape(-1, 3) + [0.0, 0.0, 4.0]
    joints[3] = np.nan
    (after,) = smoother().update([person_at(joints, skeleton)], 0)
    np.testing.assert_allclose(after.pose.joints_cam_m, joints + 1)
