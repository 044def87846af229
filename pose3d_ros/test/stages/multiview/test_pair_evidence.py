"""Costs of pairs: low for one person, high for two, remembered over time."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.stages.multiview.camera_fusion import GATE
from pose3d_ros.stages.multiview.camera_view import BodyRays, bodies_of
from pose3d_ros.stages.multiview.pair_evidence import PairEvidence, pair_cost
from pose3d_ros.types import Array

from .conftest import MUCO, Eye, body


def seen(eye: Eye, joints_m: Array, number: int = 1) -> BodyRays:
    (found,) = bodies_of(eye.view(0.0, eye.person(number, joints_m)), MUCO)
    return found


def test_one_person_costs_little_and_two_cost_much(left: Eye, right: Eye) -> None:
    one, other = body((0.0, 0.0), seed=1), body((0.8, 0.3), seed=2)
    same = pair_cost(seen(left, one), seen(right, one))
    assert same < GATE / 2
    assert pair_cost(seen(left, one), seen(right, other)) > GATE
    assert pair_cost(seen(right, one), seen(left, one)) == pytest.approx(same, rel=0.2)  # of other noise


def test_people_where_rays_cross_by_chance_are_told_apart_by_how_they_stand(left: Eye, right: Eye) -> None:
    """A ghost: in the plane of both cameras' rays, of another posture and 60 cm from where each camera has them."""
    one = body((0.0, 0.0), seed=1)
    along = seen(left, one).rays[-1]
    ghost = body(np.array([0.6, 0.6]) * along[:2], turn=1.6, seed=4)
    assert pair_cost(seen(left, one), seen(right, ghost)) > 2 * pair_cost(seen(left, one), seen(right, one))


def test_far_away_or_without_a_joint_in_common(left: Eye, right: Eye) -> None:
    one = body((0.0, 0.0))
    far = pair_cost(seen(left, one), seen(right, body((9.0, 9.0))))
    assert far == 150.0
    lost = np.full_like(one, np.nan)
    lost[MUCO.root] = one[MUCO.root]
    assert pair_cost(seen(left, lost), seen(right, one)) < GATE  # by the roots alone


def test_the_mean_of_the_last_second(left: Eye, right: Eye) -> None:
    evidence = PairEvidence()
    near, far = seen(right, body((0.0, 0.0))), seen(right, body((0.0, 6.0)))
    one = seen(left, body((0.0, 0.0)))
    assert evidence.cost(one.key, near.key) == float("inf")
    for at in range(10):
        evidence.update([one, near], at * 66_000_000)
    good = evidence.cost(one.key, near.key)
    assert good < GATE
    evidence.update([one, far], 660_000_000)
    assert good < evidence.cost(near.key, one.key) < GATE  # one bad look does not part them
    for at in range(11, 60):
        evidence.update([one, far], at * 66_000_000)
    assert evidence.cost(one.key, near.key) > 100.0
    evidence.update([], 60_000_000_000)
    assert evidence.cost(one.key, near.key) == float("inf")
