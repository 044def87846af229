"""A person in the frame that is published, and what follows from the joints there: the box around them, the heading."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.records import Person, root_covariance_m2
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

_ACROSS = (("L_Shoulder", "R_Shoulder"), ("L_Hip", "R_Hip"))
_SHORTEST_M = 0.05
_UPRIGHT = 0.5
"""Least share of the line across the body that must be horizontal: within 60 degrees."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Where a person is in the published frame.

    Attributes
    ----------
    root_m : ndarray
        (3,) float64, metres.
    joints_m : ndarray
        (J, 3) float64, metres; NaN for a joint that was not found.
    velocity_mps : ndarray
        (3,) float64, of the root, metres per second.
    covariance_m2 : ndarray or None
        (3, 3) float64, of the root; None when it is unknown.
    """

    root_m: Array
    joints_m: Array
    velocity_mps: Array
    covariance_m2: Array | None

    @property
    def from_root_m(self) -> Array:
        """The joints (J, 3) from the root; NaN for one that was not found."""
        return self.joints_m - self.root_m


def place(person: Person, cam2target: RigidTransform | None) -> Placed:
    """A person in another frame; with None in the camera's own."""
    root_m, joints_m, velocity_mps = person.pose.root_cam_m, person.pose.joints_cam_m, person.velocity_cam_mps
    covariance_m2 = root_covariance_m2(person.pose)
    if cam2target is None:
        return Placed(root_m, joints_m, velocity_mps, covariance_m2)
    return Placed(
        cam2target.apply(root_m),
        cam2target.apply(joints_m),
        cam2target.rotate(velocity_mps),
        None if covariance_m2 is None else cam2target.rotate_covariance(covariance_m2),
    )


def joint_box(placed: Placed) -> tuple[Array, Array]:
    """Center (3,) and size (3,), metres, of the smallest box around root and joints whose edges are along the axes."""
    points_m = np.vstack([placed.root_m, placed.joints_m])
    low_m, high_m = np.nanmin(points_m, axis=0), np.nanmax(points_m, axis=0)
    return (low_m + high_m) / 2, high_m - low_m


def image_box(person: Person) -> tuple[Array, Array]:
    """Center (2,) and size (2,) of a person's box in the image, pixels."""
    low_px, high_px = np.split(person.pose.detection.box_xyxy_px, 2)
    return (low_px + high_px) / 2, high_px - low_px


def is_optical(frame_id: str) -> bool:
    """Whether a frame's name says that it is an optical one (REP-103: z ahead, x right, y down)."""
    return re.search(r"(^|_)optical(_frame)?$", frame_id) is not None


def heading_rad(joints_m: Array, skeleton: Skeleton, *, optical: bool) -> float | None:
    """Where a body faces: across the line from its left to its right shoulder and hip, seen from above.

    Parameters
    ----------
    joints_m : ndarray
        (J, 3) in a frame whose z axis is up or, if optical, whose y axis is down.
    skeleton : Skeleton
        Of the joints.
    optical : bool
        Whether the frame is an optical one.

    Returns
    -------
    float or None
        Angle about the axis that is up: 0 is along the x axis, and along the z axis of an optical frame. None where
        neither shoulders nor hips are known, or the line between them is more than 60 degrees from horizontal.
    """
    at = skeleton.index_of
    pairs = [(at[left], at[right]) for left, right in _ACROSS if left in at and right in at]
    lines_m = np.array([joints_m[right] - joints_m[left] for left, right in pairs]).reshape(-1, 3)
    across_m = lines_m[np.isfinite(lines_m).all(axis=1)].sum(axis=0)
    if optical:
        across_m = np.array([across_m[2], -across_m[0], -across_m[1]])
    across_x_m, across_y_m, _ = across_m.tolist()
    length_m, level_m = float(np.linalg.norm(across_m)), math.hypot(across_x_m, across_y_m)
    if length_m < _SHORTEST_M or level_m < _UPRIGHT * length_m:
        return None
    return math.atan2(across_x_m, -across_y_m)  # up x across


def heading_quaternion(heading: float | None, *, optical: bool) -> tuple[float, float, float, float]:
    """A body's orientation as x, y, z, w: its x axis is where it faces, its z axis up (REP-103).

    heading: as of `heading_rad`; the identity for None.
    """
    if heading is None:
        return 0.0, 0.0, 0.0, 1.0
    sine, cosine = math.sin(heading / 2), math.cos(heading / 2)
    if not optical:
        return 0.0, 0.0, sine, cosine
    # First from x ahead, y left, z up to the optical axes: (0.5, -0.5, 0.5, 0.5).
    plus, minus = 0.5 * (cosine + sine), 0.5 * (cosine - sine)
    return minus, -plus, plus, minus
