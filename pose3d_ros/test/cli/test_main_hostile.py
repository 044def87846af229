"""Command lines of every kind: help, or an error of one line and the exit code 2."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import TOKENS, hostile_paths
from pose3d_ros.cli.main import main
from pose3d_ros.errors import Pose3DError
from reliability_log import ReliabilityLog

HEAVY = (
    "pose3d_ros.cli.run.open_engine_set",
    "pose3d_ros.cli.evaluation_job.run_offline",
    "pose3d_ros.cli.evaluation_job.open_predictor",
    "pose3d_ros.cli.predict.open_predictor",
    "pose3d_ros.cli.many_recordings.run_local",
    "pose3d_ros.cli.many_recordings.run_on_ray",
    "pose3d_ros.cli.evaluate._evaluate_rendered",
    "pose3d_ros.cli.live_graph.record",
    "pose3d_ros.cli.live_graph.require_ros",
    "pose3d_ros.cli.demo.record",
    "pose3d_ros.cli.demo.require_ros",
)
"""What is called once all options are checked."""
OPTIONS = (
    *(
        "--source",
        "--camera",
        "--hfov",
        "--output",
        "--detections",
        "--frames",
        "--skeleton",
        "--no-overlay",
        "--live",
        "--image-topic",
        "--camera-info-topic",
        "--debug",
    ),
    *("--engines", "--backend", "--param", "--bag", "--ground-truth", "--json", "--report", "--rate", "--synthetic"),
    *("--assets", "--scenes", "--from", "--size", "--license", "--name", "--parameter", "--input-size", "--help", "--"),
    *("--depth", "--ground", "--camera-height", "--camera-pitch", "--camera-roll", "--known-height"),
    *("--executor", "ray", "local", "--workers", "--tables", "--compare", "--require", "mpjpe_mm<=80"),
    *("list", "verify", "mediapipe", "yolox", "rtmpose", "embedded", "auto", "cpu", "onnxruntime"),
)


NUMBERS = ("0", "-1", "nan", "inf", "1e-320", "1e308", "9" * 5000, "1" * 40, "٣", "60", "0.5", "")


class Started(Pose3DError):
    """A command got past its options."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__("command", expected="a start", got="one", fix="Nothing.")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Words for command lines; commands end once they have checked their options."""

    def start(*_: object, **__: object) -> None:
        raise Started

    for name in HEAVY:
        monkeypatch.setattr(name, start)
    monkeypatch.chdir(tmp_path)
    paths = list(hostile_paths(tmp_path).values())
    return [path for path in paths if "\0" not in path]


def ran(words: list[str], chance: random.Random) -> None:
    """Run a command line. Raises Started for one that is refused or would run, AssertionError for another end."""
    commands = "run", "run", "predict", "evaluate", "demo", "import", "models", "engines"
    line = [chance.choice((*commands, chance.choice(TOKENS)))]
    if line[0] == "run" and chance.random() < 0.7:
        camera = chance.choice(("--hfov", "--camera"))
        line += ["--source", chance.choice(words), camera, chance.choice((*words, *NUMBERS))]
        line += ["--output", chance.choice(words)]
    if line[0] == "predict" and chance.random() < 0.7:
        line += [chance.choice(words), "--output", chance.choice((*words, "x.jsonl", "x.mcap"))]
    if line[0] in ("models", "engines"):
        line.append(chance.choice(("list", "verify", "get", "bench", chance.choice(TOKENS))))
        line += ["--from", chance.choice(words)]
    for _ in range(chance.randint(0, 5)):
        line.append(chance.choice((chance.choice(OPTIONS), chance.choice(words), chance.choice((*TOKENS, *NUMBERS)))))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
        try:
            code = main([word.replace("\0", "") for word in line])
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code in (0, 1, 2), line
    if code:
        raise Started


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms())
def test_any_command_line_ends_with_a_code(commands: list[str], chance: random.Random) -> None:
    with contextlib.suppress(Pose3DError):
        ran(commands, chance)


@pytest.mark.slow
def test_100000_command_lines(commands: list[str], record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: ran(commands, chance), 100_000)
    record_promise("fuzzing: command lines", "help, or exit code 2 and one line", str(found), found.kept)
