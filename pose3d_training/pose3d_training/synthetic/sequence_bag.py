"""Rendered videos as bags: transforms, images, camera and the people as ground truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.bags.transforms import STATIC_TOPIC, TF_TYPE
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.sequence import PersonGroundTruth, SequenceFrame

START_NS = 1_700_000_000_000_000_000
FRAME_ID = "camera_optical_frame"
FLOOR_FRAME, WORLD_FRAME = "base_footprint", "odom"
SKELETON = get_skeleton("muco21")
_ORDER = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
_NOISE_LEVELS = 1.2


@dataclass(frozen=True)
class Transform:
    """A frame in its parent: translation in metres; roll, pitch and yaw in degrees (REP 103)."""

    parent: str
    child: str
    move_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class RecordedCamera:
    """How a bag names a camera: its topics' namespace, that of its ground truth, and its optical frame."""

    namespace: str = "/camera"
    truth_namespace: str = "/ground_truth"
    frame_id: str = FRAME_ID

    @classmethod
    def named(cls, name: str) -> RecordedCamera:
        """One of several cameras of a bag, each with everything in a namespace of its own."""
        return cls(f"/{name}", f"/{name}/ground_truth", f"{name}_optical_frame")


THE_CAMERA = RecordedCamera()


def camera_mount(height_m: float, pitch_deg: float) -> tuple[Transform, ...]:
    """The camera over the floor; a positive pitch looks down."""
    return (
        Transform(FLOOR_FRAME, "camera_link", (0.0, 0.0, height_m), (0.0, pitch_deg, 0.0)),
        Transform("camera_link", FRAME_ID, turn_deg=(-90.0, 0.0, -90.0)),
    )


def neighbors(frames: Iterable[SequenceFrame]) -> Iterator[tuple[SequenceFrame, SequenceFrame, SequenceFrame]]:
    """Every frame between the one before and the one after it; itself at the ends."""
    before: SequenceFrame | None = None
    now: SequenceFrame | None = None
    for after in chain(frames, (None,)):
        if now is not None:
            yield before or now, now, after or now
        before, now = now, after


def people_of(
    before: SequenceFrame, now: SequenceFrame, after: SequenceFrame, rate_hz: float, camera: Camera
) -> tuple[Person, ...]:
    """The people of a frame as tracked people, their velocities from the frames beside it."""
    return tuple(_person(one, before, now, after, rate_hz, camera) for one in now.people)


def _person(
    one: PersonGroundTruth,
    before: SequenceFrame,
    now: SequenceFrame,
    after: SequenceFrame,
    rate_hz: float,
    camera: Camera,
) -> Person:
    joints = one.joints_cam_m[_ORDER]
    root = joints[SKELETON.root]
    seen = [
        other.joints_cam_m[_ORDER[SKELETON.root]]
        for frame in (before, now, after)
        for other in frame.people
        if other.track_id == one.track_id
    ]
    steps = len(seen) - 1 - (before is now) - (after is now)
    velocity = (seen[-1] - seen[0]) * rate_hz / max(steps, 1)
    pose = Pose(
        root,
        joints,
        camera.project(joints),
        np.ones(len(joints)),
        SKELETON,
        Detection(one.whole_box_px, one.visible),
        root_sigma_m=0.0,
    )
    return Person(one.track_id, TrackState.TRACKED, pose, velocity, one.visible)


def with_sensor_noise(image_bgr: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The image (H, W, 3) uint8 as a sensor reads it."""
    noisy = image_bgr + rng.normal(0.0, _NOISE_LEVELS, image_bgr.shape)
    return np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8)


def write_frame(
    bag: BagWriter,
    stamp_ns: int,
    camera: Camera,
    image_bgr: ImageArray,
    people: tuple[Person, ...],
    of: RecordedCamera = THE_CAMERA,
) -> None:
    """Write an image, its camera and its ground truth."""
    bag.write_camera(f"{of.namespace}/camera_info", stamp_ns, of.frame_id, camera)
    bag.write_image(f"{of.namespace}/image_raw/compressed", stamp_ns, of.frame_id, image_bgr)
    truth = f"{of.truth_namespace}/people"
    bag.write_people(truth, stamp_ns, of.frame_id, people, SKELETON, id_prefix="gt_", model="rendered")


def write_transforms(bag: BagWriter, stamp_ns: int, transforms: Sequence[Transform], *, static: bool) -> None:
    """Write transforms to /tf, or latched to /tf_static."""
    topic = f"/{STATIC_TOPIC}" if static else "/tf"
    messages = [_transform_message(one, stamp_ns) for one in transforms]
    bag.add_topic(topic, TF_TYPE, latched=static)
    bag.write_message(topic, TF_TYPE, stamp_ns, made(TF_TYPE, messages))


def _transform_message(one: Transform, stamp_ns: int) -> Any:
    quaternion = Rotation.from_euler("xyz", one.turn_deg, degrees=True).as_quat().tolist()
    transform = made(
        "geometry_msgs/msg/Transform",
        translation=made("geometry_msgs/msg/Vector3", *one.move_m),
        rotation=made("geometry_msgs/msg/Quaternion", *quaternion),
    )
    return made("geometry_msgs/msg/TransformStamped", header(stamp_ns, one.parent), one.child, transform)


def made(msgtype: str, *fields: Any, **named: Any) -> Any:
    """A message of a type by name."""
    return pose3d_typestore().types[msgtype](*fields, **named)


def header(stamp_ns: int, frame_id: str) -> Any:
    """A std_msgs/Header."""
    stamp = made("builtin_interfaces/msg/Time", stamp_ns // 1_000_000_000, stamp_ns % 1_000_000_000)
    return made("std_msgs/msg/Header", stamp, frame_id)
