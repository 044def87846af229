from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import DetectorConfig, PipelineConfig, PoseConfig
from pose3d_ros.engines import BackendChoice, Manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.geometry import Camera
from pose3d_ros.records import STILL, Detection, Frame
from pose3d_ros.stages.top_down import TopDownPoses

from ..conftest import AnsweringEngine, Tensors, heat_maps, manifest_entry

J = 21
FRAME = Frame(np.zeros((480, 640, 3), dtype=np.uint8), Camera.from_hfov(60.0, 640, 480), 0)
IMAGE = HostImage(FRAME.image_bgr)
ENTRIES = (
    manifest_entry("centre_ltrb", name="detector", roles=("detector",)),
    manifest_entry("root_pose_metric", name="root_pose", skeleton="muco21", input_size_px=(64, 64)),
)


def root_pose_engine() -> AnsweringEngine:
    def answer(feeds: Tensors) -> Tensors:
        n = len(feeds["image"])
        return {
            "joints_crop_px": np.full((n, J, 2), 31.5, dtype=np.float32),
            "relative_depth_m": np.zeros((n, J), dtype=np.float32),
            "joint_scores": np.full((n, J), 0.5, dtype=np.float32),
            "root_depth_m": np.full(n, 4.0, dtype=np.float32),
            "root_log_sigma": np.full(n, -2.0, dtype=np.float32),
        }

    outputs = {"joints_crop_px": ("b", J, 2), "relative_depth_m": ("b", J), "joint_scores": ("b", J)}
    return AnsweringEngine(answer, {"image": ("b", 3, 64, 64), "k_m": ("b",)}, outputs)


@pytest.fixture
def engines() -> dict[str, AnsweringEngine]:
    return {"detector": heat_maps((15, 20, 0.9, (40, 40, 40, 40))), "root_pose": root_pose_engine()}


@pytest.fixture
def source(engines: dict[str, AnsweringEngine]) -> TopDownPoses:
    opened = EngineSet(
        Manifest(Path("."), ENTRIES), BackendChoice("onnxruntime", "a test"), opener=lambda entry: engines[entry.name]
    )
    return TopDownPoses(opened, PipelineConfig())


def test_boxes_of_the_detector_become_poses(source: TopDownPoses) -> None:
    found = source(FRAME, IMAGE, None)
    (pose,) = found.poses
    assert found.detections == (pose.detection,)
    np.testing.assert_allclose(pose.root_cam_m[2], 4.0)
    assert source.skeleton is pose.skeleton
    assert list(found.timings_ms) == ["detect", "pose"]


def test_given_boxes_are_not_looked_for(source: TopDownPoses, engines: dict[str, AnsweringEngine]) -> None:
    given = (Detection(np.array([100.0, 100, 200, 300]), 1.0),)
    assert source(FRAME, IMAGE, given).detections is given
    assert source(FRAME, IMAGE, ()).poses == ()
    assert engines["detector"].calls == []
    assert [len(call["image"]) for call in engines["root_pose"].calls] == [1, 1]  # and the mirror image


def test_settings_hold_from_the_next_frame_on(source: TopDownPoses) -> None:
    source.configure(PipelineConfig(pose=PoseConfig(person_score_threshold=0.6)))
    assert source(FRAME, IMAGE, None).poses == ()
    source.configure(PipelineConfig(detector=DetectorConfig(score_threshold=0.95)))
    assert source(FRAME, IMAGE, None).detections == ()


def test_warm_up_runs_each_batch_size(source: TopDownPoses, engines: dict[str, AnsweringEngine]) -> None:
    source.warm_up(FRAME, IMAGE, (1, 2))
    # With their mirror images as in stills, then as in video; of unsure people, who are read again.
    assert [len(call["image"]) for call in engines["root_pose"].calls] == [2, 1, 1, 4, 2, 2]
    assert len(engines["detector"].calls) == 1


def in_video(source: TopDownPoses, engines: dict[str, AnsweringEngine], score: float) -> list[tuple[int, list[int]]]:
    """Of each of five frames at 25 Hz: runs of the detector, and the batches of the pose net."""
    runs = []
    answer = engines["root_pose"].answer
    engines["root_pose"].answer = lambda feeds: {
        **answer(feeds),
        "joint_scores": np.full((len(feeds["image"]), J), score, np.float32),
    }
    for i in range(5):
        for engine in engines.values():
            engine.calls.clear()
        source(replace(FRAME, stamp_ns=i * 40_000_000), IMAGE, None)
        runs.append((len(engines["detector"].calls), [len(call["image"]) for call in engines["root_pose"].calls]))
    return runs


def test_followed_people_are_read_once_and_detected_every_second_frame(
    source: TopDownPoses, engines: dict[str, AnsweringEngine]
) -> None:
    assert in_video(source, engines, 0.9) == [(1, [1, 1]), (0, [1]), (1, [1]), (0, [1]), (1, [1])]


def test_unsure_people_are_read_twice(source: TopDownPoses, engines: dict[str, AnsweringEngine]) -> None:
    assert [batches for _, batches in in_video(source, engines, 0.5)] == [[1, 1]] * 5


def test_boxes_that_hold_nobody_are_read_once(source: TopDownPoses, engines: dict[str, AnsweringEngine]) -> None:
    assert in_video(source, engines, 0.1) == [(1, [1])] * 5


def test_still_images_are_read_in_full(source: TopDownPoses, engines: dict[str, AnsweringEngine]) -> None:
    for _ in range(3):
        source(replace(FRAME, stamp_ns=STILL), IMAGE, None)
    assert [len(call["image"]) for call in engines["root_pose"].calls] == [2, 2, 2]
    assert len(engines["detector"].calls) == 3


def test_mirrored_reading_is_the_mean_as_of_both_at_once(source: TopDownPoses) -> None:
    # By hand: the net says 31.5 of every joint in 64 px, which is its own mirror image.
    (still,) = source(replace(FRAME, stamp_ns=STILL), IMAGE, None).poses
    (video,) = source(FRAME, IMAGE, None).poses
    np.testing.assert_allclose(video.joints_cam_m, still.joints_cam_m, atol=1e-6)
    np.testing.assert_allclose(video.scores, still.scores)
