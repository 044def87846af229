"""Another detector's boxes as the node receives them; what is wrong with them is said, with its cause and remedy."""

from __future__ import annotations

import time
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest
from std_msgs.msg import Header

from pose3d_ros.bags.detection_messages import VISION_TYPE, YOLO_TYPE
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.nodes import detections_source
from pose3d_ros.nodes.detections_source import DetectionsSource
from pose3d_ros.nodes.problems import Level, ProblemBoard
from pose3d_ros.records import Frame, FrameResult

from .conftest import make_person

FRAME_ID = "optical"
CAMERA = Camera.from_hfov(60.0, 640, 480)
NS = 1_000_000_000


def header(at_s: float, frame_id: str = FRAME_ID) -> Header:
    made = Header(frame_id=frame_id)
    made.stamp.sec, made.stamp.nanosec = divmod(round(at_s * NS), NS)
    return made


def vision_message(at_s: float, *boxes: tuple[float, ...], name: str = "person", frame_id: str = FRAME_ID) -> Any:
    """As vision_msgs/Detection2DArray, of centers and sizes."""
    detections = [
        Made(
            bbox=Made(center=Made(position=Made(x=x, y=y), theta=0.0), size_x=width, size_y=height),
            results=[Made(hypothesis=Made(class_id=name, score=0.9))],
        )
        for x, y, width, height in boxes
    ]
    return Made(header=header(at_s, frame_id), detections=detections)


class Rig:
    """A source of a node and a subscription that are stand-ins; the clock is the test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **parameters: object) -> None:
        self.now_s = 100.0
        self.types: list[str] = [VISION_TYPE]
        self.installed = True
        self.callback: Any = None
        self.subscribed: list[str] = []
        self.logged: list[tuple[Level, str]] = []
        self.handed: list[tuple[int, Any]] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(detections_source, "message_class", lambda name: name if self.installed else None)
        monkeypatch.setattr(detections_source, "FittedSubscription", self._subscribe)
        self.board = ProblemBoard(lambda level, text: self.logged.append((level, text)), lambda: self.now_s)
        node: Any = Made(
            resolve_topic_name=lambda name: f"/{name}",
            get_publishers_info_by_topic=lambda _: [Made(topic_type=one) for one in self.types],
            count_publishers=lambda _: len(self.types),
        )
        config = PipelineConfig.from_parameters({"detections_topic": "detections", **parameters})
        self.source = DetectionsSource[int](node, self.board, config, lambda n, m: self.handed.append((n, m)))

    def _subscribe(self, node: Any, kind: str, topic: str, callback: Any, *, depth: int) -> Any:
        self.callback = callback
        self.subscribed.append(kind)
        return Made(refit=lambda: None, close=lambda: self.subscribed.append("closed"))

    def run(self, messages: Any = None, frames: int = 100) -> None:
        """Images at 30 Hz, each followed by `messages(its time)`."""
        self.source.start()
        for number in range(frames):
            self.now_s += 1 / 30
            self.source.poll()
            self.source.put_image(header(self.now_s), number)
            if messages is not None and self.callback is not None:
                self.callback(messages(self.now_s))
        self.source.check()

    @property
    def problems(self) -> str:
        return "\n".join(problem.text for problem in self.board.current())

    def read(self, message: Any) -> tuple[Any, ...]:
        image = np.zeros((480, 640, 3), dtype=np.uint8)
        return self.source.detections(message, Frame(image, CAMERA, 1, FRAME_ID))


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def test_images_are_handed_on_with_their_boxes(rig: Rig) -> None:
    rig.run(lambda at_s: vision_message(at_s, (100, 100, 40, 80)))
    assert [number for number, _ in rig.handed] == list(range(100))
    assert all(message is not None for _, message in rig.handed)
    assert (rig.problems, rig.logged) == ("", [])
    assert len(rig.read(rig.handed[0][1])) == 1
    values = rig.source.values()
    assert values["detections"] == f"/detections ({VISION_TYPE})"
    assert (values["images with detections"], values["images of our own detector"]) == ("100", "0")
    assert values["detections left out"] == "0"


def test_images_that_a_slower_detector_skips_are_dropped_and_counted(rig: Rig) -> None:
    turn = iter(range(1000))
    rig.source.start()
    for number in range(90):
        rig.now_s += 1 / 30
        rig.source.put_image(header(rig.now_s), number)
        if next(turn) % 3 == 2:
            rig.callback(vision_message(rig.now_s))
    rig.source.check()
    assert [number for number, _ in rig.handed] == list(range(2, 90, 3))
    assert rig.source.values()["images without detections, dropped"] == "60"
    assert rig.problems == ""


@pytest.mark.parametrize(
    ("types", "installed", "words"),
    [
        ([], True, "it has no publisher. Check detections_topic."),
        (
            ["std_msgs/msg/String"],
            True,
            "or yolo_msgs/msg/DetectionArray, got std_msgs/msg/String",
        ),
        ([VISION_TYPE], False, "vision_msgs is not installed. Fix: apt install ros-$ROS_DISTRO-vision-msgs, source it"),
        (
            [YOLO_TYPE],
            False,
            "yolo_msgs is not installed. Fix: build yolo_msgs of",
        ),
        ([YOLO_TYPE], True, "it has a publisher but no message arrives. Does the detector get images?"),
    ],
)
def test_without_boxes_our_own_detector_works_and_why_is_said(
    rig: Rig, types: list[str], installed: bool, words: str
) -> None:
    rig.types, rig.installed = types, installed
    rig.run()
    assert "our own detector finds the people, as /detections does not: " in rig.problems
    assert words in rig.problems
    assert [level for level, _ in rig.logged] == [Level.WARN]
    assert rig.handed[-1] == (99, None)
    rig.source.stop()
    assert rig.problems == ""


@pytest.mark.parametrize(
    ("off_s", "words"),
    [
        (-0.31, "its stamps are 0.010 s behind the nearest image's"),  # as near as that, by chance
        (-7200.0, "its stamps are 7197 s behind the nearest image's"),
        (0.012, "its stamps are 0.012 s ahead of the nearest image's"),
    ],
)
def test_stamps_that_fit_no_image_are_explained(rig: Rig, off_s: float, words: str) -> None:
    rig.run(lambda at_s: vision_message(at_s + off_s))
    assert words in rig.problems
    assert "does the detector copy the image's header?" in rig.problems


def test_nothing_is_said_of_detections_while_there_are_no_images(rig: Rig) -> None:
    rig.run()
    assert "does not" in rig.problems
    rig.now_s += 10
    rig.source.check()
    assert rig.problems == ""


def test_zero_stamps_are_explained(rig: Rig) -> None:
    rig.run(lambda _: vision_message(0.0))
    assert "its stamps are zero: does the detector copy the image's header?" in rig.problems


def test_boxes_that_come_too_late_are_explained(rig: Rig) -> None:
    rig.run(lambda at_s: vision_message(at_s - 1.5), frames=150)
    assert "its messages come 1.5 s after their image, which waits 1 s" in rig.problems


def test_boxes_are_used_again_when_the_detector_comes_back(rig: Rig) -> None:
    rig.types = []
    rig.run()
    rig.types = [YOLO_TYPE]
    rig.run(vision_message)
    assert rig.handed[-1][1] is not None
    assert rig.problems == ""


def test_a_detector_of_another_type_is_subscribed_to_anew(rig: Rig) -> None:
    rig.run(frames=1)
    rig.types = [YOLO_TYPE]
    rig.source.poll()
    assert rig.subscribed == [VISION_TYPE, "closed", YOLO_TYPE]
    rig.source.stop()
    assert rig.subscribed[-1] == "closed"


def test_boxes_of_another_size_are_explained_and_counted(rig: Rig) -> None:
    rig.source.start()
    assert rig.read(vision_message(1.0, (1200, 300, 100, 200), (100, 100, 40, 80)))
    assert "1 of 2 boxes of people on /detections are outside the image. They reach to 1250, 400" in rig.problems
    assert rig.source.values()["detections left out"] == "1 outside the image"


def test_boxes_from_0_to_1_are_explained(rig: Rig) -> None:
    rig.source.start()
    assert rig.read(vision_message(1.0, (0.5, 0.5, 0.1, 0.3))) == ()
    assert "Are they scaled to 0–1? They have to be in pixels." in rig.problems


def test_boxes_of_another_frame_are_used_and_said(rig: Rig) -> None:
    rig.source.start()
    assert rig.read(vision_message(1.0, (100, 100, 40, 80), frame_id="/left"))
    assert "frame_id of /detections is left, the image's is optical: is it of this camera?" in rig.problems
    rig.now_s += 10
    assert rig.read(vision_message(1.0, (100, 100, 40, 80), frame_id=""))
    assert rig.problems == ""


def test_people_of_an_unknown_class_are_explained_until_there_is_a_known_one(rig: Rig) -> None:
    rig.source.start()
    for _ in range(30):
        assert rig.read(vision_message(1.0, (100, 100, 40, 80), name="1")) == ()
    rig.source.check()
    assert "no detection of /detections is of a class in detections_classes (person, 0)" in rig.problems
    assert "the most frequent are '1'" in rig.problems
    config = PipelineConfig.from_parameters({"detections_topic": "detections", "detections_classes": "1"})
    rig.source.config = config
    assert rig.read(vision_message(1.0, (100, 100, 40, 80), name="1"))
    rig.source.check()
    assert rig.problems == ""


def test_boxes_that_never_hold_a_person_are_said(rig: Rig) -> None:
    boxes = rig.read(vision_message(1.0, *[(100, 100, 40, 80)] * 5))
    for _ in range(6):
        rig.source.note(FrameResult((), boxes))
    assert "no person is in the last 30 boxes of /detections" in rig.problems
    rig.now_s += 10
    rig.source.note(FrameResult((make_person(),), boxes))
    rig.source.note(FrameResult((), boxes))
    assert rig.problems == ""
