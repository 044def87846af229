"""The scene around a camera: the floor, the camera's frustum and where to look from, in metres with z up.

The world's origin is on the floor below the camera, y is where the camera looks along the floor, x to its right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.types import Array

_DEPTHS_M = (4, 6, 8, 10, 14, 20, 30, 40, 60, 100, 200)
"""How far the floor may reach."""
_MARGIN_M = 0.8
_BEHIND_M = 1
_FRUSTUM_DEPTH_M = 0.5
_STEEP = 0.05


def cam2world(ground: GroundPlane) -> RigidTransform:
    """From the camera's optical frame to the world of this floor."""
    up = ground.up_cam
    forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
    if np.linalg.norm(forward) < _STEEP:  # straight down or up: the image's upper edge is ahead
        forward = np.array([0.0, -1.0, 0.0]) + up[1] * up
    forward = forward / np.linalg.norm(forward)
    return RigidTransform(np.stack([np.cross(forward, up), forward, up]), np.array([0.0, 0.0, ground.height_m]))


AHEAD2WORLD = RigidTransform(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.zeros(3))
"""From a robot's frame (x ahead, y left, z up) to the world."""


@dataclass(frozen=True)
class FloorSize:
    """The part of the floor that is drawn: x from -half_width_m to half_width_m, y from -1 m to depth_m."""

    depth_m: int
    half_width_m: int

    @classmethod
    def holding(cls, points_m: Array) -> FloorSize:
        """For points (N, 3) of the world; NaN ones do not count."""
        points = points_m[np.isfinite(points_m).all(axis=-1)]
        reach_m = float(points[:, 1].max(initial=0.0)) + _MARGIN_M
        aside_m = float(np.abs(points[:, 0]).max(initial=0.0)) + _MARGIN_M
        depth = next((d for d in _DEPTHS_M if d >= reach_m), _DEPTHS_M[-1])
        widths = (w for w in _DEPTHS_M if w >= max(aside_m, depth / 3))
        return cls(depth, next(widths, _DEPTHS_M[-1]))

    def joined(self, other: FloorSize) -> FloorSize:
        """The smallest that holds both."""
        return FloorSize(max(self.depth_m, other.depth_m), max(self.half_width_m, other.half_width_m))

    @property
    def step_m(self) -> int:
        """Between two lines of the grid."""
        return 1 if self.depth_m <= 10 else 2 if self.depth_m <= 20 else 5 if self.depth_m <= 60 else 20

    def grid_lines_m(self) -> Array:
        """The grid as segments (N, 2, 3)."""
        step, half, depth = self.step_m, float(self.half_width_m), float(self.depth_m)
        ahead = [((-half, y, 0.0), (half, y, 0.0)) for y in range(0, self.depth_m + 1, step)]
        across = range(-(self.half_width_m // step) * step, self.half_width_m + 1, step)
        return np.array([*ahead, *(((x, -_BEHIND_M, 0.0), (x, depth, 0.0)) for x in across)])

    def marks_m(self) -> Sequence[tuple[int, Array]]:
        """Distances ahead, each with the place of its label (3,) at the floor's left edge."""
        marks = range(self.step_m, self.depth_m + 1, self.step_m)
        return [(y, np.array([-self.half_width_m - 0.15, float(y), 0.0])) for y in marks]

    def start_view_m(self) -> tuple[Array, Array]:
        """Where the viewer is, behind and above the camera and to its right, and the point looked at, (3,) each."""
        depth = float(self.depth_m)
        eye = np.array([0.17 * depth, -0.13 * depth - 0.9, 0.2 * depth + 1.1])
        return eye, np.array([0.0, 0.5 * depth, 0.9])


def frustum_lines_m(camera: Camera, to_world: RigidTransform) -> Array:
    """What the camera sees, to half a metre before it, as segments (N, 2, 3); a mark shows the image's upper side."""
    right, bottom = camera.width_px - 0.5, camera.height_px - 0.5
    corners_px = np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
    rays = camera.rays(corners_px)
    if not np.isfinite(rays).all():  # a lens whose model ends before the corners
        rays = camera.rays(camera.cx_px + 0.6 * (corners_px - camera.cx_px))
    corners = _FRUSTUM_DEPTH_M * rays
    lines = [(np.zeros(3), corner) for corner in corners]
    lines += [(corners[i], corners[(i + 1) % 4]) for i in range(4)]
    middle = (corners[0] + corners[1]) / 2
    above = middle + 0.35 * (corners[0] - corners[3])
    lines += [(corners[0] * 0.7 + middle * 0.3, above), (above, corners[1] * 0.7 + middle * 0.3)]
    segments = np.array(lines)
    return to_world.apply(segments[np.isfinite(segments).all(axis=(1, 2))])


def sight_lines_m(camera: Camera, to_world: RigidTransform, floor: FloorSize) -> Array:
    """Where the left and the right edge of the image run over the floor, as segments (N, 2, 3)."""
    middle_px = camera.height_px / 2
    rays = camera.rays(np.array([[-0.5, middle_px], [camera.width_px - 0.5, middle_px]]))
    flat = to_world.rotate(rays)
    flat = flat[np.isfinite(flat).all(axis=1) & (flat[:, 1] > 0)]
    reach = np.minimum(floor.depth_m / flat[:, 1], floor.half_width_m / np.maximum(np.abs(flat[:, 0]), 1e-9))
    ends = flat * reach[:, None]
    ends[:, 2] = 0.0
    return np.stack([np.zeros_like(ends), ends], axis=1)
