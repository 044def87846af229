"""The distance of people who stand or walk on a known floor, from where their feet touch it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Pose, RootReading
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

Contacts = dict[str, tuple[float, float]]
"""Joint without its side → height above the floor, metres, of someone who stands there, and its standard deviation."""
JOINTS: Contacts = {"Ankle": (0.095, 0.03), "Toe": (0.04, 0.025)}
"""Of joints inside the body, in shoes: medians and quartiles of rendered people, and of what the nets read."""
LANDMARKS: Contacts = {"Ankle": (0.13, 0.045), "Heel": (0.08, 0.04), "Toe": (0.05, 0.025)}
"""Of MediaPipe's, which lie on the body and a little high."""
_SIDES = ("L", "R")
_LEAST_SCORE = 0.3
_BORDER_PX = 2.0
"""A joint nearer to the image's edge may be where the image cuts the leg."""
_BOTH_FEET_M = 0.04
"""A foot that is higher than the other one by more is in the air."""
_STRAIGHT = 0.75
"""Height of the hip over the foot, as a share of the leg's length, below which a person does not stand on it."""
_PIXEL_SHARE = 0.0055
"""Standard deviation of a foot's place in the image as a share of the person's height in it, and at least a pixel,
times the square of its score: of rendered people 0.04 at a score of 0.35, 0.016 at 0.6."""
_RELATIVE_SIGMA_M = 0.09
"""Of a foot's depth from the root, as the nets see it."""


def ground_reading(pose: Pose, camera: Camera, ground: GroundPlane) -> RootReading | None:
    """What the floor says of a person's distance; None where no foot is seen to stand on it.

    The person is moved along their rays until the lowest foot is at the floor. People who jump, or stand on a step,
    are put too far away: the size that they would have tells (`fusion`).
    """
    feet = _Feet.of(pose, camera, ground.up_cam)
    if feet is None:
        return None
    factors = ground.scale_onto(feet.points_cam_m, feet.clearances_m)
    touching = feet.touching & np.isfinite(factors)
    if not touching.any():
        return None
    y0, y1 = pose.detection.box_xyxy_px[[1, 3]]
    focal_px = float(np.sqrt(camera.K_px[0, 0] * camera.K_px[1, 1]))
    pixel_sigmas = np.maximum(_PIXEL_SHARE * float(y1 - y0) / feet.scores[touching] ** 2, 1.0) / focal_px
    by_pixel, by_plane = ground.log_sigmas(feet.points_cam_m[touching], pixel_sigmas)
    variances = by_pixel**2 + (feet.clearance_sigmas_m[touching] / ground.height_m) ** 2
    weights = (1.0 / variances) / (1.0 / variances).sum()
    distance_m = float(np.linalg.norm(pose.root_cam_m))
    # The joints of the feet err alike, as they are read from one picture of them.
    lasting = float(weights @ by_plane)
    sigma = float(np.sqrt(weights @ variances + (_RELATIVE_SIGMA_M / distance_m) ** 2 + lasting**2))
    if not np.isfinite(sigma):
        return None
    return RootReading("ground", distance_m * float(np.exp(weights @ np.log(factors[touching]))), sigma, lasting)


def foot_points(pose: Pose, camera: Camera, up_cam: Array) -> Array | None:
    """The place on the floor (3,) under the feet of someone who stands upright; None of others.

    up_cam (3,): the direction away from the floor, about.
    """
    feet = _Feet.of(pose, camera, up_cam)
    if feet is None:
        return None
    under = feet.points_cam_m - feet.clearances_m[:, None] * up_cam
    weights = feet.touching / feet.clearance_sigmas_m**2
    return np.asarray(weights @ under / weights.sum())


@dataclass(frozen=True, eq=False)
class _Feet:
    """The joints of the feet that are seen: points_cam_m (F, 3), clearances_m, their sigmas, scores, touching (F,)."""

    points_cam_m: Array
    clearances_m: Array
    clearance_sigmas_m: Array
    scores: Array
    touching: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, pose: Pose, camera: Camera, up_cam: Array) -> _Feet | None:
        """up_cam (3,): away from the floor. None where no foot is seen, or the person does not stand on it."""
        joints, sides, clearances, sigmas = _foot_joints(pose.skeleton)
        at = pose.joints_img_px[joints]
        size = np.array([camera.width_px, camera.height_px])
        with np.errstate(invalid="ignore"):
            inside = ((at >= _BORDER_PX - 0.5) & (at <= size - 0.5 - _BORDER_PX)).all(axis=1)
        seen = inside & (pose.scores[joints] >= _LEAST_SCORE) & np.isfinite(pose.joints_cam_m[joints]).all(axis=1)
        if not seen.any():
            return None
        points = camera.rays(at[seen]) * pose.joints_cam_m[joints[seen], 2:]
        heights = points @ up_cam - clearances[seen]
        sides = sides[seen]
        lowest = np.array([heights[sides == side].min(initial=np.inf) for side in range(len(_SIDES))])
        stands = np.array([_stands_on(pose, up_cam, side) for side in range(len(_SIDES))])
        touches = stands & (lowest <= lowest.min() + _BOTH_FEET_M)
        # Of a foot that touches, all that lies as low as its lowest joint.
        touching = touches[sides] & (heights <= lowest[sides] + _BOTH_FEET_M / 2)
        if not touching.any():
            return None
        return cls(points, clearances[seen], sigmas[seen], pose.scores[joints[seen]], touching)


@functools.cache
def _foot_joints(skeleton: Skeleton) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Array, Array]:
    """Indices and sides (0 left) of the joints of the feet, their clearances and the standard deviations of these."""
    contacts = LANDMARKS if "L_Heel" in skeleton.index_of else JOINTS
    rows = [
        (skeleton.index_of[f"{side}_{part}"], number, *clearance)
        for number, side in enumerate(_SIDES)
        for part, clearance in contacts.items()
        if f"{side}_{part}" in skeleton.index_of
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return table[:, 0].astype(np.intp), table[:, 1].astype(np.intp), table[:, 2], table[:, 3]


def _stands_on(pose: Pose, up_cam: Array, side: int) -> bool:
    """Whether the leg carries the person: it is all there, and nearly straight below the hip."""
    names = [f"{_SIDES[side]}_{part}" for part in ("Hip", "Knee", "Ankle")]
    if not all(name in pose.skeleton.index_of for name in names):
        return False
    hip, knee, ankle = pose.joints_cam_m[[pose.skeleton.index_of[name] for name in names]]
    length_m = float(np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle))
    return bool((hip - ankle) @ up_cam >= _STRAIGHT * length_m)  # False for NaN
