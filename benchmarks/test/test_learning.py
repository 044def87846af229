"""The benchmark of learning: its table, and cases that are complete."""

from __future__ import annotations

import numpy as np
import pytest
from learning import cases, page, rows
from learning_cases.videos import bone_change_mm

from pose3d_ros.skeletons import get_skeleton

RECORD: dict[str, dict[str, object]] = {
    "b": {"figures": {"without": [3.0, 5.0], "with": [1.0, 2.0]}, "unit": "mm", "minutes": 2.5, "paper": "Other 2019"},
    "a": {"figures": {"without": [7.0]}, "unit": "mm", "minutes": 1, "paper": "One 2018"},
}


def test_cases_have_unique_names_and_say_what_they_show() -> None:
    found = cases()
    assert "withheld_labels" in found
    assert all(case.question.endswith("?") and case.paper and case.unit for case in found.values())


def test_table_has_means_and_the_spread_of_seeds() -> None:
    lines = list(rows(RECORD))
    assert [line["arm"] for line in lines] == ["without", "without", "with"]
    assert lines[1]["mean"] == "4 mm"
    assert lines[1]["seeds"] == "3–5"
    assert lines[0]["seeds"] == ""


def test_arm_may_have_a_unit_of_its_own() -> None:
    record = {"c": {**RECORD["a"], "figures": {"with": [1.0], "with, off in % of the size": [2.0]}}}
    assert [line["mean"] for line in rows(record)] == ["1 mm", "2 % of the size"]
    assert [line["arm"] for line in rows(record)] == ["with", "with, off"]


def test_table_of_a_page_is_replaced() -> None:
    text = "before\n<!-- table of benchmarks/learning.py -->\nold\n<!-- end of the table -->\nafter\n"
    once = page(text, RECORD)
    assert "old" not in once
    assert "| b | with | 1.5 mm | 1–2 | 2.5 | Other 2019 |" in once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert page(once, RECORD) == once


def test_change_of_bones_is_a_mean_of_deviations_over_time() -> None:
    """A hand that is 2 cm nearer to its wrist in every other frame: 10 mm, of one bone of 20."""
    skeleton = get_skeleton("muco21")
    hand, wrist = skeleton.index_of["L_Hand"], skeleton.index_of["L_Wrist"]
    joints_m = np.broadcast_to(np.random.default_rng(1).normal(size=(21, 3)), (3, 4, 21, 3)).copy()
    joints_m[..., hand, :] = joints_m[..., wrist, :] + [0.0, 0.1, 0.0]
    joints_m[:, ::2, hand, 1] -= 0.02
    assert bone_change_mm(joints_m) == pytest.approx(10 / 20)
