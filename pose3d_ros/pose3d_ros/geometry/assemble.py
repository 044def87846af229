"""Root depth and root-relative joints become joints in camera space (Moon 2019, sec. 4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.types import Array


def assemble(
    camera: Camera,
    joints_img_px: npt.ArrayLike,
    relative_depth_m: npt.ArrayLike,
    root_depth_m: npt.ArrayLike,
    root_index: int,
) -> tuple[Array, Array]:
    """Back-project each joint at its own depth: the root's depth plus the joint's relative one.

    Parameters
    ----------
    camera : Camera
        Of the image that the pixels are in.
    joints_img_px : array_like
        (N, J, 2), pixels of the (distorted) image.
    relative_depth_m : array_like
        (N, J), z behind the root, metres.
    root_depth_m : array_like
        (N,), z of the root, metres.
    root_index : int
        The joint whose pixel is the root's.

    Returns
    -------
    root_cam_m, joints_cam_m : ndarray
        (N, 3) and (N, J, 3) float64, metres, in the camera's optical frame. A joint without a pixel or whose depth is
        not above 0 is NaN; so is the root.

    Raises
    ------
    InputError
        For shapes that do not fit each other.
    """
    joints = np.asarray(joints_img_px, dtype=np.float64)
    relative = np.asarray(relative_depth_m, dtype=np.float64)
    root_depth = np.asarray(root_depth_m, dtype=np.float64)
    fits = joints.ndim == 3 and joints.shape == (*relative.shape, 2) and root_depth.shape == joints.shape[:1]
    if not fits or not 0 <= root_index < joints.shape[1]:
        raise InputError(
            "joints, relative depth, root depth, root index",
            expected="shapes (N, J, 2), (N, J), (N,) and an index below J",
            got=f"shapes {joints.shape}, {relative.shape}, {root_depth.shape} and {root_index}",
            fix="All four come from the same people.",
        )
    # One undistortion serves both: the root's ray is that of the joint at root_index.
    rays = camera.rays(joints)
    return _at_depth(rays[:, root_index], root_depth), _at_depth(rays, root_depth[:, None] + relative)


def moon_k_m(boxes_xyxy_px: npt.ArrayLike, fx_px: float, fy_px: float, real_side_m: float = 2.0) -> Array:
    """The distance at which a square of real_side_m would fill the box (Moon 2019, eq. 3).

    k = sqrt(fx fy A_real / A_img), what RootNet multiplies its output with. boxes_xyxy_px: (N, 4) or (4,), the
    processed boxes that are cropped. Returns (N,) or () float64, metres (the official code has it in millimetres).
    Raises InputError for a box without an area.
    """
    boxes = np.asarray(boxes_xyxy_px, dtype=np.float64)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise InputError(
            "boxes", expected="(N, 4)", got=f"shape {boxes.shape}", fix="Give the processed boxes, x0, y0, x1, y1."
        )
    sides = boxes[..., 2:] - boxes[..., :2]
    if not (sides > 0).all():
        raise InputError(
            "box", expected="x1 > x0 and y1 > y0", got=f"{boxes.tolist()}", fix="Give the processed boxes, in pixels."
        )
    k_m: Array = real_side_m * np.sqrt(fx_px * fy_px / sides.prod(axis=-1))
    return k_m


def _at_depth(rays: Array, depth_m: Array) -> Array:
    ahead: Array = np.where(depth_m > 0, depth_m, np.nan)
    return rays * ahead[..., None]
