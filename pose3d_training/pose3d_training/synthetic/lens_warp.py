"""Radial lens distortion of composed pinhole images."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.types import Array, ImageArray

_GRID_PX = 16
_EDGE_POINTS = 9


@dataclass(frozen=True, eq=False)
class LensWarp:
    """From the pinhole `before` to `camera`, of the same size. map_px (H, W, 2): where each new pixel comes from."""

    before: Camera
    camera: Camera
    map_px: npt.NDArray[np.float32]

    @staticmethod
    def random(before: Camera, rng: np.random.Generator) -> LensWarp:
        """Barrel distortion as webcams and wide lenses have it, seldom pincushion.

        The new focal length is such that the image has no empty corners.
        """
        half = np.array([before.width_px, before.height_px]) / 2
        reach = float(np.hypot(*(half / [before.fx_px, before.fy_px])))
        # Coefficients by what they do at the corner of the image, so that wide and narrow lenses bend alike.
        bend = float(np.clip(rng.normal(-0.1, 0.07), -0.25, 0.05))
        k1 = bend / reach**2
        k2 = float(rng.normal(0.0, 0.01)) / reach**4
        K = before.K_px.copy()
        K[[0, 1], [0, 1]] *= 1.0 / (1.0 + min(bend, 0.0)) * 1.02
        camera = Camera(K, before.width_px, before.height_px, np.array([k1, k2, 0.0, 0.0, 0.0]), "plumb_bob")
        return LensWarp(before, camera, _map(before, camera))

    def image(self, image_bgr: ImageArray) -> ImageArray:
        """The image (H, W, 3) through the lens."""
        warped = cv2.remap(
            image_bgr, self.map_px[..., 0], self.map_px[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(warped, np.uint8)

    def owner(self, owner: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """The owner map (H, W), through the lens."""
        shifted = (owner.astype(np.int16) + 1).astype(np.uint8)
        warped = cv2.remap(
            shifted, self.map_px[..., 0], self.map_px[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
        )
        return (np.asarray(warped, np.int16) - 1).astype(np.int8)

    def boxes(self, boxes_xyxy_px: Array) -> Array:
        """Boxes (n, 4) round the bent boxes, which lie in the image: further out the lens model folds back."""
        share = np.linspace(0.0, 1.0, _EDGE_POINTS)
        out = np.empty_like(boxes_xyxy_px)
        for i, (x0, y0, x1, y1) in enumerate(boxes_xyxy_px):
            along, up = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
            edges = [np.stack([along, np.full_like(along, y)], -1) for y in (y0, y1)]
            edges += [np.stack([np.full_like(up, x), up], -1) for x in (x0, x1)]
            bent = self.camera.project(self.before.rays(np.concatenate(edges)))
            out[i] = (*bent.min(axis=0), *bent.max(axis=0))
        return out


def _map(before: Camera, camera: Camera) -> npt.NDArray[np.float32]:
    """Found on a coarse grid and interpolated: undistorting every pixel would take as long as all else."""
    width, height = camera.width_px, camera.height_px
    across = np.linspace(0, width - 1, -(-width // _GRID_PX) + 1)
    down = np.linspace(0, height - 1, -(-height // _GRID_PX) + 1)
    u, v = np.meshgrid(across, down)
    rays = camera.rays(np.stack([u, v], axis=-1))
    source = before.project(rays)
    fraction = np.stack([u, v], axis=-1)
    shift = np.nan_to_num(source - fraction).astype(np.float32)
    # Grid points are at both ends of every row, which a plain resize would put half a cell inside.
    x = np.linspace(0, shift.shape[1] - 1, width, dtype=np.float32)
    y = np.linspace(0, shift.shape[0] - 1, height, dtype=np.float32)
    grid_x, grid_y = np.meshgrid(x, y)
    fine = cv2.remap(shift, grid_x, grid_y, cv2.INTER_LINEAR)
    pixel_x, pixel_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(fine + np.stack([pixel_x, pixel_y], axis=-1), np.float32)
