"""The people's parts of the images for `hri_bridge`, and the images' size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from pose3d_ros.bags.message_records import sent_size_px, stamp_ns
from pose3d_ros.errors import Pose3DError
from pose3d_ros.geometry.boxes import pixel_region
from pose3d_ros.nodes.conversion import image_message, image_size_px, received_bgr
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.types import Array

_KEPT = 16
"""Images that wait for their people: those of half a second, or of the smoother's longest lookahead."""
_T = TypeVar("_T")
_U = TypeVar("_U")


class StampPairs(Generic[_T, _U]):
    """Pairs what has one stamp, in whichever order it comes; remembers the latest `_KEPT` of each kind."""

    def __init__(self) -> None:
        self._first: OrderedDict[int, _T] = OrderedDict()
        self._second: OrderedDict[int, _U] = OrderedDict()

    def put_first(self, stamp: int, item: _T) -> _U | None:
        """Return the second one of that stamp, None while it has not come."""
        return _matched(stamp, item, self._first, self._second)

    def put_second(self, stamp: int, item: _U) -> _T | None:
        """Return the first one of that stamp, None while it has not come."""
        return _matched(stamp, item, self._second, self._first)

    def clear(self) -> None:
        """Forget everything."""
        self._first.clear()
        self._second.clear()


def _matched(stamp: int, item: _T, mine: OrderedDict[int, _T], others: OrderedDict[int, _U]) -> _U | None:
    if stamp in others:
        return others.pop(stamp)
    mine[stamp] = item
    while len(mine) > _KEPT:
        mine.popitem(last=False)
    return None


class Crop(NamedTuple):
    """A box (4,) in pixels, and who publishes what it holds."""

    box_xyxy_px: Array
    publish: Callable[[Image], None]


class BodyImages:
    """Subscribes to camera_info, and to images while their size is unknown or crops are wanted.

    transport: `raw` or `compressed`. size_px: width and height of the images, None while unknown.
    """

    def __init__(self, node: Node, board: ProblemBoard, transport: str, max_pixels: int) -> None:
        self._node, self._board, self._max_pixels = node, board, max_pixels
        self._kind = CompressedImage if transport == "compressed" else Image
        self._topic = "image_raw/compressed" if transport == "compressed" else "image_raw"
        self._pairs: StampPairs[Any, Sequence[Crop]] = StampPairs()
        self._images: FittedSubscription | None = None
        self._info = FittedSubscription(node, CameraInfo, "camera_info", self._on_info, depth=5, latched=True)
        self.size_px: tuple[int, int] | None = None

    @property
    def topics(self) -> str:
        """The topics that say how large images are."""
        return f"{self._info.topic} and {self._node.resolve_topic_name(self._topic)}"

    def poll(self, *, crops_wanted: bool) -> None:
        """Follow the publishers, and whether images are needed; called several times a second."""
        self._info.refit()
        wanted = crops_wanted or self.size_px is None
        if wanted and self._images is None:
            self._images = FittedSubscription(self._node, self._kind, self._topic, self._on_image, depth=5)
        elif not wanted and self._images is not None:
            self._images.close()
            self._images = None
            self._pairs.clear()
        if self._images is not None:
            self._images.refit()

    def request(self, time_ns: int, crops: Sequence[Crop]) -> None:
        """Publish these parts of the image of that stamp, now or when it comes."""
        if crops and self._images is not None:
            image = self._pairs.put_second(time_ns, crops)
            if image is not None:
                self._publish(image, crops)

    def _on_info(self, message: CameraInfo) -> None:
        self.size_px = sent_size_px(message) or self.size_px

    def _on_image(self, message: Any) -> None:
        try:
            self.size_px = image_size_px(message, self._max_pixels)
        except Pose3DError as error:
            self._board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
            return
        crops = self._pairs.put_first(stamp_ns(message.header), message)
        if crops is not None:
            self._publish(message, crops)

    def _publish(self, message: Any, crops: Sequence[Crop]) -> None:
        try:
            image_bgr = received_bgr(message, self._max_pixels)
        except Pose3DError as error:
            self._board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
            return
        height_px, width_px = image_bgr.shape[:2]
        for crop in crops:
            region = pixel_region(crop.box_xyxy_px, width_px, height_px)
            if region is not None:
                crop.publish(image_message(message.header, image_bgr[region]))
