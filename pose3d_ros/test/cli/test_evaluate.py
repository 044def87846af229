from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from pose3d_ros.evaluation.rendered.held_out_run import GroundTruthPerson, HeldOutScene
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Frame

from ..conftest import MUCO, person_at
from .conftest import Pose3d, white_square

SQUARE = white_square(96)


@pytest.fixture
def evaluate(recording: Path, tmp_path: Path, pose3d: Pose3d) -> Callable[..., tuple[str, dict[str, Any]]]:
    """Runs a folder of engines on the recording, with more options; what is printed, and the metrics."""

    def command(engines: Path, *more: str) -> tuple[str, dict[str, Any]]:
        file = tmp_path / "metrics.json"
        printed = pose3d("evaluate", "--bag", recording, "--engines", engines, "--json", file, *more)
        return printed, json.loads(file.read_text(encoding="utf-8"))

    return command


def test_models_are_run_on_a_recording(engines: Path, evaluate: Any) -> None:
    printed, first = evaluate(engines)
    assert first["frames"] == first["frames_processed"] == 8
    assert first["detection_recall"] == 1.0
    assert first["backend"] == "onnxruntime"
    assert set(first["engine_stage_ms"]) == {"detect", "pose", "smooth"}
    assert 0 < first["mpjpe_mm"] != first["mpjpe_smoothed_mm"] > 0
    assert first["model"].endswith(" + smoother-of-constants")
    assert "MPJPE" in printed
    _, again = evaluate(engines)
    timed = {"fps", "latency_ms", "engine_ms", "engine_stage_ms"}
    assert {k: v for k, v in again.items() if k not in timed} == {k: v for k, v in first.items() if k not in timed}


def test_people_whom_the_smoothers_model_does_not_know_are_smoothed_without_it(
    engines_of_two_skeletons: Path, evaluate: Any
) -> None:
    _, found = evaluate(engines_of_two_skeletons)
    assert set(found["engine_stage_ms"]) == {"detect", "pose", "smooth"}
    assert found["model"] == "detector-of-constants + pose-of-constants + kinematic"
    _, raw = evaluate(engines_of_two_skeletons, "--param", "smoother.method=none")
    assert set(raw["engine_stage_ms"]) == {"detect", "pose"}
    assert (raw["model"], raw["mpjpe_smoothed_mm"]) == ("detector-of-constants + pose-of-constants", None)


def test_report_is_written(recording: Path, engines: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    folder = tmp_path / "report"
    pose3d("evaluate", "--bag", recording, "--engines", engines, "--report", folder)
    tables = {"people.csv", "detections.csv", "frames.csv"}
    assert {p.name for p in folder.iterdir()} == {"summary.json", "overlay.mp4", "report.html", *tables}


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (["--synthetic", "1"], "--assets"),
        (["--synthetic", "1", "--assets", ".", "--bag", "some.mcap"], "--bag"),
        (["--synthetic", "1", "--assets", ".", "some.mcap"], "predictions"),
        (["--synthetic", "1", "--assets", ".", "--live"], "--live"),
        (["some.mcap", "--live"], "--live"),
        (["--ground-truth", "some.mcap"], "--ground-truth"),
        (["some.jsonl", "--ground-truth", "some.jsonl", "--report", "r"], "--report"),
        (["--oracle-boxes"], "--synthetic"),
        (["--scenes", "5"], "--synthetic"),
    ],
)
def test_conflicting_options_are_errors(options: list[str], what: str, pose3d: Pose3d) -> None:
    assert what in pose3d("evaluate", *options, code=2)


def test_rendered_people_behind_a_disc_have_a_table_of_their_own(
    engines: Path, tmp_path: Path, pose3d: Pose3d, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera, hidden = Camera.from_hfov(60.0, 320, 240), np.arange(len(MUCO)) == MUCO.index_of["L_Wrist"]
    offset_m = np.stack([np.linspace(-0.3, 0.3, 21), np.linspace(-0.8, 0.8, 21), np.zeros(21)], axis=-1)
    joints_m = camera.backproject(np.array([103.5, 119.5]), np.array(5.0)) + offset_m
    person = GroundTruthPerson(person_at(1, joints_m, camera), 1.0, 0.0, 1.7, False, True, hidden)
    clear, empty = (HeldOutScene(Frame(image, camera), (person,)) for image in (SQUARE, SQUARE * 0))
    rendering = Mock(DEFAULT_SCENES=1)
    rendering.open_held_out.return_value = [clear]
    rendering.open_round_occluder.return_value = [clear, empty], [clear, clear]
    monkeypatch.setattr("pose3d_ros.cli.evaluate.extension", {"held-out-set": rendering}.get)
    monkeypatch.setattr("pose3d_ros.cli.evaluate.has_extension", lambda _: False)  # and so no renderer is asked for
    more = ("--json", tmp_path / "found.json", "--require", "round_occluder.occluded.recall==0.5")
    printed = pose3d("evaluate", "--synthetic", "7", "--assets", tmp_path, "--engines", engines, *more)
    assert re.search(r"behind a disc +2 +50\.0 .*\n +without it +2 +100\.0 ", printed)
    content = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (content["people"], content["round_occluder"]["people_found_in_both"]) == (1, 1)
    assert content["round_occluder"]["occluded"]["joint_coverage_hidden"] == 1.0


@pytest.mark.parametrize(
    ("bag", "reason"), [("recording.mcap", "/camera/camera_info"), ("bad.mcap", "readable ROS 2 bag")]
)
def test_unusable_bags_are_errors(bag: str, reason: str, recording: Path, tmp_path: Path, pose3d: Pose3d) -> None:
    (tmp_path / "bad.mcap").write_bytes(b"no bag")
    assert reason in pose3d("evaluate", tmp_path / bag, "--bag", recording, code=2)


def test_requirements_decide_the_exit_code(recording: Path, engines: Path, pose3d: Pose3d) -> None:
    run = ("evaluate", "--bag", recording, "--engines", engines, "--require", "detection_recall==1", "--require")
    assert "FAIL" not in pose3d(*run, "latency_ms.p95>0")
    printed = pose3d(*run, "mpjpe_mm<=0.001", code=1)
    assert re.search(r"detection_recall == 1 +1 +pass", printed)
    assert re.search(r"mpjpe_mm <= 0.001 +\d+\.?\d* +FAIL", printed)
    assert "pose3d evaluate: required mpjpe_mm <= 0.001, got" in printed
    assert "mpjpe_mm" in pose3d(*run, "mpjpe<=80", code=2)
    assert "--require" in pose3d("evaluate", "--require", "mpjpe_mm=80", code=2)
