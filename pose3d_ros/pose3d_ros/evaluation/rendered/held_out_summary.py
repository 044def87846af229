"""The metrics of a held-out set: over all people, by group, and whether scores are calibrated."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.box_precision import MIN_IOU, Outcome, ScoredBox, average_precision
from pose3d_ros.evaluation.metrics.json_file import plain, write_json
from pose3d_ros.evaluation.metrics.matching import errors_of, recall, root_frame
from pose3d_ros.evaluation.metrics.reliability import Reliability, SigmaCoverage, reliability, sigma_coverage
from pose3d_ros.evaluation.rendered.held_out_run import (
    FARTHEST_M,
    MIN_HEIGHT_PX,
    MIN_VISIBLE,
    MIN_VISIBLE_SHOWN,
    NEAREST_M,
    GroundTruthPerson,
    HeldOutRun,
    ScoredPerson,
    ScoredScene,
)
from pose3d_ros.evaluation.rendered.round_occluder import DEFINITION, RoundOccluder
from pose3d_ros.records import Person
from pose3d_ros.types import Array

CLOSE_MM = 100.0

DEFINITIONS: dict[str, str] = {
    "who counts": f"people {NEAREST_M:.0f} to {FARTHEST_M:.0f} m away (camera to root), at least {MIN_HEIGHT_PX:.0f} "
    f"px tall in the image and at least {MIN_VISIBLE:.0%} visible; the group visible 30–50% has those who are less "
    "visible and otherwise the same. Accuracy is over those who were matched to a detected person: least total cost "
    "in the image, joints on each other. Found people matched to a person who does not count are left out everywhere",
    "pictures": "checksum of the images; two runs with the same one used exactly the same images",
    "people": "people who count",
    "detector_ap50": f"average precision of the detector's boxes at IoU {MIN_IOU}, all scores from "
    "detector.score_threshold on, all-point interpolation. By falling score each box takes, of the free people who "
    "count, the one with the greatest IoU; an unmatched box is ignored when at least half of its area is in "
    "the box of a person who does not count",
    "detector_recall": f"share of the people with one of the detector's boxes at IoU {MIN_IOU} or more",
    "detector_false_positives_per_image": "the detector's boxes that are false positives in detector_ap50's sense",
    "recall": "share of the people who were matched to a detected person",
    "false_positives_per_image": "detected people matched to no ground-truth person, whether that one counts or not",
    "joint_coverage": "share of the joints that have coordinates: those below pose.joint_score_threshold have none; "
    "the errors are means over these",
    "mpjpe_mm": "mean joint distance, each pose relative to its own root",
    "mpjpe_all_joints_mm": "the same with the joints below pose.joint_score_threshold too, of the same run",
    "pa_mpjpe_mm": "mean joint distance after a similarity Procrustes of each pose",
    "pck_150": "share of the root-relative joints strictly nearer than 150 mm",
    "mrpe_mm": "mean root distance in camera space; mrpe_xyz_mm is its |x|, |y|, |z|",
    "mrpe_z_2_5m_mm": "mean |z| error of the roots of people 2 to 5 m away",
    "ap_root_25cm": "average precision of roots within 25 cm, detected people by falling score; in a group of those "
    "who were matched to a person of the group",
    "groups": "the same by distance (camera to root), truncated (share of the whole box beyond the image), visible "
    "(share of the whole silhouette that the image shows), age (a child is under about 20 years, MakeHuman's age "
    "below 0.4), pose (upright: the crown is at least 0.85 of the stature above the lowest foot). False positives "
    "belong to no group",
    "calibration": "joint_score: joints of matched people but the root, confident or not, right when nearer than 100 "
    "mm to the ground truth, root-relative. detection_score: the detector's boxes, right when true positives. "
    "root_sigma: the root's depth error along its viewing ray over the standard deviation stated for it (within one "
    "and two: 0.683 and 0.954 of a normal, 0.757 and 0.941 of a Laplace distribution). expected_calibration_error: "
    "mean |mean score − share right| of ten bins, weighed by count",
    "round_occluder": DEFINITION,
}


def _counts_and(belongs: Callable[[GroundTruthPerson], bool]) -> Callable[[GroundTruthPerson], bool]:
    return lambda t: t.counts and belongs(t)


GROUPS: dict[str, dict[str, Callable[[GroundTruthPerson], bool]]] = {
    "distance": {
        f"{a}–{b} m": _counts_and(lambda t, a=a, b=b: a <= t.distance_m < b)  # type: ignore[misc]
        for a, b in ((1, 2), (2, 3), (3, 5), (5, 7), (7, 10))
    },
    "truncated": {
        "none": _counts_and(lambda t: t.truncated <= 0),
        "below 25%": _counts_and(lambda t: 0 < t.truncated < 0.25),
        "25% or more": _counts_and(lambda t: t.truncated >= 0.25),
    },
    "visible": {
        "90% or more": _counts_and(lambda t: t.visible >= 0.9),
        "50–90%": _counts_and(lambda t: t.visible < 0.9),
        "30–50%": lambda t: t.is_near_and_large_enough and MIN_VISIBLE_SHOWN <= t.visible < MIN_VISIBLE,
    },
    "age": {"child": _counts_and(lambda t: t.is_child), "grown-up": _counts_and(lambda t: not t.is_child)},
    "pose": {"upright": _counts_and(lambda t: t.is_upright), "other": _counts_and(lambda t: not t.is_upright)},
}
"""Kind of group → its groups → who is in it."""


@dataclass(frozen=True)
class PeopleMetrics:
    """The metrics of some people. See DEFINITIONS."""

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
class DetectionMetrics:
    """The metrics of all detections. See DEFINITIONS."""

    detector_ap50: float
    detector_false_positives_per_image: float
    false_positives_per_image: float


@dataclass(frozen=True)
class Calibration:
    """Whether scores are probabilities, and standard deviations those of the errors. See DEFINITIONS."""

    joint_score: Reliability
    detection_score: Reliability
    root_sigma: SigmaCoverage


@dataclass(frozen=True)
class HeldOutSummary:
    """A metric that can't be computed is NaN here and null in the file. about: what was run on which images.

    round_occluder: of images of their own, None where these were not scored.
    """

    detection: DetectionMetrics
    people: PeopleMetrics
    groups: Mapping[str, Mapping[str, PeopleMetrics]]
    calibration: Calibration
    about: Mapping[str, str | int | float]
    round_occluder: RoundOccluder | None = None

    def as_dict(self) -> dict[str, object]:
        """The metrics over all people in one level, then the groups, the calibration and the definitions."""
        groups = {kind: {name: asdict(n) for name, n in named.items()} for kind, named in self.groups.items()}
        numbers = {**self.about, **asdict(self.people), **asdict(self.detection)}
        occluder = None if self.round_occluder is None else asdict(self.round_occluder)
        rest = {"groups": groups, "round_occluder": occluder, "calibration": asdict(self.calibration)}
        rest["definitions"] = DEFINITIONS
        return {name: plain(value) for name, value in {**numbers, **rest}.items()}

    def write(self, path: Path) -> None:
        """Write `as_dict` as JSON."""
        write_json(path, self.as_dict())


def summarize_held_out(
    scenes: Sequence[ScoredScene],
    run: HeldOutRun,
    about: Mapping[str, str | int | float],
    round_occluder: RoundOccluder | None = None,
) -> HeldOutSummary:
    """Summarize scored images. about: goes into the file as it is."""
    all_people = [p for scene in scenes for p in scene.people]
    checksum = zlib.crc32(np.array([scene.image_crc for scene in scenes], dtype="<u4").tobytes())
    return HeldOutSummary(
        _detection_metrics(scenes, run),
        _people_metrics([p for p in all_people if p.ground_truth.counts], run, scenes),
        {
            kind: {
                name: _people_metrics([p for p in all_people if belongs(p.ground_truth)], run)
                for name, belongs in named.items()
            }
            for kind, named in GROUPS.items()
        },
        calibration_of(scenes),
        {
            "scenes": len(scenes),
            "pictures": f"{checksum:08x}",
            "model": run.model,
            "backend": run.backend,
            **about,
        },
        round_occluder,
    )


def _detection_metrics(scenes: Sequence[ScoredScene], run: HeldOutRun) -> DetectionMetrics:
    boxes, images, asked = all_boxes(scenes), max(len(scenes), 1), not run.oracle_boxes
    count = sum(p.ground_truth.counts for scene in scenes for p in scene.people)
    false_positives = sum(b.outcome is Outcome.FALSE_POSITIVE for b in boxes)
    return DetectionMetrics(
        detector_ap50=average_precision(boxes, count) if asked else math.nan,
        detector_false_positives_per_image=false_positives / images if asked else math.nan,
        false_positives_per_image=sum(len(scene.false_positives) for scene in scenes) / images,
    )


def all_boxes(scenes: Sequence[ScoredScene]) -> list[ScoredBox]:
    """The detector's boxes of all images."""
    return [box for scene in scenes for box in scene.boxes]


def _people_metrics(
    people: Sequence[ScoredPerson], run: HeldOutRun, scenes: Sequence[ScoredScene] = ()
) -> PeopleMetrics:
    """The metrics of those people. scenes: whose false positives count in the root's average precision."""
    pairs = [(p.found, p.ground_truth.person) for p in people if p.found is not None]
    confident = errors_of([(run.confident(found), ground_truth) for found, ground_truth in pairs])
    between = [
        (p.found, p.ground_truth.person)
        for p in people
        if p.found is not None and 2.0 <= p.ground_truth.distance_m < 5.0
    ]
    return PeopleMetrics(
        people=len(people),
        detector_recall=math.nan if run.oracle_boxes else recall([p.has_box for p in people]),
        recall=recall([p.found is not None for p in people]),
        joint_coverage=confident.coverage,
        mpjpe_mm=confident.mpjpe_mm,
        mpjpe_all_joints_mm=errors_of(pairs).mpjpe_mm,
        pa_mpjpe_mm=confident.pa_mpjpe_mm,
        pck_150=metrics.pck3d(confident.relative_mm),
        mrpe_mm=confident.root.mean_mm,
        mrpe_xyz_mm=(confident.root.x_mm, confident.root.y_mm, confident.root.z_mm),
        mrpe_z_2_5m_mm=errors_of(between).root.z_mm,
        ap_root_25cm=metrics.average_precision_root(_root_frames(people, scenes)),
    )


def _root_frames(people: Sequence[ScoredPerson], scenes: Sequence[ScoredScene]) -> list[metrics.RootFrame]:
    found: dict[int, list[Person]] = {i: list(scene.false_positives) for i, scene in enumerate(scenes)}
    ground_truth: dict[int, list[Person]] = {}
    for p in people:
        ground_truth.setdefault(p.scene, []).append(p.ground_truth.person)
        if p.found is not None:
            found.setdefault(p.scene, []).append(p.found)
    return [root_frame(found.get(i, []), ground_truth.get(i, [])) for i in sorted({*found, *ground_truth})]


def calibration_of(scenes: Sequence[ScoredScene]) -> Calibration:
    """Compare scores of joints and boxes with what was right, and the roots' standard deviations with their errors."""
    pairs = counted_pairs(scenes)
    boxes = [b for b in all_boxes(scenes) if b.outcome is not Outcome.IGNORED]
    errors = errors_of(pairs).relative_mm
    scores = np.array([found.pose.scores for found, _ in pairs]).reshape(errors.shape)
    if pairs:
        errors[:, pairs[0][0].pose.skeleton.root] = np.nan  # relative to itself it is always right
    known = np.isfinite(errors)
    return Calibration(
        reliability(scores[known], errors[known] < CLOSE_MM),
        reliability(
            np.array([b.score for b in boxes]), np.array([b.outcome is Outcome.TRUE_POSITIVE for b in boxes], bool)
        ),
        sigma_coverage(depth_errors_m(pairs), np.array([found.pose.root_sigma_m for found, _ in pairs])),
    )


def counted_pairs(scenes: Sequence[ScoredScene]) -> list[tuple[Person, Person]]:
    """(found, ground truth) of those who count and were found, with all their joints."""
    people = [p for scene in scenes for p in scene.people if p.ground_truth.counts]
    return [(p.found, p.ground_truth.person) for p in people if p.found is not None]


def depth_errors_m(pairs: Sequence[tuple[Person, Person]]) -> Array:
    """Depth errors (N,) of roots along their viewing rays, of pairs (found, ground truth); positive is too far."""
    found, ground_truth = (np.array([p[side].pose.root_cam_m for p in pairs]).reshape(-1, 3) for side in (0, 1))
    errors: Array = ((found - ground_truth) * found).sum(axis=-1) / np.linalg.norm(found, axis=-1)
    return errors
