"""The camera of an image: from a calibration file, or from a field of view."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry.camera import Camera

# Sizes that a sensor's modes round differently (1920x1088) still have one aspect.
_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class CameraChoice:
    """calibration: the camera of the file, or None for a field of view of hfov_deg, degrees."""

    calibration: Camera | None
    hfov_deg: float | None

    @classmethod
    def of(cls, path: str | None, hfov_deg: float | None) -> CameraChoice:
        """From `--camera` or `--hfov`. Raises CameraError for a file or an angle that can't be used."""
        if path is not None:
            return cls(Camera.from_yaml(Path(path)), None)
        Camera.from_hfov(hfov_deg or 0.0, 2, 2)  # raises for an impossible angle before any image is read
        return cls(None, hfov_deg)

    def of_size(self, width_px: int, height_px: int) -> Camera:
        """The camera of images of that size; a calibration of the same aspect is scaled.

        Raises CameraError for images of another aspect than the calibration's.
        """
        camera = self.calibration
        if camera is None:
            return Camera.from_hfov(self.hfov_deg or 0.0, width_px, height_px)
        if (camera.width_px, camera.height_px) == (width_px, height_px):
            return camera
        stretch = (width_px / camera.width_px) / (height_px / camera.height_px)
        if abs(stretch - 1.0) > _ASPECT_TOLERANCE:
            raise CameraError(
                "camera",
                expected=f"images of {camera.width_px}x{camera.height_px} or the same aspect",
                got=f"{width_px}x{height_px}",
                fix="Calibrate this resolution, or use --hfov.",
            )
        return camera.resize(width_px, height_px)
