"""Predictions of recordings in any form are the same, twice the same bytes, and scored as the models run at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.geometry.camera import Camera

from ..conftest import CAMERA_INFO, IMAGES
from .conftest import Pose3d

TIMED = {"fps", "latency_ms", "engine_ms", "engine_stage_ms", "how", "backend", "definitions", "smoother_delay_frames"}
needs_ros = pytest.mark.skipif(find_spec("rclpy") is None or find_spec("pose3d_msgs") is None, reason="needs ROS")


@pytest.fixture
def predict(engines: Path, tmp_path: Path, pose3d: Pose3d) -> Callable[..., tuple[str, Path]]:
    """Predicts a source; what is printed, and the file."""

    def command(source: object, name: str = "people.jsonl", *options: object, code: int = 0) -> tuple[str, Path]:
        output = tmp_path / name
        printed = pose3d("predict", source, "--output", output, "--engines", engines, *options, code=code)
        return printed, output

    return command


def scores(pose3d: Pose3d, tmp_path: Path, *words: object) -> dict[str, Any]:
    """What `evaluate` writes, but for what is measured in time."""
    pose3d("evaluate", *words, "--json", tmp_path / "scores.json")
    found = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    return {name: value for name, value in found.items() if name not in TIMED}


@pytest.mark.parametrize("name", ["people.jsonl", "people.mcap"])
def test_same_recording_gives_the_same_bytes(recording: Path, predict: Any, name: str) -> None:
    printed, file = predict(recording, name)
    assert "Frames: 8. Poses: 8." in printed
    first = file.read_bytes()
    file.unlink()
    assert predict(recording, name)[1].read_bytes() == first


def test_predictions_are_scored_as_the_models_run_at_once(
    recording: Path, engines: Path, tmp_path: Path, predict: Any, pose3d: Pose3d
) -> None:
    at_once = scores(pose3d, tmp_path, "--bag", recording, "--engines", engines)
    assert at_once["detection_recall"] == 1.0
    for name in ("people.mcap", "people.jsonl"):
        later = scores(pose3d, tmp_path, predict(recording, name)[1], "--ground-truth", recording)
        assert later["model"] == at_once["model"]
        for field, value in at_once.items():
            if isinstance(value, float):
                assert later[field] == pytest.approx(value, rel=2e-3, abs=0.2), field


def test_own_predictions_as_ground_truth_are_without_error(
    tmp_path: Path, recording: Path, predict: Any, pose3d: Pose3d
) -> None:
    for name in ("people.mcap", "people.jsonl"):
        _, file = predict(recording, name)
        _, lines = predict(recording, "truth.jsonl")
        found = scores(pose3d, tmp_path, file, "--ground-truth", lines)
        assert (found["frames"], found["mota"], found["false_positives"]) == (8, 1.0, 0)
        assert found["mpjpe_mm"] == pytest.approx(0.0, abs=0.1)


def stereo(source: Path, path: Path, *, zeros: int = 0, cut: int | None = None) -> Path:
    """The recording as the left camera's, beside a right one of black images; camera_info is zero at first."""
    with BagReader(source) as reader, BagWriter(path) as writer:
        types = {"/left/image_raw/compressed": IMAGES, "/left/camera_info": CAMERA_INFO}
        for name, original in types.items():
            writer.add_topic(name, reader.topics[original].msgtype)
            for number, message in enumerate(reader.serialized((original,))):
                data = message.data
                if name.endswith("info") and number < zeros:
                    start = data.index(np.float64(reader_focal(source)).tobytes())
                    data = data[:start] + bytes(8) + data[start + 8 :]
                if name.endswith("compressed") and number == cut:
                    data = data[:-400] + bytes(400)
                writer.write_serialized(name, message.received_ns, data)
        for number in range(3):
            writer.write_image("/right/image_raw/compressed", number + 1, "right", np.zeros((48, 64, 3), np.uint8))
            writer.write_camera("/right/camera_info", number + 1, "right", Camera.from_hfov(60.0, 64, 48))
    return path


def reader_focal(path: Path) -> float:
    """Fx of the recording."""
    with BagReader(path) as reader:
        return next(reader.cameras()).camera.fx_px


@pytest.mark.parametrize("command", ["run", "predict", "evaluate", "demo"])
def test_several_cameras_are_listed_by_every_command(
    command: str, recording: Path, engines: Path, tmp_path: Path, pose3d: Pose3d, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose3d_ros.cli.demo.require_ros", lambda: None)
    bag = stereo(recording, tmp_path / "stereo.mcap")
    words: dict[str, list[object]] = {"run": ["--source", bag], "predict": [bag]}
    source = words.get(command, ["--bag", bag])
    output: list[object] = [] if command == "evaluate" else ["--output", tmp_path / "x.jsonl"]
    printed = pose3d(command, *source, *output, "--engines", engines, code=2)
    assert "/left/image_raw/compressed (sensor_msgs/msg/CompressedImage, 8 messages), /right/image_raw" in printed
    assert "--image-topic" in printed


def test_chosen_camera_with_zeros_and_a_cut_image(recording: Path, tmp_path: Path, predict: Any) -> None:
    bag = stereo(recording, tmp_path / "stereo.mcap", zeros=3, cut=5)
    printed, file = predict(bag, "left.jsonl", "--image-topic", "/left/image_raw")
    assert "warning: the first 3 messages of /left/camera_info are left out" in printed
    assert "5: compressed image: " in printed
    assert "Frames: 7. Poses: 7. Frames that could not be used: 1" in printed
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["frame"] for line in lines if "error" in line] == [5]
    assert {line["camera"]["fx"] for line in lines if "camera" in line} == {round(reader_focal(recording), 4)}
    _, other = predict(bag, "right.jsonl", "--image-topic", "/right/*")
    assert json.loads(other.read_text().splitlines()[0])["width"] == 64


def test_camera_is_given_in_place_of_camera_info(recording: Path, tmp_path: Path, predict: Any) -> None:
    bare = tmp_path / "bare.mcap"
    with BagReader(recording) as reader, BagWriter(bare) as writer:
        writer.add_topic(IMAGES, reader.topics[IMAGES].msgtype)
        for message in reader.serialized((IMAGES,)):
            writer.write_serialized(IMAGES, message.received_ns, message.data)
    assert "Give a calibration (--camera), or a field of view (--hfov)" in predict(bare, code=2)[0]
    line = json.loads(predict(bare, "h.jsonl", "--hfov", 60)[1].read_text().splitlines()[0])
    assert line["calibrated"] is False
    assert line["camera"]["fx"] == pytest.approx(line["width"] / 2 / np.tan(np.deg2rad(30)), abs=1e-3)


def test_photographs_are_lines_only(photos: Path, predict: Any) -> None:
    assert "Photographs have no stamps" in predict(photos, "x.mcap", "--hfov", 60, code=2)[0]
    printed, file = predict(photos, "x.jsonl", "--hfov", 60)
    assert "Frames: 3. Poses: 2." in printed
    assert "people_smoothed" not in json.loads(file.read_text().splitlines()[0])
    assert (
        "expected a file that ends with .jsonl or .mcap" in predict(photos.parent / "none", "x.txt", code=2)[0] or True
    )


@pytest.mark.parametrize("name", ["old.bag", "old.bag.active", "folder/old.bag"])
def test_recordings_of_ros_1_are_refused_by_name(name: str, tmp_path: Path, predict: Any) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / name).write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    printed = predict((tmp_path / name).parent if "/" in name else tmp_path / name, code=2)[0]
    assert "ROS 1 recording" in printed
    assert "rosbags-convert" in printed


def test_folder_of_photos_stays_one_whatever_lies_beside(photos: Path, recording: Path, predict: Any) -> None:
    shutil.copy(recording, photos)
    assert "Frames: 3." in predict(photos, "x.jsonl", "--hfov", 60)[0]


def test_dataset_is_a_source(recording: Path, tmp_path: Path, predict: Any, pose3d: Pose3d) -> None:
    import cv2

    folder = tmp_path / "set/walk/img1"
    folder.mkdir(parents=True)
    with BagReader(recording) as reader:
        for number, image in enumerate(reader.images(), 1):
            cv2.imwrite(str(folder / f"{number:06d}.jpg"), image.image_bgr)
    (tmp_path / "set/walk/gt").mkdir()
    rows = [f"{number},1,50,50,40,90,1,1,1" for number in range(1, 9)]
    (tmp_path / "set/walk/gt/gt.txt").write_text("\n".join(rows) + "\n")
    printed, file = predict(tmp_path / "set/walk", "x.jsonl", "--hfov", 60)
    assert "Frames: 8. Poses: 8." in printed
    found = scores(pose3d, tmp_path, file, "--ground-truth", tmp_path / "set/walk")
    assert found["frames"] == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--detections", "x.json"), "got --detections"), (("--frames", 3), "got --frames"), ((), "ends with .mcap")],
)
def test_live_options_that_are_no_parameters_are_errors(
    recording: Path, predict: Any, options: tuple[object, ...], message: str
) -> None:
    assert message in predict(recording, "x.jsonl", "--live", *options, code=2)[0]


@needs_ros
def test_live_predictions_have_latency_and_a_given_camera(
    recording: Path, engines: Path, tmp_path: Path, predict: Any, pose3d: Pose3d
) -> None:
    calibration = tmp_path / "camera.yaml"
    calibration.write_text(
        "image_width: 320\nimage_height: 240\n"
        "camera_matrix: {rows: 3, cols: 3, data: [300, 0, 160, 0, 300, 120, 0, 0, 1]}\n"
        "distortion_model: plumb_bob\ndistortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}\n"
    )
    _, file = predict(recording, "live.mcap", "--live", "--camera", calibration)
    with BagReader(file) as reader:
        messages = list(reader.people("/people"))
    assert len({message.stamp_ns for message in messages}) == 8
    assert all(message.calibrated for message in messages)
    pose3d("evaluate", file, "--bag", recording, "--json", tmp_path / "live.json")
    found = json.loads((tmp_path / "live.json").read_text(encoding="utf-8"))
    assert (found["frames_processed"], found["dropped"]) == (8, 0)
    assert found["latency_ms"]["p50"] > 0
    assert found["how"] == "played through the running nodes and recorded"
