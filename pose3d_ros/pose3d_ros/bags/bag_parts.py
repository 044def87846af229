"""The opened files of a recording as one: topics, serialized messages in the order of recording, their definitions."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    QosDurability,
)
from rosbags.rosbag2 import Reader, ReaderError, storage_mcap
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

from pose3d_ros.bags.bag_files import EXPECTED, files_of, whole
from pose3d_ros.bags.decompression import (
    MOST_BYTES,
    ZSTD_MAGIC,
    ZSTD_SUFFIXES,
    bound_chunks,
    decompressed,
    unpacked_file,
)
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.errors import BagError, Pose3DError
from pose3d_ros.reading.files import in_words

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

_CDR = "cdr"
_ROSBAGS_DEFINITION = storage_mcap.get_msgdef
_IDL_RULE = "=" * 80 + "\n"


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag. latched: published transient_local. count: of its messages."""

    name: str
    msgtype: str
    latched: bool
    count: int

    def __str__(self) -> str:
        return f"{self.name} ({self.msgtype}, {self.count} messages)"


@dataclass(frozen=True)
class SerializedMessage:
    """A message as it was recorded (CDR). received_ns: the time of recording."""

    topic: str
    received_ns: int
    data: bytes


class BagParts:
    """A context manager: the files of one bag. Raises BagError for a bag that can't be read.

    Attributes: problems, what the user should know of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        found = files_of(path)
        self._paths, self.problems = found.paths, found.problems
        self._stack = ExitStack()
        self._stores: dict[str, Typestore] = {}

    def __enter__(self) -> BagParts:
        bound_chunks()
        storage_mcap.get_msgdef = _mcap_definition
        with ExitStack() as opened:
            needs_folder = any(path.suffix in ZSTD_SUFFIXES or _needs_link(path) for path in self._paths)
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory())) if needs_folder else Path()
            self._readers = [self._opened(path, folder, opened) for path in self._paths]
            self._stack = opened.pop_all()
        others = sorted({c.topic for c in self._connections() if _format(c) != _CDR})
        if others:
            self.problems += (f"left out, as their messages are no CDR: {', '.join(others)}",)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def topics(self) -> dict[str, BagTopic]:
        """The topics by name."""
        found: dict[str, BagTopic] = {}
        for one in self._connections():
            before = found.get(one.topic)
            if _format(one) == _CDR and (before is None or before.msgtype == one.msgtype):
                latched, count = (before.latched, before.count) if before else (False, 0)
                found[one.topic] = BagTopic(one.topic, one.msgtype, latched or _is_latched(one), count + one.msgcount)
        return found

    @property
    def span_ns(self) -> tuple[int, int]:
        """Recording times of the first message, and right after the last; (0, 0) without one."""
        filled = [reader for reader in self._readers if reader.message_count]
        starts, ends = [r.start_time for r in filled], [r.end_time for r in filled]
        return min(starts, default=0), max(ends, default=0)

    def serialized(self, topics: Collection[str]) -> Iterator[SerializedMessage]:
        """The messages of these topics as they were published. Raises BagError for damaged ones."""
        known = self.topics
        for reader in self._readers:
            wanted = [c for c in reader.connections if c.topic in topics and _is_of(c, known)]
            messages = reader.messages(connections=wanted) if wanted else iter(())
            while True:
                try:
                    connection, received_ns, data = next(messages)
                    data = decompressed(bytes(data), MOST_BYTES) if data[:4] == ZSTD_MAGIC else bytes(data)
                except StopIteration:
                    break
                except Exception as error:  # rosbags raises whatever damaged bytes lead it to
                    raise self.unreadable(error) from error
                if data[:1] != b"\0":
                    raise self._no_cdr(connection.topic)
                yield SerializedMessage(connection.topic, received_ns, data)

    def decoded(self, data: bytes, msgtype: str) -> object:
        """A message, by the definition that the bag has, else by this package's. Raises whatever that leads to."""
        store = self._stores.get(msgtype) or self._stores.setdefault(msgtype, self._store_of(msgtype))
        return store.deserialize_cdr(data, msgtype)

    def unreadable(self, reason: Exception | str) -> BagError:
        """The error of a bag that can't be read."""
        got = reason if isinstance(reason, str) else _in_words(reason)
        fix = "Check the path; a recording that was cut off can be repaired with `mcap recover`."
        return BagError(f"bag {self._path}", expected=EXPECTED, got=got, fix=fix)

    def _no_cdr(self, topic: str) -> BagError:
        return BagError(
            f"bag {self._path}",
            expected="messages as they were published (CDR), compressed or not",
            got=f"other bytes on {topic}, perhaps of another compression than zstd",
            fix="Convert it with `ros2 bag convert`, with the plugin that it was recorded with.",
        )

    def _connections(self) -> list[Connection]:
        """Without those of a damaged database that have no name or type."""
        found = [connection for reader in self._readers for connection in reader.connections]
        return [one for one in found if isinstance(one.topic, str) and isinstance(one.msgtype, str)]

    def _opened(self, path: Path, folder: Path, opened: ExitStack) -> Reader:
        try:
            plain = unpacked_file(path, folder) if path.suffix in ZSTD_SUFFIXES else path
            plain, problems = whole(_linked(plain, folder) if _needs_link(plain) else plain)
            self.problems += tuple(problem for problem in problems if problem not in self.problems)
            return opened.enter_context(Reader(plain))
        except Pose3DError:
            raise
        except Exception as error:  # as above
            raise self.unreadable(error) from error

    def _store_of(self, msgtype: str) -> Typestore:
        definitions = (c.msgdef for c in self._connections() if c.msgtype == msgtype)
        known = next((one for one in definitions if one.format != MessageDefinitionFormat.NONE), None)
        return pose3d_typestore() if known is None else _store_by(known, msgtype)


def _store_by(definition: MessageDefinition, msgtype: str) -> Typestore:
    store = get_typestore(Stores.EMPTY)
    if definition.format == MessageDefinitionFormat.MSG:
        store.register(get_types_from_msg(definition.data, msgtype))
        return store
    types = {}
    for part in filter(None, definition.data.split(_IDL_RULE)):
        types.update(get_types_from_idl(part.partition("\n")[2] if part.startswith("IDL: ") else part))
    store.register(types)
    return store


def _mcap_definition(schema: storage_mcap.Schema | None) -> MessageDefinition:
    """As rosbags has it, but none for the schemas of other encodings (JSON, Protobuf), which end its reading."""
    try:
        return _ROSBAGS_DEFINITION(schema)
    except KeyError:
        return MessageDefinition(MessageDefinitionFormat.NONE, "")


def _needs_link(path: Path) -> bool:
    """Whether rosbags can't open a database of this name: it makes a URI of it as it is."""
    return path.suffix == ".db3" and any(mark in str(path) for mark in "?#%")


def _linked(path: Path, folder: Path) -> Path:
    link = folder / f"link_{len(list(folder.iterdir()))}.db3"
    link.symlink_to(path.resolve())
    return link


def _is_of(connection: Connection, topics: dict[str, BagTopic]) -> bool:
    known = topics.get(connection.topic)
    return known is not None and known.msgtype == connection.msgtype and _format(connection) == _CDR


def _format(connection: Connection) -> str:
    extension = connection.ext
    return extension.serialization_format if isinstance(extension, ConnectionExtRosbag2) else _CDR


def _is_latched(connection: Connection) -> bool:
    extension = connection.ext
    profiles = extension.offered_qos_profiles if isinstance(extension, ConnectionExtRosbag2) else []
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in profiles)


def _in_words(error: Exception) -> str:
    """What rosbags says of a bag that it knows to be wrong; whatever else it raises is for damaged bytes."""
    if isinstance(error, (ReaderError, FileNotFoundError)):
        return str(error).strip().partition("\n")[0].rstrip(".") or "damaged bytes"
    return in_words(error) if isinstance(error, OSError) else "damaged bytes"
