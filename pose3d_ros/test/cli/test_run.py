"""`pose3d run` on images and videos: people.jsonl, the overlay, and errors."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from pose3d_ros.cli.source_run import Scene, SourceJob, SourceRun
from pose3d_ros.cli.video_source import SourceFrame
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.errors import CameraError, OutputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import ImageArray

from ..conftest import FileLimit
from .conftest import Pose3d
from .test_sources import camera_of_two_images, with_focal_length

KEYS = {"frame", "stamp_ns", "width", "height", "camera", "calibrated", "skeleton", "people"}


Lines = list[dict[str, Any]]
Run = Callable[..., tuple[str, Lines]]


@pytest.fixture
def run(tmp_path: Path, engines: Path, pose3d: Pose3d) -> Run:
    """Runs the command on a source into tmp_path/out; what it prints, and the lines of people.jsonl."""

    def command(source: Path | str, *more: str, code: int = 0) -> tuple[str, Lines]:
        camera = () if {"--camera", "--no-hfov"} & {*more} else ("--hfov", "60")
        more = tuple(option for option in more if option != "--no-hfov")
        common = ("--output", tmp_path / "out", "--engines", engines, *camera)
        printed = pose3d("run", "--source", source, *common, *more, code=code)
        people = tmp_path / "out/people.jsonl"
        text = people.read_text(encoding="utf-8") if people.exists() else ""
        return printed, [json.loads(line) for line in text.splitlines()]

    return command


def test_embedded_models_in_place_of_those_of_auto_are_one_warning(photos: Path, run: Run) -> None:
    printed, lines = run(photos / "c.png", "--engines", "auto")
    assert printed.count("warning: engines: auto runs the embedded models") == 1
    assert lines[0]["people"] == []
    assert "warning" not in run(photos / "c.png", "--engines", "embedded")[0]


def test_photo_without_a_calibration_has_the_focal_length_of_its_exif(photos: Path, tmp_path: Path, run: Run) -> None:
    printed, (line,) = run(with_focal_length(photos / "a.png", tmp_path / "a.jpg", 26), "--no-hfov")
    assert line["camera"]["fx"] == pytest.approx(26 / np.hypot(36, 24) * np.hypot(320, 240), rel=1e-4)
    assert line["calibrated"] is False
    assert "Uncalibrated: focal lengths are those of the photos' EXIF" in printed
    assert "EXIF" not in run(tmp_path / "a.jpg", "--hfov", "60")[0]
    assert "no focal length in the EXIF" in run(photos / "a.png", "--no-hfov", code=2)[0]


def test_folder_of_images(photos: Path, tmp_path: Path, run: Run) -> None:
    printed, (a, b, c) = run(photos)
    assert set(a) == KEYS
    assert [a["frame"], b["frame"], c["frame"]] == ["a.png", "b.png", "c.png"]
    assert (a["width"], a["height"], a["skeleton"]) == (320, 240, "muco21")
    assert a["camera"]["fx"] == pytest.approx(160 / np.tan(np.deg2rad(30)), abs=1e-3)
    assert (a["camera"]["cx"], a["camera"]["cy"]) == (159.5, 119.5)
    assert c["people"] == []
    (person,) = a["people"]
    assert set(person) == {"id", "state", "score", "box", "root", "root_sigma", "root_solvers", "joints"}
    x, _, width, height = person["box"]
    assert (width, height) == (48.0, 96.0)
    assert abs(x + width / 2 - 103.5) <= 8  # within a cell of the square's middle
    assert person["state"] == "NEW"
    assert set(person["joints"]) == set(get_skeleton("muco21").joints) - {"L_Toe", "R_Toe"}  # lost joints
    assert set(person["joints"]["Pelvis"]) == {"xyz", "uv", "score"}
    assert person["joints"]["Pelvis"]["xyz"][2] > 0
    assert {p.name for p in (tmp_path / "out/overlay").iterdir()} == {"a.jpg", "b.jpg", "c.jpg"}
    assert "Frames: 3. Poses: 2." in printed


def test_images_are_independent(photos: Path, run: Run) -> None:
    shutil.copy(photos / "a.png", photos / "b.png")
    _, (a, b, _) = run(photos)
    assert a["people"][0]["id"] != b["people"][0]["id"]
    assert b["people"][0]["state"] == "NEW"


def test_images_of_one_stem_have_overlays_of_their_own(photos: Path, tmp_path: Path, run: Run) -> None:
    shutil.copy(photos / "a.png", photos / "a.jpg")
    run(photos)
    assert len(list((tmp_path / "out/overlay").iterdir())) == 4


def test_video_has_tracks_stamps_and_an_overlay(video: Path, tmp_path: Path, run: Run) -> None:
    _, frames = run(video)
    assert [f["frame"] for f in frames] == list(range(10))
    assert frames[1]["stamp_ns"] == 100_000_000
    assert {f["people"][0]["id"] for f in frames} == {1}
    assert frames[-1]["people"][0]["state"] == "TRACKED"
    there, image = cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).read()
    assert there
    assert image.shape[0] == 720


def test_options_frames_and_no_overlay(video: Path, tmp_path: Path, run: Run) -> None:
    assert len(run(video, "--frames", "3", "--no-overlay")[1]) == 3
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["people.jsonl"]


def test_option_skeleton_converts_the_joints(photos: Path, run: Run) -> None:
    _, (line,) = run(photos / "a.png", "--skeleton", "mpii16")
    assert line["skeleton"] == "mpii16"
    # The model has no neck.
    assert set(line["people"][0]["joints"]) <= set(get_skeleton("mpii16").joints) - {"Neck"}


def test_option_camera_is_scaled_to_the_images(photos: Path, tmp_path: Path, run: Run) -> None:
    camera = tmp_path / "camera.yaml"
    camera.write_text(
        "image_width: 640\nimage_height: 480\ndistortion_model: plumb_bob\n"
        "camera_matrix: {rows: 3, cols: 3, data: [300, 0, 320, 0, 300, 240, 0, 0, 1]}\n"
        "distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n",
        encoding="utf-8",
    )
    _, (line,) = run(photos / "a.png", "--camera", str(camera))
    assert line["camera"]["fx"] == 150.0


def test_option_detections_replaces_the_detector(photos: Path, tmp_path: Path, run: Run) -> None:
    boxes = {"a.png": [], "b": [[10, 20, 40, 80], [150, 20, 40, 80]], "2": [[1, 2, 30, 40]], "z.png": [[0, 0, 9, 9]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes), encoding="utf-8")
    printed, lines = run(photos, "--detections", str(tmp_path / "boxes.json"))
    found = [sorted(person["box"] for person in line["people"]) for line in lines]
    assert found == [boxes["a.png"], boxes["b"], boxes["2"]]
    assert "z.png" in printed


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", '{"a": {}}', '{"a": [[1, 2, 3]]}', '{"a": [[1, 2, 0, 4]]}', '{"a": [[NaN, 2, 3, 4]]}'],
)
def test_malformed_box_files_are_errors(content: str, photos: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "boxes.json").write_text(content, encoding="utf-8")
    assert "boxes.json" in run(photos, "--detections", str(tmp_path / "boxes.json"), code=2)[0]


def test_undecodable_images_are_reported_and_the_others_processed(photos: Path, run: Run) -> None:
    (photos / "b.png").write_bytes(b"not an image")
    (photos / "empty.jpg").write_bytes(b"")
    printed, (a, b, c, empty) = run(photos)
    assert set(a) == set(c) == KEYS
    assert set(b) == set(empty) == {"frame", "stamp_ns", "error"}
    assert b["frame"] == "b.png"
    assert "b.png: expected" in printed
    assert "Frames that could not be used: 2" in printed


def test_only_undecodable_images_are_an_error(tmp_path: Path, run: Run) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    assert "decode" in run(tmp_path / "x.jpg", code=2)[0]


def test_frames_that_can_not_be_used_do_not_stay_in_memory() -> None:
    alive: list[weakref.ref[ImageArray]] = []

    def frames() -> Iterator[SourceFrame]:
        for number in range(5):
            image = np.zeros((20, 30, 3), np.uint8)
            alive.append(weakref.ref(image))
            yield SourceFrame(number, number, image)

    source = Mock(stills=False, count=5, __iter__=lambda _: frames())
    wrong_aspect = Camera.from_hfov(60.0, 40, 40)
    files = Mock(write_error=lambda name, stamp_ns, error: None)  # a mock would keep the error
    job = SourceJob(source, PipelineConfig(), Scene(wrong_aspect), None, calibrated=True)
    run = SourceRun(job, Mock(), files, Mock())
    with contextlib.suppress(CameraError):
        run.process()
    assert ["30x20" in str(error) for error in run.errors] == [True] * 5
    gc.collect()
    assert [ref() is None for ref in alive] == [True] * 5


def test_ctrl_c_finishes_the_files_of_a_live_camera(
    photos: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    monkeypatch.setattr("pose3d_ros.cli.video_source.cv2.VideoCapture", camera_of_two_images)
    assert len(run("0")[1]) == 2
    assert (tmp_path / "out/overlay.mp4").stat().st_size > 0


def test_ctrl_c_in_a_terminal_leaves_a_video_that_plays(tmp_path: Path, engines: Path) -> None:
    path, out = tmp_path / "long.avi", tmp_path / "out"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for i in range(5000):
        writer.write(np.full((48, 64, 3), i % 256, np.uint8))
    writer.release()
    options = ["--source", path, "--hfov", "60", "--output", out, "--engines", engines]
    command = [sys.executable, "-m", "pose3d_ros.cli.main", "run", *map(str, options)]
    # Background jobs of a script ignore Ctrl-C, and their children inherit that.
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, text=True, preexec_fn=attended
    ) as child:
        people = out / "people.jsonl"
        while child.poll() is None and not (people.exists() and people.read_text(encoding="utf-8").count("\n") > 20):
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: all processes of the group
        assert child.stderr is not None
        assert child.stderr.read() == "pose3d run: interrupted\n"
    lines = people.read_text(encoding="utf-8").splitlines()
    overlay = cv2.VideoCapture(str(out / "overlay.mp4"))
    assert overlay.get(cv2.CAP_PROP_FRAME_COUNT) == len(lines) < 5000


def test_overlays_are_drawn_in_order(video: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    def slow(composer: Composer, image_bgr: ImageArray, people: Sequence[Person]) -> ImageArray:
        time.sleep(0.02)  # longer than the tiny engines take: all places for waiting frames are used
        drawn.append(float(people[0].pose.detection.box_xyxy_px[0]))
        return image_bgr

    monkeypatch.setattr(Composer, "draw", slow)
    run(video)
    assert len(drawn) == 10
    assert drawn == sorted(drawn)
    assert cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 10


@pytest.mark.parametrize("failing_frame", [0, 9])
def test_overlay_that_fails_ends_the_run(
    failing_frame: int, video: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(10))

    def write(writer: VideoWriter, image_bgr: ImageArray, time_s: float) -> None:
        if next(count) == failing_frame:
            raise OutputError("video", expected="room on the disk", got="none", fix="Make some.")

    monkeypatch.setattr(VideoWriter, "write", write)
    printed, lines = run(video, code=1)
    assert "room on the disk" in printed
    assert len(lines) == min(10, failing_frame + 5)


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
def test_invalid_options_are_errors(options: list[str], message: str, photos: Path, run: Run) -> None:
    printed, _ = run(photos, *options, code=2)
    assert message in printed
    assert "Traceback" not in printed


def test_cut_video_is_named(video: Path, run: Run) -> None:
    assert "warning" not in run(video, "--no-overlay")[0]
    content = video.read_bytes()
    # Damaged in its middle: the index at its end still promises all frames.
    video.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2 - 400) + content[-400:])
    printed, lines = run(video, "--no-overlay")
    assert len(lines) < 9
    assert f"warning: the source ends after {len(lines)} of 10 frames" in printed


def test_people_file_without_room_ends_with_a_whole_line(video: Path, run: Run, file_limit: FileLimit) -> None:
    _, lines = run(video, "--no-overlay")
    room = len(json.dumps(lines[0], separators=(",", ":"))) * 3
    with file_limit(room):
        printed, lines = run(video, "--no-overlay", code=1)
    assert len(lines) == 2
    assert "people.jsonl: expected a file that can be written" in printed
    assert "It ends after 2 frames. Make room there" in printed


def test_overlay_without_room_is_missing_and_named(
    video: Path, photos: Path, tmp_path: Path, run: Run, file_limit: FileLimit
) -> None:
    with file_limit(9_000):
        printed, lines = run(video, "--frames", "4", code=1)
        assert "overlay.mp4: expected a file that can be written" in printed
        assert len(lines) == 4
        printed, lines = run(photos, code=1)
    assert "overlay/a.jpg: expected a file that can be written" in printed
    assert not (tmp_path / "out/overlay.mp4").exists()
    assert not list((tmp_path / "out/overlay").iterdir())


def test_places_where_nothing_can_be_written_are_errors(photos: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "taken/people.jsonl").mkdir(parents=True)
    for output, got in (
        (__file__, "a file where a folder should be"),
        (str(tmp_path / "taken"), "a folder"),
        ("/proc", "no"),
    ):
        printed, _ = run(photos, "--output", output, code=1)
        assert "people.jsonl: expected a file that can be written, got " in printed
        assert got in printed
        assert "Traceback" not in printed


def test_names_that_are_not_utf_8_are_read_and_written(photos: Path, tmp_path: Path, run: Run) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    (photos / "a.png").rename(photos / name)
    _, lines = run(photos, "--output", str(tmp_path / os.fsdecode(b"\xe9")))
    lines = [json.loads(line) for line in (tmp_path / os.fsdecode(b"\xe9") / "people.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == ["b.png", "c.png", "caf\\xe9.png"]
    assert (tmp_path / os.fsdecode(b"\xe9/overlay/caf\xe9.jpg")).stat().st_size > 0
    assert "caf\\udce9.png: expected" in run(tmp_path / os.fsdecode(b"no-caf\xe9.png"), code=2)[0].replace("no-", "")


def test_option_param_sets_a_parameter(photos: Path, run: Run) -> None:
    _, lines = run(photos, "--param", "pose.joint_score_threshold=0.0")
    assert "L_Toe" in lines[0]["people"][0]["joints"]


def test_corrupt_model_is_an_error(photos: Path, tmp_path: Path, engines: Path, run: Run) -> None:
    folder = shutil.copytree(engines, tmp_path / "engines")
    (folder / "pose.onnx").write_bytes(b"damaged")
    assert "sha256" in run(photos, "--engines", str(folder), code=2)[0]
