"""Logs of every kind: the rows of numbers in them, or ConfigError."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import hostile_paths, mutated_text
from pose3d_ros.errors import ConfigError
from pose3d_training.loop.logbook import read_log
from reliability_log import ReliabilityLog

LOG = "".join(json.dumps({"step": n, "samples": 64 * n, "loss": 1.0 / n}) + "\n" for n in range(1, 6))


def opened(path: Path, text: str) -> list[dict[str, float]]:
    """The rows of a text."""
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    return read_log(path)


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        "3",
        "null",
        '"samples"',
        '{"samples": "many"}',
        '{"samples": NaN}',
        '{"samples": 1e999}',
        f'{{"samples": {"9" * 5000}}}',
        '{"samples": 9, "loss": [1]}',
        "[" * 100_000,
        '{"samples": 3',
    ],
    ids=lambda line: line[:20],
)
def test_line_that_is_no_row_of_numbers_is_left_out(tmp_path: Path, line: str) -> None:
    rows = opened(tmp_path / "log.jsonl", LOG + line + "\n")
    assert [row["samples"] for row in rows] == [64, 128, 192, 256, 320]


def test_paths_without_a_log_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        if name not in ("nothing", "below a file", "long name", "long path", "NUL", "loop", "not UTF-8", "terminal"):
            with pytest.raises(ConfigError, match="log"):
                read_log(Path(path))


@settings(deadline=None)
@given(chance=st.randoms())
def test_any_log_is_rows_or_an_error(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(ConfigError):
        opened(tmp_path_factory.getbasetemp() / "log.jsonl", mutated_text(LOG, chance))


@pytest.mark.slow
def test_100000_logs(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: opened(tmp_path / "log.jsonl", mutated_text(LOG, chance)), 100_000)
    record_promise("fuzzing: JSONL", "rows of numbers or ConfigError, no hang, no blow-up", str(found), found.kept)
