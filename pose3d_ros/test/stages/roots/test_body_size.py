"""Standing heights: of a person made by hand, and none without every joint on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.roots.body_size import standing_height_m

from .conftest import person_at


def test_height_of_a_person_of_170_cm() -> None:
    assert standing_height_m(person_at(4.0)) == pytest.approx(1.70, abs=0.03)
    assert standing_height_m(person_at(9.0)) == pytest.approx(1.70, abs=0.03)


def test_height_follows_the_size() -> None:
    half = standing_height_m(person_at(4.0, seen_at=0.5))
    assert half == pytest.approx(0.5 * 1.70, abs=0.06)  # but for the ankles' height, which is taken to be a grown-up's


def test_missing_joint_is_no_height() -> None:
    pose = person_at(4.0)
    joints = pose.joints_cam_m.copy()
    joints[pose.skeleton.index_of["L_Knee"]] = np.nan
    assert np.isnan(standing_height_m(replace(pose, joints_cam_m=joints)))
    assert np.isnan(standing_height_m(pose.converted(get_skeleton("coco17"))))
