from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.identity import id_switches, idf1, recall


def test_id_switches_count_changes_and_remember_ids_over_gaps() -> None:
    frames = [[(1, 7), (2, 8)], [(1, 7)], [], [(1, 9), (2, 8)], [(1, 7)]]
    assert id_switches(frames) == 2  # 7 → 9 → 7; person 2 comes back as 8
    assert id_switches([[(1, 1), (2, 2)], [(1, 2), (2, 1)]]) == 2


def test_idf1_by_hand() -> None:
    # Person 1 is track 7 for three frames and 9 for one: IDTP = 3 of 4 people and 5 predictions.
    assert idf1([[(1, 7)], [(1, 7)], [(1, 7)], [(1, 9)]], gt_count=4, predicted_count=5) == pytest.approx(6 / 9)
    assert idf1([[]], gt_count=2, predicted_count=0) == 0.0
    assert np.isnan(idf1([], 0, 0))


def test_recall_without_people_is_nan() -> None:
    assert np.isnan(recall([]))
    assert recall([True, False, True, True]) == 0.75
