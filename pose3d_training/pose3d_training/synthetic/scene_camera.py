"""The pinhole camera of rendered scenes and its pose over the floor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array

_IMAGE_SIZES = (*((640, 480),) * 4, (640, 360), (848, 480), (480, 640), (512, 512), (320, 240))


@dataclass(frozen=True, eq=False)
class View:
    """A pinhole camera without distortion in the world.

    K (3, 3): integer pixel coordinates are pixel centers. cam2world (4, 4): from x right, y down, z forward to x right,
    y up, z towards the viewer.
    """

    K: Array
    width_px: int
    height_px: int
    cam2world: Array

    @property
    def world2cam(self) -> Array:
        """Inverse rigid transform (4, 4)."""
        turn, position = self.cam2world[:3, :3], self.cam2world[:3, 3]
        out = np.eye(4)
        out[:3, :3], out[:3, 3] = turn.T, -turn.T @ position
        return out

    def to_cam(self, points_world_m: Array) -> Array:
        """Points (N, 3) in the camera's frame."""
        m = self.world2cam
        return np.asarray(points_world_m @ m[:3, :3].T + m[:3, 3])

    def project(self, points_cam_m: Array) -> Array:
        """Pixels (N, 2) of points in front of the camera."""
        return np.asarray(points_cam_m[:, :2] / points_cam_m[:, 2:3] @ self.K[:2, :2].T + self.K[:2, 2])

    def crop(self, x0_px: int, y0_px: int, width_px: int, height_px: int) -> View:
        """The camera of a rectangle of the image."""
        k = self.K.copy()
        k[0, 2] -= x0_px
        k[1, 2] -= y0_px
        return View(k, width_px, height_px, self.cam2world)


def view_at(K: Array, width_px: int, height_px: int, height_m: float, pitch_rad: float, roll_rad: float) -> View:
    """A camera over the world's origin that looks along -z; positive pitch looks down, roll is about its own axis."""
    cp, sp, cr, sr = np.cos(pitch_rad), np.sin(pitch_rad), np.cos(roll_rad), np.sin(roll_rad)
    level = np.diag([1.0, -1.0, -1.0])
    pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
    roll = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    cam2world = np.eye(4)
    cam2world[:3, :3] = level @ pitch @ roll
    cam2world[1, 3] = height_m
    return View(K, width_px, height_px, cam2world)


@dataclass(frozen=True, eq=False)
class GroupCamera:
    """The camera of a group over the floor."""

    view: View
    height_m: float
    pitch_rad: float
    roll_rad: float

    @staticmethod
    def random(rng: np.random.Generator) -> GroupCamera:
        """A robot's camera: 0.3–2.5 m high, 40–110° wide, pitched by up to 35°, rolled by up to 5°.

        It sees at least half of a standing person at some distance up to 6 m.
        """
        while True:
            camera = _random_camera(rng)
            if _sees_people(camera.view):
                return camera


def _random_camera(rng: np.random.Generator) -> GroupCamera:
    width, height = _IMAGE_SIZES[int(rng.integers(len(_IMAGE_SIZES)))]
    hfov = np.deg2rad(rng.uniform(40.0, 110.0)) if width > height else np.deg2rad(rng.uniform(35.0, 75.0))
    focal = width / 2 / np.tan(hfov / 2)
    shift = rng.normal(0.0, 0.015, 2) * [width, height]
    K = np.array(
        [
            [focal, 0.0, (width - 1) / 2 + shift[0]],
            [0.0, focal * rng.normal(1.0, 0.003), (height - 1) / 2 + shift[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    height_m = float(rng.uniform(0.3, 2.5))
    # A low camera tends to look up, a high one down.
    pitch = float(np.clip(rng.normal((height_m - 1.1) * 0.16, 0.18), -np.deg2rad(35), np.deg2rad(35)))
    roll = float(np.clip(rng.normal(0.0, np.deg2rad(1.8)), -np.deg2rad(5), np.deg2rad(5)))
    return GroupCamera(view_at(K, width, height, height_m, pitch, roll), height_m, pitch, roll)


def _sees_people(view: View) -> bool:
    """Whether half of a pole of 1.7 m is in the image at 2, 3, 4, 5 or 6 m."""
    for away_m in (2.0, 3.0, 4.0, 5.0, 6.0):
        pole = np.stack([np.zeros(9), np.linspace(0.0, 1.7, 9), np.full(9, -away_m)], axis=1)
        v = view.project(view.to_cam(pole))[:, 1]
        if np.count_nonzero((v > 0) & (v < view.height_px)) >= 5:
            return True
    return False
