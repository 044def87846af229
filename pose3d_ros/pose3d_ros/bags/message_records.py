"""Deserialized messages, of a bag or of ROS, to the package's records."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose3d_ros.errors import InputError, Pose3DError, shown
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera, calibrated_camera
from pose3d_ros.geometry.intrinsics import Calibration
from pose3d_ros.geometry.rays import ray_sigma_m
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import ImageArray

_NS_PER_S = 1_000_000_000
_FARTHEST_M = 10_000.0
"""No camera sees a person from there; beyond it lies what a damaged message says."""
_MOST_DIGITS = 15
"""Of a number that an id ends with."""


@dataclass(frozen=True, eq=False)
class BagImage:
    """An image of a bag. image_bgr: (H, W, 3) uint8. received_ns: when the recorder got it."""

    stamp_ns: int
    received_ns: int
    frame_id: str
    image_bgr: ImageArray


@dataclass(frozen=True)
class UnusableImage:
    """The place of an image that can't be decoded. number: in its topic, from 1. stamp_ns: where it is known."""

    number: int
    topic: str
    stamp_ns: int | None
    error: Pose3DError

    def __str__(self) -> str:
        stamp = "" if self.stamp_ns is None else f", stamp {self.stamp_ns} ns"
        return f"image {self.number} of {self.topic}{stamp}: {self.error}"


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
        self._taken: set[int] = set()
        self._largest = 0

    def __call__(self, name: str) -> int:
        """Return the number of a person's name: its digits where they are free, else the next number."""
        if name not in self._numbers:
            digits = name[len(name.rstrip("0123456789")) :]
            wanted = int(digits) if digits and len(digits) <= _MOST_DIGITS else 0
            number = wanted if wanted > 0 and wanted not in self._taken else self._largest + 1
            self._numbers[name] = number
            self._taken.add(number)
            self._largest = max(self._largest, number)
        return self._numbers[name]


def check_ids(people: Sequence[Person], subject: str) -> None:
    """Raise InputError for an id that two people of one frame have."""
    ids = [person.track_id for person in people]
    twice = next((one for one in ids if ids.count(one) > 1), None)
    if twice is not None:
        fix = "Give each person of a frame an id of its own."
        raise InputError(subject, expected="each id once in a frame", got=f"id {twice} for two people", fix=fix)


def stamp_ns(header: Any) -> int:
    """The stamp of a std_msgs/Header in nanoseconds."""
    return int(header.stamp.sec) * _NS_PER_S + int(header.stamp.nanosec)


def rigid_of(transform: Any) -> RigidTransform:
    """Of a geometry_msgs/Transform. Raises InputError for a rotation that is none."""
    turn, move = transform.rotation, transform.translation
    return RigidTransform.from_quaternion((turn.x, turn.y, turn.z, turn.w), (move.x, move.y, move.z))


def camera_of(message: Any, *, rectified: bool = False) -> Camera:
    """The camera of the raw image of a sensor_msgs/CameraInfo, or of the rectified one.

    Raises CameraError for intrinsics that can't be used.
    """
    roi = message.roi
    read = Calibration(
        K_px=np.asarray(message.k, dtype=np.float64).reshape(3, 3),
        width_px=int(message.width),
        height_px=int(message.height),
        distortion=np.asarray(message.d, dtype=np.float64),
        model=str(message.distortion_model),
        P_px=np.asarray(message.p, dtype=np.float64).reshape(3, 4),
        roi_px=(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)),
        binning=(int(message.binning_x), int(message.binning_y)),
    )
    return calibrated_camera(read, rectified=rectified)


def sent_size_px(message: Any) -> tuple[int, int] | None:
    """Width and height of the image of a sensor_msgs/CameraInfo, calibrated or not; None where it does not say."""
    roi = message.roi
    width_px, height_px = (roi.width, roi.height) if roi.width and roi.height else (message.width, message.height)
    size_px = int(width_px) // max(int(message.binning_x), 1), int(height_px) // max(int(message.binning_y), 1)
    return size_px if min(size_px) > 0 else None


def is_rectified(image_topic: str) -> bool:
    """Whether image_proc's names say so: `image_rect`, `image_rect_color`, with or without a transport behind."""
    return any(re.match(r"(image_)?rect(ified|_|$)", name) for name in image_topic.split("/"))


def people_of(message: Any, received_ns: int, number_of: TrackIds) -> BagPeople:
    """The records of a pose3d_msgs/Person3DArray. Raises SkeletonError for an unknown skeleton; see `person_of`."""
    skeleton = get_skeleton(str(message.skeleton))
    people = tuple(person_of(p, number_of(str(p.id)), skeleton, may_be_box=True) for p in message.people)
    return BagPeople(
        stamp_ns(message.header),
        received_ns,
        str(message.header.frame_id),
        skeleton,
        str(message.model),
        bool(message.calibrated),
        float(message.latency_ms),
        people,
    )


def person_of(message: Any, track_id: int, skeleton: Skeleton, *, may_be_box: bool = False) -> Person:
    """The record of a pose3d_msgs/Person3D. Raises InputError for joints that don't fit, and an unknown state.

    may_be_box: whether a person without joints may have no root either, as in ground truth that is boxes only.
    """
    if len(message.joints) != len(skeleton):
        raise _unreadable(message, f"{len(skeleton)} joints of {skeleton.name}", f"{len(message.joints)}")
    if int(message.state) not in [state.value for state in TrackState]:
        raise _unreadable(message, "a state from 0 (NEW) to 3 (LOST)", shown(int(message.state)))
    flat: list[float] = []
    for joint in message.joints:
        position = joint.position
        flat += (position.x, position.y, position.z, joint.u, joint.v, joint.score, joint.valid)
    joints = np.array(flat, dtype=np.float64).reshape(len(skeleton), 7)
    valid, placed = joints[:, 6] != 0, (np.abs(joints[:, :3]) <= _FARTHEST_M).all(axis=1)
    joints[~(valid & placed), :5] = np.nan
    joints[~np.isfinite(joints[:, 3:5]).all(axis=1), 3:5] = np.nan
    joints[(valid & ~placed) | ~np.isfinite(joints[:, 5]), 5] = 0.0
    root_m = np.array([message.root.x, message.root.y, message.root.z])
    is_box = may_be_box and np.isnan(root_m).all() and not valid.any()
    if not (is_box or (np.abs(root_m) <= _FARTHEST_M).all()):
        raise _unreadable(message, f"a root within {_FARTHEST_M / 1000:g} km", shown(root_m.tolist()))
    box_px = np.array([message.box_x, message.box_y, message.box_width, message.box_height], dtype=np.float64)
    box_px[2:] += box_px[:2]
    covariance_m2 = np.asarray(message.root_covariance, dtype=np.float64).reshape(3, 3)
    known = covariance_m2[0, 0] >= 0 and (np.abs(covariance_m2) <= _FARTHEST_M**2).all()
    sigma_m = ray_sigma_m(root_m, covariance_m2) if known else math.nan
    score = float(message.score)
    detection = Detection(box_px, score)
    # Recordings of before the field lack it.
    solvers = tuple(str(name) for name in getattr(message, "root_solvers", ()))
    places = joints[:, :3], joints[:, 3:5], joints[:, 5]
    pose = Pose(root_m, *places, skeleton, detection, sigma_m, root_solvers=solvers)
    velocity_mps = np.array([message.velocity.x, message.velocity.y, message.velocity.z])
    return Person(track_id, TrackState(int(message.state)), pose, velocity_mps, score)


def _unreadable(message: Any, expected: str, got: str) -> InputError:
    fix = "Publish and record people with one version of the package."
    return InputError(f"person {shown(str(message.id))}", expected=expected, got=got, fix=fix)
