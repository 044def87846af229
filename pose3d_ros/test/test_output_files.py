from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from pose3d_ros.errors import OutputError
from pose3d_ros.output_files import replacing, write_file

from .conftest import FileLimit


def test_a_file_takes_its_place_once_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "new" / "caf\udce9.txt"
    write_file(target, "one")
    with replacing(target) as path:
        path.write_text("two", encoding="utf-8")
        assert path.suffix == ".txt"
        assert target.read_text(encoding="utf-8") == "one"
    assert target.read_text(encoding="utf-8") == "two"
    with suppress(KeyError), replacing(target) as path:
        path.write_text("three", encoding="utf-8")
        raise KeyError
    assert target.read_text(encoding="utf-8") == "two"
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_file_that_does_not_fit_is_an_error_and_the_one_before_stays(tmp_path: Path, file_limit: FileLimit) -> None:
    target = tmp_path / "a.json"
    write_file(target, "before")
    with file_limit(100), pytest.raises(OutputError, match=r"a.json.*It is missing. Make room there"):
        write_file(target, "x" * 1000)
    assert target.read_text(encoding="utf-8") == "before"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("folder", "a folder"),
        ("file/below", "a file where a folder should be"),
        ("/proc/x", "no such"),
        ("x" * 300, "a name that is too long"),
    ],
)
def test_places_that_hold_no_file_are_errors(name: str, got: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=f"expected a file that can be written, got {got}"):
        write_file(tmp_path / name, b"some")


def test_devices_and_pipes_are_written_themselves(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    write_file(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OutputError, match="/dev/full: expected a file that can be written, got a full disk"):
        write_file(Path("/dev/full"), "text")
    assert Path("/dev/full").is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_target_of_a_link_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text(encoding="utf-8") == "text"
