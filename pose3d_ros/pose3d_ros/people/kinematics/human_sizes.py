"""Bone lengths of a body from its measured joints: medians over its last frames."""

from __future__ import annotations

import warnings
from collections import deque

import numpy as np

from pose3d_ros.people.kinematics.human_angles import BodyPose, Points, head_center, middle, torso_frame
from pose3d_ros.people.kinematics.human_model import NECK, BodySizes, turn
from pose3d_ros.types import Array

_FRAMES = 60
_TEMPLATE = BodySizes().as_array()
_LENGTHS = slice(0, 7)  # without the place of the head
_CHANGE, _LEAST_CHANGE_M = 0.1, 0.02


class BodySizer:
    """Learns the bone lengths of one body. A bone that was never seen has the template's share of the others'."""

    def __init__(self) -> None:
        self._frames: deque[Array] = deque(maxlen=_FRAMES)

    def update(self, points: Points, pose: BodyPose) -> BodySizes:
        """The lengths with those of this frame: points as they are given to `body_pose`, and what that returned."""
        self._frames.append(measured_sizes(points, pose))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of bones that were never seen
            medians_m = np.nanmedian(self._frames, axis=0)
            scale = float(np.nanmean(medians_m[_LENGTHS] / _TEMPLATE[_LENGTHS]))
        known = np.isfinite(medians_m)
        return BodySizes(*np.where(known, medians_m, _TEMPLATE * (scale if np.isfinite(scale) else 1.0)).tolist())


def changed(sizes: BodySizes, before: BodySizes) -> bool:
    """Whether a body's lengths are so far from earlier ones that its model should be made anew: 10% and 2 cm."""
    new, old = sizes.as_array(), before.as_array()
    return bool((np.abs(new - old) > np.maximum(_CHANGE * np.abs(old), _LEAST_CHANGE_M)).any())


def measured_sizes(points: Points, pose: BodyPose) -> Array:
    """(9,) the fields of BodySizes in one frame, NaN for those that its joints do not give."""
    top, bottom = middle(points, ("L_Shoulder", "R_Shoulder"), "Thorax"), middle(points, ("L_Hip", "R_Hip"), "Pelvis")
    torso_m = np.nan if top is None or bottom is None else float(np.linalg.norm(top - bottom))
    pairs = (("Shoulder", "Elbow"), ("Elbow", "Wrist"))
    legs = (("Hip", "Knee"), ("Knee", "Ankle"))
    return np.array(
        [
            torso_m,
            0.5 * _distance(points, "L_Shoulder", "R_Shoulder"),
            *(_both_sides(points, *pair) for pair in pairs),
            _distance(points, "L_Hip", "R_Hip"),
            *(_both_sides(points, *pair) for pair in legs),
            *_head_place(points, pose, torso_m),
        ]
    )


def _distance(points: Points, first: str, second: str) -> float:
    if first not in points or second not in points:
        return np.nan
    return float(np.linalg.norm(points[first] - points[second]))


def _both_sides(points: Points, first: str, second: str) -> float:
    lengths = [_distance(points, f"{side}_{first}", f"{side}_{second}") for side in "LR"]
    known = [length for length in lengths if np.isfinite(length)]
    return float(np.mean(known)) if known else np.nan


def _head_place(points: Points, pose: BodyPose, torso_m: float) -> tuple[float, float]:
    center, angles = head_center(points), pose.angles_rad
    if center is None or "y_head" not in angles:
        return np.nan, np.nan
    local = {name: pose.body2cam.inverse().apply(point) for name, point in points.items()}
    torso2body = torso_frame(angles, local)
    if torso2body is None:
        return np.nan, np.nan
    neck2head = turn((1.0, 0.0, 0.0), angles["r_head"]) @ turn((0.0, 0.0, 1.0), angles["y_head"])
    neck2head = (neck2head @ turn((0.0, -1.0, 0.0), angles["p_head"])).T
    center_torso = torso2body.inverse().apply(pose.body2cam.inverse().apply(center))
    forward, _, up = neck2head @ (center_torso - np.array([0.0, 0.0, NECK * torso_m]))
    return float(forward), float(up)
