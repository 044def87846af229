"""Input features of a lifter: each person's keypoints on the plane z = 1, normalized as in its training.

`screen`: the image as a camera of Human3.6M sees it, so where a person stands in the image counts.
`person`: the image as a camera sees it that looks straight at the person, zoomed until it fills a fixed size, so
that only the person's own shape counts.
`hip`: from the hip, and the hip itself, which says where the person is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.types import Array

HUMAN36M_FOCAL = 2.29
"""2 · 1145 / 1000: a Human3.6M camera's focal length, in half widths of its image."""

_MIN_SPREAD = 1e-6
"""Joints closer together than this on the plane z = 1 (a thousandth of a pixel) have no shape."""
_MIN_AHEAD = 0.1
"""Cosine of the largest angle between a joint's ray and the person's: x/z means nothing towards 90 degrees."""
_LOST_PX, _LEAST_SCORE = 1700.0, 0.1
"""Of depthpose: where joints are put that were not seen, and what a score is below of one that was not."""

Float32Array = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def known_joints(joints: npt.ArrayLike, scores: npt.ArrayLike) -> Mask:
    """(N, J): where a joint's keypoint (N, J, 2) is finite and its score (N, J) above 0.

    Raises InputError for shapes that do not fit each other.
    """
    keypoints, given = np.asarray(joints, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if keypoints.ndim != 3 or keypoints.shape[2] != 2 or given.shape != keypoints.shape[:2]:
        raise InputError(
            "2D joints and their scores",
            expected="shapes (N, J, 2) and (N, J)",
            got=f"shapes {keypoints.shape} and {given.shape}",
            fix="Both come from the same people.",
        )
    known: Mask = np.isfinite(keypoints).all(axis=-1) & (given > 0)
    return known


def screen_features(
    joints_normalized: npt.ArrayLike,
    scores: npt.ArrayLike,
    focal: float = HUMAN36M_FOCAL,
    with_scores: bool = False,
) -> Float32Array:
    """The joints as a camera of that normalized focal length shows them.

    For a camera whose focal length is `focal` half widths and whose principal point is the middle of the image this
    is `normalize_screen_coordinates` of github.com/facebookresearch/VideoPose3D.
    joints_normalized: (N, J, 2), x and y of rays with z = 1, NaN where unknown; scores (N, J).
    Returns (N, J, 2), or (N, J, 3) with the score. An unknown joint is (0, 0, 0) with scores, and stays NaN without:
    such a network has no input for a missing joint, so fill it in first.
    Raises InputError for shapes that do not fit each other.
    """
    known = known_joints(joints_normalized, scores)
    keypoints = np.where(known[..., None], np.asarray(joints_normalized, dtype=np.float64), np.nan) * focal
    return _with_scores(keypoints, scores, known) if with_scores else keypoints.astype(np.float32)


def hip_features(
    joints_normalized: npt.ArrayLike, scores: npt.ArrayLike, focal_px: tuple[float, float], root: int
) -> Float32Array:
    """The joints as seen from the hip, and the hip behind them, as `preprocess_2d` of github.com/vegesm/depthpose.

    joints_normalized: (N, J, 2), x and y of rays with z = 1, the root's finite, others NaN where unknown; scores
    (N, J). focal_px: of the image, x and y. root: index of the hip.
    Returns (N, J, 3), x, y and score: J − 1 joints less the root, a joint that is unknown, or has a score below 0.1,
    1700 px left of and above it; then the root itself.
    Raises InputError for shapes that do not fit each other.
    """
    known, points = known_joints(joints_normalized, scores), np.asarray(joints_normalized, dtype=np.float64)
    given = np.asarray(scores, dtype=np.float64)
    away = points - points[:, root : root + 1]
    lost = -_LOST_PX / np.asarray(focal_px)
    others = np.where((known & (given >= _LEAST_SCORE))[..., None], away, lost)
    rows = np.concatenate([np.delete(others, root, axis=1), points[:, root : root + 1]], axis=1)
    columns = np.concatenate([np.delete(given, root, axis=1), given[:, root : root + 1]], axis=1)
    features: Float32Array = np.concatenate([rows, columns[..., None]], axis=-1).astype(np.float32)
    return features


class PersonView(NamedTuple):
    """2D joints as a camera sees them that is turned towards the person and zoomed.

    features (N, J, 3) float32: x, y, score. cam_from_person (N, 3, 3): p_cam = R @ p_person. center (N, 2), spread
    (N,): x/z and y/z in the person's frame are `features · spread + center`.
    """

    features: Float32Array
    cam_from_person: Array
    center: Array
    spread: Array


def person_view(joints_normalized: npt.ArrayLike, scores: npt.ArrayLike) -> PersonView:
    """The joints as a camera shows them that is turned towards the person and zoomed.

    joints_normalized: (N, J, 2), x and y of rays with z = 1, NaN where unknown; scores (N, J).
    Rotations are `rotation_to_rays` of the mean unit ray of the known joints. In the person's frame this ray is the z
    axis; x/z and y/z of the turned rays, less their mean over the known joints, over the root mean square distance from
    that mean. An unknown joint is (0, 0, 0), as is one that is seen more than 84 degrees away from the mean ray. A
    person with fewer than two known joints, or with all in one place, is all zeros with R = identity.
    Raises InputError for shapes that do not fit each other.
    """
    known = known_joints(joints_normalized, scores)
    rays, cam_from_person = _turned_rays(np.asarray(joints_normalized, dtype=np.float64), known)
    known &= rays[..., 2] > _MIN_AHEAD
    keypoints = rays[..., :2] / np.where(known, rays[..., 2], 1.0)[..., None]
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known[..., None], keypoints, 0.0).sum(axis=1) / count[:, None]
    away = np.where(known[..., None], keypoints - mean[:, None], 0.0)
    spread = np.sqrt((away**2).sum(axis=(1, 2)) / count)
    shaped = spread > _MIN_SPREAD
    known &= shaped[:, None]
    features = _with_scores(away / np.where(shaped, spread, 1.0)[:, None, None], scores, known)
    return PersonView(features, np.where(shaped[:, None, None], cam_from_person, np.eye(3)), mean, spread)


def person_features(joints_normalized: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Float32Array, Array]:
    """Features (N, J, 3) and cam-from-person rotations (N, 3, 3) of `person_view`."""
    view = person_view(joints_normalized, scores)
    return view.features, view.cam_from_person


def _turned_rays(joints_normalized: Array, known: Mask) -> tuple[Array, Array]:
    """Unit rays (N, J, 3) in the person's frame, (0, 0, 1) for an unknown joint; cam-from-person rotations."""
    rays = np.concatenate([joints_normalized, np.ones_like(joints_normalized[..., :1])], axis=-1)
    rays = np.where(known[..., None], rays, (0.0, 0.0, 1.0))
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    total = np.where(known[..., None], rays, 0.0).sum(axis=1)
    cam_from_person = rotation_to_rays(np.where(known.any(axis=1, keepdims=True), total, (0.0, 0.0, 1.0)))
    turned: Array = np.where(known[..., None], rays @ cam_from_person, (0.0, 0.0, 1.0))
    return turned, cam_from_person


def _with_scores(keypoints: Array, scores: npt.ArrayLike, known: Mask) -> Float32Array:
    features = np.concatenate([keypoints, np.asarray(scores, dtype=np.float64)[..., None]], axis=-1)
    return np.where(known[..., None], features, 0.0).astype(np.float32)
