from __future__ import annotations

from dataclasses import replace

import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.comparison.compared_metrics import BLOCK_S, ComparedMetric, Results, compare
from pose3d_ros.evaluation.recording.tables import NOBODY, FrameRow, PersonRow, Tables

NAMES = ("a", "b")


def results(error_mm: float, *, frames: int = 300, lost_every: int = 0, false_positives: int = 0) -> Results:
    """One person, 10 frames a second: found with this error, but in every n-th frame."""
    people = []
    for i in range(frames):
        row = PersonRow(i * 100_000_000, 1, 1.0, 0.0, 0.0, 4.0)
        if not (lost_every and i % lost_every == 0):
            wave = 1.0 + 0.1 * (i % 7)
            row = replace(row, track=5, joints=21, mpjpe_mm=error_mm * wave, root_error_z_mm=-error_mm)
        people.append(row)
    images = [FrameRow(row.stamp_ns, True, 1.0, 1, int(row.found) + false_positives, int(row.found)) for row in people]
    return {"": Tables(tuple(people), (), tuple(images))}


def compared(first: Results, second: Results) -> dict[str, ComparedMetric]:
    return {metric.name: metric for metric in compare(NAMES, first, second).metrics}


def test_differences_have_the_sign_and_verdict_of_the_second() -> None:
    found = compared(results(100.0), results(80.0, lost_every=5, false_positives=2))
    assert found["mpjpe_mm"].difference.difference == pytest.approx(-26.0, rel=0.02)
    assert found["mpjpe_mm"].verdict == "better"
    assert found["mpjpe_mm"].difference.samples == 240
    assert found["detection_recall"].difference.second == pytest.approx(80.0)
    assert found["detection_recall"].verdict == "worse"
    assert found["false_positives"].difference.second == pytest.approx(600.0)
    assert found["false_positives"].verdict == "worse"
    assert found["id_switches"].verdict == "equal"
    assert "mpjpe_smoothed_mm" not in found  # neither was smoothed


def test_differences_of_rounding_are_none() -> None:
    found = compared(results(100.0), results(100.001))["mpjpe_mm"]
    assert found.difference.excludes_zero
    assert found.verdict == "equal"


def test_blocks_are_stretches_of_time_of_each_person() -> None:
    found = compared(results(100.0), results(80.0))
    assert found["mpjpe_mm"].difference.blocks == 300 / 10 / BLOCK_S
    assert compared(results(1.0, frames=30), results(2.0, frames=30))["mpjpe_mm"].verdict == "too short to tell"


def test_people_of_one_result_alone_are_counted() -> None:
    assert compare(NAMES, results(1.0, frames=100), results(1.0, frames=90)).left_out == 10


def test_other_ground_truth_is_an_error() -> None:
    with pytest.raises(InputError, match="none in common"):
        compare(NAMES, results(1.0), {"other": results(1.0)[""]})
    tables = results(1.0)[""]
    moved = replace(tables, people=tuple(replace(row, root_x_m=0.5) for row in tables.people))
    with pytest.raises(InputError, match=r"0\.5 m apart"):
        compare(NAMES, {"": tables}, {"": moved})


def test_switches_are_a_total() -> None:
    tables = results(1.0)[""]
    people = tuple(replace(row, switched=i % 100 == 50, track=row.track) for i, row in enumerate(tables.people))
    assert people[0].track != NOBODY
    found = compared({"": tables}, {"": replace(tables, people=people)})
    assert found["id_switches"].difference.second == pytest.approx(3.0)
