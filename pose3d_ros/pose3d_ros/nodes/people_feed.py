"""What runs now, for a viewer: people as they are published, each with the image that they were found in."""

from __future__ import annotations

import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pose3d_msgs.msg import Person3DArray
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS
from pose3d_ros.bags.message_records import BagPeople, TrackIds, is_rectified, people_of
from pose3d_ros.errors import CameraError, Pose3DError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.nodes.camera_source import CameraSource
from pose3d_ros.nodes.conversion import received_bgr
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.timing import RateMeter, latency_ms
from pose3d_ros.types import ImageArray
from pose3d_ros.viewer.shown_frame import ShownFrame

_LOOK_PERIOD_S = 0.3
_QUEUE = 10
_KEPT_BYTES = 192 << 20
"""Of images that wait for the people found in them."""
_IMAGE_TYPES = {"sensor_msgs/msg/Image": Image, "sensor_msgs/msg/CompressedImage": CompressedImage}
_PEOPLE_TYPE, _CAMERA_TYPE = "pose3d_msgs/msg/Person3DArray", "sensor_msgs/msg/CameraInfo"


@dataclass(frozen=True)
class FeedTopics:
    """Names of topics. image, camera_info: "" for those that the publisher of people itself uses."""

    people: str = "people"
    image: str = ""
    camera_info: str = ""


@dataclass(frozen=True, eq=False)
class FedPeople:
    """The latest people. pose_ms: from capture to publication. arrived_s: when they came, monotonic seconds."""

    frame: ShownFrame
    model: str
    pose_ms: float
    arrived_s: float
    calibrated: bool


class PeopleFeed(Node):
    """Subscribes to people, images and camera_info, and keeps the latest people with their image.

    Spin it on one thread; `take` may be called on another. topics: see `FeedTopics`.

    Attributes: images, people: how often they come. problem: why something is missing, "" when nothing is.
    """

    def __init__(self, topics: FeedTopics, **node_options: Any) -> None:
        super().__init__("pose3d_view", **node_options)
        self.images, self.people, self.problem = RateMeter(time.monotonic), RateMeter(time.monotonic), ""
        self._topics, self._ids = topics, TrackIds()
        self._messages: OrderedDict[int, bytes] = OrderedDict()
        self._latest: tuple[BagPeople, float] | None = None
        self._changed = threading.Condition()
        self._fitted: dict[str, FittedSubscription] = {}
        self._image_kind: Any = Image
        self._cameras = CameraSource("camera_info", 0.0, hint="")
        self._camera_frame = ""
        self._fit("people", Person3DArray, topics.people, self._on_people)
        self.create_timer(_LOOK_PERIOD_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def take(self, timeout_s: float) -> FedPeople | None:
        """The latest people that were not taken yet; None when none came in that time."""
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None, timeout_s)
            latest, self._latest = self._latest, None
            data = None if latest is None else self._messages.get(latest[0].stamp_ns)
        if latest is None:
            return None
        found, arrived_s = latest
        image, error = self._decoded(data)
        in_camera = self._camera_frame in ("", found.frame_id.lstrip("/"))
        camera = self._camera(image) if in_camera else None
        frame = ShownFrame(found.stamp_ns, found.people, camera, image, error=error)
        if not in_camera:  # target_frame
            frame = replace(frame, z_up_frame=found.frame_id)
        return FedPeople(frame, found.model, found.latency_ms, arrived_s, found.calibrated)

    def latency_ms(self, fed: FedPeople) -> float:
        """From the image's capture to now."""
        here_ms = (time.monotonic() - fed.arrived_s) * 1e3
        return latency_ms(self.get_clock().now().nanoseconds, fed.frame.stamp_ns, fed.pose_ms + here_ms)

    def _on_people(self, message: Person3DArray) -> None:
        self.people.tick()
        try:
            found = people_of(message, self.get_clock().now().nanoseconds, self._ids)
        except Pose3DError as error:
            self.problem = str(error)
            return
        with self._changed:
            self._latest = (found, time.monotonic())
            self._changed.notify()

    def _on_image(self, data: bytes) -> None:
        self.images.tick()
        with self._changed:
            self._messages[stamp_of_bytes(data)] = data
            kept = max(2, _KEPT_BYTES // max(1, len(data)))
            while len(self._messages) > min(kept, 90):
                self._messages.popitem(last=False)

    def _on_camera(self, message: CameraInfo) -> None:
        self._camera_frame = message.header.frame_id.lstrip("/")
        error = self._cameras.update(message)
        self.problem = "" if error is None else str(error)

    def _decoded(self, data: bytes | None) -> tuple[ImageArray | None, str]:
        if data is None:
            return None, ""
        try:
            return received_bgr(deserialize_message(data, self._image_kind), MAX_IMAGE_PIXELS), ""
        except Pose3DError as error:
            return None, str(error)

    def _camera(self, image_bgr: ImageArray | None) -> Camera | None:
        try:
            known = self._cameras.latest()
        except CameraError:  # none has come yet, or `_on_camera` said what is wrong with it
            return None
        if image_bgr is None:
            return known
        try:
            return self._cameras.camera_for(image_bgr.shape[1], image_bgr.shape[0]).camera
        except CameraError as error:
            self.problem = str(error)
            return None

    def _look(self) -> None:
        """Follow the graph: who publishes people, and from what."""
        for fitted in self._fitted.values():
            fitted.refit()
        if not self.count_publishers(self._fitted["people"].topic):
            self.problem = f"no node publishes {self._fitted['people'].topic}: do pose_node and its camera run?"
        elif self.problem.startswith("no node"):
            self.problem = ""
        image, kind = self._image_topic()
        if image:
            self._image_kind = _IMAGE_TYPES[kind]
            self._fit("image", self._image_kind, image, self._on_image, raw=True)
        camera = self._topics.camera_info or self._used_topic((_CAMERA_TYPE,))[0]
        if camera:
            if "camera" not in self._fitted:
                self._cameras = CameraSource(camera, 0.0, rectified=is_rectified(image), hint="")
            self._fit("camera", CameraInfo, camera, self._on_camera, latched=True)

    def _fit(self, name: str, kind: Any, topic: str, callback: Callable[[Any], None], **options: Any) -> None:
        full = self.resolve_topic_name(topic)
        if name in self._fitted and self._fitted[name].topic == full:
            return
        if name in self._fitted:
            self._fitted[name].close()
        self._fitted[name] = FittedSubscription(self, kind, topic, callback, depth=_QUEUE, **options)

    def _image_topic(self) -> tuple[str, str]:
        """Of the images, and its type; "" while it is not known."""
        if not self._topics.image:
            return self._used_topic(tuple(_IMAGE_TYPES))
        types = dict(self.get_topic_names_and_types())
        wanted = self.resolve_topic_name(self._topics.image)
        for name in (wanted, f"{wanted}/compressed"):
            kind = next((kind for kind in types.get(name, ()) if kind in _IMAGE_TYPES), "")
            if kind and self.count_publishers(name):
                return name, kind
        return "", ""

    def _used_topic(self, kinds: tuple[str, ...]) -> tuple[str, str]:
        """What the node that finds the people subscribes to of these types, depth images aside."""
        for node, namespace in self._finders(self._fitted["people"].topic, 3):
            try:
                topics = self.get_subscriber_names_and_types_by_node(node, namespace)
            except RuntimeError:  # it has just gone
                continue
            for name, types in sorted(topics):
                if "depth" not in name.lower() and (kind := next((k for k in types if k in kinds), "")):
                    return name, kind
        return "", ""

    def _finders(self, topic: str, steps: int) -> list[tuple[str, str]]:
        """Nodes that publish people, and those whose people they got, as a smoother does."""
        nodes = []
        for info in self.get_publishers_info_by_topic(topic):
            node = (info.node_name, info.node_namespace)
            nodes.append(node)
            try:
                inputs = self.get_subscriber_names_and_types_by_node(*node)
            except RuntimeError:
                continue
            before = [name for name, types in inputs if _PEOPLE_TYPE in types and name != topic]
            nodes += [one for name in before if steps for one in self._finders(name, steps - 1)]
        return nodes


def stamp_of_bytes(data: bytes) -> int:
    """The stamp of a serialized message that begins with a header, which spares decoding all of it."""
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
