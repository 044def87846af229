"""Files that users name: whatever else is there is named; nothing is waited for or read without end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.reading.files import Origin, check_file, is_file, is_folder, is_there, read_bytes, read_text

ORIGIN = Origin(ConfigError, "recipe", "Correct the path.")


def message(path: str | Path) -> str:
    """What is said about a path from which at most 100 bytes of text are read."""
    with pytest.raises(ConfigError) as caught:
        read_text(path, ORIGIN, most_bytes=100)
    return caught.value.got


def test_text_is_read_with_or_without_its_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / encoding).write_text("größe: 1\n", encoding=encoding)
        assert read_text(tmp_path / encoding, ORIGIN, most_bytes=100) == "größe: 1\n"


@pytest.mark.parametrize(
    ("path", "got"),
    [
        ("nothing", "no such file"),
        ("", "a folder"),
        ("file/below", "no folder"),
        ("x" * 300, "too long"),
        ("nul\0byte", "no file can have"),
        ("\ud800", "no file can have"),
        ("/dev/zero", "a device"),
        ("/dev/tty", "device"),
        ("pipe", "a pipe"),
        ("socket", "a socket"),
        ("loop", "circle"),
        ("large", "a larger one"),
        ("latin", "from byte 2 on"),
    ],
)
def test_whatever_else_is_there_is_named(tmp_path: Path, path: str, got: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "large").write_bytes(b"x" * 101)
    (tmp_path / "latin").write_bytes("grüße".encode("latin-1"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert got in message(tmp_path / path)
        assert is_file(tmp_path / path) == (path in ("large", "latin"))
        assert is_folder(tmp_path / path) == (path == "")
        assert is_there(tmp_path / path) == (path in ("", "/dev/zero", "/dev/tty", "pipe", "socket", "large", "latin"))


def test_endless_file_is_read_up_to_the_limit() -> None:
    assert message("/proc/kallsyms") == "a larger one"


def test_check_opens_without_reading(tmp_path: Path) -> None:
    check_file(__file__, ORIGIN)
    with pytest.raises(ConfigError, match="expected an ONNX file, got a folder"):
        check_file(tmp_path, ORIGIN, "an ONNX file")


def test_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(bytes(range(256)))
    assert read_bytes(tmp_path / "any", ORIGIN, most_bytes=256) == bytes(range(256))
