"""A calibrated camera: 3D points in its optical frame to pixels of its (distorted) image, and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import CameraError
from pose3d_ros.geometry import lens
from pose3d_ros.geometry.calibration_file import read_calibration
from pose3d_ros.geometry.intrinsics import (
    Calibration,
    check_hfov,
    check_region,
    checked_depth,
    checked_matrix,
    checked_points,
    checked_size,
)
from pose3d_ros.geometry.lens_names import checked_lens
from pose3d_ros.types import Array


@dataclass(frozen=True, eq=False)
class Camera:
    """Intrinsics of one image; crops and resizes of the image have cameras of their own.

    Raises CameraError for intrinsics that no camera can have.

    Attributes
    ----------
    K_px : ndarray
        (3, 3) float64, [[fx, skew, cx], [0, fy, cy], [0, 0, 1]] in pixels.
    width_px : int
        Width of the image.
    height_px : int
        Height of the image.
    distortion : ndarray
        (n,) float64, in the order of `geometry.lens`. Zeros of an offset from the pinhole make it one; a fisheye lens
        whose coefficients are zero is none (its radius is f times the angle).
    model : str
        `pinhole`, `plumb_bob`, `rational_polynomial` or `equidistant`, as in sensor_msgs/CameraInfo; `double_sphere`,
        `eucm`, `omni` or `fov`; or a name that `geometry.lens_names` knows for one of these.
    """

    K_px: Array
    width_px: int
    height_px: int
    distortion: Array = field(default_factory=lambda: np.zeros(0))
    model: str = "pinhole"

    def __post_init__(self) -> None:
        matrix = checked_matrix(self.K_px)
        model, coefficients = checked_lens(self.model, self.distortion)
        width_px, height_px = checked_size(self.width_px, self.height_px)
        matrix.setflags(write=False)
        coefficients.setflags(write=False)
        values = (matrix, width_px, height_px, coefficients, model)
        for name, value in zip(("K_px", "width_px", "height_px", "distortion", "model"), values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_hfov(cls, hfov_deg: float, width_px: int, height_px: int) -> Camera:
        """Make a pinhole with square pixels and its principal point at the image's center.

        Parameters
        ----------
        hfov_deg : float
            Angle between the image's left and right edges, so fx = (w / 2) / tan(hfov / 2).
        width_px, height_px : int
            Size of the image.

        Returns
        -------
        Camera
            Without distortion.

        Raises
        ------
        CameraError
            Unless 0 < hfov_deg < 180.
        """
        check_hfov(hfov_deg)
        f_px = 0.5 * width_px / np.tan(np.deg2rad(hfov_deg) / 2)
        matrix = np.array([[f_px, 0.0, (width_px - 1) / 2], [0.0, f_px, (height_px - 1) / 2], [0.0, 0.0, 1.0]])
        return cls(matrix, width_px, height_px)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Camera:
        """Read a calibration file of ROS, OpenCV or Kalibr.

        Parameters
        ----------
        path : str or Path
            As `camera_calibration`, `ros2 topic echo`, OpenCV's FileStorage or Kalibr writes it. Of several cameras in
            a file the first, or that of a name behind a #: `camchain.yaml#cam1`.

        Returns
        -------
        Camera
            The file's.

        Raises
        ------
        CameraError
            For a file that can't be read or is no calibration.
        """
        try:
            return calibrated_camera(read_calibration(path))
        except CameraError as error:
            subject = error.subject if f"{path}" in error.subject else f"{path}: {error.subject}"
            raise CameraError(subject, expected=error.expected, got=error.got, fix=error.fix) from error

    @property
    def fx_px(self) -> float:
        """Focal length across, pixels."""
        return float(self.K_px[0, 0])

    @property
    def fy_px(self) -> float:
        """Focal length down, pixels."""
        return float(self.K_px[1, 1])

    @property
    def cx_px(self) -> float:
        """Principal point, pixels from the left."""
        return float(self.K_px[0, 2])

    @property
    def cy_px(self) -> float:
        """Principal point, pixels from the top."""
        return float(self.K_px[1, 2])

    def project(self, points_cam_m: npt.ArrayLike) -> Array:
        """Project points to pixels.

        Parameters
        ----------
        points_cam_m : array_like
            (..., 3), metres, in the camera's optical frame.

        Returns
        -------
        ndarray
            (..., 2) float64 px in the distorted image, also outside its borders; NaN for a point that is not finite, at
            z <= 0, and beyond the angle where the lens model folds back.

        Raises
        ------
        InputError
            Unless the last axis is 3.
        """
        points = checked_points("points_cam_m", points_cam_m, 3)
        flat = points.reshape(-1, 3)
        depth = np.where((flat[:, 2:] > 0) & np.isfinite(flat[:, 2:]), flat[:, 2:], np.nan)
        with np.errstate(invalid="ignore", over="ignore"):
            normalized = flat[:, :2] / depth
        distorted = lens.distort(self.model, self.distortion, normalized)
        return self._to_pixels(distorted).reshape(*points.shape[:-1], 2)

    def rays(self, points_img_px: npt.ArrayLike) -> Array:
        """Turn pixels into viewing rays, scaled to z = 1.

        Parameters
        ----------
        points_img_px : array_like
            (..., 2), in the distorted image.

        Returns
        -------
        ndarray
            (..., 3) float64; NaN for a NaN pixel and for one that images no ray in front of the camera.

        Raises
        ------
        InputError
            Unless the last axis is 2.
        """
        points = checked_points("points_img_px", points_img_px, 2)
        normalized = self._undistorted(points.reshape(-1, 2))
        ones = np.where(np.isnan(normalized[:, :1]), np.nan, 1.0)
        rays: Array = np.concatenate([normalized, ones], axis=1).reshape(*points.shape[:-1], 3)
        return rays

    def backproject(self, points_img_px: npt.ArrayLike, depth_m: npt.ArrayLike) -> Array:
        """Find the points at given depths behind pixels.

        Parameters
        ----------
        points_img_px : array_like
            (..., 2), in the distorted image.
        depth_m : array_like
            z in metres, (...) or anything that broadcasts with it.

        Returns
        -------
        ndarray
            (..., 3) float64, metres, in the camera's optical frame; NaN where either is NaN, or the depth is not above
            0.

        Raises
        ------
        InputError
            For shapes that do not fit.
        """
        rays = self.rays(points_img_px)
        depth = checked_depth(depth_m, rays.shape[:-1])
        points: Array = rays * np.where(depth > 0, depth, np.nan)[..., None]
        return points

    def transformed(self, img2new: Array, width_px: int, height_px: int) -> Camera:
        """Make the camera of the image that an axis-aligned affine makes of this one's; the lens stays the same.

        Parameters
        ----------
        img2new : ndarray
            (2, 3), pixels to pixels, [[sx, 0, tx], [0, sy, ty]] with sx, sy > 0.
        width_px, height_px : int
            Size of the new image.

        Returns
        -------
        Camera
            The new image's.

        Raises
        ------
        CameraError
            For any other affine, or an empty image.
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
        """Make the camera of a part of the image.

        Parameters
        ----------
        x0_px, y0_px : float
            The part's first pixel.
        width_px, height_px : int
            Its size; it may reach over the borders.

        Returns
        -------
        Camera
            The part's.
        """
        return self.transformed(np.array([[1.0, 0.0, -x0_px], [0.0, 1.0, -y0_px]]), width_px, height_px)

    def resize(self, width_px: int, height_px: int) -> Camera:
        """Make the camera of the image resized as `cv2.resize` does.

        Parameters
        ----------
        width_px, height_px : int
            The new size.

        Returns
        -------
        Camera
            The resized image's.
        """
        return self._rescaled(width_px / self.width_px, height_px / self.height_px, width_px, height_px)

    def roi_binned(
        self, x_offset: int, y_offset: int, width: int, height: int, binning_x: int, binning_y: int
    ) -> Camera:
        """Make the camera of the image that a driver sends with a region of interest and binning (REP 104).

        This camera is the full-resolution one. Pixels are combined in binning_x by binning_y blocks, so a coordinate is
        scaled about the pixels' corner: c' = (c - offset + 0.5) / binning - 0.5.

        Parameters
        ----------
        x_offset, y_offset, width, height : int
            The region in full-resolution pixels; width = height = 0 means all of it.
        binning_x, binning_y : int
            Size of a block; 0 means 1.

        Returns
        -------
        Camera
            The sent image's.

        Raises
        ------
        CameraError
            For a region that is not in the image or smaller than a block.
        """
        whole = not (width or height)
        width, height = (self.width_px, self.height_px) if whole else (width, height)
        block_x, block_y = max(binning_x, 1), max(binning_y, 1)
        check_region((self.width_px, self.height_px), (x_offset, y_offset, width, height), (block_x, block_y))
        region = self.crop(x_offset, y_offset, width, height)
        return region._rescaled(1 / block_x, 1 / block_y, width // block_x, height // block_y)

    def _rescaled(self, scale_x: float, scale_y: float, width_px: int, height_px: int) -> Camera:
        shift_x, shift_y = 0.5 * scale_x - 0.5, 0.5 * scale_y - 0.5
        return self.transformed(np.array([[scale_x, 0.0, shift_x], [0.0, scale_y, shift_y]]), width_px, height_px)

    def _to_pixels(self, normalized: Array) -> Array:
        pixels = normalized * self.K_px[[0, 1], [0, 1]] + self.K_px[:2, 2]
        if self.K_px[0, 1]:
            pixels[:, 0] += self.K_px[0, 1] * normalized[:, 1]
        return pixels

    def _undistorted(self, flat_img_px: Array) -> Array:
        normalized = (flat_img_px - self.K_px[:2, 2]) / self.K_px[[0, 1], [0, 1]]
        if self.K_px[0, 1]:
            normalized[:, 0] -= self.K_px[0, 1] / self.K_px[0, 0] * normalized[:, 1]
        return lens.undistort(self.model, self.distortion, normalized)


def calibrated_camera(read: Calibration, *, rectified: bool = False) -> Camera:
    """The camera of the raw or the rectified image of a calibration, region of interest and binning applied."""
    K_px, distortion, model = read.lens(rectified=rectified)
    camera = Camera(K_px, read.width_px, read.height_px, distortion, model)
    sent_whole = not any(read.roi_px) and max(read.binning) <= 1
    return camera if sent_whole else camera.roi_binned(*read.roi_px, *read.binning)
