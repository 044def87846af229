"""A pose node with a camera in front and subscribers behind."""

from __future__ import annotations

from array import array
from typing import Any

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.topics import image_qos

WIDTH, HEIGHT = 32, 24
K = [40.0, 0.0, 15.5, 0.0, 40.0, 11.5, 0.0, 0.0, 1.0]


class PoseRig:
    """pipeline: in place of the one that the parameters name. opener: in place of that, called with a configuration."""

    def __init__(
        self,
        graph: Any,
        pipeline: Any = None,
        opener: Any = None,
        *,
        publisher_reliability: str = "reliable",
        **parameters: object,
    ) -> None:
        self.graph = graph
        self.logged = graph.log_of("pose_node")
        if pipeline is not None:
            opener = opener or (lambda _: pipeline)
        self.node = graph.add(PoseNode(opener=opener, **graph.options(**{"id_tag": "test", **parameters})))
        self.people = graph.listen(Person3DArray, "people")
        self.diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
        compressed = parameters.get("image_transport") == "compressed"
        kind, topic = (CompressedImage, "image_raw/compressed") if compressed else (Image, "image_raw")
        self.send = graph.publish(kind, topic, image_qos(publisher_reliability, 10))
        self.send_info = graph.publish(CameraInfo, "camera_info")
        self.node.autostart()

    @property
    def status(self) -> DiagnosticStatus | None:
        """The node's own latest status."""
        return self.graph.status_of(self.diagnostics, "pose_node")

    @property
    def values(self) -> dict[str, str]:
        """The values of the node's latest status."""
        return {item.key: item.value for item in self.status.values} if self.status is not None else {}

    def until_status(self, level: bytes, words: str) -> DiagnosticStatus:
        """Spin until the status has this level and these words."""

        def holds() -> bool:
            return self.status is not None and self.status.level == level and words in self.status.message

        self.graph.spin_until(holds)
        assert self.status is not None
        return self.status

    def until_reported(self, level: bytes, words: str) -> DiagnosticStatus:
        """Spin until the status has this level and these words, which are logged once."""
        status = self.until_status(level, words)
        self.graph.spin_until(lambda: any(words in line for line in self.logged))
        self.graph.spin_for(0.2)
        assert sum(words in line for line in self.logged) == 1
        return status

    def until_people(self, count: int = 1) -> Person3DArray:
        """Spin until that many results have come; the latest."""
        self.graph.spin_until(lambda: len(self.people) >= count)
        return self.people[-1]

    def process(self, image: Image | CompressedImage | None = None) -> Person3DArray:
        """Send an image, a gray one unless another is given, and spin until its result has come."""
        before = len(self.people)
        self.send(gray_image() if image is None else image)
        return self.until_people(before + 1)

    def send_until_counted(self, message: Any, kind: str, times: int = 2) -> None:
        """Send a message that many times, each when the node has counted the problem of the one before."""
        counts = self.node.board.counts
        for time in range(1, times + 1):
            message.header.stamp.sec = 10 * time
            self.send(message)
            self.graph.spin_until(lambda time=time: sum(n for k, n in counts().items() if kind in k) >= time)

    def calibrate(self, **changes: Any) -> None:
        """Send a camera_info and wait until the node has it."""
        cameras = self.node.work.cameras
        before = cameras.received
        self.send_info(camera_info(**changes))
        self.graph.spin_until(lambda: cameras.received > before)


def camera_info(**changes: Any) -> CameraInfo:
    """Of a 32x24 pinhole camera; keywords replace its fields."""
    return CameraInfo(**{"width": WIDTH, "height": HEIGHT, "k": K, "distortion_model": "plumb_bob", **changes})


def header(seconds: int = 3) -> Header:
    """Stamped at that many seconds and 5 ns."""
    made = Header(frame_id="camera_optical_frame")
    made.stamp.sec, made.stamp.nanosec = seconds, 5
    return made


def gray_image(seconds: int = 3, value: int = 9, **changes: Any) -> Image:
    """A 32x24 image of one value; keywords replace the message's fields."""
    message = image_message(header(seconds), np.full((HEIGHT, WIDTH, 3), value, np.uint8))
    for name, change in changes.items():
        setattr(message, name, change)
    return message


def jpeg_image(data: bytes | None = None) -> CompressedImage:
    """A gray JPEG, or one of that data."""
    data = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), 50, np.uint8))[1].tobytes() if data is None else data
    return CompressedImage(header=header(), format="jpeg", data=array("B", data))
