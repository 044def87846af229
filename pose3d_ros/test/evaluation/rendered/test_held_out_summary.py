from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.evaluation.rendered.held_out_run import GroundTruthPerson
from pose3d_ros.evaluation.rendered.held_out_summary import GROUPS, calibration_of
from pose3d_ros.evaluation.report.summary_table import group_rows, held_out_lines
from pose3d_ros.records import Detection, TrackState

from ...conftest import person_at
from .conftest import CAMERA, MUCO, RUN, at, found, ground_truth, scored, summary_of


@pytest.mark.parametrize(
    ("changes", "groups"),
    [
        ({}, {"3–5 m", "none", "90% or more", "grown-up", "upright"}),
        ({"is_child": True, "is_upright": False}, {"3–5 m", "none", "90% or more", "child", "other"}),
        ({"truncated": 0.1, "visible": 0.9}, {"3–5 m", "below 25%", "90% or more", "grown-up", "upright"}),
        ({"truncated": 0.25, "visible": 0.5}, {"3–5 m", "25% or more", "50–90%", "grown-up", "upright"}),
        ({"visible": 0.49}, {"30–50%"}),
        ({"visible": 0.29}, set()),
        ({"z_m": 5.0}, {"5–7 m", "none", "90% or more", "grown-up", "upright"}),
        ({"z_m": 10.2}, set()),
    ],
)
def test_groups_of_a_person(changes: dict[str, float], groups: set[str]) -> None:
    person = ground_truth(1, **changes)
    assert {name for named in GROUPS.values() for name, belongs in named.items() if belongs(person)} == groups


def test_metrics_of_one_person_too_far_one_missed_and_one_false_positive() -> None:
    matched, missed = ground_truth(1, -1.0), ground_truth(2, 1.0, 6.0)
    false_positive = person_at(9, at(2.5, 5.0), CAMERA, state=TrackState.NEW, score=0.5)
    false_box = Detection(np.array([500.0, 10, 560, 90]), 0.4)
    boxes = [matched.person.pose.detection, false_box]
    scene = scored([matched, missed], [found(matched, (0, 0, 0.3)), false_positive], boxes)
    metrics = summary_of(scene).as_dict()
    assert (metrics["people"], metrics["recall"], metrics["detector_recall"]) == (2, 0.5, 0.5)
    assert (metrics["detector_ap50"], metrics["detector_false_positives_per_image"]) == (0.5, 1.0)
    assert metrics["false_positives_per_image"] == 1.0
    assert (metrics["mpjpe_mm"], metrics["mrpe_mm"], metrics["mrpe_z_2_5m_mm"]) == (0.0, 300.0, 300.0)
    assert metrics["mrpe_xyz_mm"] == [0.0, 0.0, 300.0]
    assert metrics["ap_root_25cm"] == 0.0  # 30 cm off
    groups = metrics["groups"]
    assert isinstance(groups, dict)
    assert groups["distance"]["3–5 m"]["recall"] == 1.0
    assert groups["distance"]["5–7 m"]["recall"] == 0.0
    assert groups["distance"]["5–7 m"]["mpjpe_mm"] is None
    assert groups["distance"]["1–2 m"] == {**groups["distance"]["1–2 m"], "people": 0, "recall": None}


def test_joints_of_low_confidence_are_in_one_metric_only() -> None:
    person = ground_truth(1)
    pose = found(person).pose
    joints, scores, toe = pose.joints_cam_m.copy(), pose.scores.copy(), MUCO.index_of["L_Toe"]
    joints[toe] += [0, 0, 0.21]
    scores[toe] = 0.1
    seen = replace(found(person), pose=replace(pose, joints_cam_m=joints, scores=scores))
    people = summary_of(scored([person], [seen], [])).people
    assert people.joint_coverage == pytest.approx(20 / 21)
    assert people.mpjpe_mm == pytest.approx(0)
    assert people.mpjpe_all_joints_mm == pytest.approx(210 / 21)


def test_calibration_takes_every_joint_but_the_root_and_the_depth_error_along_the_ray() -> None:
    person = ground_truth(1, 0.0, 4.0)
    root = person.person.pose.root_cam_m
    shift = 0.15 * root / np.linalg.norm(root)  # person_at states a sigma of 0.1 m
    calibration = calibration_of([scored([person], [found(person, tuple(shift))], [])])
    assert calibration.root_sigma.median_ratio == pytest.approx(1.5)
    assert (calibration.root_sigma.within_1_sigma, calibration.root_sigma.within_2_sigma) == (0.0, 1.0)
    assert sum(b.count for b in calibration.joint_score.bins) == len(MUCO) - 1
    assert calibration.joint_score.bins[9].right == 1.0


def test_found_people_who_do_not_count_are_no_false_positives() -> None:
    hidden = ground_truth(1, visible=0.4)
    scene = scored([hidden], [found(hidden)], [hidden.person.pose.detection])
    summary = summary_of(scene)
    assert scene.false_positives == ()
    assert (summary.people.people, summary.detection.false_positives_per_image) == (0, 0.0)
    assert math.isnan(summary.detection.detector_ap50)
    group = summary.groups["visible"]["30–50%"]
    assert (group.people, group.recall, group.detector_recall) == (1, 1.0, 1.0)


@pytest.mark.parametrize("people", [None, [], [ground_truth(1)]], ids=["no image", "no person", "a missed person"])
def test_metrics_without_detections(people: list[GroundTruthPerson] | None, tmp_path: Path) -> None:
    summary = summary_of(*([] if people is None else [scored(people, [], [])]))
    summary.write(tmp_path / "metrics.json")
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["people"] == len(people or ())
    assert metrics["recall"] == (0.0 if people else None)
    assert metrics["detector_ap50"] == (0.0 if people else None)
    assert metrics["mpjpe_mm"] is None
    assert metrics["calibration"]["root_sigma"]["count"] == 0
    assert group_rows(summary)[0]["group"] == "all that count"
    assert held_out_lines(summary)[0].startswith("Detector: AP50 " + ("0.0 %" if people else "– %"))


def test_oracle_boxes_leave_the_detector_out() -> None:
    run = replace(RUN, oracle_boxes=True)
    person = ground_truth(1)
    metrics = summary_of(scored([person], [found(person)], [], run), run=run).as_dict()
    assert metrics["detector_ap50"] is None
    assert metrics["detector_recall"] is None
    assert metrics["recall"] == 1.0
