"""Checks of what a camera is made from, and of what a calibration says, at the edge where it comes in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import CameraError, InputError, shown
from pose3d_ros.types import Array

_CALIBRATE = "Calibrate the camera (camera_calibration), or give its field of view (--hfov)."
_WRITE_K = "Write K row by row: fx, skew, cx, 0, fy, cy, 0, 0, 1, in pixels."
# Far beyond any camera, and its crops and resized images; from there on numbers overflow.
_LEAST_PX, _MOST_PX = 1e-6, 1e12
_MAX_SKEW = 0.1
"""Of fx: pixels of that lean are of no sensor, but of numbers in another order."""


def checked_matrix(K_px: npt.ArrayLike) -> Array:
    """A copy of K as (3, 3) float64. Raises CameraError for zeros, NaN and what is no intrinsic matrix."""
    try:
        matrix = np.array(K_px, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise CameraError("K", expected="a 3x3 matrix of numbers", got=f"{shown(K_px)}", fix=_WRITE_K) from None
    if matrix.shape != (3, 3):
        raise CameraError("K", expected="a 3x3 matrix", got=f"shape {matrix.shape}", fix=_WRITE_K)
    for name, empty in (("zeros", np.zeros((3, 3))), ("the identity", np.eye(3))):
        if np.array_equal(matrix, empty):
            got = f"{name} (an uncalibrated camera)"
            raise CameraError("K", expected="an intrinsic matrix", got=got, fix=_CALIBRATE)
    if not np.isfinite(matrix).all():
        fix = "That calibration did not converge: repeat it with more and more varied views, or correct it."
        raise CameraError("K", expected="finite numbers", got=f"{shown(matrix.tolist())}", fix=fix)
    upper = matrix[1, 0] == 0 and np.array_equal(matrix[2], [0.0, 0.0, 1.0])
    extreme = min(matrix[0, 0], matrix[1, 1]) < _LEAST_PX or np.abs(matrix).max() > _MOST_PX
    if not upper or extreme or abs(matrix[0, 1]) > _MAX_SKEW * matrix[0, 0]:
        raise CameraError(
            "K",
            expected="[[fx, skew, cx], [0, fy, cy], [0, 0, 1]] with fx, fy > 0 and little skew",
            got=f"{shown(matrix.tolist())}",
            fix=_WRITE_K,
        )
    return matrix


def checked_size(width_px: int, height_px: int) -> tuple[int, int]:
    """The image size as two ints. Raises CameraError unless both are integers above 0."""
    try:
        width, height = int(width_px), int(height_px)
    except (TypeError, ValueError, OverflowError):
        width, height = 0, 0
    if width < 1 or height < 1 or width != width_px or height != height_px:
        raise CameraError(
            "camera size",
            expected="an integer width and height above 0 px",
            got=f"{shown(width_px)} x {shown(height_px)}",
            fix="Give the size of the image that K belongs to.",
        )
    return width, height


def checked_points(name: str, points: npt.ArrayLike, size: int) -> Array:
    """Points as an array (..., size) float64. Raises InputError for another shape."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim < 1 or array.shape[-1] != size:
        raise InputError(
            name,
            expected=f"an array (..., {size})",
            got=f"shape {array.shape}",
            fix="The last axis holds a point's coordinates.",
        )
    return array


def checked_depth(depth_m: npt.ArrayLike, points_shape: tuple[int, ...]) -> Array:
    """Depths as an array. Raises InputError for a shape that does not broadcast with that of the points."""
    depth = np.asarray(depth_m, dtype=np.float64)
    try:
        np.broadcast_shapes(points_shape, depth.shape)
    except ValueError:
        raise InputError(
            "depth_m",
            expected=f"a shape that broadcasts with the points' {points_shape}",
            got=f"{depth.shape}",
            fix="Give one depth for each pixel.",
        ) from None
    return depth


def check_hfov(hfov_deg: float) -> None:
    """Raise CameraError for a horizontal field of view that no pinhole has."""
    if not 0.0 < hfov_deg < 180.0:
        raise CameraError(
            "horizontal field of view",
            expected="an angle between 0 and 180 degrees",
            got=f"{hfov_deg}",
            fix="Give the full angle between the image's left and right edges, in degrees.",
        )


def check_region(size_px: tuple[int, int], region_px: tuple[int, int, int, int], block_px: tuple[int, int]) -> None:
    """Raise CameraError for a region (x, y, width, height) that is not in an image or smaller than a block."""
    x, y, width, height = region_px
    inside = 0 <= x <= size_px[0] - width and 0 <= y <= size_px[1] - height
    if not inside or width < block_px[0] or height < block_px[1]:
        raise CameraError(
            "region of interest",
            expected=f"a region inside {size_px[0]}x{size_px[1]} of at least {block_px[0]}x{block_px[1]} px",
            got=f"{width}x{height} at ({x}, {y})",
            fix="camera_info's width and height are the full resolution; its roi is in those pixels.",
        )


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a calibration file or a camera_info says, unchecked.

    K_px (3, 3) and distortion (n,) with its model: of the raw image. P_px (3, 4): of the rectified one, zeros where it
    is not known. roi_px: x offset, y offset, width, height in pixels of the full resolution; zeros: all of it.
    binning: across and down. choices: the names of the file's cameras, where none
    of several was chosen.
    """

    K_px: Array
    width_px: int
    height_px: int
    distortion: Array
    model: str
    P_px: Array = field(default_factory=lambda: np.zeros((3, 4)))
    roi_px: tuple[int, int, int, int] = (0, 0, 0, 0)
    binning: tuple[int, int] = (1, 1)
    choices: tuple[str, ...] = ()

    def lens(self, *, rectified: bool) -> tuple[Array, Array, str]:
        """K, coefficients and model of the raw image, or of the rectified one, which has the K of P and no distortion.

        A K of zeros beside a P is that of an image that comes rectified. Raises CameraError where there is no P to
        take, and for coefficients beside a K of zeros.
        """
        without_raw = not self.K_px.any() and bool(self.P_px.any())
        if not rectified and not without_raw:
            return self.K_px, self.distortion, self.model
        if without_raw and self.distortion.any():
            raise CameraError(
                "K",
                expected="an intrinsic matrix beside the distortion",
                got="zeros, with a projection matrix P and a distortion that is not zero",
                fix="Write K of the raw image; or, if the image is rectified, zeros for the distortion.",
            )
        if self.P_px.any():
            return self.P_px[:, :3], np.zeros(0), "pinhole"
        if self.distortion.any():
            raise CameraError(
                "projection matrix P",
                expected="that of the rectified image",
                got="zeros, with a distortion that the rectified image does not have",
                fix="Use the raw image (image_raw), or write P as camera_calibration does.",
            )
        return self.K_px, self.distortion, self.model
