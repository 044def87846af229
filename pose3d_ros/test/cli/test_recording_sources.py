from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.cli.recording_sources import DatasetSource
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, GroundTruthFrame, GroundTruthSequence
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.skeletons import get_skeleton

from ..evaluation.datasets.conftest import write_image
from .test_run import Run, run  # noqa: F401 - a fixture


def test_recording_has_its_camera_and_an_overlay(recording: Path, tmp_path: Path, run: Run) -> None:  # noqa: F811
    printed, frames = run(recording, "--no-hfov")
    assert "Frames: 8. Poses: 8." in printed
    assert [f["stamp_ns"] for f in frames] == [1_000_000_000 + i * 66_666_667 for i in range(8)]
    assert frames[0]["calibrated"] is True
    assert frames[0]["camera"]["fx"] == pytest.approx(Camera.from_hfov(60.0, 320, 240).fx_px, abs=1e-3)
    assert frames[-1]["people"][0]["state"] == "TRACKED"
    assert cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 8


def test_clock_that_is_set_does_not_stretch_the_overlay(recording: Path, tmp_path: Path, run: Run) -> None:  # noqa: F811
    late = tmp_path / "late.mcap"
    with BagReader(recording) as reader, BagWriter(late) as writer:
        for topic in (t for t in reader.topics.values() if not t.name.startswith("/ground_truth")):
            writer.add_topic(topic.name, topic.msgtype)
            for number, message in enumerate(reader.serialized((topic.name,))):
                year = np.uint32(1 + 40_000_000 * (number >= 4)).tobytes()  # a clock that is set from 1970
                data = message.data[:4] + year + message.data[8:]
                writer.write_serialized(topic.name, number, data)
    assert len(run(late, "--no-hfov")[1]) == 8
    assert cv2.VideoCapture(str(tmp_path / "out/overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) <= 10


def dataset(folder: Path, *frames: GroundTruthFrame, camera: Camera | None = None, **video: object) -> Dataset:
    sequence = GroundTruthSequence("walk", get_skeleton("muco21"), camera, frames, 10.0, "walk", **video)  # type: ignore[arg-type]
    return Dataset(folder, "own", (sequence,))


def frame(number: int, image: Path | None = None) -> GroundTruthFrame:
    return GroundTruthFrame(f"walk/{number}", number, number * 100_000_000, image, ())


def test_frames_of_a_dataset_have_its_camera_scaled_to_their_size(tmp_path: Path) -> None:
    camera = Camera.from_hfov(60.0, 640, 480)
    image = tmp_path / "1.jpg"
    write_image(image)
    (found,) = DatasetSource(dataset(tmp_path, frame(1, image), camera=camera), ANY_RECORDING)
    assert found.frame is not None
    assert found.frame.camera.fx_px / found.frame.camera.width_px == pytest.approx(camera.fx_px / 640)
    given = RecordingChoice(camera_of=lambda width_px, height_px: Camera.from_hfov(90.0, width_px, height_px))
    (found,) = DatasetSource(dataset(tmp_path, frame(1, image), camera=camera), given)
    assert found.frame is not None
    assert found.frame.camera.fx_px / found.frame.camera.width_px == pytest.approx(0.5)


def test_frames_without_image_or_camera_are_errors_in_their_places(tmp_path: Path) -> None:
    write_image(tmp_path / "2.jpg")
    frames = frame(1), frame(2, tmp_path / "2.jpg"), frame(3, tmp_path / "none.jpg")
    errors = [str(one.error) for one in DatasetSource(dataset(tmp_path, *frames), ANY_RECORDING)]
    assert "annotations only" in errors[0]
    assert "none in the dataset" in errors[1]
    assert "none.jpg" in errors[2]


def test_frames_of_a_datasets_video_go_by_their_numbers(tmp_path: Path) -> None:
    video = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (64, 48))
    for level in (20, 60, 100, 140):
        writer.write(np.full((48, 64, 3), level, dtype=np.uint8))
    writer.release()
    camera = Camera.from_hfov(60.0, 64, 48)
    frames = [frame(number) for number in (5, 7, 9)]
    source = DatasetSource(dataset(tmp_path, *frames, camera=camera, video=video, first=5), ANY_RECORDING)
    five, seven, nine = source
    assert five.image_bgr is not None
    assert seven.image_bgr is not None
    assert [round(float(one.mean()), -1) for one in (five.image_bgr, seven.image_bgr)] == [20, 100]
    assert "expected frame 9, got its end before" in str(nine.error)
