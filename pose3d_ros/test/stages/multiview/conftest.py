"""Walking people seen by two or three cameras, each of which has their distance wrong by a factor of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.multiview.camera_view import CameraView
from pose3d_ros.types import Array

MUCO = get_skeleton("muco21")
FISHEYE = Camera(
    np.array([[300.0, 0, 319.5], [0, 300.0, 239.5], [0, 0, 1]]), 640, 480, np.array([0.05, 0.01, 0, 0]), "equidistant"
)
RATE_HZ = 15.0


def body(at_m: Sequence[float], turn: float = 0.0, seed: int = 0) -> Array:
    """Joints (21, 3) of a person in the world (x, y on the floor, z up); the seed is of the pose."""
    rng = np.random.default_rng(seed)
    offsets = {
        "Pelvis": (0, 0, 0.95), "Spine": (0, 0, 1.15), "Thorax": (0, 0, 1.45), "Head": (0, 0, 1.6),
        "Head_top": (0, 0, 1.75), "L_Shoulder": (0, 0.18, 1.42), "L_Elbow": (0.1, 0.25, 1.15),
        "L_Wrist": (0.25, 0.25, 0.95), "L_Hand": (0.3, 0.25, 0.9),
        "L_Hip": (0, 0.1, 0.93), "L_Knee": (0.15, 0.1, 0.5), "L_Ankle": (0.1, 0.1, 0.08), "L_Toe": (0.25, 0.1, 0.02),
    }  # fmt: skip
    points = []
    for name in MUCO.joints:
        x, y, z = offsets["L" + name[1:]] if name.startswith("R_") else offsets[name]
        points.append((-x, -y, z) if name.startswith("R_") else (x, y, z))
    joints = np.array(points) + rng.normal(0.0, 0.04, (len(MUCO), 3))
    joints[MUCO.root] = offsets["Pelvis"]
    c, s = np.cos(turn), np.sin(turn)
    return np.asarray(joints @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + np.array([*at_m, 0.0]))


@dataclass(eq=False)
class Eye:
    """A camera at a place that looks at another. factor: of its distances. px: its noise."""

    name: str
    at_m: Sequence[float]
    towards_m: Sequence[float] = (0.0, 0.0, 1.0)
    factor: float = 1.0
    noise_px: float = 0.0
    sigma: float = 0.08
    camera: Camera = field(default_factory=lambda: Camera.from_hfov(70.0, 640, 480))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    @property
    def cam2common(self) -> RigidTransform:
        ahead = np.asarray(self.towards_m, dtype=float) - np.asarray(self.at_m, dtype=float)
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        return RigidTransform(
            np.stack([right, np.cross(ahead, right), ahead], axis=1), np.asarray(self.at_m, dtype=float)
        )

    def person(
        self,
        number: int,
        joints_m: Array,
        velocity_mps: Sequence[float] = (0.0, 0.0, 0.0),
        state: TrackState = TrackState.TRACKED,
        skeleton: Skeleton = MUCO,
    ) -> Person:
        """What this camera says of a person with these joints in the common frame."""
        common2cam = self.cam2common.inverse()
        true_cam = common2cam.apply(joints_m)
        pixels = self.camera.project(true_cam) + self.rng.normal(0.0, self.noise_px, (len(joints_m), 2))
        rays = self.camera.rays(pixels)
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        ranges = np.linalg.norm(true_cam, axis=1)
        root_range = float(ranges[skeleton.root])
        joints_cam = rays * (ranges + (self.factor - 1.0) * root_range)[:, None]
        box = np.array([*np.nanmin(pixels, axis=0), *np.nanmax(pixels, axis=0)])
        pose = Pose(
            joints_cam[skeleton.root].copy(),
            joints_cam,
            pixels,
            np.full(len(joints_m), 0.9),
            skeleton,
            Detection(box, 0.9),
            self.sigma * root_range,
            root_solvers=("learned",),
        )
        return Person(number, state, pose, common2cam.rotate(np.asarray(velocity_mps, dtype=float)), 0.9)

    def view(self, stamp_s: float, *people: Person) -> CameraView:
        """An image of that time."""
        return CameraView(self.name, self.camera, self.cam2common, round(stamp_s * 1e9), people)


@pytest.fixture
def left() -> Eye:
    return Eye("left", (-4.0, -2.0, 1.5), factor=1.08, noise_px=0.5)


@pytest.fixture
def right() -> Eye:
    return Eye("right", (-3.0, 3.0, 2.0), factor=0.93, noise_px=0.5)


@pytest.fixture
def walk() -> Callable[[float], Array]:
    """A person's joints over time, who walks along y at 1 m/s."""
    return lambda seconds: body((0.0, -1.0 + seconds))
