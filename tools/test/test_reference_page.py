"""docs/reference.md says what the code says: its tables are written from it, the rest names all that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from reference_tables import message_tables
from reference_tables.command_tables import command_tables
from reference_tables.markdown_table import table

from pose3d_ros.cli.extensions import TRAINING_COMMANDS
from pose3d_ros.cli.main import COMMANDS


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
