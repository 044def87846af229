"""Bags of serialised messages: read and written as they are, nothing is decoded on the way."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from rosbags.interfaces import Connection, ConnectionExtRosbag2, QosDurability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import TypesysError

from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.errors import BagError

_BAG_VERSION: Literal[9] = 9


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag. latched: published transient_local."""

    name: str
    msgtype: str
    latched: bool


@dataclass(frozen=True)
class RawMessage:
    """A serialised message (CDR). time_ns: of its recording."""

    topic: str
    time_ns: int
    data: bytes


class RawBagReader:
    """An open bag (.mcap, .db3 or a rosbag2 folder), as a context manager. Raises BagError when it can't be read."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._stack = ExitStack()

    def __enter__(self) -> RawBagReader:
        try:
            self._reader = self._stack.enter_context(Reader(self._path))
        except Exception as error:  # rosbags raises whatever damaged bytes lead it to
            raise self._unreadable(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def start_ns(self) -> int:
        """Recording time of the first message."""
        return int(self._reader.start_time)

    @property
    def end_ns(self) -> int:
        """Recording time of the last message."""
        return int(self._reader.end_time)

    @property
    def topics(self) -> tuple[BagTopic, ...]:
        """What the bag holds."""
        made = (BagTopic(c.topic, c.msgtype, _is_latched(c)) for c in self._reader.connections)
        return tuple({topic.name: topic for topic in made}.values())

    def messages(self, topics: Collection[str]) -> Iterator[RawMessage]:
        """The messages of these topics in the order of recording. Raises BagError for a damaged one."""
        connections = [c for c in self._reader.connections if c.topic in topics]
        messages = self._reader.messages(connections=connections)
        while True:
            try:
                connection, time_ns, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # as above
                raise self._unreadable(error) from error
            yield RawMessage(connection.topic, time_ns, bytes(data))

    def _unreadable(self, error: Exception) -> BagError:
        return BagError(
            f"bag {self._path}",
            expected="a readable ROS 2 bag (.mcap, .db3 or a rosbag2 folder)",
            got=str(error) or type(error).__name__,
            fix="Check the path; a recording that was cut off can be repaired with `mcap recover`.",
        )


class RawBagWriter:
    """Writes one new MCAP file, as a context manager; a bag of that name is replaced once this one is complete."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._connections: dict[str, Connection] = {}
        if self._path.suffix != ".mcap" or self._path.is_dir():
            raise BagError(
                f"bag {self._path}", expected="a file name that ends with .mcap", got=str(path), fix="Name a file."
            )

    def __enter__(self) -> RawBagWriter:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = tempfile.TemporaryDirectory(dir=self._path.parent, prefix=".recording-")
        except OSError as error:
            raise BagError(
                f"bag {self._path}", expected="a folder to write to", got=str(error), fix="Choose another path."
            ) from error
        self._writer = Writer(Path(self._scratch.name) / "bag", version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.close()
            if kind is None:
                shutil.move(Path(self._scratch.name) / "bag" / "bag.mcap", self._path)
        finally:
            self._scratch.cleanup()

    def add_topic(self, topic: BagTopic) -> None:
        """Announce a topic before its first message. Raises BagError for a type whose definition is not known."""
        try:
            self._connections[topic.name] = self._writer.add_connection(
                topic.name, topic.msgtype, typestore=pose3d_typestore()
            )
        except (KeyError, TypesysError) as error:
            raise BagError(
                f"topic {topic.name}",
                expected="a message type of ROS or of this project",
                got=topic.msgtype,
                fix="Record this topic with `ros2 bag record`.",
            ) from error

    def write(self, message: RawMessage) -> None:
        """Write a message of an announced topic."""
        self._writer.write(self._connections[message.topic], message.time_ns, message.data)


def _is_latched(connection: Connection) -> bool:
    extension = connection.ext
    profiles = extension.offered_qos_profiles if isinstance(extension, ConnectionExtRosbag2) else []
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)
