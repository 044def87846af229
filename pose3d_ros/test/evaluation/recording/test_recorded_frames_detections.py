"""Boxes that another detector recorded, at their images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.detection_messages import VISION_TYPE
from pose3d_ros.bags.message_records import UnusableImage
from pose3d_ros.bags.message_types import message_definitions
from pose3d_ros.config.root_settings import SceneConfig
from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.recording.offline import run_offline
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrame, RecordedFrames
from pose3d_ros.records import FrameResult

from ...conftest import FRAME_ID, MUCO, Scene

TOPIC = "/detector/detections"
SCENE = SceneConfig(detections_topic=TOPIC)
_VISION = {
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id",
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
}


@pytest.fixture(scope="module")
def store() -> Any:
    """ROS's messages, ours, and those of vision_msgs 4 as far as detections need them."""
    made = get_typestore(Stores.ROS2_HUMBLE)
    vision = {f"vision_msgs/msg/{name}": text for name, text in _VISION.items()}
    for name, text in {**message_definitions(), **vision}.items():
        made.register(get_types_from_msg(text, name))
    return made


def boxes_at(store: Any, stamp_ns: int, *scores: float) -> Any:
    """A Detection2DArray of boxes of people with these scores."""

    def made(kind: str, **fields: Any) -> Any:
        return store.types[kind](**fields)

    stamp = made("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    header = made("std_msgs/msg/Header", stamp=stamp, frame_id=FRAME_ID)
    point = made("geometry_msgs/msg/Point", x=0.0, y=0.0, z=0.0)
    turn = made("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
    pose = made("geometry_msgs/msg/Pose", position=point, orientation=turn)
    uncertain = made("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=np.zeros(36))
    center = made("vision_msgs/msg/Pose2D", position=made("vision_msgs/msg/Point2D", x=100.0, y=200.0), theta=0.0)
    bbox = made("vision_msgs/msg/BoundingBox2D", center=center, size_x=40.0, size_y=80.0)
    detections = []
    for score in scores:
        hypothesis = made("vision_msgs/msg/ObjectHypothesis", class_id="person", score=score)
        result = made("vision_msgs/msg/ObjectHypothesisWithPose", hypothesis=hypothesis, pose=uncertain)
        detections.append(made("vision_msgs/msg/Detection2D", header=header, results=[result], bbox=bbox, id=""))
    return made(VISION_TYPE, header=header, detections=detections)


@pytest.fixture
def recording(store: Any, scene: Scene, tmp_path: Path) -> Path:
    """Four images; the detector, whose stamps are rounded, has seen the first two, and nobody in the fourth."""
    path = tmp_path / "b.mcap"
    with BagReader(scene.write(tmp_path / "images.mcap", 4)) as images, BagWriter(path) as bag:
        bag._store = store
        for topic in images.topics.values():
            bag.add_topic(topic.name, topic.msgtype)
        for message in images.serialized(images.topics):
            bag.write_serialized(message.topic, message.received_ns, message.data)
        for number, scores in ((0, (0.9, 0.3)), (1, (0.8,)), (3, ())):
            stamp_ns = scene.stamps_ns[number]
            rounded_ns = stamp_ns // 10**6 * 10**6
            bag.write_message(TOPIC, VISION_TYPE, stamp_ns + 10**8, boxes_at(store, rounded_ns, *scores))
    return path


def test_images_have_their_boxes_and_one_without_is_left_out(recording: Path) -> None:
    frames = list(RecordedFrames(recording, SCENE, detector=DetectorConfig(score_threshold=0.5)))
    assert [frame.detections for frame in frames if isinstance(frame, RecordedFrame)][2] == ()
    first, second, third, _ = frames
    assert isinstance(first, RecordedFrame)
    assert isinstance(second, RecordedFrame)
    assert first.detections is not None
    assert [d.score for d in first.detections] == [0.9]
    np.testing.assert_allclose(first.detections[0].box_xyxy_px, [79.5, 159.5, 119.5, 239.5])
    assert second.detections is not None
    assert [d.score for d in second.detections] == [0.8]
    assert isinstance(third, UnusableImage)
    assert f"expected its boxes on {TOPIC}, got no message of its stamp" in str(third)


def test_without_the_parameter_our_own_detector_looks(recording: Path) -> None:
    frames = list(RecordedFrames(recording))
    assert [frame.detections for frame in frames if isinstance(frame, RecordedFrame)] == [None] * 4


def test_recording_without_the_topic_is_an_error_that_names_its_topics(recording: Path) -> None:
    with pytest.raises(BagError, match=r"Detection2DArray or .* on other, got .*camera_info"):
        RecordedFrames(recording, SceneConfig(detections_topic="other"))


def test_evaluation_hands_the_boxes_to_the_pipeline(recording: Path) -> None:
    given: list[Any] = []

    class Found:
        engines = type("Engines", (), {"backend": type("Backend", (), {"name": "none"})})
        skeleton = MUCO

        def __call__(self, _: Any, detections: Any) -> FrameResult:
            given.append(detections)
            return FrameResult((), (), {"detect": 0.0, "pose": 0.0})

    session = run_offline(recording, Predictor(Found()), lambda *_: None, SCENE)  # type: ignore[arg-type]
    assert [len(detections) for detections in given] == [2, 1, 0]
    assert len(session.frames) == 3
    assert any("no message of its stamp" in problem for problem in session.problems)
