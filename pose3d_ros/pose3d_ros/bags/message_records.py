"""Deserialised bag messages to the package's records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.uncertainty import ray_sigma_m
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import ImageArray

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, eq=False)
class BagImage:
    """An image of a bag. image_bgr: (H, W, 3) uint8. received_ns: when the recorder got it."""

    stamp_ns: int
    received_ns: int
    frame_id: str
    image_bgr: ImageArray


@dataclass(frozen=True, eq=False)
class BagCamera:
    """A camera_info of a bag, its region of interest and binning applied."""

    stamp_ns: int
    frame_id: str
    camera: Camera


@dataclass(frozen=True, eq=False)
class BagPeople:
    """A Person3DArray of a bag.

    In ground truth, `Person.score` is the visible share of the body, 0–1, and its box reaches around the whole
    body, hidden parts too. An invalid joint is NaN. model: the engines that made it, "" in ground truth.
    """

    stamp_ns: int
    received_ns: int
    frame_id: str
    skeleton: Skeleton
    model: str
    calibrated: bool
    latency_ms: float
    people: tuple[Person, ...]


class TrackIds:
    """Numbers for a bag's ids: the digits an id ends with ("gt_2" → 2) while these are free, else the next number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """Return the number of a person's name: its digits where they are free, else the next number."""
        if name not in self._numbers:
            digits = name[len(name.rstrip("0123456789")) :]
            taken = set(self._numbers.values())
            wanted = int(digits) if digits else 0
            self._numbers[name] = wanted if wanted > 0 and wanted not in taken else max(taken, default=0) + 1
        return self._numbers[name]


def stamp_ns(message: Any) -> int:
    """Header stamp of a message in nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * _NS_PER_S + int(stamp.nanosec)


def camera_of(message: Any) -> Camera:
    """The camera of a sensor_msgs/CameraInfo. Raises CameraError for intrinsics that can't be used."""
    camera = Camera(
        np.asarray(message.k, dtype=np.float64).reshape(3, 3),
        int(message.width),
        int(message.height),
        np.asarray(message.d, dtype=np.float64),
        str(message.distortion_model),
    )
    roi = message.roi
    region = (int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
    binning = (int(message.binning_x), int(message.binning_y))
    return camera.roi_binned(*region, *binning) if any(region) or max(binning) > 1 else camera


def people_of(message: Any, received_ns: int, number_of: TrackIds) -> BagPeople:
    """The records of a pose3d_msgs/Person3DArray. Raises SkeletonError for an unknown skeleton."""
    skeleton = get_skeleton(str(message.skeleton))
    people = tuple(_person(person, skeleton, number_of) for person in message.people)
    return BagPeople(
        stamp_ns(message),
        received_ns,
        str(message.header.frame_id),
        skeleton,
        str(message.model),
        bool(message.calibrated),
        float(message.latency_ms),
        people,
    )


def _person(message: Any, skeleton: Skeleton, number_of: TrackIds) -> Person:
    if len(message.joints) != len(skeleton):
        raise InputError(
            f"person {message.id}",
            expected=f"{len(skeleton)} joints of {skeleton.name}",
            got=f"{len(message.joints)}",
            fix="Record people and their skeleton with the same version.",
        )
    rows = [(j.position.x, j.position.y, j.position.z, j.u, j.v, j.score) for j in message.joints]
    joints = np.array(rows, dtype=np.float64).reshape(len(skeleton), 6)
    joints[~np.array([bool(j.valid) for j in message.joints]), :5] = np.nan
    root = np.array([message.root.x, message.root.y, message.root.z])
    velocity = np.array([message.velocity.x, message.velocity.y, message.velocity.z])
    x, y = float(message.box_x), float(message.box_y)
    box = np.array([x, y, x + float(message.box_width), y + float(message.box_height)])
    score = float(message.score)
    covariance_m2 = np.asarray(message.root_covariance, dtype=np.float64).reshape(3, 3)
    sigma_m = ray_sigma_m(root, covariance_m2) if covariance_m2[0, 0] >= 0 else math.nan
    pose = Pose(root, joints[:, :3], joints[:, 3:5], joints[:, 5], skeleton, Detection(box, score), sigma_m)
    return Person(number_of(str(message.id)), TrackState(int(message.state)), pose, velocity, score)
