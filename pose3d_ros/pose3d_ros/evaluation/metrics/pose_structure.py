"""Pose Structure Score (PSS): whether a pose has the ground truth's structure, whatever its errors of single joints.

M. Kocabas et al.: Self-Supervised Learning of 3D Human Pose using Multi-view Geometry, CVPR 2019, section 4.1. The
centers are of CMU's motions (`tools/pose_clusters.py`), not of Human3.6M's as in the paper, whose poses can't be
distributed.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.reading.documents import fields_of, parse_json
from pose3d_ros.reading.files import Origin, read_bytes
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

FILE = Path(__file__).parent / "pose_clusters.json"
SHA256 = "82d4917a76b441b434c39857a769ae00107c6f868613e7ceec0dc3d173fb7c57"
CLUSTERS = (50, 100)
JOINTS = tuple(
    "Thorax L_Shoulder L_Elbow L_Wrist R_Shoulder R_Elbow R_Wrist L_Hip L_Knee L_Ankle R_Hip R_Knee R_Ankle".split()
)
_MOST_BYTES = 1 << 20


def normalized(relative_m: Array) -> Array:
    """Root-relative poses (N, J, 3) of any unit as vectors (N, 3 J) of length 1; NaN for a pose without a size."""
    flat = relative_m.reshape(len(relative_m), int(np.prod(relative_m.shape[1:])))
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    vectors: Array = flat / np.where(norm > 0, norm, np.nan)
    return vectors


def pose_structure_score(predicted_m: Array, gt_m: Array, skeleton: Skeleton, clusters: int) -> float:
    """Share of poses (N, J, 3), relative to their roots, in the ground truth's cluster, 0–1.

    clusters: one of `CLUSTERS`. Poses that lack one of `JOINTS` in either are left out; NaN when none is left. Raises
    InputError for a damaged file of centers.
    """
    wanted = [skeleton.index_of[name] for name in JOINTS if name in skeleton.index_of]
    if len(wanted) < len(JOINTS):
        return float("nan")
    found, ground_truth = (normalized(poses[:, wanted]) for poses in (predicted_m, gt_m))
    known = np.isfinite(found).all(axis=1) & np.isfinite(ground_truth).all(axis=1)
    if not known.any():
        return float("nan")
    centers = _centers(clusters)
    nearest = [_nearest(poses[known], centers) for poses in (found, ground_truth)]
    return float(np.mean(nearest[0] == nearest[1]))


def _nearest(vectors: Array, centers: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    # |v - c|² = |v|² - 2 v·c + |c|², of which the first is the same for all centers.
    return np.asarray(np.argmin((centers**2).sum(axis=1) - 2.0 * vectors @ centers.T, axis=1))


@cache
def _centers(clusters: int) -> Array:
    origin = Origin(InputError, f"pose clusters {FILE}", "Install the package again.")
    content = read_bytes(FILE, origin, most_bytes=_MOST_BYTES)
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise origin.error(f"the file of sha256 {SHA256}", "another one")
    return np.asarray(fields_of(parse_json(content.decode(), origin), origin)[str(clusters)], dtype=np.float64)
