"""Reading bags (MCAP and sqlite3, files and folders) as they are or into records, without ROS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, ConnectionExtRosbag2, QosDurability
from rosbags.rosbag2 import Reader, ReaderError

from pose3d_ros.bags.bag_files import EXPECTED, bag_to_open
from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX
from pose3d_ros.bags.image_decoding import decoded_bgr
from pose3d_ros.bags.image_encodings import image_bgr
from pose3d_ros.bags.message_records import (
    BagCamera,
    BagImage,
    BagPeople,
    TrackIds,
    camera_of,
    is_rectified,
    people_of,
    stamp_ns,
)
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.config.share_folders import share_directories
from pose3d_ros.errors import BagError, CameraError, InputError, Pose3DError
from pose3d_ros.reading.files import in_words, is_there

SAMPLE, SAMPLE_WITH_DEPTH = "people_crossing.mcap", "people_crossing_depth.mcap"
_Record = TypeVar("_Record")
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""No CDR message begins so: its first byte is 0."""


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag. latched: published transient_local."""

    name: str
    msgtype: str
    latched: bool


@dataclass(frozen=True)
class SerializedMessage:
    """A message as it was recorded (CDR). received_ns: the time of recording."""

    topic: str
    received_ns: int
    data: bytes


class BagReader:
    """An open bag: a context manager that yields messages or records in the order of recording.

    path: an .mcap or .db3 file, or a rosbag2 folder. Raises BagError when it can't be read. Messages are decoded with
    the definitions that the bag itself carries, and with this package's for a bag that carries none (sqlite3 before
    Iron). Of a recording that was cut off, what was whole until then is read.

    Attributes: problem, what the user should know of it, "" for none.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        if not is_there(self.path):
            raise self._unreadable("no such file or folder")
        self._opened, self.problem = bag_to_open(self.path)

    def __enter__(self) -> BagReader:
        try:
            self._reader = self._stack.enter_context(Reader(self._opened))
        except Exception as error:  # rosbags raises whatever damaged bytes lead it to
            raise self._unreadable(_in_words(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def topics(self) -> dict[str, BagTopic]:
        """The topics by name."""
        return {c.topic: BagTopic(c.topic, c.msgtype, _is_latched(c)) for c in self._reader.connections}

    @property
    def start_ns(self) -> int:
        """Recording time of the first message."""
        return int(self._reader.start_time)

    @property
    def duration_s(self) -> float:
        """From the first to the last message, 0 for an empty bag."""
        return max(0.0, float(self._reader.duration) * 1e-9)

    def topics_of(self, msgtypes: Collection[str], pattern: str = "*") -> list[str]:
        """The topics of these types whose name fits a (shell) pattern."""
        return [t.name for t in self.topics.values() if t.msgtype in msgtypes and fnmatchcase(t.name, pattern)]

    def find_topic(self, msgtypes: Sequence[str], pattern: str = "*") -> str:
        """The only topic of one of these types whose name fits a (shell) pattern.

        Raises BagError, with the list of the bag's topics, when there is none or more than one.
        """
        fitting = self.topics_of(msgtypes, pattern)
        if len(fitting) == 1:
            return fitting[0]
        raise BagError(
            f"bag {self.path}",
            expected=f"{'one' if fitting else 'a'} topic {pattern} of type {' or '.join(msgtypes)}",
            got=", ".join(fitting) if fitting else self._topic_list(),
            fix="Name the topic, or record the bag with it.",
        )

    def image_topic(self, topic: str = "*") -> str:
        """The only topic of color images that fits; depth images beside them are known by their names. As above."""
        fitting = self.topics_of((COMPRESSED_TYPE, IMAGE_TYPE), topic)
        color = [name for name in fitting if not _is_depth(name)]
        return color[0] if len(color) == 1 else self.find_topic((COMPRESSED_TYPE, IMAGE_TYPE), topic)

    def camera_topic(self, topic: str = "*") -> str:
        """The only camera_info topic that fits, of several the one of the color images. As above."""
        fitting = [name for name in self.topics_of((CAMERA_INFO_TYPE,), topic) if not _is_depth(name)]
        return fitting[0] if len(fitting) == 1 else self.find_topic((CAMERA_INFO_TYPE,), topic)

    def depth_topic(self) -> str:
        """The first topic of depth images, without a transport's suffix; "" without one."""
        depths = [name for name in self.topics_of((COMPRESSED_TYPE, IMAGE_TYPE)) if _is_depth(name)]
        return depths[0].removesuffix(DEPTH_SUFFIX) if depths else ""

    def images(self, topic: str = "*", unusable: Callable[[str], None] | None = None) -> Iterator[BagImage]:
        """Images of the only image topic that fits, compressed or raw.

        unusable: told of each image that can't be decoded, which is left out; None: the first one's InputError.
        """
        name = self.image_topic(topic)
        decode = decoded_bgr if self.topics[name].msgtype == COMPRESSED_TYPE else image_bgr

        def read(received_ns: int, message: Any) -> BagImage | str:
            stamp = stamp_ns(message.header)
            try:
                return BagImage(stamp, received_ns, str(message.header.frame_id), decode(message))
            except InputError as error:
                if unusable is None:
                    raise
                return f"of {name}, stamp {stamp} ns: {error}"

        for number, found in enumerate(self.records(name, read), 1):
            if isinstance(found, BagImage):
                yield found
            elif unusable is not None:
                unusable(f"image {number} {found}")

    def image_stamps_ns(self, topic: str = "*") -> Iterator[int]:
        """The stamps of the images of the only image topic that fits; they are not decoded."""
        return self.records(self.image_topic(topic), lambda _, message: stamp_ns(message.header))

    def cameras(self, topic: str = "*") -> Iterator[BagCamera]:
        """The camera_info messages of the only such topic that fits, for rectified images if the bag has only these.

        Unusable ones are left out: a driver may send zeros before it has its calibration. Raises the first one's
        CameraError when there is no other.
        """
        images = self.topics_of((COMPRESSED_TYPE, IMAGE_TYPE))
        rectified = bool(images) and all(map(is_rectified, images))
        usable, problem = False, None

        def read(_: int, message: Any) -> BagCamera | CameraError:
            try:
                camera = camera_of(message, rectified=rectified)
            except CameraError as error:
                return error
            return BagCamera(stamp_ns(message.header), str(message.header.frame_id), camera)

        for found in self.records(self.camera_topic(topic), read):
            if isinstance(found, CameraError):
                problem = problem or found
                continue
            usable = True
            yield found
        if problem is not None and not usable:
            raise problem

    def people(self, topic: str = "*") -> Iterator[BagPeople]:
        """The Person3DArray messages of the only such topic that fits, ids as numbers (see TrackIds)."""
        number_of = TrackIds()
        name = self.find_topic((PEOPLE_TYPE,), topic)
        yield from self.records(name, lambda received_ns, message: people_of(message, received_ns, number_of))

    def records(self, topic: str, read: Callable[[int, Any], _Record]) -> Iterator[_Record]:
        """What `read` makes of each (recording time ns, message) of a topic.

        Raises BagError for a damaged message and for one without the fields that this package knows, our errors as
        `read` raises them.
        """
        for received_ns, message in self.messages(topic):
            try:
                record = read(received_ns, message)
            except Pose3DError:
                raise
            except Exception as error:  # the bag's own definition may be anything
                raise self._unreadable(f"messages of another definition on {topic}") from error
            yield record

    def messages(self, topic: str) -> Iterator[tuple[int, Any]]:
        """(recording time ns, decoded message) of a topic. Raises BagError for a damaged message."""
        msgtype = self.topics[topic].msgtype
        for serialized in self.serialized((topic,)):
            try:
                message = self._decoder.deserialize(serialized.data, msgtype)
            except Exception as error:  # as above
                raise self._unreadable(f"a damaged message on {topic}") from error
            yield serialized.received_ns, message

    def serialized(self, topics: Collection[str]) -> Iterator[SerializedMessage]:
        """The messages of these topics as they are. Raises BagError for a damaged one."""
        messages = self._reader.messages(connections=[c for c in self._reader.connections if c.topic in topics])
        while True:
            try:
                connection, received_ns, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # as above
                raise self._unreadable(_in_words(error)) from error
            if data[:4] == _ZSTD_MAGIC:
                raise self._unreadable("messages compressed with zstd, without the metadata.yaml that says so")
            yield SerializedMessage(connection.topic, received_ns, bytes(data))

    @cached_property
    def _decoder(self) -> AnyReader:
        """Decodes with the bag's definitions; opened on first use, since serialized messages need none."""
        return self._stack.enter_context(AnyReader([self._opened], default_typestore=pose3d_typestore()))

    def _topic_list(self) -> str:
        topics = ", ".join(f"{t.name} ({t.msgtype})" for t in self.topics.values())
        empty = "no whole record: the recording was cut off" if self.problem else "an empty bag"
        return f"only {topics}" if topics else empty

    def _unreadable(self, reason: str) -> BagError:
        fix = "Check the path; a recording that was cut off can be repaired with `mcap recover`."
        if "metadata.yaml" in reason:
            fix = "Put the metadata.yaml of its folder beside it."
        return BagError(
            f"bag {self.path}",
            expected=EXPECTED,
            got=reason,
            fix=fix,
        )


def _in_words(error: Exception) -> str:
    """What rosbags says of a bag that it knows to be wrong; whatever else it raises is for damaged bytes."""
    if isinstance(error, (ReaderError, FileNotFoundError)):
        return str(error).strip().partition("\n")[0].rstrip(".") or "damaged bytes"
    return in_words(error) if isinstance(error, OSError) else "damaged bytes"


def _is_latched(connection: Connection) -> bool:
    extension = connection.ext
    profiles = extension.offered_qos_profiles if isinstance(extension, ConnectionExtRosbag2) else []
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)


def sample_bag(name: str = SAMPLE) -> Path:
    """A recording that comes with the package. Raises BagError when it is not installed."""
    folders = [directory / "samples" for directory in share_directories()]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    raise BagError(
        "sample recording",
        expected=f"{name}, which came with the package",
        got="none in " + ", ".join(str(folder) for folder in folders),
        fix="Install the package with its data files, or name a recording with --bag.",
    )


def _is_depth(topic: str) -> bool:
    """Whether a topic's name has a part such as `depth`, `aligned_depth_to_color` or `compressedDepth`."""
    return any("depth" in part.lower() for part in topic.split("/"))
