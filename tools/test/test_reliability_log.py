"""What tests promise, and the figures they measured, end in one file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reliability_log import ReliabilityLog

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

def test_kept(record_promise):
    record_promise("memory", "flat for 10 minutes", "0.3%", True)

def test_broken(record_promise):
    record_promise("images", "none is lost", "2 of 60 lost", False)

def test_ended_before(record_promise):
    '''Ends before it has measured anything.'''
    raise OSError("disk full")

def test_skipped(record_promise):
    pytest.skip("no GPU")
"""


def entries(path: Path) -> dict[str, dict[str, object]]:
    """The recorded promises by name."""
    return {str(entry["name"]): entry for entry in json.loads(path.read_text(encoding="utf-8"))}


def test_promises_of_several_tests_are_merged_by_name(tmp_path: Path) -> None:
    path = tmp_path / "out" / "reliability.json"
    first, second = ReliabilityLog(path, "a.py::test_a"), ReliabilityLog(path, "b.py::test_b")
    first("memory", "flat", "0.1%", True)
    second("images", "≥ 58 of 60", "60", True)
    first("memory", "flat", "0.2%", True)
    assert list(entries(path)) == ["images", "memory"]
    assert entries(path)["memory"] == {
        "name": "memory", "promise": "flat", "figure": "0.2%", "kept": True, "test": "a.py::test_a"
    }  # fmt: skip
    first.forget()
    assert list(entries(path)) == ["images"]


def test_promise_that_is_not_kept_is_recorded_and_fails(tmp_path: Path) -> None:
    log = ReliabilityLog(tmp_path / "reliability.json", "a.py::test_a")
    with pytest.raises(AssertionError, match="images: none is lost: 2 of 60"):
        log("images", "none is lost", "2 of 60", False)
    assert entries(tmp_path / "reliability.json")["images"]["kept"] is False


def test_fixture_records_what_tests_say_and_those_that_end_before(tmp_path: Path) -> None:
    (tmp_path / "test_promises.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--rootdir={tmp_path}",
        "-c",
        "/dev/null",
    ]
    plugin = ["-p", "reliability_fixture", f"--reliability-file={tmp_path / 'reliability.json'}"]
    subprocess.run([*command, *plugin, str(tmp_path)], cwd=ROOT / "tools", check=False, timeout=120)
    found = entries(tmp_path / "reliability.json")
    assert {name: entry["kept"] for name, entry in found.items()} == {
        "memory": True, "images": False, "test_ended_before": False
    }  # fmt: skip
    assert found["test_ended_before"]["promise"] == "Ends before it has measured anything."
