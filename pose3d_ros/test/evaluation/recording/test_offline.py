from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.config.settings import PipelineConfig, SmootherConfig
from pose3d_ros.errors import BagError, ConfigError
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor, open_predictor
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import FrameResult

from ...conftest import CAMERA_INFO, IMAGES, MUCO, Scene


def run(scene: Scene, path: Path, camera: Camera, done: list[tuple[int, int]]) -> Any:
    """Run a pipeline that finds the ground truth."""
    if not path.exists():
        scene.write(path, 3, camera)
    ground_truth = dict(zip(scene.stamps_ns, scene.ground_truth, strict=True))

    def find(frame: Any, _: None) -> FrameResult:
        return FrameResult(ground_truth[frame.stamp_ns], (), timings_ms={"detect": 3.0, "pose": 5.0})

    find.skeleton, find.engines = MUCO, SimpleNamespace(backend=SimpleNamespace(name="fake"))  # type: ignore[attr-defined]
    predictor = Predictor(find, None, "model")  # type: ignore[arg-type]
    return run_offline(path, predictor, lambda *progress: done.append(progress))


def test_every_image_is_processed_and_joined_with_its_ground_truth(scene: Scene, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    session = run(scene, tmp_path / "bag.mcap", scene.camera, done)
    assert done == [(1, 3), (2, 3), (3, 3)]
    assert (session.model, session.backend, session.engine_ms) == ("model", "fake", {"detect": 3.0, "pose": 5.0})
    assert [frame.stamp_ns for frame in session.frames] == list(scene.stamps_ns[:3])
    assert all(len(frame.ground_truth) == len(frame.raw) == 3 for frame in session.frames)
    assert session.frames[0].smoothed is None


def test_people_that_would_come_late_are_refused_at_once() -> None:
    late = PipelineConfig(smoother=SmootherConfig(lookahead_frames=1))
    with pytest.raises(ConfigError, match="lookahead_frames"), open_predictor(late):
        pass


def test_images_of_another_size_than_camera_info_are_an_error(scene: Scene, tmp_path: Path) -> None:
    message = r"3 that can't; the first is image 1 .*expected 320x240 as camera_info says, got 640x480"
    with pytest.raises(BagError, match=message):
        run(scene, tmp_path / "bag.mcap", Camera.from_hfov(60.0, 320, 240), [])


def damaged(scene: Scene, path: Path, numbers: set[int]) -> Path:
    """A bag with some of its images cut short."""
    with BagReader(scene.write(path.with_name("whole.mcap"), 3)) as whole, BagWriter(path) as writer:
        count = 0
        for topic in whole.topics.values():
            writer.add_topic(topic.name, topic.msgtype)
        for message in whole.serialized(whole.topics):
            data = message.data
            if message.topic == IMAGES:
                data = data[:-800] + bytes(800) if count in numbers else data
                count += 1
            writer.write_serialized(message.topic, message.received_ns, data)
    return path


def test_cut_images_are_left_out_and_named(scene: Scene, tmp_path: Path) -> None:
    session = run(scene, damaged(scene, tmp_path / "bag.mcap", {1}), scene.camera, [])
    assert [frame.stamp_ns for frame in session.frames] == [scene.stamps_ns[i] for i in (0, 2)]
    (problem,) = session.problems
    assert problem.startswith(f"image 2 of {IMAGES}")
    assert "cut short" in problem


def test_late_and_repeated_images_are_left_out_and_named(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "bag.mcap"
    with BagReader(scene.write(path.with_name("whole.mcap"), 4)) as whole, BagWriter(path) as writer:
        for topic in (IMAGES, CAMERA_INFO):
            writer.add_topic(topic, whole.topics[topic].msgtype)
        images, (info, *_) = (list(whole.serialized([topic])) for topic in (IMAGES, CAMERA_INFO))
        writer.write_serialized(CAMERA_INFO, info.received_ns, info.data)
        for arrival, number in enumerate((0, 2, 1, 2, 3)):
            writer.write_serialized(IMAGES, info.received_ns + arrival, images[number].data)
    session = run(scene, path, scene.camera, [])
    assert [frame.stamp_ns for frame in session.frames] == [scene.stamps_ns[i] for i in (0, 2, 3)]
    late, again, _ = session.problems
    assert late.startswith(f"image 3 of {IMAGES}")
    assert "got one 67 ms before it" in late
    assert "got the stamp of an earlier one" in again


def test_recording_of_cut_images_only_is_an_error(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(BagError, match="3 that can't; the first is image 1"):
        run(scene, damaged(scene, tmp_path / "bag.mcap", {0, 1, 2}), scene.camera, [])


def test_recording_that_was_cut_off_is_named(scene: Scene, tmp_path: Path) -> None:
    path = scene.write(tmp_path / "bag.mcap", 3)
    path.write_bytes(path.read_bytes()[:-100])
    session = run(scene, path, scene.camera, [])
    assert len(session.frames) == 3
    assert "cut off" in session.problems[0]
