"""Frames of a recording in memory, their images as JPEG in a file that is gone when the process ends."""

from __future__ import annotations

import bisect
import tempfile
import threading
from dataclasses import replace

import cv2
import numpy as np

from pose3d_ros.types import ImageArray
from pose3d_ros.viewer.shown_frame import ShownFrame

WIDEST_PX = 960
"""Of images as they are kept."""
_QUALITY = 85


def fitting_zoom(width_px: int, height_px: int, widest_px: int) -> float:
    """By how much an image is made smaller so that neither side is longer than that; 1 for one that is not."""
    return min(1.0, widest_px / max(width_px, height_px))


class FrameStore:
    """Frames by time, added in any order, from one thread and read in another."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stamps_ns: list[int] = []
        self._frames: list[ShownFrame] = []
        self._places: dict[int, tuple[int, int]] = {}
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the store
        self._end = 0

    def __len__(self) -> int:
        return len(self._stamps_ns)

    def close(self) -> None:
        """Give the disk's space back."""
        self._file.close()

    def add(self, frame: ShownFrame) -> None:
        """Add a frame, in place of one of the same time, and keep its image."""
        with self._lock:
            at = bisect.bisect_left(self._stamps_ns, frame.stamp_ns)
            bare = replace(frame, image_bgr=None)
            if at < len(self) and self._stamps_ns[at] == frame.stamp_ns:
                self._frames[at] = bare
            else:
                self._stamps_ns.insert(at, frame.stamp_ns)
                self._frames.insert(at, bare)
        if frame.image_bgr is not None:
            self.add_image(frame.stamp_ns, frame.image_bgr)

    def add_image(self, stamp_ns: int, image_bgr: ImageArray) -> None:
        """Keep the image of a frame, smaller where it is large."""
        height_px, width_px = image_bgr.shape[:2]
        zoom = fitting_zoom(width_px, height_px, WIDEST_PX)
        if zoom < 1.0:
            size = (max(1, round(zoom * width_px)), max(1, round(zoom * height_px)))
            image_bgr = np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        done, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if not done:
            return
        with self._lock:
            self._file.seek(self._end)
            self._places[stamp_ns] = (self._end, self._file.write(data.tobytes()))
            self._end = self._file.tell()

    @property
    def frames(self) -> tuple[ShownFrame, ...]:
        """All so far, without their images."""
        with self._lock:
            return tuple(self._frames)

    @property
    def length_s(self) -> float:
        """From the first frame to the last."""
        with self._lock:
            return (self._stamps_ns[-1] - self._stamps_ns[0]) * 1e-9 if self._stamps_ns else 0.0

    def time_s(self, index: int) -> float:
        """Of a frame since the first one."""
        with self._lock:
            return (self._stamps_ns[index] - self._stamps_ns[0]) * 1e-9

    def index_at(self, time_s: float) -> int:
        """The last frame that is no later than this time after the first one; 0 before it."""
        with self._lock:
            after = bisect.bisect_right(self._stamps_ns, self._stamps_ns[0] + round(time_s * 1e9) + 1)
        return max(0, after - 1)

    def read(self, index: int) -> ShownFrame:
        """A frame with its image, as it was kept; None in its place where there is none yet."""
        with self._lock:
            frame = self._frames[index]
            place = self._places.get(frame.stamp_ns)
            if place is None:
                return frame
            self._file.seek(place[0])
            data = self._file.read(place[1])
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
        return frame if image is None else replace(frame, image_bgr=np.asarray(image, dtype=np.uint8))
