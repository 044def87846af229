from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.people.kinematics.human_angles import Points, body_pose
from pose3d_ros.people.kinematics.human_model import BodySizes
from pose3d_ros.people.kinematics.human_sizes import BodySizer, changed

from .conftest import seen, standing_body


def learned(*frames: Points) -> BodySizes:
    sizer, sizes = BodySizer(), BodySizes()
    for points in frames:
        pose = body_pose(points)
        assert pose is not None
        sizes = sizer.update(points, pose)
    return sizes


def test_lengths_are_the_bodys() -> None:
    sizes = learned(seen(standing_body()))
    expected = [0.55, 0.18, 0.3, 0.25, 0.2, 0.42, 0.4, 0.0, 0.76 - 0.6]
    np.testing.assert_allclose(sizes.as_array(), expected, atol=1e-12)
    assert sizes.neck_m == pytest.approx(0.05)
    assert sizes.head_radius_m == pytest.approx(0.1)


def test_both_sides_count() -> None:
    body = standing_body()
    body["L_Wrist"][2] -= 0.02
    assert learned(seen(body)).forearm_m == pytest.approx(0.26)


def test_one_outlier_does_not_count() -> None:
    wrong = standing_body()
    for side in "LR":
        wrong[f"{side}_Ankle"][2] -= 0.3
    sizes = learned(seen(wrong), *[seen(standing_body())] * 4)
    assert sizes.shin_m == pytest.approx(0.4)


def test_bone_that_was_never_seen_has_the_share_of_the_template() -> None:
    body = {name: p for name, p in standing_body().items() if "Ankle" not in name and "Head" not in name}
    small = learned({name: 0.5 * p for name, p in seen(body).items()})
    large = learned(seen(body))
    assert small.shin_m == pytest.approx(0.5 * large.shin_m)
    assert 0.35 < large.shin_m < 0.5


def test_bone_that_is_hidden_for_a_while_keeps_its_length() -> None:
    hidden = {name: p for name, p in seen(standing_body()).items() if "Ankle" not in name}
    assert learned(seen(standing_body()), hidden, hidden).shin_m == pytest.approx(0.4)


@pytest.mark.parametrize(("shin_m", "is_other"), [(0.43, False), (0.45, True), (0.35, True)])
def test_sizes_are_other_ones_from_ten_percent_on(shin_m: float, is_other: bool) -> None:
    before = BodySizes(shin_m=0.4)
    assert changed(replace(before, shin_m=shin_m), before) == is_other
