"""A folder of the user's own, and what is read in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose3d_ros.engines.own_files import make_own_folder, open_lock, read_own, replace_file
from pose3d_ros.errors import EngineError


def mode(path: Path) -> int:
    """Its permissions."""
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("before", [None, 0o755, 0o777])
def test_folder_of_engines_is_closed_to_others(tmp_path: Path, before: int | None) -> None:
    folder = tmp_path / "new" / "plans"
    if before is not None:
        make_own_folder(folder)
        replace_file(folder / "pose.fp16.plan", b"plan")
        folder.chmod(before)
    make_own_folder(folder)
    assert mode(folder) == 0o700


@pytest.mark.parametrize(("rights", "names"), [(0o1777, ["somebody's"]), (0o1777, []), (0o775, ["a.plan", "notes"])])
def test_folder_that_others_write_to_is_refused_and_left_alone(tmp_path: Path, rights: int, names: list[str]) -> None:
    (tmp_path / "tmp").mkdir()
    for name in names:
        (tmp_path / "tmp" / name).touch()
    (tmp_path / "tmp").chmod(rights)
    with pytest.raises(EngineError, match=r"others may write to.*engine_cache"):
        make_own_folder(tmp_path / "tmp")
    assert mode(tmp_path / "tmp") == rights


def test_folder_of_other_things_that_only_its_owner_writes_to_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home" / "notes").touch()
    make_own_folder(tmp_path / "home")
    assert mode(tmp_path / "home") == 0o755


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "missing"])
def test_only_files_are_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"content")
    assert read_own(tmp_path / "file") == b"content"
    path = tmp_path / "other"
    if kind == "link":
        path.symlink_to(tmp_path / "file")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(OSError, match=r"other|directory"):
        read_own(path)
    if kind != "missing":
        with pytest.raises(OSError, match=r"other|directory"):
            open_lock(path)


def test_replaced_link_leaves_its_target_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"kept")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    replace_file(tmp_path / "link", b"new")
    assert (read_own(tmp_path / "link"), (tmp_path / "target").read_bytes()) == (b"new", b"kept")
