"""`pose3d` on a robot, where the package pose3d_training is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pose3d_ros.cli.extensions import TRAINING_COMMANDS
from pose3d_ros.cli.main import COMMANDS

WITHOUT_TRAINING = """
import importlib.metadata as metadata
import sys

every_entry_point = metadata.entry_points
metadata.entry_points = lambda **wanted: (
    metadata.EntryPoints() if wanted.get("group") == "pose3d.extensions" else every_entry_point(**wanted)
)
sys.modules["pose3d_training"] = sys.modules["torch"] = None  # so that an import of them fails

from pose3d_ros.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def pose3d(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pose3d` in a process in which neither pose3d_training nor torch can be imported."""
    command = [sys.executable, "-c", WITHOUT_TRAINING, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_help_lists_all_commands_without_the_training_package() -> None:
    done = pose3d("--help")
    assert done.returncode == 0, done.stderr
    for command in (*COMMANDS, *TRAINING_COMMANDS):
        assert command in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "root_pose"),
        ("synth", "people", "--count", "3"),
        ("import", "videopose3d", "pretrained.bin", "--output", "engines"),
        ("evaluate", "--synthetic", "7", "--assets", "assets"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_training_commands_say_how_to_get_the_training_package(arguments: tuple[str, ...]) -> None:
    done = pose3d(*arguments)
    assert done.returncode == 2
    assert "pip install ./pose3d_training" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
