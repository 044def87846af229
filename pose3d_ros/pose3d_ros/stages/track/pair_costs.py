"""What it costs to take a pose for a track's person: where they were expected, how they move, lie and are dressed.

Costs are twice negative log-likelihoods but for a constant. Root and velocity are in metres; a box, joints in the image
and clothes tell people apart who stand behind each other, where distances are uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.config.settings import TrackerConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import Pose
from pose3d_ros.stages.appearance import color_cost
from pose3d_ros.stages.association import joint_similarity, shape_cost
from pose3d_ros.stages.track import kalman
from pose3d_ros.stages.track.track import Track, predicted_in_image
from pose3d_ros.types import Array

_MIN_LOG_SIGMA = 0.01
"""No single image gives a root's distance better than 1%, whatever the net says."""
_FRAME_SHARE = 0.35
"""Of a distance's error, what changes from frame to frame: the rest is the person's size, and stays."""
_USUAL_LOG_DET = 19.0
"""Minus ln det of the innovation of someone who is followed, in metres across the ray and ln of distance."""
UNMATCHED = 30.0
"""Of a pair that is as unlikely as a person who appears in the middle of the view."""
_SIZE_SIGMA, _SIZE_CAP = 0.08, 6.0
"""How much the logarithm of a box's height changes from frame to frame, by gait and the detector's noise."""
_UNLIKE = 3.0
"""Of joints in the image that share nothing with those expected."""
_REAPPEAR = 4.0
"""Twice the log-odds that someone seen in the last frame, rather than someone hidden, is the one seen now."""
_TENTATIVE = 4.0
"""A person who was seen once may be a second reading of one who is followed: who is known goes first (as in SORT and
ByteTrack, where unconfirmed tracks are matched last)."""
_WEAK = 2.0
"""A weak detection may be a false positive: all else equal, a strong one is preferred."""
_DIRECT_S = 1.0
"""Who is unseen for longer is known again by several frames, see `relinking`."""
_IMAGE_MIN_IOU, _IMAGE_MAX_LOG_RATIO, _IMAGE_MAX_CLOTHES = 0.4, 0.15, 6.0
_IMAGE_MATCH_S = 0.5
"""A box says little about where someone is who is unseen for longer."""


@dataclass(frozen=True, eq=False)
class PairTerms:
    """Of tracks and poses, (T, N) each.

    squared: Mahalanobis distance of the roots, in direction and ln of distance. log_det: of its covariance. shape:
    unlike bodies in metres. iou, log_height_ratio: of predicted and measured boxes. similarity: of the joints in the
    image, OKS. clothes: unlike colors.
    """

    squared: Array
    log_det: Array
    shape: Array
    iou: Array
    log_height_ratio: Array
    similarity: Array
    clothes: Array


def pair_terms(
    tracks: Sequence[Track], poses: Sequence[Pose], age_s: Array, config: TrackerConfig, camera: Camera | None
) -> PairTerms:
    """age_s: (T,) since the tracks were last seen."""
    points_m = np.array([p.root_cam_m for p in poses])
    means, covariances = np.array([t.at.mean for t in tracks]), np.array([t.at.covariance for t in tracks])
    squared, log_det = kalman.innovations(means, covariances, points_m, *measurement_sigmas(poses, config))
    before_m = np.array([t.at.relative_joints_m for t in tracks])
    now_m = np.array([p.joints_cam_m - p.root_cam_m for p in poses])
    boxes, joints_px = predicted_in_image([t.at for t in tracks], camera)
    measured = np.array([p.detection.box_xyxy_px for p in poses])
    return PairTerms(
        squared,
        log_det,
        shape_cost(before_m, now_m, age_s),
        iou_matrix(boxes, measured),
        _log_heights(measured)[None, :] - _log_heights(boxes)[:, None],
        joint_similarity(joints_px, np.array([p.joints_img_px for p in poses]), boxes, measured),
        color_cost(np.array([t.clothes_lab for t in tracks]), np.array([p.clothes_lab for p in poses])),
    )


def pair_cost(
    terms: PairTerms, tracks: Sequence[Track], poses: Sequence[Pose], age_s: Array, config: TrackerConfig
) -> Array:
    """(T, N), inf outside the gate and for who is unseen for long.

    Without ln det, a track that is uncertain after an occlusion would win every pose near it. While it is open who is
    who, clothes count twice.
    """
    size = np.nan_to_num(np.minimum((terms.log_height_ratio / _SIZE_SIGMA) ** 2, _SIZE_CAP), nan=_SIZE_CAP)
    cost = terms.squared + terms.log_det + _USUAL_LOG_DET + terms.shape + size
    cost = cost + _UNLIKE * (1.0 - terms.similarity) + terms.clothes
    unseen = np.array([not t.at.seen_before for t in tracks])
    mixed = unseen | np.array([t.anchor is not None for t in tracks])
    cost = cost + np.where(unseen, _REAPPEAR, 0.0)[:, None] + np.where(mixed[:, None], terms.clothes, 0.0)
    cost = cost + np.array([[_TENTATIVE if t.hits < config.min_hits else 0.0] for t in tracks])
    cost = cost + np.array([_WEAK if p.detection.score < config.new_track_score else 0.0 for p in poses])
    possible = (terms.squared <= config.gate_sigmas**2) & (~unseen | (age_s <= _DIRECT_S))[:, None]
    return np.where(possible, cost, np.inf)


def image_cost(terms: PairTerms, age_s: Array) -> Array:
    """1 − IoU, (T, N), inf for boxes or clothes that differ and for tracks that are unseen for long."""
    alike = (terms.iou >= _IMAGE_MIN_IOU) & (np.abs(terms.log_height_ratio) <= _IMAGE_MAX_LOG_RATIO)
    alike &= terms.clothes <= _IMAGE_MAX_CLOTHES
    return np.where(alike & (age_s <= _IMAGE_MATCH_S)[:, None], 1.0 - terms.iou, np.inf)


def measurement_sigmas(poses: Sequence[Pose], config: TrackerConfig) -> tuple[Array, Array]:
    """Standard deviations (N,) from frame to frame of the roots' directions, rad, and of ln of their distances."""
    distances_m = np.linalg.norm(np.array([p.root_cam_m for p in poses]), axis=-1)
    given = np.array([p.root_sigma_m for p in poses]) / distances_m
    log_sigma = np.maximum(_FRAME_SHARE * np.where(np.isfinite(given), given, config.depth_sigma), _MIN_LOG_SIGMA)
    return config.lateral_sigma_m / distances_m, log_sigma


def without(cost: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """The cost (T, N), inf for tracks and poses that are in pairs already."""
    rest: Array = cost.copy()
    for row, column in pairs:
        rest[row] = np.inf
        rest[:, column] = np.inf
    return rest


def _log_heights(boxes_xyxy_px: Array) -> Array:
    heights_px: Array = np.maximum(boxes_xyxy_px[:, 3] - boxes_xyxy_px[:, 1], 1.0)
    return np.log(heights_px)
