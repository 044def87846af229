"""What the stages hand to each other: frozen records whose arrays carry frame and unit in their names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array, ImageArray


class TrackState(IntEnum):
    """Life of a track; the values are those of `pose3d_msgs/Person3D.state`."""

    NEW = 0
    TRACKED = 1
    PREDICTED = 2
    LOST = 3


@dataclass(frozen=True, eq=False)
class Frame:
    """One image with its camera.

    image_bgr: (H, W, 3) uint8. camera: intrinsics of exactly this image. stamp_ns: time of capture.
    frame_id: name of the camera's optical frame.
    """

    image_bgr: ImageArray
    camera: Camera
    stamp_ns: int
    frame_id: str = "camera_optical_frame"


@dataclass(frozen=True, eq=False)
class Detection:
    """A person's box, (4,) float64 x0, y0, x1, y1 in pixels (edges, so x1 - x0 is the width), score in 0–1."""

    box_xyxy_px: Array
    score: float


@dataclass(frozen=True, eq=False)
class Pose:
    """One person's skeleton in one frame, in the camera's optical frame.

    root_cam_m (3,); joints_cam_m (J, 3); joints_img_px (J, 2) in the (distorted) image; scores (J,) in 0–1.
    An invalid joint has NaN coordinates. detection: the box it was read from.
    root_sigma_m: standard deviation of the root's distance along its ray, NaN when the engine gives none.
    clothes_lab (2, 3): CIE L, a, b of the upper and the lower body, NaN where unseen.
    """

    root_cam_m: Array
    joints_cam_m: Array
    joints_img_px: Array
    scores: Array
    skeleton: Skeleton
    detection: Detection
    root_sigma_m: float = float("nan")
    clothes_lab: Array = field(default_factory=lambda: np.full((2, 3), np.nan))


@dataclass(frozen=True, eq=False)
class Person:
    """A tracked pose. track_id counts from 1 and is never reused; velocity_cam_mps (3,) is the root's."""

    track_id: int
    state: TrackState
    pose: Pose
    velocity_cam_mps: Array
    score: float


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What the pipeline found in one frame. timings_ms: stage name → milliseconds spent in it."""

    people: tuple[Person, ...]
    detections: tuple[Detection, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
