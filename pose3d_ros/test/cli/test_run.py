"""`pose3d run` on images and videos: people.jsonl, the overlay, and errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.skeletons import get_skeleton

from .test_sources import CameraOfTwoImages

KEYS = {"frame", "stamp_ns", "width", "height", "camera", "skeleton", "people"}
Run = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path, engines: Path) -> Run:
    """Runs the command on a source into tmp_path/out."""

    def command(source: Path | str, *more: str) -> int:
        camera = () if "--camera" in more else ("--hfov", "60")
        output = ("--output", str(tmp_path / "out"))
        return main(["run", "--source", str(source), *output, "--engines", str(engines), *camera, *more])

    return command


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "out/people.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_folder_of_images(photos: Path, tmp_path: Path, run: Run, capsys: Capture) -> None:
    assert run(photos) == 0
    a, b, c = lines(tmp_path)
    assert set(a) == KEYS
    assert [a["frame"], b["frame"], c["frame"]] == ["a.png", "b.png", "c.png"]
    assert (a["width"], a["height"], a["skeleton"]) == (320, 240, "muco21")
    assert a["camera"]["fx"] == pytest.approx(160 / np.tan(np.deg2rad(30)), abs=1e-3)
    assert (a["camera"]["cx"], a["camera"]["cy"]) == (159.5, 119.5)
    assert c["people"] == []
    (person,) = a["people"]
    assert set(person) == {"id", "state", "score", "box", "root", "joints"}
    x, _, width, height = person["box"]
    assert (width, height) == (48.0, 96.0)
    assert abs(x + width / 2 - 103.5) <= 8  # within a cell of the square's middle
    assert person["state"] == "NEW"
    assert set(person["joints"]) == set(get_skeleton("muco21").joints) - {"L_Toe", "R_Toe"}  # lost joints
    assert set(person["joints"]["Pelvis"]) == {"xyz", "uv", "score"}
    assert person["joints"]["Pelvis"]["xyz"][2] > 0
    assert {p.name for p in (tmp_path / "out/overlay").iterdir()} == {"a.jpg", "b.jpg", "c.jpg"}
    assert "3 frames, 2 people" in capsys.readouterr().out


def test_images_are_independent(photos: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(photos / "a.png", photos / "b.png")
    run(photos)
    a, b, _ = lines(tmp_path)
    assert a["people"][0]["id"] != b["people"][0]["id"]
    assert b["people"][0]["state"] == "NEW"


def test_video_has_tracks_stamps_and_an_overlay(video: Path, tmp_path: Path, run: Run) -> None:
    assert run(video) == 0
    frames = lines(tmp_path)
    assert [f["frame"] for f in frames] == list(range(10))
    assert frames[1]["stamp_ns"] == 100_000_000
    assert {f["people"][0]["id"] for f in frames} == {1}
    assert frames[-1]["people"][0]["state"] == "TRACKED"
    there, image = cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).read()
    assert there
    assert image.shape[0] == 720


def test_options_frames_and_no_overlay(video: Path, tmp_path: Path, run: Run) -> None:
    run(video, "--frames", "3", "--no-overlay")
    assert len(lines(tmp_path)) == 3
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["people.jsonl"]


def test_option_skeleton_converts_the_joints(photos: Path, tmp_path: Path, run: Run) -> None:
    run(photos / "a.png", "--skeleton", "mpii16")
    (line,) = lines(tmp_path)
    assert line["skeleton"] == "mpii16"
    assert set(line["people"][0]["joints"]) <= set(get_skeleton("mpii16").joints)
    assert "Neck" not in line["people"][0]["joints"]  # the engine has no neck


@pytest.mark.parametrize(("height", "code", "message"), [(480, 0, "Written to"), (360, 2, "same aspect")])
def test_option_camera(
    height: int, code: int, message: str, photos: Path, tmp_path: Path, run: Run, capsys: Capture
) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text(
        f"image_width: 640\nimage_height: {height}\ndistortion_model: plumb_bob\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: [300, 0, 320, 0, 300, {height / 2}, 0, 0, 1]}}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n",
        encoding="utf-8",
    )
    assert run(photos / "a.png", "--camera", str(camera)) == code
    assert message in "".join(capsys.readouterr())
    assert code or lines(tmp_path)[0]["camera"]["fx"] == 150.0


def test_option_detections_replaces_the_detector(photos: Path, tmp_path: Path, run: Run, capsys: Capture) -> None:
    boxes = {"a.png": [], "b": [[10, 20, 40, 80], [150, 20, 40, 80]], "2": [[1, 2, 30, 40]], "z.png": [[0, 0, 9, 9]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes), encoding="utf-8")
    run(photos, "--detections", str(tmp_path / "boxes.json"))
    a, b, c = lines(tmp_path)
    assert a["people"] == []
    assert sorted(p["box"] for p in b["people"]) == [[10, 20, 40, 80], [150, 20, 40, 80]]
    assert [p["box"] for p in c["people"]] == [[1, 2, 30, 40]]
    assert "z.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        '{"a.png": {}}',
        '{"a.png": [[1, 2, 3]]}',
        '{"a.png": [[1, 2, 0, 4]]}',
        '{"a.png": [[NaN, 2, 3, 4]]}',
    ],
)
def test_malformed_box_files_are_errors(content: str, photos: Path, tmp_path: Path, run: Run, capsys: Capture) -> None:
    (tmp_path / "boxes.json").write_text(content, encoding="utf-8")
    assert run(photos, "--detections", str(tmp_path / "boxes.json")) == 2
    assert "boxes.json" in capsys.readouterr().err


def test_undecodable_images_are_reported_and_the_others_processed(
    photos: Path, tmp_path: Path, run: Run, capsys: Capture
) -> None:
    (photos / "b.png").write_bytes(b"not an image")
    (photos / "empty.jpg").write_bytes(b"")
    assert run(photos) == 0
    a, b, c, empty = lines(tmp_path)
    assert set(a) == set(c) == KEYS
    assert set(b) == set(empty) == {"frame", "error"}
    assert b["frame"] == "b.png"
    captured = capsys.readouterr()
    assert "b.png" in captured.err
    assert "2 frames could not be used" in captured.out


def test_only_undecodable_images_are_an_error(tmp_path: Path, run: Run, capsys: Capture) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    assert run(tmp_path / "x.jpg") == 2
    assert "decode" in capsys.readouterr().err


def test_ctrl_c_finishes_the_files_of_a_live_camera(
    photos: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setattr("pose3d_ros.cli.sources.cv2.VideoCapture", CameraOfTwoImages)
    assert run("0") == 0
    assert len(lines(tmp_path)) == 2
    assert (tmp_path / "out/overlay.mp4").stat().st_size > 0


def test_images_of_one_stem_have_overlays_of_their_own(photos: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(photos / "a.png", photos / "a.jpg")
    run(photos)
    assert len(list((tmp_path / "out/overlay").iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--param", "no.such=1"], "known name"),
        (["--param", "detector.score_threshold=7"], "detector.score_threshold"),
        (["--param", "nonsense"], "NAME=VALUE"),
        (["--engines", "/no/such/folder"], "manifest"),
        (["--hfov", "200"], "field of view"),
    ],
)
def test_invalid_options_are_errors(options: list[str], message: str, photos: Path, run: Run, capsys: Capture) -> None:
    assert run(photos, *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_option_param_sets_a_parameter(photos: Path, tmp_path: Path, run: Run) -> None:
    run(photos, "--param", "pose.joint_score_threshold=0.0")
    assert "L_Toe" in lines(tmp_path)[0]["people"][0]["joints"]


def test_corrupt_model_is_an_error(photos: Path, tmp_path: Path, engines: Path, run: Run, capsys: Capture) -> None:
    folder = shutil.copytree(engines, tmp_path / "engines")
    (folder / "pose.onnx").write_bytes(b"damaged")
    assert run(photos, "--engines", str(folder)) == 2
    assert "sha256" in capsys.readouterr().err


def test_output_that_is_a_file_is_an_error(photos: Path, tmp_path: Path, run: Run, capsys: Capture) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    assert run(photos) == 2
    assert "a folder to write to" in capsys.readouterr().err
