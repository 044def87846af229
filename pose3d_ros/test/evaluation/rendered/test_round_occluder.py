from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.evaluation.rendered.held_out_run import GroundTruthPerson, ScoredScene
from pose3d_ros.evaluation.rendered.round_occluder import summarize_round_occluder
from pose3d_ros.evaluation.report.summary_table import round_occluder_rows
from pose3d_ros.records import Person

from .conftest import MUCO, RUN, found, ground_truth, scored, summary_of

HIDDEN = np.zeros(len(MUCO), dtype=bool)
HIDDEN[[MUCO.root, MUCO.index_of["L_Wrist"], MUCO.index_of["L_Elbow"]]] = True


def turning(visible: float = 1.0) -> GroundTruthPerson:
    return ground_truth(1, visible=visible, hidden_joints=HIDDEN)


def seen(of: GroundTruthPerson, off_m: dict[str, float], unsure: str = "") -> Person:
    """The person, some joints too far by so much, one of them with a low score."""
    person = found(of)
    joints, scores = person.pose.joints_cam_m.copy(), person.pose.scores.copy()
    for name, error_m in off_m.items():
        joints[MUCO.index_of[name], 2] += error_m
    if unsure:
        scores[MUCO.index_of[unsure]] = 0.1
    return replace(person, pose=replace(person.pose, joints_cam_m=joints, scores=scores))


def image(of: GroundTruthPerson, *people: Person) -> ScoredScene:
    return scored([of], [*people], [])


def test_hidden_joints_are_measured_apart_and_without_the_root() -> None:
    of = turning(0.7)
    occluded = image(of, seen(of, {"L_Wrist": 0.2, "L_Elbow": 0.1, "R_Knee": 0.18}, unsure="L_Wrist"))
    group = summarize_round_occluder([occluded], [image(turning(), seen(turning(), {"L_Wrist": 0.04}))], RUN)
    assert group.occluded.joint_coverage_hidden == pytest.approx(0.5)
    assert group.occluded.joint_coverage_visible == 1.0
    assert group.occluded.mpjpe_hidden_mm == pytest.approx(100)
    assert group.occluded.mpjpe_hidden_all_joints_mm == pytest.approx(150)
    assert group.occluded.mpjpe_visible_mm == pytest.approx(180 / 18)
    assert group.clear.mpjpe_hidden_mm == pytest.approx(20)
    assert group.clear.mpjpe_visible_all_joints_mm == pytest.approx(0)


def test_errors_are_of_people_found_in_both_images_and_recall_is_of_all() -> None:
    of, clear = turning(0.6), turning()
    occluded = [image(of), image(of, seen(of, {"L_Wrist": 0.1}))]
    without = [image(clear, seen(clear, {"L_Wrist": 1.0})), image(clear, seen(clear, {"L_Wrist": 0.02}))]
    group = summarize_round_occluder(occluded, without, RUN)
    assert (group.occluded.people, group.clear.people, group.people_found_in_both) == (2, 2, 1)
    assert (group.occluded.recall, group.clear.recall) == (0.5, 1.0)
    assert group.occluded.mpjpe_hidden_mm == pytest.approx(50)
    assert group.clear.mpjpe_hidden_mm == pytest.approx(10)


def test_people_taken_back_to_front_are_counted() -> None:
    of = turning(0.6)
    person = seen(of, {})
    mirrored = replace(person.pose, joints_cam_m=person.pose.joints_cam_m[list(MUCO.flip_order)])
    images = [image(of, person), image(of, replace(person, pose=mirrored))]
    group = summarize_round_occluder(images, images[:1] * 2, RUN)
    assert (group.occluded.reversed, group.clear.reversed) == (0.5, 0.0)


def test_nobody_found_in_both_has_no_errors() -> None:
    group = summarize_round_occluder([image(turning(0.6))], [image(turning())], RUN)
    assert group.occluded.recall == 0.0
    assert math.isnan(group.occluded.mpjpe_hidden_mm)
    assert [row["MPJPE of hidden"] for row in round_occluder_rows(group)] == ["–", "–"]


def test_group_is_in_the_file_and_in_no_other_metric() -> None:
    of = turning(0.6)
    group = summarize_round_occluder([image(of)], [image(of)], RUN)
    whole = scored([ground_truth(1)], [found(ground_truth(1))], [])
    without = summary_of(whole)
    content, plain = replace(without, round_occluder=group).as_dict(), without.as_dict()
    assert plain.pop("round_occluder") is None
    told = content.pop("round_occluder")
    assert content == plain
    assert isinstance(told, dict)
    assert told["occluded"]["recall"] == 0.0
    assert told["clear"]["mpjpe_hidden_mm"] is None
