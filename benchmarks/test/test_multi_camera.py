"""Scores of one camera and of all: who counts, ground truth between two images, and the figures by hand."""

from __future__ import annotations

import numpy as np
import pytest
from multi_camera import Found, Placed, Truth, score

MS = 1_000_000


def placed(number: int, x_m: float, visible: float = 1.0) -> Placed:
    rng = np.random.default_rng(number)
    root_m = np.array([x_m, 0.0, 1.0])
    return Placed(number, root_m, root_m + rng.normal(size=(21, 3)), visible)


def test_ground_truth_between_two_images_and_in_the_camera_that_sees_most() -> None:
    truth = Truth()
    for stamp, x_m in ((0, 0.0), (100 * MS, 1.0), (900 * MS, 2.0)):
        truth.add(stamp, placed(1, x_m, 0.4))
    truth.add(0, placed(1, 0.0, 0.9))
    truth.add(0, placed(1, 0.0, 0.1))
    assert truth.at(0)[0].visible == 0.9
    assert truth.at(25 * MS)[0].root_m[0] == pytest.approx(0.25)
    assert truth.at(500 * MS) == []  # too long a gap
    assert truth.at(901 * MS) == []


def test_figures_by_hand() -> None:
    """Of three people one is 0.1 m off, one not found, one hardly visible; one is found where no one is."""
    truth = Truth()
    for person in (placed(1, 0.0), placed(2, 5.0), placed(3, 9.0, 0.1)):
        truth.add(0, person)
    off = placed(1, 0.0)
    moved = Placed(7, off.root_m + (0.1, 0, 0), off.joints_m + (0.1, 0, 0), triangulated=True)
    found = [moved, placed(8, -5.0), placed(3, 9.0)]
    row = score(Found("one", {0: found}), truth)
    assert (row["recall"], row["false positives"]) == ("50.0%", 1)
    assert (row["MRPE"], row["seen by several"], row["abs. MPJPE"], row["MPJPE"]) == (100, 100, 100, 0)
