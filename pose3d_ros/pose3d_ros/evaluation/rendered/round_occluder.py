"""What a round thing before people costs: metrics of the same images with it and without it, hidden joints apart."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics.matching import errors_of, recall
from pose3d_ros.evaluation.metrics.pose_metrics import mean
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, ScoredPerson, ScoredScene
from pose3d_ros.records import Person, Pose
from pose3d_ros.types import Array

DEFINITION = (
    "people who turn in place behind a disc that hides 10 to 50% of them (occluded), and the same images without it "
    "(clear); in no other metric. recall: share of the people who were matched to a detected person. Errors are over "
    "those found in both images, root-relative, of every joint but the root, which relative to itself has none; "
    "visible and hidden are the joints that the disc leaves and hides, hidden ones the same in the clear image. "
    "joint_coverage, mpjpe: as above; mpjpe_…_all_joints_mm: with those below pose.joint_score_threshold. reversed: "
    "share of people taken back to front: the way from right to left shoulder and hip is more than 90° off the true one"
)


@dataclass(frozen=True)
class OccludedMetrics:
    """The metrics of the people of some images. See DEFINITION."""

    people: int
    recall: float
    joint_coverage_visible: float
    joint_coverage_hidden: float
    mpjpe_visible_mm: float
    mpjpe_hidden_mm: float
    mpjpe_visible_all_joints_mm: float
    mpjpe_hidden_all_joints_mm: float
    mrpe_mm: float
    reversed: float


@dataclass(frozen=True)
class RoundOccluder:
    """occluded: behind the disc; clear: without it. checksum: of the images with it. See DEFINITION."""

    people_found_in_both: int
    checksum: str
    occluded: OccludedMetrics
    clear: OccludedMetrics


def summarize_round_occluder(
    occluded: Sequence[ScoredScene], clear: Sequence[ScoredScene], run: HeldOutRun
) -> RoundOccluder:
    """Summarize the scored images with the disc and without it, in the same order."""
    pairs = [
        (a, b)
        for with_disc, without in zip(occluded, clear, strict=True)
        for a, b in zip(with_disc.people, without.people, strict=True)
    ]
    both = [pair for pair in pairs if all(p.found is not None for p in pair)]
    checksum = zlib.crc32(np.array([scene.image_crc for scene in occluded], dtype="<u4").tobytes())
    sides = [_metrics([pair[i] for pair in pairs], [pair[i] for pair in both], run) for i in (0, 1)]
    return RoundOccluder(len(both), f"{checksum:08x}", *sides)


def _metrics(people: Sequence[ScoredPerson], both: Sequence[ScoredPerson], run: HeldOutRun) -> OccludedMetrics:
    pairs = [(p.found, p.ground_truth.person) for p in both if p.found is not None]
    shown, every = errors_of([(run.confident(found), truth) for found, truth in pairs]), errors_of(pairs)
    hidden = np.array([p.ground_truth.hidden_joints for p in both], dtype=bool).reshape(every.relative_mm.shape)
    counted = np.array([_known(truth) for _, truth in pairs], dtype=bool).reshape(hidden.shape)
    visible, hidden = counted & ~hidden, counted & hidden
    return OccludedMetrics(
        people=len(people),
        recall=recall([p.found is not None for p in people]),
        joint_coverage_visible=mean(np.isfinite(shown.relative_mm[visible])),
        joint_coverage_hidden=mean(np.isfinite(shown.relative_mm[hidden])),
        mpjpe_visible_mm=mean(shown.relative_mm[visible]),
        mpjpe_hidden_mm=mean(shown.relative_mm[hidden]),
        mpjpe_visible_all_joints_mm=mean(every.relative_mm[visible]),
        mpjpe_hidden_all_joints_mm=mean(every.relative_mm[hidden]),
        mrpe_mm=shown.root.mean_mm,
        reversed=mean([_is_reversed(found, truth) for found, truth in pairs]),
    )


def _known(truth: Person) -> npt.NDArray[np.bool_]:
    """The joints (J,) that are compared."""
    is_root = np.arange(len(truth.pose.skeleton)) == truth.pose.skeleton.root
    return np.asarray(np.isfinite(truth.pose.joints_cam_m).all(axis=-1) & ~is_root)


def _is_reversed(found: Person, truth: Person) -> float:
    """1 for a person taken back to front, 0 for one who is not, NaN where joints are missing."""
    along = float(_left_m(found.pose) @ _left_m(truth.pose))
    return float(along < 0) if np.isfinite(along) else math.nan


def _left_m(pose: Pose) -> Array:
    """Sum (3,) of the ways from the right shoulder and hip to the left ones, joints of low confidence too."""
    at, joints = pose.skeleton.index_of, pose.joints_cam_m
    left, right = (joints[[at[f"{side}_{joint}"] for joint in ("Shoulder", "Hip")]].sum(axis=0) for side in "LR")
    return np.asarray(left - right)
