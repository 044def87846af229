"""A calibrated camera: 3D points in its optical frame to pixels of its (distorted) image, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.geometry import lens
from pose3d_ros.geometry.calibration_file import read_calibration
from pose3d_ros.geometry.intrinsics import checked_lens, checked_matrix, checked_size
from pose3d_ros.types import Array


def _no_distortion() -> Array:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Camera:
    """Intrinsics of one image; crops and resizes of the image have cameras of their own.

    K_px: (3, 3) float64, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] in pixels. distortion: (n,) float64, OpenCV's order.
    model: `pinhole`, `plumb_bob`, `rational_polynomial` or `equidistant` (also `fisheye`), the names of
    sensor_msgs/CameraInfo. No coefficients, or zeros for the first three, make it `pinhole`; an `equidistant` lens
    whose coefficients are zero is not a pinhole (its radius is f times the angle) and is kept.
    Raises CameraError for intrinsics that no camera can have.
    """

    K_px: Array
    width_px: int
    height_px: int
    distortion: Array = field(default_factory=_no_distortion)
    model: str = "pinhole"

    def __post_init__(self) -> None:
        matrix = checked_matrix(self.K_px)
        model, coefficients = checked_lens(self.model, self.distortion)
        width_px, height_px = checked_size(self.width_px, self.height_px)
        matrix.setflags(write=False)
        coefficients.setflags(write=False)
        for name, value in (("K_px", matrix), ("distortion", coefficients), ("model", model)):
            object.__setattr__(self, name, value)
        for name, side in (("width_px", width_px), ("height_px", height_px)):
            object.__setattr__(self, name, side)

    @classmethod
    def from_hfov(cls, hfov_deg: float, width_px: int, height_px: int) -> Camera:
        """A pinhole with square pixels and its principal point at the image's centre.

        hfov_deg: angle between the image's left and right edges, so fx = (w / 2) / tan(hfov / 2).
        Raises CameraError unless 0 < hfov_deg < 180.
        """
        if not 0.0 < hfov_deg < 180.0:
            raise CameraError(
                "horizontal field of view",
                expected="an angle between 0 and 180 degrees",
                got=f"{hfov_deg}",
                fix="Give the full angle between the image's left and right edges, in degrees.",
            )
        f_px = 0.5 * width_px / np.tan(np.deg2rad(hfov_deg) / 2)
        matrix = np.array([[f_px, 0.0, (width_px - 1) / 2], [0.0, f_px, (height_px - 1) / 2], [0.0, 0.0, 1.0]])
        return cls(matrix, width_px, height_px)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Camera:
        """The camera of a ROS calibration file (`camera_calibration_parsers` YAML). Raises CameraError."""
        read = read_calibration(Path(path))
        return cls(read.K_px, read.width_px, read.height_px, read.distortion, read.model)

    @property
    def fx_px(self) -> float:
        return float(self.K_px[0, 0])

    @property
    def fy_px(self) -> float:
        return float(self.K_px[1, 1])

    @property
    def cx_px(self) -> float:
        return float(self.K_px[0, 2])

    @property
    def cy_px(self) -> float:
        return float(self.K_px[1, 2])

    def project(self, points_cam_m: npt.ArrayLike) -> Array:
        """Pixels of points in the camera's optical frame.

        points_cam_m: (..., 3), metres. Returns (..., 2) float64 px in the distorted image, also outside its borders;
        NaN for a point that is not finite, at z <= 0, and beyond the angle where the lens model folds back.
        Raises InputError unless the last axis is 3.
        """
        points = _checked_points("points_cam_m", points_cam_m, 3)
        flat = points.reshape(-1, 3)
        depth = np.where((flat[:, 2:] > 0) & np.isfinite(flat[:, 2:]), flat[:, 2:], np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            normalized = flat[:, :2] / depth
        distorted = _where_finite(normalized, lambda p: lens.distort(self.model, self.distortion, p))
        return self._to_pixels(distorted).reshape(*points.shape[:-1], 2)

    def rays(self, points_img_px: npt.ArrayLike) -> Array:
        """Rays of pixels, scaled to z = 1.

        points_img_px: (..., 2), distorted image. Returns (..., 3) float64; NaN for a NaN pixel and for one that
        images no ray in front of the camera. Raises InputError unless the last axis is 2.
        """
        points = _checked_points("points_img_px", points_img_px, 2)
        normalized = self._undistorted(points.reshape(-1, 2))
        ones = np.where(np.isnan(normalized[:, :1]), np.nan, 1.0)
        rays: Array = np.concatenate([normalized, ones], axis=1).reshape(*points.shape[:-1], 3)
        return rays

    def backproject(self, points_img_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Array:
        """Points in the camera's optical frame at the given depths behind pixels.

        points_img_px: (..., 2), distorted image. depth_m: z in metres, (...) or anything that broadcasts with it.
        Returns (..., 3) float64, metres, with z = depth; NaN where either is NaN, or the depth is not above 0.
        Raises InputError for shapes that do not fit.
        """
        rays = self.rays(points_img_px)
        depth = np.asarray(depth_m, dtype=np.float64)
        try:
            np.broadcast_shapes(rays.shape[:-1], depth.shape)
        except ValueError:
            raise InputError(
                "depth_m",
                expected=f"a shape that broadcasts with the points' {rays.shape[:-1]}",
                got=f"{depth.shape}",
                fix="Give one depth for each pixel.",
            ) from None
        points: Array = rays * np.where(depth > 0, depth, np.nan)[..., None]
        return points

    def undistort(self, points_img_px: npt.ArrayLike) -> Array:
        """Pixels where a pinhole with the same K_px would see what this camera sees at these pixels.

        points_img_px: (..., 2), distorted image. Returns (..., 2) float64 px; NaN as in `rays`.
        """
        points = _checked_points("points_img_px", points_img_px, 2)
        return self._to_pixels(self._undistorted(points.reshape(-1, 2))).reshape(points.shape)

    def transformed(self, img2new: Array, width_px: int, height_px: int) -> Camera:
        """The camera of the image that an axis-aligned affine makes of this one's.

        img2new: (2, 3), pixels to pixels, [[sx, 0, tx], [0, sy, ty]] with sx, sy > 0. The lens stays the same.
        Raises CameraError for any other affine, or an empty image.
        """
        diagonal = img2new.shape == (2, 3) and img2new[0, 1] == 0 and img2new[1, 0] == 0
        if not (diagonal and img2new[0, 0] > 0 and img2new[1, 1] > 0):
            raise CameraError(
                "img2new",
                expected="a (2, 3) affine that scales and shifts",
                got=f"{img2new.tolist()}",
                fix="Rotated or mirrored images have no camera of this kind.",
            )
        matrix = np.vstack([img2new, [0.0, 0.0, 1.0]]) @ self.K_px
        return replace(self, K_px=matrix, width_px=width_px, height_px=height_px)

    def crop(self, x0_px: float, y0_px: float, width_px: int, height_px: int) -> Camera:
        """The camera of the part of the image whose first pixel is (x0_px, y0_px); it may reach over the borders."""
        return self.transformed(np.array([[1.0, 0.0, -x0_px], [0.0, 1.0, -y0_px]]), width_px, height_px)

    def resize(self, width_px: int, height_px: int) -> Camera:
        """The camera of the image resized to that size."""
        return self._rescaled(width_px / self.width_px, height_px / self.height_px, width_px, height_px)

    def scaled(self, factor: float) -> Camera:
        """The camera of the image resized by exactly `factor`, its size rounded as `cv2.resize(fx=, fy=)` does."""
        width_px, height_px = (max(1, round(factor * side)) for side in (self.width_px, self.height_px))
        return self._rescaled(factor, factor, width_px, height_px)

    def roi_binned(
        self, x_offset: int, y_offset: int, width: int, height: int, binning_x: int, binning_y: int
    ) -> Camera:
        """The camera of the image that a driver sends with a region of interest and binning (REP 104).

        This camera is the full-resolution one. The region is in full-resolution pixels; width = height = 0 means
        all of it. A binning of 0 means 1. Pixels are combined in binning_x by binning_y blocks, so a coordinate is
        scaled about the pixels' corner: c' = (c - offset + 0.5) / binning - 0.5.
        Raises CameraError for a region that is not in the image or smaller than a block.
        """
        width, height = (width, height) if (width or height) else (self.width_px, self.height_px)
        block_x, block_y = max(binning_x, 1), max(binning_y, 1)
        fits = 0 <= x_offset <= self.width_px - width and 0 <= y_offset <= self.height_px - height
        if not fits or width < block_x or height < block_y:
            raise CameraError(
                "region of interest",
                expected=f"a region inside {self.width_px}x{self.height_px} of at least {block_x}x{block_y} px",
                got=f"{width}x{height} at ({x_offset}, {y_offset})",
                fix="camera_info's width and height are the full resolution; its roi is in those pixels.",
            )
        region = self.crop(x_offset, y_offset, width, height)
        return region._rescaled(1 / block_x, 1 / block_y, width // block_x, height // block_y)

    def _rescaled(self, scale_x: float, scale_y: float, width_px: int, height_px: int) -> Camera:
        shift_x, shift_y = 0.5 * scale_x - 0.5, 0.5 * scale_y - 0.5
        return self.transformed(np.array([[scale_x, 0.0, shift_x], [0.0, scale_y, shift_y]]), width_px, height_px)

    def _to_pixels(self, normalized: Array) -> Array:
        return normalized * self.K_px[[0, 1], [0, 1]] + self.K_px[:2, 2]

    def _undistorted(self, flat_img_px: Array) -> Array:
        normalized = (flat_img_px - self.K_px[:2, 2]) / self.K_px[[0, 1], [0, 1]]
        return _where_finite(normalized, lambda p: lens.undistort(self.model, self.distortion, p))


def _checked_points(name: str, points: npt.ArrayLike, size: int) -> Array:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim < 1 or array.shape[-1] != size:
        raise InputError(
            name,
            expected=f"an array (..., {size})",
            got=f"shape {array.shape}",
            fix="The last axis holds a point's coordinates.",
        )
    return array


def _where_finite(points: Array, function: Callable[[Array], Array]) -> Array:
    finite = np.isfinite(points).all(axis=1)
    if finite.all():
        return function(points)
    out = np.full_like(points, np.nan)
    out[finite] = function(points[finite])
    return out
