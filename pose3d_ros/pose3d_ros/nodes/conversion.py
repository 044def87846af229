"""People, skeletons and images: records to messages and back, cheaply enough for every frame."""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from pose3d_msgs.msg import Joint3D, Person3D, Person3DArray, SkeletonInfo
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.bags.image_decoding import check_pixels, compressed_header, decoded_bgr
from pose3d_ros.bags.image_encodings import ENCODINGS, image_bgr
from pose3d_ros.bags.message_records import person_of
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.people.placing import Placed, is_optical, place
from pose3d_ros.records import Person, Pose, TrackState, root_solvers_of
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.types import Array, ImageArray

# As they are without a copy, or which cv_bridge takes for something else: 16UC1 for depth, numbered ones for no color.
_OURS = frozenset({"bgr8", *(name for name in ENCODINGS if "UC" in name)})
_TAG_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: none is mistaken for another
_TAG_LENGTH = 4
_UNKNOWN_COVARIANCE_M2 = np.array([-1.0, *[0.0] * 8])


@dataclass(frozen=True)
class PeopleInfo:
    """What a Person3DArray has besides its people."""

    skeleton: Skeleton
    model: str
    calibrated: bool
    latency_ms: float


def person_id(track_id: int) -> str:
    """The message's id of a track; it starts with a letter (REP-155)."""
    return f"person_{track_id}"


class PersonNames:
    """The ids of a node's people, such as `p3f7a_12`: a tag of the node's own and a number, neither used again.

    They start with a letter (REP-155), and are names that TF, topics and files accept.
    """

    def __init__(self) -> None:
        self._random_tag = self._tag = "".join(secrets.choice(_TAG_LETTERS) for _ in range(_TAG_LENGTH))
        self._before = self._highest = 0

    def begin(self, tag: str) -> None:
        """Number the people of a new pipeline, which counts from 1 again. tag: instead of the random one, unless ""."""
        self._tag, self._before = tag or self._random_tag, self._highest

    def renumbered(self, people: Sequence[Person]) -> tuple[Person, ...]:
        """A pipeline's people with numbers that no earlier pipeline's had."""
        moved = tuple(replace(person, track_id=self._before + person.track_id) for person in people)
        self._highest = max([self._highest, *(person.track_id for person in moved)])
        return moved

    def name_of(self, number: int) -> str:
        """The id of a person."""
        return f"p{self._tag}_{number}"


def skeleton_message(skeleton: Skeleton) -> SkeletonInfo:
    """The joint names and bones of a skeleton."""
    edges = [index for edge in skeleton.edges for index in edge]
    return SkeletonInfo(name=skeleton.name, joint_names=list(skeleton.joints), edges=edges, root_index=skeleton.root)


def image_message(header: Header, image_bgr: ImageArray) -> Image:
    """A `bgr8` image. The bytes go straight into the message's own array: assigning them would copy, or check, each."""
    height_px, width_px = image_bgr.shape[:2]
    message = Image(header=header, height=height_px, width=width_px, encoding="bgr8", step=width_px * 3)
    message.data.frombytes(np.ascontiguousarray(image_bgr).data.cast("B"))
    return message


def image_size_px(message: Any, max_pixels: int) -> tuple[int, int]:
    """Width and height of an Image or CompressedImage, which is not decoded. Raises InputError as its decoder does."""
    if isinstance(message, Image):
        check_pixels("image", message.width, message.height, max_pixels)
        return message.width, message.height
    header = compressed_header(message, max_pixels)
    return header.width_px, header.height_px


def received_bgr(message: Any, max_pixels: int) -> ImageArray:
    """The pixels of an Image or CompressedImage as (H, W, 3) uint8 BGR, see `image_bgr` and `decoded_bgr`.

    Raw images that need a conversion and have no padding go through cv_bridge where it is installed.
    """
    if not isinstance(message, Image):
        return decoded_bgr(message, max_pixels)
    encoding, convert = ENCODINGS.get(message.encoding), cv_bridge_conversion()
    bytes_px = 0 if encoding is None else encoding.pixel_bytes
    tight = bool(bytes_px) and (message.step, len(message.data)) == (
        message.width * bytes_px,
        message.step * message.height,
    )
    if convert is None or not tight or message.encoding in _OURS or (message.is_bigendian and bytes_px > 1):
        return image_bgr(message)
    try:
        return np.asarray(convert(message, "bgr8"), dtype=np.uint8)
    except Exception:  # whatever its version lacks, ours has
        return image_bgr(message)


@cache
def cv_bridge_conversion() -> Callable[[Image, str], Any] | None:
    """`CvBridge.imgmsg_to_cv2` where cv_bridge is installed and works, else None.

    One that was built for another NumPy imports, and fails when it converts.
    """
    try:
        convert: Callable[[Image, str], Any] = importlib.import_module("cv_bridge").CvBridge().imgmsg_to_cv2
        convert(Image(height=1, width=1, encoding="rgb8", step=3, data=[0, 0, 0]), "bgr8")
    except Exception:
        return None
    return convert


class PeopleWriter:
    """Fills Person3DArray messages, reusing the person and joint objects: making them costs four times the filling.

    A message is valid until the next call of `write`; publish it before.
    """

    def __init__(self) -> None:
        self._pool: list[Person3D] = []

    def write(
        self,
        header: Header,
        people: Sequence[Person],
        info: PeopleInfo,
        *,
        id_of: Callable[[int], str] = person_id,
        cam2target: RigidTransform | None = None,
    ) -> Person3DArray:
        """The message of a frame's people.

        header: copied through; with cam2target its frame_id must be the target's. people: in info.skeleton.
        id_of: names a track. cam2target: into the frame to publish in, None for the camera's own.
        """
        while len(self._pool) < len(people):
            self._pool.append(Person3D())
        messages = self._pool[: len(people)]
        for message, person in zip(messages, people, strict=True):
            message.id = id_of(person.track_id)
            _fill_person(message, person, cam2target)
        return Person3DArray(
            header=header,
            skeleton=info.skeleton.name,
            model=info.model,
            calibrated=info.calibrated,
            latency_ms=info.latency_ms,
            people=messages,
        )


def _fill_person(message: Person3D, person: Person, cam2target: RigidTransform | None) -> None:
    pose, placed = person.pose, place(person, cam2target)
    covariance_m2 = placed.covariance_m2
    message.state = int(person.state)
    message.score = float(person.score)
    x0, y0, x1, y1 = pose.detection.box_xyxy_px.tolist()
    message.box_x, message.box_y, message.box_width, message.box_height = x0, y0, x1 - x0, y1 - y0
    message.root.x, message.root.y, message.root.z = placed.root_m.tolist()
    message.velocity.x, message.velocity.y, message.velocity.z = placed.velocity_mps.tolist()
    message.root_covariance = _UNKNOWN_COVARIANCE_M2 if covariance_m2 is None else covariance_m2.ravel()
    message.root_solvers = root_solvers_of(person)
    _fill_joints(message, placed.joints_m, pose)


def _fill_joints(message: Person3D, joints_m: Array, pose: Pose) -> None:
    if len(message.joints) != len(joints_m):
        message.joints = [Joint3D() for _ in joints_m]
    valid = np.asarray(np.isfinite(joints_m).all(axis=1)).tolist()
    rows = zip(joints_m.tolist(), pose.joints_img_px.tolist(), pose.scores.tolist(), valid, strict=True)
    for joint, ((x, y, z), (u, v), score, is_valid) in zip(message.joints, rows, strict=True):
        position = joint.position
        position.x, position.y, position.z = x, y, z
        joint.u, joint.v, joint.score, joint.valid = u, v, score, is_valid


@dataclass(frozen=True, eq=False)
class Published:
    """A frame's people as messages without a state show them: none of them is LOST.

    header: of the frame to publish in. image_header: the image's own, in the camera's frame. names: the people's ids.
    cam2target: into the frame to publish in, None for that of the people. optical: whether that frame, the published
    one, has the axes of an optical one.
    """

    header: Header
    image_header: Header
    people: Sequence[Person]
    names: Sequence[str]
    cam2target: RigidTransform | None
    optical: bool

    @classmethod
    def of(
        cls,
        header: Header,
        image_header: Header,
        people: Sequence[Person],
        name_of: Callable[[int], str],
        cam2target: RigidTransform | None,
        *,
        seen_by_camera: bool = True,
    ) -> Published:
        """Of all people of a frame. seen_by_camera: whether they are in a camera's optical frame, whatever its name."""
        there = [person for person in people if person.state != TrackState.LOST]
        optical = (seen_by_camera and cam2target is None) or is_optical(header.frame_id)
        return cls(header, image_header, there, [name_of(person.track_id) for person in there], cam2target, optical)

    def placed(self) -> list[tuple[str, Person, Placed]]:
        """Each name and person, in the frame to publish in."""
        pairs = zip(self.names, self.people, strict=True)
        return [(name, person, place(person, self.cam2target)) for name, person in pairs]


class TrackNumbers:
    """Numbers for the ids of a stream of messages, and back. An id that is gone is dropped, its number not reused.

    Attributes: names, the ids of the latest message by number; each message has a mapping of its own.
    """

    def __init__(self) -> None:
        self._number_of: dict[str, int] = {}
        self.names: Mapping[int, str] = {}
        self._next = 1

    def assign(self, names: Sequence[str]) -> list[int]:
        """The numbers of a message's ids."""
        known = self._number_of
        self._number_of = {}
        for name in names:
            if name not in known:
                known[name] = self._next
                self._next += 1
            self._number_of[name] = known[name]
        self.names = {number: name for name, number in self._number_of.items()}
        return [self._number_of[name] for name in names]


def read_people(message: Person3DArray, numbers: TrackNumbers) -> tuple[Person, ...]:
    """The people of a message, in its frame. Raises SkeletonError, or InputError for a person that can't be read."""
    skeleton = get_skeleton(message.skeleton)
    track_ids = numbers.assign([person.id for person in message.people])
    return tuple(
        person_of(person, track_id, skeleton) for person, track_id in zip(message.people, track_ids, strict=True)
    )
