"""Bags that are read while they are written, that a kill ends, and that a disk has no room for."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.errors import BagError, OutputError

from ..conftest import FileLimit

_CDR = b"\0\1\0\0"
_SIZE = 50_000
_KILLED = """
import os, signal, sys
from pose3d_ros.bags.bag_writer import BagWriter
with BagWriter(sys.argv[1], live=True) as writer:
    writer.add_topic("/people", "pose3d_msgs/msg/Person3DArray")
    for number in range(32):
        writer.write_serialized("/people", number, bytes([0, 1, 0, 0]) * 12500)
        if number == 29:
            writer.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(writer: BagWriter, count: int, first: int = 0) -> None:
    """Messages of 50 kB with the times first, first + 1 and so on."""
    writer.add_topic("/people", PEOPLE_TYPE)
    for number in range(first, first + count):
        writer.write_serialized("/people", number, _CDR + bytes([number % 256]) * (_SIZE - 4))


def make(path: Path, count: int, first: int = 0, *, live: bool = False) -> None:
    """A bag of such messages."""
    with BagWriter(path, live=live) as writer:
        write(writer, count, first)


def times(path: Path) -> list[int]:
    with BagReader(path) as reader:
        return [message.received_ns for message in reader.serialized(("/people",))]


@pytest.mark.parametrize("name", ["a.mcap", "folder"])
def test_live_bag_is_read_while_it_is_written(name: str, tmp_path: Path) -> None:
    with BagWriter(tmp_path / name, live=True) as writer:
        write(writer, 3)
        writer.flush()
        writer.flush()  # nothing waits
        assert times(tmp_path / name) == [0, 1, 2]
        write(writer, 2, first=3)
    assert times(tmp_path / name) == [0, 1, 2, 3, 4]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mcap", "folder"])
def test_killed_writer_leaves_what_was_flushed(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _KILLED, str(tmp_path / name)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert times(tmp_path / name) == list(range(30))


@pytest.mark.parametrize("name", ["a.mcap", "folder"])
def test_full_disk_ends_a_live_bag_after_whole_messages(name: str, tmp_path: Path, file_limit: FileLimit) -> None:
    with file_limit(2_500_000), pytest.raises(OutputError, match=r"It ends after \d+ of \d+ messages\. Make room"):
        make(tmp_path / name, 100, live=True)
    kept = times(tmp_path / name)
    assert 40 <= len(kept) < 50
    assert kept == list(range(len(kept)))
    with BagReader(tmp_path / name) as reader:
        assert not any("cut off" in problem for problem in reader.problems)  # sealed
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("room", [1_000, 260_000])
def test_full_disk_leaves_the_bag_that_was_there_before(room: int, tmp_path: Path, file_limit: FileLimit) -> None:
    path = tmp_path / "a.mcap"
    make(path, 2)
    with file_limit(room), pytest.raises(OutputError, match=r"It is missing\. Make room there"):
        make(path, 30, first=10)
    assert times(path) == [0, 1]
    with file_limit(1_000), pytest.raises(OutputError, match="It ends after 0 of 5 messages"):
        make(path, 5, first=10, live=True)
    assert times(path) == [0, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


def test_full_disk_before_the_first_message_leaves_a_bag_without_any(tmp_path: Path, file_limit: FileLimit) -> None:
    with file_limit(200_000), pytest.raises(OutputError, match="It ends after 0 of"):
        make(tmp_path / "a.mcap", 30, live=True)
    assert times(tmp_path / "a.mcap") == []
    assert (tmp_path / "a.mcap").stat().st_size < 1000


def test_index_without_room_leaves_all_messages(tmp_path: Path, file_limit: FileLimit) -> None:
    make(tmp_path / "whole.mcap", 5)
    size = (tmp_path / "whole.mcap").stat().st_size
    with file_limit(size - 100), pytest.raises(OutputError, match="It ends after 5 of 5 messages"):
        make(tmp_path / "a.mcap", 5, live=True)
    assert times(tmp_path / "a.mcap") == [0, 1, 2, 3, 4]


def test_live_bag_replaces_the_one_before_once_it_has_messages(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    for first in (0, 10):
        make(path, 2, first, live=True)
    assert times(path) == [10, 11]
    with suppress(KeyError), BagWriter(path, live=True) as writer:
        write(writer, 2, first=20)
        raise KeyError
    assert times(path) == [20, 21]


def test_places_where_no_bag_can_be_are_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file/a.mcap", Path("/proc/a.mcap")):
        with pytest.raises(OutputError, match="expected a file that can be written"), BagWriter(path):
            pass
    with pytest.raises(BagError, match=r"ends with \.mcap"):
        BagWriter(tmp_path)
