"""The camera of the images that arrive, from camera_info or, flagged as uncalibrated, from a field of view."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

from pose3d_ros.bags.message_records import camera_of
from pose3d_ros.errors import CameraError
from pose3d_ros.geometry.camera import Camera

_FALLBACK_HINT = "Or set fallback_hfov_deg to guess."


@dataclass(frozen=True, eq=False)
class ImageCamera:
    """camera: of exactly this image. problem: why it is a guess from the field of view; None for a calibrated one."""

    camera: Camera
    problem: CameraError | None

    @property
    def calibrated(self) -> bool:
        """Whether the camera is from a camera_info of this size."""
        return self.problem is None


class _Fault(NamedTuple):
    """What is wrong with the camera_info, in the parts of an error."""

    subject: str
    expected: str
    got: str
    fix: str


class CameraSource:
    """Remembers the latest camera_info, which may come before, after or once for many images.

    topic: its name, for messages. fallback_hfov_deg: horizontal field of view to assume without a usable one, 0: none.
    rectified: whether the images are, so that the camera is that of the projection matrix.
    hint: the end of each error. received: how many came.
    """

    def __init__(
        self, topic: str, fallback_hfov_deg: float, *, rectified: bool = False, hint: str = _FALLBACK_HINT
    ) -> None:
        self._topic, self._hint = topic, hint
        self._rectified = rectified
        self._fallback_hfov_deg = fallback_hfov_deg
        self.received = 0
        self._first = threading.Event()
        self._known: tuple[object, ...] | None = None
        self._current: Camera | _Fault = _Fault("camera_info", "a message", "none so far", "Publish it.")

    def update(self, message: Any) -> CameraError | None:
        """Store a sensor_msgs/CameraInfo; returns the error of an unusable one."""
        self.received += 1
        fields = _fields(message)
        if fields != self._known:
            self._known = fields
            try:
                self._current = camera_of(message, rectified=self._rectified)
            except CameraError as error:
                self._current = _Fault(f"camera_info {error.subject}", error.expected, error.got, error.fix)
        self._first.set()  # last: who waits for it reads the camera at once
        return self._error(self._current) if isinstance(self._current, _Fault) else None

    def wait_for_first(self, timeout_s: float) -> None:
        """Give the first camera_info a little time: a driver publishes it just before or after its image.

        Waits once only, and not after one came. For another thread than the one that calls `update`.
        """
        self._first.wait(timeout_s)
        self._first.set()

    def latest(self) -> Camera:
        """The camera of the latest camera_info, whatever its image's size. Raises CameraError without a usable one."""
        if isinstance(self._current, Camera):
            return self._current
        raise self._error(self._current)

    def camera_for(self, width_px: int, height_px: int) -> ImageCamera:
        """The camera of an image of that size. Raises CameraError when there is none and no field of view to assume."""
        found = self._current
        if isinstance(found, Camera):
            if (found.width_px, found.height_px) == (width_px, height_px):
                return ImageCamera(found, None)
            found = _wrong_size(found, width_px, height_px)
        if self._fallback_hfov_deg <= 0:
            raise self._error(found)
        return ImageCamera(Camera.from_hfov(self._fallback_hfov_deg, width_px, height_px), self._error(found))

    def _error(self, fault: _Fault) -> CameraError:
        """A new error each time: one that is kept and raised again keeps every frame, and its image, in a traceback."""
        expected, fix = f"{fault.expected} on {self._topic}", f"{fault.fix} {self._hint}"
        return CameraError(fault.subject, expected=expected, got=fault.got, fix=fix)


def _wrong_size(camera: Camera, width_px: int, height_px: int) -> _Fault:
    return _Fault(
        "camera_info size",
        f"{width_px}x{height_px} as the image",
        f"{camera.width_px}x{camera.height_px}",
        "Publish the camera_info of this image, with its roi and binning.",
    )


def _fields(message: Any) -> tuple[object, ...]:
    size, binning = (message.width, message.height), (message.binning_x, message.binning_y)
    matrices = tuple(message.k), tuple(message.p)
    return size, message.distortion_model, tuple(message.d), matrices, binning, message.roi
