"""Labels from two views of cameras whose places are not known.

As in M. Kocabas et al., Self-Supervised Learning of 3D Human Pose using Multi-view Geometry (EpipolarPose), CVPR 2019,
section 3.1: a frozen 2D net sees a person in both views. The pose of one camera against the other comes from the joints
of all frames, the 3D joints from triangulation, and their size from how long bones are on average, as two views do not
tell it. These are the labels of a net that sees one view.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.triangulation import triangulate
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.recorded_track import RecordedTrack

_LEAST_SCORE = 0.3
_LEAST_POINTS, _LEAST_INLIERS = 60, 0.6
_F_PX, _OFF_PX = 1000.0, 8.0
"""OpenCV wants pixels: of a camera of that focal length, and the distance from the epipolar line of an inlier."""
_LEAST_ANGLE_DEG, _MOST_ANGLE_DEG = 12.0, 168.0
"""Between rays of a joint: more parallel ones fix no depth."""
_MOST_OFF, _LEAST_OFF_RAD = 3.0, 1e-3
"""Rays that miss each other by more than that many times the median are of different joints."""
_MOST_UNLIKE = 0.15
"""Of a body's bones, as |ln| of their lengths over average ones, from which on the cameras are placed wrongly."""
_LONGEST = 2.5
"""Bones longer than that many times their median over the frames are not labeled."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class View:
    """What the 2D net says of a person in one view: keypoints (T, J, 2) on the plane z = 1, scores (T, J)."""

    keypoints: Array
    scores: Array

    @property
    def sure(self) -> Mask:
        """(T, J)."""
        return np.isfinite(self.keypoints).all(axis=-1) & (self.scores >= _LEAST_SCORE)


def relative_pose(first: View, second: View) -> RigidTransform | None:
    """The first camera's frame in the second's, |t| = 1, from the joints of all frames; None where they do not fix it.

    RANSAC over essential matrices; of the four poses that one allows, that with the points before both cameras.
    """
    both = first.sure & second.sure
    if both.sum() < _LEAST_POINTS:
        return None
    one, other = (np.ascontiguousarray(view.keypoints[both] * _F_PX) for view in (first, second))
    K = np.diag([_F_PX, _F_PX, 1.0])
    cv2.setRNGSeed(1)
    essential, inliers = cv2.findEssentialMat(one, other, K, method=cv2.USAC_MAGSAC, prob=0.9999, threshold=_OFF_PX)
    if essential is None or essential.shape != (3, 3) or inliers.mean() < _LEAST_INLIERS:
        return None
    ahead, turn, move, _ = cv2.recoverPose(essential, one, other, K, mask=inliers.copy())
    if ahead < _LEAST_INLIERS * both.sum():
        return None
    return RigidTransform(np.asarray(turn, dtype=np.float64), np.asarray(move, dtype=np.float64)[:, 0])


def triangulated(first: View, second: View, first2second: RigidTransform) -> Array:
    """Joints (T, J, 3) in the first camera's frame, in units of the cameras' distance; NaN where a view lacks them."""
    both = first.sure & second.sure
    rays = [np.concatenate([view.keypoints, np.ones_like(view.scores)[..., None]], axis=-1) for view in (first, second)]
    turned = np.where(both[..., None], [rays[0], rays[1] @ first2second.rotation], np.nan)
    origins = np.stack([np.zeros(3), -first2second.rotation.T @ first2second.translation_m])
    found = triangulate(origins, turned.reshape(2, -1, 3), 1e-2)
    points, off = found.points_m.reshape(*both.shape, 3), found.residuals_rad.max(axis=0).reshape(both.shape)
    limit = max(_MOST_OFF * float(np.median(off[np.isfinite(off)])), _LEAST_OFF_RAD) if np.isfinite(off).any() else 0.0
    return np.where((_wide(turned, points) & (off <= limit))[..., None], points, np.nan)


def _wide(rays: Array, points: Array) -> Mask:
    """(T, J): rays from both cameras that meet at an angle which tells how far away they do."""
    unit = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip((unit[0] * unit[1]).sum(axis=-1), -1, 1)))
    wide: Mask = (angle > _LEAST_ANGLE_DEG) & (angle < _MOST_ANGLE_DEG) & np.isfinite(points).all(axis=-1)
    return wide


def bone_scale(joints: Array, skeleton: Skeleton, lengths_m: Array) -> float:
    """By what the joints (T, J, 3) of a person are multiplied to have bones of these lengths, as a median of ratios.

    lengths_m: of `skeleton.edges`, of an average person. NaN where no bone is known.
    """
    parents, children = (list(column) for column in zip(*skeleton.edges, strict=True))
    lengths = np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)
    known = np.isfinite(lengths)
    return (
        float(np.median(np.broadcast_to(lengths_m, lengths.shape)[known] / lengths[known])) if known.any() else np.nan
    )


def _unlikeness(joints: Array, skeleton: Skeleton, lengths_m: Array) -> float:
    """How far bones are from average proportions, as a median of |ln ratio|: badly placed cameras squeeze bodies."""
    parents, children = (list(column) for column in zip(*skeleton.edges, strict=True))
    lengths = np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)
    return float(np.nanmedian(np.abs(np.log(np.maximum(lengths, 1e-3) / lengths_m))))


def without_long_bones(joints: Array, skeleton: Skeleton, lengths_m: Array) -> Array:
    """Joints (T, J, 3) but for the ends of bones that are too long: of joints that one view took for others."""
    kept = joints.copy()
    for (parent, child), length in zip(skeleton.edges, lengths_m, strict=True):
        off = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1) > _LONGEST * length
        kept[off, child] = np.nan
    return kept


def two_view_tracks(first: View, second: View, skeleton: Skeleton, lengths_m: Array) -> list[RecordedTrack]:
    """Both views of a person with labels of each other, one track each; none where the cameras can't be placed.

    lengths_m: see `bone_scale`; the only thing that is known of 3D.
    """
    first2second = relative_pose(first, second)
    if first2second is None:
        return []
    joints = triangulated(first, second, first2second)
    scale = bone_scale(joints, skeleton, lengths_m)
    if not np.isfinite(scale):
        return []
    if _unlikeness(scale * joints, skeleton, lengths_m) > _MOST_UNLIKE:
        return []
    joints = without_long_bones(scale * joints, skeleton, lengths_m)
    other = joints @ first2second.rotation.T + scale * first2second.translation_m
    return [RecordedTrack(view.keypoints, view.scores, label) for view, label in ((first, joints), (second, other))]
