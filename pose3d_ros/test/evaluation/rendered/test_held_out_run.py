"""The score of held-out pictures: values worked by hand for boxes, groups, calibration, and empty pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.box_precision import (
    JudgedBox,
    Verdict,
    average_precision,
    judge_boxes,
    precision_recall,
    share_inside,
)
from pose3d_ros.evaluation.metrics.reliability import reliability, sigma_coverage
from pose3d_ros.evaluation.rendered.held_out_run import (
    HeldOutRun,
    HeldOutScene,
    JudgedScene,
    TruePerson,
    judge,
    run_held_out,
    true_boxes,
)
from pose3d_ros.evaluation.rendered.held_out_summary import GROUPS, HeldOutSummary, calibration_of, summarize_held_out
from pose3d_ros.evaluation.report.held_out_report import write_held_out_report
from pose3d_ros.evaluation.report.held_out_table import group_rows
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Detection, Frame, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

MUCO = get_skeleton("muco21")
CAMERA = Camera.from_hfov(70.0, 640, 480)
FIGURE_M = np.random.default_rng(0).uniform((-0.3, -0.9, -0.2), (0.3, 0.9, 0.2), (len(MUCO), 3))
FIGURE_M[MUCO.root] = 0.0


RUN = HeldOutRun(joint_score_threshold=0.15)


def box(x0: float, y0: float, x1: float, y1: float, score: float = 1.0) -> Detection:
    return Detection(np.array([x0, y0, x1, y1], dtype=np.float64), score)


def boxes(*detections: Detection) -> Array:
    return np.array([d.box_xyxy_px for d in detections]).reshape(-1, 4)


def judged(*verdicts: tuple[float, Verdict]) -> list[JudgedBox]:
    return [JudgedBox(box(0, 0, 1, 1, score), verdict) for score, verdict in verdicts]


def at(x_m: float, z_m: float) -> Array:
    place: Array = FIGURE_M + np.array([x_m, 0.2, z_m])
    return place


def person_at(number: int, joints_cam_m: Array, state: TrackState, score: float = 1.0) -> Person:
    """A person with these joints, a root known to 0.1 m, and the box round the joints in the image."""
    joints_px = CAMERA.project(joints_cam_m)
    box_px = np.concatenate([joints_px.min(axis=0), joints_px.max(axis=0)])
    pose = Pose(
        joints_cam_m[MUCO.root], joints_cam_m, joints_px, np.full(len(MUCO), 0.9), MUCO, Detection(box_px, score), 0.1
    )
    return Person(number, state, pose, np.zeros(3), score)


def truth(number: int, x_m: float = 0.0, z_m: float = 4.0, **changes: object) -> TruePerson:
    person = person_at(number, at(x_m, z_m), TrackState.TRACKED)
    whole = TruePerson(person, visible=1.0, truncated=0.0, stature_m=1.75, is_child=False, is_upright=True)
    return replace(whole, **changes)  # type: ignore[arg-type]


def found(of: TruePerson, shift_m: tuple[float, float, float] = (0, 0, 0), score: float = 0.9) -> Person:
    joints = of.person.pose.joints_cam_m + np.array(shift_m)
    return person_at(7, joints, TrackState.NEW, score)


def scored(
    people: list[TruePerson], persons: list[Person], detections: list[Detection], run: HeldOutRun = RUN
) -> JudgedScene:
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    return judge(0, HeldOutScene(Frame(image, CAMERA, 0), tuple(people)), persons, detections, run)


def summary_of(*scenes: JudgedScene, run: HeldOutRun = RUN) -> HeldOutSummary:
    return summarize_held_out(scenes, run, {"seed": 1})


def test_average_precision_by_hand() -> None:
    # Of 4 people: right, wrong, right → precision 1, 1/2, 2/3 at recall 1/4, 1/4, 1/2; from 1/4 on 2/3 is the best.
    answer = judged((0.9, Verdict.RIGHT), (0.6, Verdict.WRONG), (0.3, Verdict.RIGHT), (0.8, Verdict.IGNORED))
    precision, recall = precision_recall(answer, 4)
    np.testing.assert_allclose(precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(recall, [1 / 4, 1 / 4, 1 / 2])
    assert average_precision(answer, 4) == pytest.approx(1 / 4 + 2 / 3 / 4)
    assert average_precision([], 4) == 0
    assert math.isnan(average_precision(answer, 0))


def test_the_second_box_of_a_person_is_wrong_and_the_better_score_takes_the_person() -> None:
    person = box(0, 0, 100, 200)
    answer, people = judge_boxes(
        [box(0, 10, 100, 200, 0.5), box(0, 60, 100, 200, 0.8)], boxes(person), np.array([True])
    )
    assert [(b.score, b.verdict) for b in answer] == [(0.8, Verdict.RIGHT), (0.5, Verdict.WRONG)]
    assert people == {0}


def test_half_an_overlap_is_enough_and_less_is_not() -> None:
    person = boxes(box(0, 0, 100, 200))
    assert judge_boxes([box(0, 0, 100, 100)], person, np.array([True]))[0][0].verdict is Verdict.RIGHT
    assert judge_boxes([box(0, 0, 100, 99)], person, np.array([True]))[0][0].verdict is Verdict.WRONG


def test_boxes_on_people_who_do_not_count_are_ignored_however_many() -> None:
    region, wanted = box(0, 0, 100, 200), box(300, 0, 400, 200)
    detections = [box(0, 0, 60, 100, 0.9), box(0, 0, 100, 200, 0.8), box(60, 0, 150, 100, 0.7), wanted]
    answer, people = judge_boxes(detections, boxes(region, wanted), np.array([False, True]))
    # The third lies in the region with 40 of its 90 columns only; the second is the hidden person's own box.
    verdicts = {b.score: b.verdict for b in answer}
    assert verdicts == {1.0: Verdict.RIGHT, 0.9: Verdict.IGNORED, 0.8: Verdict.IGNORED, 0.7: Verdict.WRONG}
    assert people == {0, 1}


def test_who_counts_comes_before_who_does_not() -> None:
    same = box(0, 0, 100, 200)
    answer, people = judge_boxes([same], boxes(same, same), np.array([False, True]))
    assert answer[0].verdict is Verdict.RIGHT
    assert people == {1}


def test_share_inside() -> None:
    assert share_inside(np.array([0.0, 0, 4, 2]), np.array([1.0, 0, 9, 9])) == pytest.approx(0.75)
    assert share_inside(np.array([0.0, 0, 0, 2]), np.array([0.0, 0, 9, 9])) == 0


def test_reliability_by_hand() -> None:
    scores = np.array([0.0, 0.05, 0.95, 1.0, 0.85])
    answer = reliability(scores, np.array([False, True, True, True, False]))
    first, last = answer.bins[0], answer.bins[9]
    assert (first.count, first.mean_score, first.right) == (2, 0.025, 0.5)
    assert (last.count, last.mean_score, last.right) == (2, 0.975, 1.0)
    assert (answer.bins[8].count, answer.bins[8].right) == (1, 0.0)
    assert answer.bins[4].count == 0
    assert math.isnan(answer.bins[4].right)
    assert answer.expected_calibration_error == pytest.approx((2 * 0.475 + 2 * 0.025 + 0.85) / 5)


def test_reliability_of_nothing() -> None:
    nothing = reliability(np.empty(0), np.empty(0, dtype=bool))
    assert len(nothing.bins) == 10
    assert math.isnan(nothing.expected_calibration_error)


def test_sigma_coverage_by_hand() -> None:
    errors, sigmas = np.array([-0.1, 0.3, 0.5, 9.0, np.nan]), np.array([0.2, 0.2, 0.2, np.nan, 0.2])
    answer = sigma_coverage(errors, sigmas)
    assert (answer.count, answer.within_1_sigma, answer.within_2_sigma) == (3, 1 / 3, 2 / 3)
    assert answer.median_ratio == pytest.approx(1.5)
    assert answer.median_sigma_mm == pytest.approx(200)
    assert sigma_coverage(errors, np.full(5, np.nan)).count == 0


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
def test_who_is_in_which_group(changes: dict[str, float], groups: set[str]) -> None:
    person = truth(1, **changes)
    assert {name for named in GROUPS.values() for name, belongs in named.items() if belongs(person)} == groups


def test_a_person_below_40_pixels_does_not_count() -> None:
    person = truth(1)
    low = replace(person.person.pose, detection=box(0, 0, 100, 39.9))
    assert person.counts
    assert not replace(person, person=replace(person.person, pose=low)).counts


def test_numbers_of_two_people_one_too_far_and_one_missed() -> None:
    right, missed = truth(1, -1.0), truth(2, 1.0, 6.0)
    stray = person_at(9, at(2.5, 5.0), TrackState.NEW, 0.5)
    person = found(right, (0, 0, 0.3))
    wrong_box = box(500, 10, 560, 90, 0.4)
    scene = scored([right, missed], [person, stray], [right.person.pose.detection, wrong_box])
    numbers = summary_of(scene).as_dict()
    assert (numbers["people"], numbers["recall"], numbers["detector_recall"]) == (2, 0.5, 0.5)
    assert (numbers["detector_ap50"], numbers["detector_false_positives_per_image"]) == (0.5, 1.0)
    assert numbers["false_positives_per_image"] == 1.0
    assert (numbers["mpjpe_mm"], numbers["mrpe_mm"], numbers["mrpe_z_2_5m_mm"]) == (0.0, 300.0, 300.0)
    assert numbers["mrpe_xyz_mm"] == [0.0, 0.0, 300.0]
    assert numbers["ap_root_25cm"] == 0.0  # 30 cm off
    groups = numbers["groups"]
    assert isinstance(groups, dict)
    assert groups["distance"]["3–5 m"]["recall"] == 1.0
    assert groups["distance"]["5–7 m"]["recall"] == 0.0
    assert groups["distance"]["5–7 m"]["mpjpe_mm"] is None
    assert groups["distance"]["1–2 m"] == {**groups["distance"]["1–2 m"], "people": 0, "recall": None}


def test_unsure_joints_are_in_one_number_only() -> None:
    person = truth(1)
    pose = found(person).pose
    joints, scores, toe = pose.joints_cam_m.copy(), pose.scores.copy(), MUCO.index_of["L_Toe"]
    joints[toe] += [0, 0, 0.21]
    scores[toe] = 0.1
    seen = replace(found(person), pose=replace(pose, joints_cam_m=joints, scores=scores))
    numbers = summary_of(scored([person], [seen], [])).people
    assert numbers.joint_coverage == pytest.approx(20 / 21)
    assert numbers.mpjpe_mm == pytest.approx(0)
    assert numbers.mpjpe_all_joints_mm == pytest.approx(210 / 21)


def test_calibration_takes_every_joint_but_the_root_and_the_error_along_the_ray() -> None:
    person = truth(1, 0.0, 4.0)
    root = person.person.pose.root_cam_m
    shift = 0.15 * root / np.linalg.norm(root)  # person_at states a sigma of 0.1 m
    answer = calibration_of([scored([person], [found(person, tuple(shift))], [])])
    assert answer.root_sigma.median_ratio == pytest.approx(1.5)
    assert (answer.root_sigma.within_1_sigma, answer.root_sigma.within_2_sigma) == (0.0, 1.0)
    assert sum(b.count for b in answer.joint_score.bins) == len(MUCO) - 1
    assert answer.joint_score.bins[9].right == 1.0


def test_found_people_who_do_not_count_are_no_strays() -> None:
    hidden = truth(1, visible=0.4)
    scene = scored([hidden], [found(hidden)], [hidden.person.pose.detection])
    summary = summary_of(scene)
    assert scene.strays == ()
    assert (summary.people.people, summary.boxes.false_positives_per_image) == (0, 0.0)
    assert math.isnan(summary.boxes.detector_ap50)
    group = summary.groups["visible"]["30–50%"]
    assert (group.people, group.recall, group.detector_recall) == (1, 1.0, 1.0)


@pytest.mark.parametrize("people", [[], [truth(1)]])
def test_nobody_found(people: list[TruePerson], tmp_path: Path) -> None:
    summary = summary_of(scored(people, [], []))
    summary.write(tmp_path / "numbers.json")
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["people"] == len(people)
    assert numbers["recall"] == (0.0 if people else None)
    assert numbers["detector_ap50"] == (0.0 if people else None)
    assert numbers["mpjpe_mm"] is None
    assert numbers["calibration"]["root_sigma"]["count"] == 0
    assert group_rows(summary)[0]["group"] == "all that count"


def test_no_picture_at_all() -> None:
    assert summary_of().as_dict()["people"] == 0


def test_true_boxes_are_those_of_people_with_a_group() -> None:
    people = (truth(1), truth(2, visible=0.31), truth(3, visible=0.29), truth(4, z_m=12.0))
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    given = true_boxes(HeldOutScene(Frame(image, CAMERA, 0), people))
    assert [d.score for d in given] == [1.0, 1.0]


class Given(Pipeline):
    """Finds one person given beforehand, and notes what it was asked."""

    def __init__(self, person: Person) -> None:
        self.person, self.asked = person, list[Sequence[Detection] | str | None]()

    def reset(self) -> None:
        self.asked.append("reset")

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> FrameResult:
        self.asked.append(detections)
        return FrameResult((self.person,), tuple(detections or (self.person.pose.detection,)))


def test_every_picture_starts_with_nobody_known() -> None:
    person = truth(1)
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    scenes = [HeldOutScene(Frame(image, CAMERA, i), (person,)) for i in range(2)]
    pipeline, done = Given(found(person)), list[tuple[int, int]]()
    answer = run_held_out(scenes, pipeline, RUN, lambda *args: done.append(args))
    assert pipeline.asked == ["reset", None, "reset", None]
    assert done == [(1, 2), (2, 2)]
    assert [scene.people[0].scene for scene in answer] == [0, 1]
    assert answer[0].boxes[0].verdict is Verdict.RIGHT
    oracle = Given(found(person))
    answer = run_held_out(scenes[:1], oracle, replace(RUN, oracle_boxes=True))
    given = oracle.asked[1]
    assert given is not None
    assert len(given) == 1
    assert answer[0].boxes == ()


def test_true_boxes_leave_the_detectors_numbers_out() -> None:
    run = replace(RUN, oracle_boxes=True)
    person = truth(1)
    numbers = summary_of(scored([person], [found(person)], [], run), run=run).as_dict()
    assert numbers["detector_ap50"] is None
    assert numbers["detector_recall"] is None
    assert numbers["recall"] == 1.0


def test_the_report_has_every_file_it_names(tmp_path: Path) -> None:
    people = [truth(1, -1.0), truth(2, 1.0, 6.0), truth(3, 0.2, 3.0)]
    persons = [found(p, (0, 0, 0.1 * i)) for i, p in enumerate(people[:2])]
    detections = [replace(p.person.pose.detection, score=0.5 + 0.1 * i) for i, p in enumerate(people)]
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    scenes = [HeldOutScene(Frame(image, CAMERA, 0), tuple(people))]
    answer = [scored(people, persons, detections)]
    page = write_held_out_report(scenes, answer, RUN, summary_of(*answer), tmp_path).read_text(encoding="utf-8")
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {"worst.png", "missed.png", "random.png", "root_sigma.png", "joint_scores.png"} <= pictures
    assert all(f'src="{name}"' in page for name in pictures)


def test_a_report_of_nobody(tmp_path: Path) -> None:
    image = np.zeros((CAMERA.height_px, CAMERA.width_px, 3), np.uint8)
    empty = [scored([], [], [])]
    write_held_out_report([HeldOutScene(Frame(image, CAMERA, 0), ())], empty, RUN, summary_of(*empty), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"summary.json", "report.html", "random.png"}
