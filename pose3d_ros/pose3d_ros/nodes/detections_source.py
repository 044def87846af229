"""People's boxes from another detector's topic: images wait for theirs, and what is wrong with these is explained."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rclpy.node import Node
from std_msgs.msg import Header

from pose3d_ros.bags.detection_messages import (
    DETECTION_TYPES,
    OUTSIDE,
    TOO_SMALL,
    FoundBoxes,
    found_boxes,
    rules_of,
)
from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.optional_packages import how_to_get
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.stamp_pairing import WAIT_S, WORKING_S, Outcome, Released, StampPairing
from pose3d_ros.nodes.timing import RateMeter
from pose3d_ros.nodes.topics import message_class
from pose3d_ros.records import Detection, Frame, FrameResult, TrackState

_ITEM = TypeVar("_ITEM")

_QUEUE_DEPTH = 10
_ENOUGH = 30
"""Boxes after which there should have been a person's, or a person in one."""
_NOT_WORKING, _FRAME, _BOXES, _CLASS, _NO_PERSON = (
    "detections",
    "detections: frame",
    "detections: boxes",
    "detections: class",
    "detections: no person",
)
"""Kinds of problems."""
_COPY = "does the detector copy the image's header?"


class DetectionsSource(Generic[_ITEM]):
    """The topic `detections_topic`, of any of DETECTION_TYPES, while it is started.

    config: may be replaced between images. hand_on: called with each image and its message, None for one in which our
    own detector is to look for people. An image that the other detector, while it works, has nothing for is dropped
    and counted. All of it is for the thread that spins the node, but `detections` and `note`, which are the worker's.
    """

    def __init__(
        self, node: Node, board: ProblemBoard, config: PipelineConfig, hand_on: Callable[[_ITEM, Any], None]
    ) -> None:
        self.config, self._node, self._board, self._hand_on = config, node, board, hand_on
        self._topic = node.resolve_topic_name(config.scene.detections_topic)
        self._type = ""
        self._subscription: FittedSubscription | None = None
        self._rate = RateMeter(time.monotonic)
        self._pairing = StampPairing[_ITEM, Any](time.monotonic)
        self._outcomes, self._unusable, self._others = Counter[Outcome](), Counter[str](), Counter[str]()
        self._image_s, self._came_s, self._zero, self._started = 0.0, 0.0, False, False
        self._people = self._empty = 0

    def start(self) -> None:
        """Begin to pair images; the topic is subscribed to once it has a publisher."""
        self._pairing = StampPairing(time.monotonic)
        self._started = True
        self.poll()

    def stop(self) -> None:
        """Unsubscribe, and drop the images that wait."""
        self._started = False
        self._unsubscribe()
        for kind in (_NOT_WORKING, _CLASS):
            self._board.clear(kind)

    def put_image(self, header: Header, image: _ITEM) -> None:
        """An image, to be handed on when its message is there, or none is to be expected."""
        self._image_s = time.monotonic()
        self._release(self._pairing.put_image(stamp_ns(header), image))

    def poll(self) -> None:
        """Follow the topic's publishers; called several times a second."""
        if not self._started:
            return
        self._follow_type()
        if self._subscription is not None:
            self._subscription.refit()
        self._release(self._pairing.release())

    def check(self) -> None:
        """Report whether our own detector has to do the work, and why; called every second."""
        has_images = time.monotonic() - self._image_s <= WORKING_S
        if not (self._started and has_images) or self._pairing.working:
            self._board.clear(_NOT_WORKING)
        else:
            text = f"our own detector finds the people, as {self._topic} does not: {self._why()}"
            self._board.report(_NOT_WORKING, Level.WARN, text)
        if self._people or sum(self._others.values()) < _ENOUGH:
            self._board.clear(_CLASS)
        else:
            self._board.report(_CLASS, Level.WARN, self._no_person())

    def values(self) -> dict[str, str]:
        """What diagnostics show."""
        paired, alone = self._outcomes[Outcome.PAIRED], self._outcomes[Outcome.ALONE]
        left_out = (f"{count} {reason}" for reason, count in sorted(self._unusable.items()))
        return {
            "detections": f"{self._topic} ({self._type or 'no publisher'})",
            "detections [Hz]": f"{self._rate.rate_hz():.1f}",
            "images with detections": str(paired),
            "images without detections, dropped": str(self._outcomes.total() - paired - alone),
            "images of our own detector": str(alone),
            "detections left out": ", ".join(left_out) or "0",
        }

    def detections(self, message: Any, frame: Frame) -> tuple[Detection, ...]:
        """The boxes of a message for its frame; reports what can't be used."""
        detector, scene = self.config.detector, self.config.scene
        rules = rules_of(scene.detections_classes, detector.score_threshold, detector.max_people)
        found = found_boxes(message, rules, frame.camera.width_px, frame.camera.height_px)
        self._people += found.people
        self._others.update(found.others)
        self._unusable.update(found.unusable)
        if found.unusable:
            self._warn(_BOXES, self._unusable_words(found, frame.camera))
        theirs, ours = message.header.frame_id.lstrip("/"), frame.frame_id.lstrip("/")
        if theirs and theirs != ours:
            self._warn(_FRAME, f"frame_id of {self._topic} is {theirs}, the image's is {ours}: is it of this camera?")
        return found.detections

    def note(self, result: FrameResult) -> None:
        """Report when no box has held a person for long."""
        found = any(person.state in (TrackState.NEW, TrackState.TRACKED) for person in result.people)
        self._empty = 0 if found else self._empty + len(result.detections)
        if self._empty >= _ENOUGH:
            fix = "Are they of this camera, and in pixels of its image as it comes here?"
            self._warn(_NO_PERSON, f"no person is in the last {self._empty} boxes of {self._topic}. {fix}")

    def _warn(self, kind: str, text: str) -> None:
        self._board.report(kind, Level.WARN, text, hold_s=FRAME_PROBLEM_S)

    def _follow_type(self) -> None:
        types = {info.topic_type for info in self._node.get_publishers_info_by_topic(self._topic)}
        if not types or self._type in types:
            return
        self._unsubscribe()
        self._type = min(types, key=lambda one: one not in DETECTION_TYPES)
        kind = message_class(self._type) if self._type in DETECTION_TYPES else None
        if kind is None:
            return
        try:
            self._subscription = FittedSubscription(self._node, kind, self._topic, self._on_message, depth=_QUEUE_DEPTH)
        except ConfigError as error:  # a wrong qos_overrides parameter
            self._board.report_error(error, Level.ERROR)

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
        self._subscription, self._type = None, ""

    def _on_message(self, message: Any) -> None:
        self._rate.tick()
        self._came_s, self._zero = time.monotonic(), not stamp_ns(message.header)
        self._release(self._pairing.put_message(stamp_ns(message.header), message))

    def _release(self, released: list[Released[_ITEM, Any]]) -> None:
        for one in released:
            self._outcomes[one.outcome] += 1
            if one.outcome in (Outcome.PAIRED, Outcome.ALONE):
                self._hand_on(one.image, one.message)

    def _why(self) -> str:
        if not self._node.count_publishers(self._topic):
            return "it has no publisher. Check detections_topic."
        if self._type not in DETECTION_TYPES:
            return f"expected {' or '.join(DETECTION_TYPES)}, got {self._type}. Name a topic of these."
        package = self._type.partition("/")[0]
        if self._subscription is None:
            return f"{package} is not installed. Fix: {how_to_get(package)}, source it, and start this node again."
        if time.monotonic() - self._came_s > WAIT_S:
            return "it has a publisher but no message arrives. Does the detector get images?"
        lag_s = self._pairing.lag_s
        if lag_s is not None and lag_s > WAIT_S:
            return f"its messages come {lag_s:.1f} s after their image, which waits {WAIT_S:g} s. Make it faster."
        return self._why_no_stamp_fits()

    def _why_no_stamp_fits(self) -> str:
        offset_ns = self._pairing.offset_ns
        if self._zero:
            return f"its stamps are zero: {_COPY}"
        if offset_ns is None:
            return "no image has come."
        off_s, side = abs(offset_ns) * 1e-9, "ahead of" if offset_ns > 0 else "behind"
        return f"its stamps are {off_s:.{0 if off_s >= 100 else 3}f} s {side} the nearest image's: {_COPY}"

    def _no_person(self) -> str:
        seen = ", ".join(repr(name) for name, _ in self._others.most_common(5))
        wanted = self.config.scene.detections_classes
        return (
            f"no detection of {self._topic} is of a class in detections_classes ({wanted}); "
            f"the most frequent are {seen}. If people are one of these, set detections_classes."
        )

    def _unusable_words(self, found: FoundBoxes, camera: Camera) -> str:
        reason, count = found.unusable.most_common(1)[0]
        (right, lower), size = found.reach_px, f"{camera.width_px}x{camera.height_px}"
        remedies = {
            OUTSIDE: f"They reach to {right:.0f}, {lower:.0f} in an image of {size}: does it see another size?",
            TOO_SMALL: "Are they scaled to 0–1? They have to be in pixels.",
        }
        fix = remedies.get(reason, "Look at what the detector publishes.")
        return f"{count} of {found.people} boxes of people on {self._topic} are {reason}. {fix}"
