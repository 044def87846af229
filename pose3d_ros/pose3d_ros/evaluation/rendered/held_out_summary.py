"""The numbers of a held-out set: over all people, by group, and whether scores mean what they say."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.box_precision import MIN_IOU, JudgedBox, Verdict, average_precision
from pose3d_ros.evaluation.metrics.identity import recall
from pose3d_ros.evaluation.metrics.json_numbers import plain
from pose3d_ros.evaluation.metrics.reliability import Reliability, SigmaCoverage, reliability, sigma_coverage
from pose3d_ros.evaluation.recording.scoring import errors_of
from pose3d_ros.evaluation.rendered.held_out_run import (
    FARTHEST_M,
    MIN_HEIGHT_PX,
    MIN_VISIBLE,
    MIN_VISIBLE_SHOWN,
    NEAREST_M,
    HeldOutRun,
    JudgedPerson,
    JudgedScene,
    TruePerson,
)
from pose3d_ros.records import Person

CLOSE_MM = 100.0

DEFINITIONS: dict[str, str] = {
    "who counts": f"people {NEAREST_M:.0f} to {FARTHEST_M:.0f} m away (camera to root), at least {MIN_HEIGHT_PX:.0f} "
    f"px tall in the image and at least {MIN_VISIBLE:.0%} visible; the group visible 30–50% has those who are less "
    "visible and otherwise the same. Accuracy is over those who were matched to a detected person: least total cost "
    "in the frame, joints on each other in the image (evaluation/matching.py). Found people matched to somebody who "
    "does not count are left out everywhere",
    "pictures": "checksum; two runs with the same one saw exactly the same pictures",
    "people": "people who count",
    "detector_ap50": f"average precision of the detector's boxes at IoU {MIN_IOU}, all scores from "
    "detector.score_threshold on, all-point interpolation. By falling score each box takes, of the free people who "
    "count, the one with the greatest IoU; a box that takes nobody is ignored when at least half of its area is in "
    "the box of somebody who does not count",
    "detector_recall": f"share of the people with one of the detector's boxes at IoU {MIN_IOU} or more",
    "detector_false_positives_per_image": "the detector's boxes that are wrong in detector_ap50's sense",
    "recall": "share of the people who were matched to a detected person",
    "false_positives_per_image": "detected people who were matched to nobody, not even to one who does not count",
    "joint_coverage": "share of the joints that have coordinates: those below pose.joint_score_threshold have none; "
    "the errors are means over these",
    "mpjpe_mm": "mean joint distance, each pose relative to its own root",
    "mpjpe_all_joints_mm": "the same with the joints below pose.joint_score_threshold too, of the same run",
    "pa_mpjpe_mm": "mean joint distance after a similarity Procrustes of each pose",
    "pck_150": "share of the root-relative joints strictly nearer than 150 mm",
    "mrpe_mm": "mean root distance in camera space; mrpe_xyz_mm is its |x|, |y|, |z|",
    "mrpe_z_2_5m_mm": "mean |z| error of the roots of people 2 to 5 m away",
    "ap_root_25cm": "average precision of roots within 25 cm, detected people by falling score; in a group of those "
    "who were matched to somebody of the group",
    "groups": "the same by distance (camera to root), truncated (share of the whole box beyond the image), visible "
    "(share of the whole silhouette that the picture shows), age (a child is under about 20 years, MakeHuman's age "
    "below 0.4), pose (upright: the crown is at least 0.85 of the stature above the lowest foot). What was found "
    "where nobody is belongs to no group",
    "calibration": "joint_score: joints of matched people but the root, sure or not, right when nearer than 100 mm to "
    "the truth, root-relative. detection_score: the detector's boxes, right as in detector_ap50. root_sigma: the "
    "root's error along its viewing ray over the standard deviation stated for it (within one and two: 0.683 and 0.954 "
    "of a normal, 0.757 and 0.941 of a Laplace distribution). expected_calibration_error: mean |mean score − share "
    "right| of ten bins, weighed by count",
}

GROUPS: dict[str, dict[str, Callable[[TruePerson], bool]]] = {
    "distance": {
        f"{a}–{b} m": lambda t, a=a, b=b: t.counts and a <= t.distance_m < b  # type: ignore[misc]
        for a, b in ((1, 2), (2, 3), (3, 5), (5, 7), (7, 10))
    },
    "truncated": {
        "none": lambda t: t.counts and t.truncated <= 0,
        "below 25%": lambda t: t.counts and 0 < t.truncated < 0.25,
        "25% or more": lambda t: t.counts and t.truncated >= 0.25,
    },
    "visible": {
        "90% or more": lambda t: t.counts and t.visible >= 0.9,
        "50–90%": lambda t: t.counts and t.visible < 0.9,
        "30–50%": lambda t: t.is_near_and_large_enough and MIN_VISIBLE_SHOWN <= t.visible < MIN_VISIBLE,
    },
    "age": {
        "child": lambda t: t.counts and t.is_child,
        "grown-up": lambda t: t.counts and not t.is_child,
    },
    "pose": {
        "upright": lambda t: t.counts and t.is_upright,
        "other": lambda t: t.counts and not t.is_upright,
    },
}
"""Kind of group → its groups → who is in it."""


@dataclass(frozen=True)
class PeopleNumbers:
    """The numbers of some people. See DEFINITIONS."""

    people: int
    detector_recall: float
    recall: float
    joint_coverage: float
    mpjpe_mm: float
    mpjpe_all_joints_mm: float
    pa_mpjpe_mm: float
    pck_150: float
    mrpe_mm: float
    mrpe_xyz_mm: tuple[float, float, float]
    mrpe_z_2_5m_mm: float
    ap_root_25cm: float


@dataclass(frozen=True)
class BoxNumbers:
    """The numbers of what was found, right or wrong. See DEFINITIONS."""

    detector_ap50: float
    detector_false_positives_per_image: float
    false_positives_per_image: float


@dataclass(frozen=True)
class Calibration:
    """Whether scores and standard deviations mean what they say. See DEFINITIONS."""

    joint_score: Reliability
    detection_score: Reliability
    root_sigma: SigmaCoverage


@dataclass(frozen=True)
class HeldOutSummary:
    """A number that can't be computed is NaN here and null in the file. about: what was run on which pictures."""

    boxes: BoxNumbers
    people: PeopleNumbers
    groups: Mapping[str, Mapping[str, PeopleNumbers]]
    calibration: Calibration
    about: Mapping[str, str | int | float]

    def as_dict(self) -> dict[str, object]:
        """The numbers over all people in one level, then the groups, the calibration and the definitions."""
        groups = {kind: {name: asdict(n) for name, n in named.items()} for kind, named in self.groups.items()}
        numbers = {**self.about, **asdict(self.people), **asdict(self.boxes)}
        rest = {"groups": groups, "calibration": asdict(self.calibration), "definitions": DEFINITIONS}
        return {name: plain(value) for name, value in {**numbers, **rest}.items()}

    def write(self, path: Path) -> None:
        """Write `as_dict` as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def summarize_held_out(
    scenes: Sequence[JudgedScene], run: HeldOutRun, about: Mapping[str, str | int | float]
) -> HeldOutSummary:
    """Score judged pictures. about: goes into the file as it is."""
    everybody = [p for scene in scenes for p in scene.people]
    return HeldOutSummary(
        _box_numbers(scenes, run),
        _people_numbers([p for p in everybody if p.truth.counts], run, scenes),
        {
            kind: {
                name: _people_numbers([p for p in everybody if belongs(p.truth)], run)
                for name, belongs in named.items()
            }
            for kind, named in GROUPS.items()
        },
        calibration_of(scenes),
        {
            "scenes": len(scenes),
            "pictures": f"{_checksum(scenes):08x}",
            "model": run.model,
            "backend": run.backend,
            **about,
        },
    )


def _checksum(scenes: Sequence[JudgedScene]) -> int:
    return zlib.crc32(np.array([scene.picture_crc for scene in scenes], dtype="<u4").tobytes())


def _box_numbers(scenes: Sequence[JudgedScene], run: HeldOutRun) -> BoxNumbers:
    boxes = all_boxes(scenes)
    count = sum(p.truth.counts for scene in scenes for p in scene.people)
    images = max(len(scenes), 1)
    asked = not run.oracle_boxes
    wrong = sum(b.verdict is Verdict.WRONG for b in boxes)
    return BoxNumbers(
        detector_ap50=average_precision(boxes, count) if asked else math.nan,
        detector_false_positives_per_image=wrong / images if asked else math.nan,
        false_positives_per_image=sum(len(scene.strays) for scene in scenes) / images,
    )


def all_boxes(scenes: Sequence[JudgedScene]) -> list[JudgedBox]:
    """The detector's boxes of all pictures."""
    return [box for scene in scenes for box in scene.boxes]


def _people_numbers(
    people: Sequence[JudgedPerson], run: HeldOutRun, scenes: Sequence[JudgedScene] = ()
) -> PeopleNumbers:
    """The numbers of those people. scenes: whose strays count as wrong roots."""
    pairs = [(p.found, p.truth.person) for p in people if p.found is not None]
    sure = errors_of([(run.sure(found), truth) for found, truth in pairs])
    between = [(found, truth) for found, truth in pairs if 2.0 <= _distance_m(truth) < 5.0]
    return PeopleNumbers(
        people=len(people),
        detector_recall=math.nan if run.oracle_boxes else recall([p.boxed for p in people]),
        recall=recall([p.found is not None for p in people]),
        joint_coverage=sure.coverage,
        mpjpe_mm=sure.mpjpe_mm,
        mpjpe_all_joints_mm=errors_of(pairs).mpjpe_mm,
        pa_mpjpe_mm=sure.pa_mpjpe_mm,
        pck_150=metrics.pck3d(sure.relative_mm),
        mrpe_mm=sure.root.mean_mm,
        mrpe_xyz_mm=(sure.root.x_mm, sure.root.y_mm, sure.root.z_mm),
        mrpe_z_2_5m_mm=errors_of(between).root.z_mm,
        ap_root_25cm=metrics.average_precision_root(_root_frames(people, scenes)),
    )


def _distance_m(person: Person) -> float:
    return float(np.linalg.norm(person.pose.root_cam_m))


def _root_frames(people: Sequence[JudgedPerson], scenes: Sequence[JudgedScene]) -> list[metrics.RootFrame]:
    found: dict[int, list[Person]] = {i: list(scene.strays) for i, scene in enumerate(scenes)}
    truth: dict[int, list[Person]] = {}
    for p in people:
        truth.setdefault(p.scene, []).append(p.truth.person)
        if p.found is not None:
            found.setdefault(p.scene, []).append(p.found)
    return [
        metrics.RootFrame(
            np.array([p.pose.root_cam_m for p in found.get(i, [])]).reshape(-1, 3),
            np.array([p.score for p in found.get(i, [])]),
            np.array([p.pose.root_cam_m for p in truth.get(i, [])]).reshape(-1, 3),
        )
        for i in sorted({*found, *truth})
    ]


def calibration_of(scenes: Sequence[JudgedScene]) -> Calibration:
    """Scores of joints and boxes, and the roots' standard deviations, against what was right."""
    pairs = counted_pairs(scenes)
    boxes = [b for b in all_boxes(scenes) if b.verdict is not Verdict.IGNORED]
    errors = errors_of(pairs).relative_mm
    scores = np.array([found.pose.scores for found, _ in pairs]).reshape(errors.shape)
    if pairs:
        errors[:, pairs[0][0].pose.skeleton.root] = np.nan  # relative to itself it is always right
    known = np.isfinite(errors)
    along = [ray_error_m(found, truth) for found, truth in pairs]
    return Calibration(
        reliability(scores[known], errors[known] < CLOSE_MM),
        reliability(np.array([b.score for b in boxes]), np.array([b.verdict is Verdict.RIGHT for b in boxes], bool)),
        sigma_coverage(np.array(along), np.array([found.pose.root_sigma_m for found, _ in pairs])),
    )


def counted_pairs(scenes: Sequence[JudgedScene]) -> list[tuple[Person, Person]]:
    """(found, truth) of those who count and were found, with all their joints."""
    people = [p for scene in scenes for p in scene.people if p.truth.counts]
    return [(p.found, p.truth.person) for p in people if p.found is not None]


def ray_error_m(found: Person, truth: Person) -> float:
    """How much too far (positive) or near the root was put along its viewing ray."""
    root = found.pose.root_cam_m
    return float((root - truth.pose.root_cam_m) @ root / np.linalg.norm(root))
