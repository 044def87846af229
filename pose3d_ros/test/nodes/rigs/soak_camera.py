"""A camera driver as a process of its own: sends the sample recording's images, as the lines of its input say.

Each line is a JSON object with some of the fields of `Orders`; what it does not name stays as it is.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.topics import topic_qos
from pose3d_ros.types import ImageArray

_COLUMNS, _ROWS = 10, 5
_CROWD_FRAME = 10
_PERSON_PX = slice(90, 340), slice(150, 250)  # rows and columns of the person of that frame who is shown fifty times


@dataclass(frozen=True)
class Orders:
    """infos: `valid`, `zeros`, `flapping` (half a second each) or `none`. sizes: of the images, taken in turn."""

    rate_hz: float = 30.0
    infos: str = "valid"
    sizes: tuple[tuple[int, int], ...] = ((640, 480),)
    offset_s: float = 0.0
    crowd: bool = False
    most: int = sys.maxsize


class Camera:
    """Sends until its input ends."""

    def __init__(self, namespace: str) -> None:
        self._node = rclpy.create_node("camera", namespace=namespace)
        self._images = self._node.create_publisher(Image, "image_raw", topic_qos(10))
        self._infos = self._node.create_publisher(CameraInfo, "camera_info", topic_qos(10))
        with BagReader(sample_bag()) as bag:
            self._camera = next(iter(bag.cameras())).camera
            self._recorded_bgr = [image.image_bgr for image in bag.images()]
        self._messages: dict[tuple[int, tuple[int, int], bool], Image] = {}
        self._orders, self._ended, self._sent = Orders(), False, 0

    def listen(self) -> None:
        """Follow the orders, in a thread of its own."""
        for line in sys.stdin:
            self._orders, self._sent = dataclasses.replace(self._orders, **json.loads(line)), 0
        self._ended = True

    def run(self) -> None:
        """Send as ordered; images that are late are sent as soon as possible."""
        due_s = time.monotonic()
        while not self._ended:
            orders = self._orders
            due_s = max(due_s + 1.0 / orders.rate_hz, time.monotonic() - 1.0)
            time.sleep(max(0.0, due_s - time.monotonic()))
            if self._sent < orders.most:
                self._send(orders)
                self._sent += 1

    def _send(self, orders: Orders) -> None:
        width_px, height_px = orders.sizes[self._sent % len(orders.sizes)]  # a list, of JSON
        size = (width_px, height_px)
        header = Header(frame_id="camera_optical_frame")
        second, header.stamp.nanosec = divmod(time.time_ns() + round(orders.offset_s * 1e9), 10**9)
        header.stamp.sec = second
        if orders.infos != "none":
            zeros = orders.infos == "zeros" or (orders.infos == "flapping" and int(time.monotonic() * 2) % 2 == 0)
            self._infos.publish(self._info(header, size, zeros))
        image = self._image(size, orders.crowd)
        image.header = header
        self._images.publish(image)

    def _image(self, size: tuple[int, int], crowd: bool) -> Image:
        key = (0 if crowd else self._sent % len(self._recorded_bgr), size, crowd)
        if key not in self._messages:
            shown = crowd_bgr(self._recorded_bgr[_CROWD_FRAME]) if crowd else self._recorded_bgr[key[0]]
            self._messages[key] = image_message(Header(), cv2.resize(shown, size).astype(np.uint8))
        return self._messages[key]

    def _info(self, header: Header, size: tuple[int, int], zeros: bool) -> CameraInfo:
        k = np.zeros(9) if zeros else self._camera.resize(*size).K_px.ravel()
        return CameraInfo(header=header, width=size[0], height=size[1], k=k.tolist())


def crowd_bgr(image_bgr: ImageArray) -> ImageArray:
    """One person of the image, fifty times."""
    person = image_bgr[_PERSON_PX]
    return np.tile(person, (_ROWS, _COLUMNS, 1))


def main() -> None:
    rclpy.init()
    camera = Camera(sys.argv[1])
    threading.Thread(target=camera.listen, daemon=True).start()
    try:
        camera.run()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # RCLError: the signal came between two lines, and the context is shut down
        if rclpy.ok():
            raise
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
