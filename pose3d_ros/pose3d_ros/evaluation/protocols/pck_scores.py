"""3DPCK and AUC of MuPoTS-3D and MPI-INF-3DHP as their own scripts compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.records import Person
from pose3d_ros.types import Array

SCORED = slice(0, 14)
"""Head, neck, shoulders, elbows, wrists, hips, knees and ankles: the groups of joints that the scripts average."""
_ROOT = 14
_PARENTS = tuple(n - 1 for n in (2, 16, 2, 3, 4, 2, 6, 7, 15, 9, 10, 15, 12, 13, 15, 15, 2))
_FROM_ROOT = tuple(n - 1 for n in (16, 2, 1, 17, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14))
"""The order in which `mpii_map_to_gt_bone_lengths` sizes the bones, the root's left out."""


@dataclass(frozen=True)
class PckScores:
    """Percent. all: people who were not found have all joints wrong; matched: they are left out."""

    pck_all: float
    pck_matched: float
    auc_all: float
    auc_matched: float


def pck_scores(
    sequences: Sequence[Sequence[tuple[Person | None, Person]]], *, relative: bool, rescaled: bool
) -> PckScores:
    """The means over sequences of pairs (found or None, ground truth), all in mupots17.

    relative: to the pelvis. rescaled: predicted bones get the ground truth's lengths from the pelvis outwards, as the
    official script of MuPoTS-3D does. A joint that is not found is wrong. Sequences without people are left out.
    """
    each = [_scores(pairs, relative=relative, rescaled=rescaled) for pairs in sequences if pairs]
    columns = ([getattr(one, name) for one in each] for name in ("pck_all", "pck_matched", "auc_all", "auc_matched"))
    return PckScores(*(metrics.mean(column) for column in columns))


def rescaled_to(predicted_m: Array, gt_m: Array) -> Array:
    """Poses (..., 17, 3) with the bone lengths of others, their pelvis and directions kept."""
    sized = predicted_m.copy()
    for joint in _FROM_ROOT:
        parent = _PARENTS[joint]
        bone = predicted_m[..., joint, :] - predicted_m[..., parent, :]
        length = np.linalg.norm(gt_m[..., joint, :] - gt_m[..., parent, :], axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            direction = bone / np.linalg.norm(bone, axis=-1, keepdims=True)
        sized[..., joint, :] = sized[..., parent, :] + direction * length
    return sized


def errors_mm(pairs: Sequence[tuple[Person | None, Person]], *, relative: bool, rescaled: bool) -> Array:
    """Errors (N, 14) of the scored joints of pairs, infinite for those that were not found."""
    lost = np.full_like(pairs[0][1].pose.joints_cam_m, np.nan)
    predicted = np.array([lost if found is None else found.pose.joints_cam_m for found, _ in pairs])
    ground_truth = np.array([person.pose.joints_cam_m for _, person in pairs])
    if relative:
        predicted, ground_truth = (poses - poses[:, _ROOT : _ROOT + 1] for poses in (predicted, ground_truth))
    if rescaled:
        predicted = rescaled_to(predicted, ground_truth)
    errors = metrics.joint_errors_mm(predicted, ground_truth)[:, SCORED]
    return np.where(np.isfinite(errors), errors, np.inf)


def _scores(pairs: Sequence[tuple[Person | None, Person]], *, relative: bool, rescaled: bool) -> PckScores:
    every = errors_mm(pairs, relative=relative, rescaled=rescaled)
    matched = every[[found is not None for found, _ in pairs]]
    return PckScores(_pck(every), _pck(matched), _auc(every), _auc(matched))


def _pck(errors: Array, threshold_mm: float = metrics.PCK_THRESHOLD_MM) -> float:
    return 100.0 * float((errors < threshold_mm).mean()) if errors.size else float("nan")


def _auc(errors: Array) -> float:
    return float(np.mean([_pck(errors, threshold) for threshold in metrics.AUC_THRESHOLDS_MM]))
