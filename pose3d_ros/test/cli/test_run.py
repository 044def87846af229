from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.main import main
from pose3d_ros.cli.sources import LiveCamera, Stills, Video, open_source
from pose3d_ros.errors import InputError
from pose3d_ros.skeletons import get_skeleton

KEYS = {"frame", "stamp_ns", "width", "height", "camera", "skeleton", "people"}


def run(source: Path | str, output: Path, engines: Path, *more: str) -> int:
    camera = () if "--camera" in more else ("--hfov", "60")
    return main(["run", "--source", str(source), "--output", str(output), "--engines", str(engines), *camera, *more])


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "people.jsonl").read_text(encoding="utf-8").splitlines()]


def write_camera(path: Path, width: int, height: int) -> Path:
    path.write_text(
        f"image_width: {width}\nimage_height: {height}\ndistortion_model: plumb_bob\n"
        f"camera_matrix: {{rows: 3, cols: 3, data: [300, 0, {width / 2}, 0, 300, {height / 2}, 0, 0, 1]}}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n",
        encoding="utf-8",
    )
    return path


def test_a_folder_of_photos(photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photos, tmp_path / "out", engines) == 0
    a, b, c = lines(tmp_path / "out")
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
    assert "L_Toe" not in person["joints"]  # lost: left out, not invented
    assert set(person["joints"]) == set(get_skeleton("muco21").joints) - {"L_Toe", "R_Toe"}
    assert set(person["joints"]["Pelvis"]) == {"xyz", "uv", "score"}
    assert person["joints"]["Pelvis"]["xyz"][2] > 0
    assert {p.name for p in (tmp_path / "out/overlay").iterdir()} == {"a.jpg", "b.jpg", "c.jpg"}
    assert "3 frames, 2 people" in capsys.readouterr().out


def test_photos_are_independent(photos: Path, tmp_path: Path, engines: Path) -> None:
    shutil.copy(photos / "a.png", photos / "b.png")
    run(photos, tmp_path / "out", engines)
    a, b, _ = lines(tmp_path / "out")
    assert a["people"][0]["id"] != b["people"][0]["id"]
    assert b["people"][0]["state"] == "NEW"


def test_a_video_has_tracks_times_and_an_overlay(video: Path, tmp_path: Path, engines: Path) -> None:
    assert run(video, tmp_path / "out", engines) == 0
    frames = lines(tmp_path / "out")
    assert [f["frame"] for f in frames] == list(range(10))
    assert [f["stamp_ns"] for f in frames] == [i * 100_000_000 for i in range(10)]
    assert {p["id"] for f in frames for p in f["people"]} == {1}
    assert frames[-1]["people"][0]["state"] == "TRACKED"
    there, image = cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).read()
    assert there
    assert image.shape[0] == 720


def test_frames_limits_and_no_overlay(video: Path, tmp_path: Path, engines: Path) -> None:
    run(video, tmp_path / "out", engines, "--frames", "3", "--no-overlay")
    assert len(lines(tmp_path / "out")) == 3
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["people.jsonl"]


def test_another_skeleton(photos: Path, tmp_path: Path, engines: Path) -> None:
    run(photos / "a.png", tmp_path / "out", engines, "--skeleton", "mpii16")
    (line,) = lines(tmp_path / "out")
    assert line["skeleton"] == "mpii16"
    assert set(line["people"][0]["joints"]) <= set(get_skeleton("mpii16").joints)
    assert "Neck" not in line["people"][0]["joints"]  # the engine has no neck


def test_a_calibration_of_the_same_aspect_is_scaled(photos: Path, tmp_path: Path, engines: Path) -> None:
    camera = write_camera(tmp_path / "camera.yaml", 640, 480)
    assert run(photos / "a.png", tmp_path / "out", engines, "--camera", str(camera)) == 0
    (line,) = lines(tmp_path / "out")
    assert line["camera"]["fx"] == 150.0


def test_a_calibration_of_another_aspect_is_an_error(
    photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = write_camera(tmp_path / "camera.yaml", 640, 360)
    assert run(photos / "a.png", tmp_path / "out", engines, "--camera", str(camera)) == 2
    assert "same aspect" in capsys.readouterr().err


def test_boxes_replace_the_detector(
    photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = {"a.png": [], "b": [[10, 20, 40, 80], [150, 20, 40, 80]], "2": [[1, 2, 30, 40]], "z.png": [[0, 0, 9, 9]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes), encoding="utf-8")
    run(photos, tmp_path / "out", engines, "--detections", str(tmp_path / "boxes.json"))
    a, b, c = lines(tmp_path / "out")
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
def test_bad_box_files(
    content: str, photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "boxes.json").write_text(content, encoding="utf-8")
    assert run(photos, tmp_path / "out", engines, "--detections", str(tmp_path / "boxes.json")) == 2
    assert "boxes.json" in capsys.readouterr().err


def test_an_undecodable_image_is_said_and_the_next_one_comes(
    photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "b.png").write_bytes(b"not an image")
    (photos / "empty.jpg").write_bytes(b"")
    assert run(photos, tmp_path / "out", engines) == 0
    a, b, c, empty = lines(tmp_path / "out")
    assert set(a) == set(c) == KEYS
    assert set(b) == set(empty) == {"frame", "error"}
    assert b["frame"] == "b.png"
    captured = capsys.readouterr()
    assert "b.png" in captured.err
    assert "2 could not be used" in captured.out


def test_only_undecodable_images_are_an_error(
    tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    assert run(tmp_path / "x.jpg", tmp_path / "out", engines) == 2
    assert "decode" in capsys.readouterr().err


@pytest.mark.parametrize(("source", "word"), [("nothing", "no such file"), ("empty", "none in it"), ("x.mp4", "video")])
def test_sources_that_are_none(
    source: str, word: str, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.mp4").write_bytes(b"\0" * 64)
    assert run(tmp_path / source, tmp_path / "out", engines) == 2
    assert word in capsys.readouterr().err


def test_a_camera_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="pose3d doctor"):
        open_source("99", calibrated=False)


def test_what_a_source_is(photos: Path, video: Path) -> None:
    assert isinstance(open_source(str(photos), calibrated=False), Stills)
    assert isinstance(open_source(str(photos / "a.png"), calibrated=False), Stills)
    source = open_source(str(video), calibrated=False)
    assert isinstance(source, Video)
    assert (source.count, source.rate_hz) == (10, 10.0)


def test_ctrl_c_ends_a_camera_properly(
    tmp_path: Path, engines: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Capture:
        """A camera whose user presses Ctrl-C at the third image."""

        def __init__(self, number: int) -> None:
            self.left = 2

        def isOpened(self) -> bool:
            return True

        def get(self, what: int) -> float:
            return 0.0

        def read(self) -> tuple[bool, Any]:
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            return True, cv2.imread(str(photos / "a.png"))

    monkeypatch.setattr("pose3d_ros.cli.sources.cv2.VideoCapture", Capture)
    assert isinstance(open_source("0", calibrated=False), LiveCamera)
    assert run("0", tmp_path / "out", engines) == 0
    assert len(lines(tmp_path / "out")) == 2
    assert (tmp_path / "out/overlay.mp4").stat().st_size > 0


def test_images_of_one_name_are_all_drawn(photos: Path, tmp_path: Path, engines: Path) -> None:
    shutil.copy(photos / "a.png", photos / "a.jpg")
    run(photos, tmp_path / "out", engines)
    assert len(list((tmp_path / "out/overlay").iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--param", "no.such=1"], "known name"),
        (["--param", "detector.score_threshold=7"], "detector.score_threshold"),
        (["--param", "nonsense"], "NAME=VALUE"),
        (["--engines", "/no/such/folder"], "manifest"),
        (["--hfov", "200"], "field of view"),
    ],
)
def test_bad_options(
    options: list[str], word: str, photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photos, tmp_path / "out", engines, *options) == 2
    error = capsys.readouterr().err
    assert word in error
    assert "Traceback" not in error


def test_a_parameter_is_taken_over(photos: Path, tmp_path: Path, engines: Path) -> None:
    run(photos, tmp_path / "out", engines, "--param", "pose.joint_score_threshold=0.0")
    assert "L_Toe" in lines(tmp_path / "out")[0]["people"][0]["joints"]


def test_a_corrupt_engine_is_said(
    photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "engines"
    folder.mkdir()
    for file in engines.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "pose.onnx").write_bytes(b"damaged")
    assert run(photos, tmp_path / "out", folder) == 2
    assert "sha256" in capsys.readouterr().err


def test_an_output_that_is_a_file(
    photos: Path, tmp_path: Path, engines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    assert run(photos, tmp_path / "out", engines) == 2
    assert "a folder to write to" in capsys.readouterr().err
