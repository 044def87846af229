"""A room or street that a turning camera looks about in: drawn once, wide, and seen in every direction of the turn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.background import pixel_rays, procedural_background, surface_texture
from pose3d_training.synthetic.crossing_ways import Board
from pose3d_training.synthetic.scene_camera import View
from pose3d_training.synthetic.sequence import Backdrop

_MARGIN_PX = 2
_LAMPS = ((np.array([0.0, 1.0, 0.0]), 0.35),)
"""The sky or the ceiling: a soft shadow under each person."""


class Surroundings:
    """A background and boards, from one place; the same generator gives the same ones."""

    def __init__(
        self, view: View, yaws_rad: Sequence[float], boards: Sequence[Board], rng: np.random.Generator
    ) -> None:
        """view: of the camera not turned. yaws_rad: how far it will turn to the left, about the vertical."""
        self._wide = _wide_view(view, [turned(view, yaw) for yaw in (min(yaws_rad), max(yaws_rad))])
        image = procedural_background(self._wide, rng).astype(np.float32)
        for board in boards:
            _paint_board(image, self._wide, board, rng)
        self._image, self._boards = image, tuple(boards)

    def backdrop(self, view: View) -> Backdrop:
        """What a turned camera sees."""
        to_wide = self._wide.K @ self._wide.cam2world[:3, :3].T @ view.cam2world[:3, :3] @ np.linalg.inv(view.K)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = cv2.warpPerspective(
            self._image, to_wide, (view.width_px, view.height_px), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        depth_m = np.full((view.height_px, view.width_px), np.inf, np.float32)
        for board in self._boards:
            np.minimum(depth_m, board_depth_m(view, board), out=depth_m)
        floor = (pixel_rays(view)[:, :, 1] < 0) & np.isinf(depth_m)
        return Backdrop(np.asarray(image, np.float32), depth_m, floor, _LAMPS)


def turned(view: View, yaw_rad: float) -> View:
    """The camera turned to the left about the vertical through it."""
    cam2world = view.cam2world.copy()
    cam2world[:3, :3] = Rotation.from_rotvec([0.0, yaw_rad, 0.0]).as_matrix() @ cam2world[:3, :3]
    return View(view.K, view.width_px, view.height_px, cam2world)


def board_depth_m(view: View, board: Board) -> Array32:
    """Depth (H, W) of a board along the optical axis, infinite beside it."""
    rays = pixel_rays(view)
    origin = view.cam2world[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = (board.z_m - origin[2]) / rays[:, :, 2]  # rays go 1 m along the optical axis
        x_m, y_m = (origin[k] + rays[:, :, k] * depth_m for k in (0, 1))
    inside = (depth_m > 0) & (x_m > board.x0_m) & (x_m < board.x1_m) & (y_m > 0) & (y_m < board.height_m)
    return np.where(inside, depth_m, np.float32(np.inf)).astype(np.float32)


def _paint_board(image: Array32, view: View, board: Board, rng: np.random.Generator) -> None:
    depth_m = board_depth_m(view, board)
    seen = np.isfinite(depth_m)
    points = view.cam2world[:3, 3].astype(np.float32) + pixel_rays(view)[seen] * depth_m[seen][:, None]
    image[seen] = np.clip(surface_texture(points[:, 0], points[:, 1], rng), 0, 255)


def _wide_view(view: View, ends: Sequence[View]) -> View:
    """The camera not turned, with an image as large as the turn needs."""
    w, h = view.width_px - 1.0, view.height_px - 1.0
    corners: Array = np.array([[u, v, 1.0] for u in (0.0, w / 2, w) for v in (0.0, h)])
    seen = [corners @ np.linalg.inv(end.K).T @ end.cam2world[:3, :3].T @ view.cam2world[:3, :3] for end in ends]
    pixels = np.concatenate([view.project(rays) for rays in seen])
    low, high = np.floor(pixels.min(axis=0)) - _MARGIN_PX, np.ceil(pixels.max(axis=0)) + _MARGIN_PX
    return view.crop(int(low[0]), int(low[1]), int(high[0] - low[0]) + 1, int(high[1] - low[1]) + 1)
