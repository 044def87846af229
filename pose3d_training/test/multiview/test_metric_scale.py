"""Metres from average bones; from heights see the tests of labels."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.multiview.metric_scale import KnownLength, metres_per_unit

from .walkers import SKELETON, walker


def _lengths(points: Array) -> tuple[float, ...]:
    parents, children = (list(column) for column in zip(*SKELETON.edges, strict=True))
    return tuple(np.linalg.norm(points[0, children] - points[0, parents], axis=-1).tolist())


def test_average_bones_give_metres_of_average_people() -> None:
    """People half as large as average ones, one of whom lacks joints: a unit is 2 m."""
    world, known = walker(4), KnownLength(mean_bones_m=_lengths(walker(4)))
    half = world / 2
    half[1:, 5:] = np.nan
    assert metres_per_unit(known, [world / 2, half], SKELETON) == pytest.approx(2.0)
    assert known.in_words == "average bones"


def test_squeezed_people_are_refused() -> None:
    known = KnownLength(mean_bones_m=_lengths(walker(4)))
    with pytest.raises(InputError, match="expected average proportions, got bones that differ by"):
        metres_per_unit(known, [walker(4) * [1.0, 0.3, 1.0]], SKELETON)


@pytest.mark.parametrize("bones", [(0.3, 0.0), (0.3, float("nan"))])
def test_average_bones_have_a_length(bones: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected one known length above 0"):
        KnownLength(mean_bones_m=bones).check()
