"""Reading bags (MCAP and sqlite3, files and folders) into records, without ROS.

The messages are read with the definitions that the bag itself carries, and with this package's for a bag that
carries none (sqlite3 before Iron).
"""

from __future__ import annotations

import lzma
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.serde import SerdeError
from rosbags.typesys import TypesysError

from pose3d_ros.bags.image_decoding import decoded_bgr, image_bgr
from pose3d_ros.bags.message_records import BagCamera, BagImage, BagPeople, TrackNumbers, camera_of, people_of, stamp_ns
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE, IMAGE_TYPE, PEOPLE_TYPE, pose3d_typestore
from pose3d_ros.config.share_folders import share_directories
from pose3d_ros.errors import BagError

# What rosbags and the decompressors under it raise on damaged files.
_DAMAGE = (
    AnyReaderError,
    ReaderError,
    SerdeError,
    TypesysError,
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AssertionError,
    struct.error,
    lzma.LZMAError,
)


class BagReader:
    """An open bag: a context manager that yields records in the order of recording.

    path: an .mcap or .db3 file, or a rosbag2 folder. Raises BagError when it can't be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        if not self.path.exists():
            raise self._unreadable("no such file or folder")

    def __enter__(self) -> BagReader:
        try:
            reader = AnyReader([self.path], default_typestore=pose3d_typestore())
            self._reader = self._stack.enter_context(reader)
        except _DAMAGE as error:
            raise self._unreadable(str(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def topics(self) -> dict[str, str]:
        """Topic → message type."""
        return {c.topic: c.msgtype for c in self._reader.connections}

    @property
    def duration_s(self) -> float:
        """From the first to the last message, 0 for an empty bag."""
        return max(0.0, float(self._reader.duration) * 1e-9)

    def find_topic(self, msgtypes: tuple[str, ...], topic: str | None = None, *, pattern: str = "*") -> str:
        """The topic of one of these types: the given one, or the only one whose name fits the (shell) pattern.

        Raises BagError, with the list of the bag's topics, when there is none or more than one.
        """
        fitting = [t for t, m in self.topics.items() if m in msgtypes and fnmatchcase(t, topic or pattern)]
        if len(fitting) == 1:
            return fitting[0]
        raise BagError(
            f"bag {self.path}",
            expected=f"{'one' if fitting else 'a'} topic {topic or pattern} of type {' or '.join(msgtypes)}",
            got=", ".join(fitting) if fitting else self._topic_list(),
            fix="Name the topic, or record the bag with it.",
        )

    def has_topic(self, msgtypes: tuple[str, ...], pattern: str) -> bool:
        """Whether a topic of one of these types whose name fits the (shell) pattern is in the bag."""
        return any(m in msgtypes and fnmatchcase(t, pattern) for t, m in self.topics.items())

    def images(self, topic: str | None = None) -> Iterator[BagImage]:
        """Images of the only image topic, or the given one, compressed or raw."""
        name = self.find_topic((COMPRESSED_TYPE, IMAGE_TYPE), topic)
        for connection, received_ns, message in self._messages(name):
            image = decoded_bgr(message) if connection.msgtype == COMPRESSED_TYPE else image_bgr(message)
            yield BagImage(stamp_ns(message), received_ns, str(message.header.frame_id), image)

    def image_count(self, topic: str | None = None) -> int:
        """How many images that topic holds."""
        name = self.find_topic((COMPRESSED_TYPE, IMAGE_TYPE), topic)
        return sum(c.msgcount for c in self._reader.connections if c.topic == name)

    def cameras(self, topic: str | None = None) -> Iterator[BagCamera]:
        """The camera_info messages of the only such topic, or the given one."""
        for _, _, message in self._messages(self.find_topic((CAMERA_INFO_TYPE,), topic)):
            yield BagCamera(stamp_ns(message), str(message.header.frame_id), camera_of(message))

    def people(self, topic: str | None = None) -> Iterator[BagPeople]:
        """The Person3DArray messages of the only such topic, or the given one, ids numbered (see TrackNumbers)."""
        number_of = TrackNumbers()
        for _, received_ns, message in self._messages(self.find_topic((PEOPLE_TYPE,), topic)):
            yield people_of(message, received_ns, number_of)

    def raw_messages(self, topic: str) -> Iterator[tuple[int, Any]]:
        """(recording time ns, deserialised message) of any topic of the bag."""
        for _, received_ns, message in self._messages(topic):
            yield received_ns, message

    def _messages(self, topic: str) -> Iterator[tuple[Connection, int, Any]]:
        connections = [c for c in self._reader.connections if c.topic == topic]
        messages = self._reader.messages(connections=connections)
        while True:
            try:
                connection, received_ns, raw = next(messages)
                message = self._reader.deserialize(raw, connection.msgtype)
            except StopIteration:
                return
            except _DAMAGE as error:
                raise self._unreadable(f"a damaged message on {topic}: {error}") from error
            yield connection, received_ns, message

    def _topic_list(self) -> str:
        topics = ", ".join(f"{t} ({m})" for t, m in sorted(self.topics.items()))
        return f"only {topics}" if topics else "an empty bag"

    def _unreadable(self, reason: str) -> BagError:
        return BagError(
            f"bag {self.path}",
            expected="a readable ROS 2 bag (.mcap, .db3 or a rosbag2 folder)",
            got=reason,
            fix="Check the path; a recording that was cut off can be repaired with `mcap recover`.",
        )


def sample_bag() -> Path:
    """The recording that comes with the package. Raises BagError when it is not installed."""
    folders = [directory / "samples" for directory in share_directories()]
    for folder in folders:
        bags = sorted(folder.glob("*.mcap"))
        if bags:
            return bags[0]
    raise BagError(
        "sample recording",
        expected="an .mcap file that came with the package",
        got="none in " + ", ".join(str(folder) for folder in folders),
        fix="Install the package with its data files, or name a recording with --bag.",
    )
