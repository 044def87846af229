"""People as the messages of REP 155 (hri_msgs) and of the packages beside it."""

from __future__ import annotations

import importlib
import re
import zlib
from collections.abc import Sequence
from typing import Any

from geometry_msgs.msg import PointStamped, TransformStamped, TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from pose3d_ros.config.optional_packages import how_to_get
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.boxes import normalized_box
from pose3d_ros.people.kinematics.human_angles import BodyPose
from pose3d_ros.people.kinematics.human_model import ROOT, BodySizes, link_poses
from pose3d_ros.people.kinematics.openpose_points import openpose_points
from pose3d_ros.records import Person

_NEEDED = ("IdsList", "NormalizedRegionOfInterest2D", "Skeleton2D")
_LONGEST_ID = 64


def hri_msgs() -> Any:
    """The messages of the package hri_msgs. Raises ConfigError where it is not installed, or of before 1.0."""
    fix = f"Fix: {how_to_get('hri_msgs')}, and source it."
    expected = "the messages of ROS4HRI (REP 155)"
    try:
        module = importlib.import_module("hri_msgs.msg")
    except ImportError as error:
        raise ConfigError("hri_msgs", expected=expected, got=str(error), fix=fix) from error
    missing = [name for name in _NEEDED if not hasattr(module, name)]
    if missing:
        raise ConfigError("hri_msgs", expected=expected, got=f"a version without {', '.join(missing)}", fix=fix)
    return module


def body_id(name: str) -> str:
    """A person's id as topics and REP 155 allow it: letters, digits and single underscores after a letter.

    One that is so already stays as it is, as those of `pose_node` do; others get a checksum, so that they stay apart.
    """
    if re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", name) and len(name) <= _LONGEST_ID:
        return name
    letters = "_".join(re.findall(r"[A-Za-z0-9]+", name))[:_LONGEST_ID].strip("_")
    return f"{'' if letters[:1].isalpha() else 'p'}{letters}x{zlib.crc32(name.encode()):08x}"


def roi_message(messages: Any, header: Header, person: Person, size_px: tuple[int, int]) -> Any:
    """A person's box in an image of that size."""
    x0, y0, x1, y1 = normalized_box(person.pose.detection.box_xyxy_px, *size_px).tolist()
    return messages.NormalizedRegionOfInterest2D(
        header=header, xmin=x0, ymin=y0, xmax=x1, ymax=y1, c=min(max(person.score, 0.0), 1.0)
    )


def skeleton2d_message(messages: Any, header: Header, person: Person, size_px: tuple[int, int]) -> Any:
    """A person's joints in an image of that size, see `openpose_points`."""
    message = messages.Skeleton2D(header=header)
    rows = openpose_points(person.pose, *size_px).tolist()
    for point, (x, y, score) in zip(message.skeleton, rows, strict=True):
        point.x, point.y, point.c = x, y, score
    return message


def joint_state(header: Header, name: str, pose: BodyPose) -> JointState:
    """The angles of the body of that id."""
    names = [f"{joint}_{name}" for joint in pose.angles_rad]
    return JointState(header=header, name=names, position=list(pose.angles_rad.values()))


def position_message(header: Header, pose: BodyPose) -> PointStamped:
    """The middle of the hips, in the header's frame."""
    message = PointStamped(header=header)
    message.point.x, message.point.y, message.point.z = pose.body2cam.translation_m.tolist()
    return message


def velocity_message(header: Header, name: str, pose: BodyPose, person: Person) -> TwistStamped:
    """The root's velocity in the frame of the body."""
    message = TwistStamped(header=Header(stamp=header.stamp, frame_id=f"{ROOT}_{name}"))
    linear = message.twist.linear
    linear.x, linear.y, linear.z = pose.body2cam.inverse().rotate(person.velocity_cam_mps).tolist()
    return message


def body_transforms(
    header: Header, name: str, pose: BodyPose, sizes: BodySizes, *, links: bool
) -> list[TransformStamped]:
    """The frame of the body in the header's, and those of its links in their parents'."""
    frame = f"{ROOT}_{name}"
    rotation, place = pose.body2cam.quaternion_xyzw(), pose.body2cam.translation_m.tolist()
    transforms = [_transform(header, frame, place, rotation)]
    for link in link_poses(sizes, pose.angles_rad) if links else ():
        parent = Header(stamp=header.stamp, frame_id=f"{link.parent}_{name}")
        transforms.append(_transform(parent, f"{link.child}_{name}", link.translation_m, link.quaternion_xyzw))
    return transforms


def _transform(header: Header, child: str, place_m: Sequence[float], turn_xyzw: Sequence[float]) -> TransformStamped:
    message = TransformStamped(header=header, child_frame_id=child)
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = place_m
    rotation.x, rotation.y, rotation.z, rotation.w = turn_xyzw
    return message
