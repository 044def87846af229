"""docs/reference.md says what the code says: its tables are written from it, the rest names all that is there."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference_tables import message_tables
from reference_tables.command_tables import command_tables
from reference_tables.markdown_table import table

from pose3d_ros.cli.extensions import TRAINING_COMMANDS
from pose3d_ros.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference.md"
FOLDERS = ("pose3d_ros/pose3d_ros", "pose3d_training/pose3d_training")
SOURCES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
_IN_TABLE = re.compile(r"^\| (`[^|]*`) \|", re.MULTILINE)


def strings_of(path: Path) -> set[str]:
    """Every string literal of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def variables_read(path: Path) -> Iterator[str]:
    """Names that are looked up in an environment: `environ.get("X")`, `environment["X"]`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            mapping, keys = node.func.value, node.args[:1]
        elif isinstance(node, ast.Subscript):
            mapping, keys = node.value, [node.slice]
        else:
            continue
        if re.search(r"environ(ment)?$|variables$", ast.unparse(mapping)):
            yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def section(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.skipif(
    importlib.util.find_spec("rclpy") is None or importlib.util.find_spec("pose3d_training") is None,
    reason="the tables are read from nodes, and from every command",
)
def test_tables_are_those_of_the_code() -> None:
    command = [sys.executable, str(ROOT / "tools" / "reference_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `python tools/reference_page.py`:\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"


def test_environment_variables_are_those_that_the_code_reads() -> None:
    page = {name for row in _IN_TABLE.findall(section("Environment variables")) for name in re.findall(r"`(\w+)`", row)}
    assert len(page) > 10
    known = set().union(*(strings_of(path) for path in SOURCES))
    assert {name for name in page if not any(name in text for text in known)} == set()
    read = {name for path in SOURCES for name in variables_read(path)}
    assert len(read) > 2
    assert read - page == set()


def test_exit_codes_are_those_of_the_code() -> None:
    codes = {
        node.value.value
        for path in SOURCES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and ast.unparse(node.targets[0]).startswith("EXIT_")
    }
    rows = re.findall(r"^\| ([\d, ]+) \|", section("Commands"), re.MULTILINE)
    named = {int(code) for row in rows for code in row.split(",")}
    assert codes <= named
    assert named == codes | {0, 128 + 1, 128 + 15}


def test_message_files_become_rows(tmp_path: Path) -> None:
    head = "# A thing.\n\n# State.\nuint8 NEW=0  # just seen\n\n"
    (tmp_path / "Thing.msg").write_text(f"{head}# Place, in\n# metres.\nfloat32 x\nfloat32 y\n\nstring id\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(message_tables, "FOLDER", tmp_path)
        lines = message_tables.message_tables().splitlines()
    assert lines[:3] == ["### pose3d_msgs/Thing", "", "A thing."]
    assert lines[6:] == [
        "| `NEW=0` | uint8, constant | just seen |",
        "| `x`, `y` | float32 | Place, in metres. |",
        "| `id` | string |  |",
    ]


def test_tables_leave_empty_columns_out_and_keep_every_cell_on_its_line() -> None:
    assert table(("a", "b", "c"), [("1|2", "", "x\ny <z>"), ("3", "", "")]) == (
        "| a | c |\n| --- | --- |\n| 1\\|2 | x y &lt;z> |\n| 3 |  |\n"
    )
    assert table(("a",), []) == ""


def test_options_of_commands_that_have_the_same_are_told_once() -> None:
    text = command_tables()
    assert text.count("### pose3d ") == len(COMMANDS) + len(TRAINING_COMMANDS)
    assert text.count("| `--training-data` |") < text.count("- `pose3d import ")
    assert "- `pose3d import rtmpose`: A model for the role pose" in text
    assert "| `--hfov` | DEG |" in text
