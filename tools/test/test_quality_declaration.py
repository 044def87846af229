"""The quality declarations have every clause of REP-2004's Level 2, and name commands, tests and files that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import pose3d_ros

ROOT = Path(__file__).resolve().parents[2]
DECLARATIONS = (ROOT / "pose3d_ros/QUALITY_DECLARATION.md", ROOT / "pose3d_msgs/QUALITY_DECLARATION.md")
# What Level 2 requires, by the numbers of Level 1 that REP-2004's template uses.
LEVEL_2 = "1.i 1.ii 1.iii 1.iv 1.v 1.vi 2.i 2.ii 2.iv 3.i 3.iii 3.iv 4.i 4.iii 4.v 5.i 5.ii 5.iii 6.i 7.i".split()


def sections(text: str) -> dict[str, str]:
    """The text below each heading that ends in a clause's number."""
    parts = re.split(r"^##+ .*\[([\w.]+)\]$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.parent.name)
def test_every_clause_of_level_2_is_answered(path: Path) -> None:
    text = path.read_text()
    stated = set(re.findall(r"\[(\d\.[ivx]+)\]", text))
    whole = set(re.findall(r"\[(\d)\]", text))
    assert [clause for clause in LEVEL_2 if clause not in stated and clause[0] not in whole] == []


def test_summary_names_what_is_not_met() -> None:
    text = DECLARATIONS[0].read_text()
    unmet = {clause for clause, section in sections(text).items() if "**Not met:**" in section}
    summary = text[: text.index("## Version Policy")]
    assert unmet == set(re.findall(r"\[(\d\.[ivx]+)\]", summary))
    is_stable = int(pose3d_ros.__version__.partition(".")[0]) >= 1
    assert is_stable is ("1.ii" not in unmet)
    assert is_stable or "**Quality Level 4**" in summary


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.parent.name)
def test_commands_are_of_what_is_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    commands = [shlex.split(line) for line in re.findall(r"^    (\S.*)$", path.read_text(), flags=re.MULTILINE)]
    assert commands
    for command in commands:
        if command[0] == "make":
            assert command[1] in targets, command
        elif command[:3] == ["python", "-m", "pytest"]:
            assert all((ROOT / word).is_file() for word in command if "/" in word), command
        else:
            assert command[0] in ("colcon", ".ci/run"), command
            assert (ROOT / ".ci/run").is_file()


def test_coverage_that_is_declared_is_above_what_is_required() -> None:
    section = sections(DECLARATIONS[0].read_text())["4.iii"]
    required = re.findall(r"^CORE_COVERAGE := (\d+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert re.findall(r"Below (\d+)%", section) == required
    (measured,) = re.findall(r"Last: ([\d.]+)%", section)
    assert float(measured) >= float(required[0])


def test_readme_links_the_declarations() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"({path.relative_to(ROOT)})" in readme for path in DECLARATIONS)
