"""What tests of several views share: a figure that walks about, cameras around it, and what they see."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.multiview.view_tracks import ViewPeople, ViewTrack

SKELETON = get_skeleton("muco21")
RATE_HZ = 15.0
_HALF = {
    "Shoulder": (0.18, 1.42), "Elbow": (0.24, 1.14), "Wrist": (0.26, 0.88), "Hand": (0.26, 0.78), "Hip": (0.1, 0.95),
    "Knee": (0.1, 0.5), "Ankle": (0.1, 0.085), "Toe": (0.12, 0.03),
}  # fmt: skip
_MIDDLE = {"Head_top": 1.72, "Head": 1.6, "Thorax": 1.42, "Spine": 1.15, "Pelvis": 0.95}


def walker(frames: int = 120, seed: int = 0) -> Array:
    """Joints (T, 21, 3) in the world, y up, floor at 0, metres: a person of 1.72 m who walks in a room of 4 m."""
    rest = np.array([[*_place(name)] for name in SKELETON.joints])
    times = np.arange(frames) / RATE_HZ
    phase = seed * 2.1
    at = np.stack([1.7 * np.sin(0.7 * times + phase), 0 * times, 1.7 * np.sin(1.1 * times + 2 * phase)], axis=-1)
    joints = np.repeat(rest[None], frames, axis=0)
    swing = 0.5 * np.sin(6 * times + phase)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        _turn(joints, f"{side}_Shoulder", ("Elbow", "Wrist", "Hand"), side, sign * swing)
        _turn(joints, f"{side}_Hip", ("Knee", "Ankle", "Toe"), side, -0.5 * sign * swing)
    turned = Rotation.from_euler("y", 0.8 * times + phase).as_matrix()
    return np.asarray(np.einsum("tij,tkj->tki", turned, joints) + at[:, None])


def _place(name: str) -> tuple[float, float, float]:
    if name in _MIDDLE:
        return 0.0, _MIDDLE[name], 0.0
    across, height = _HALF[name[2:]]
    return (across if name[0] == "L" else -across), height, 0.15 if name.endswith("Toe") else 0.0


def _turn(joints: Array, pivot: str, parts: tuple[str, ...], side: str, angle: Array) -> None:
    turn = Rotation.from_euler("x", angle).as_matrix()
    center = joints[:, [SKELETON.index_of[pivot]]]
    rows = [SKELETON.index_of[f"{side}_{part}"] for part in parts]
    joints[:, rows] = np.einsum("tij,tkj->tki", turn, joints[:, rows] - center) + center


def camera(azimuth_deg: float, distance_m: float, height_m: float = 1.5) -> RigidTransform:
    """World to a camera that looks at the middle of the room, 10 degrees down."""
    turn = Rotation.from_euler("YXZ", [azimuth_deg, 170, 0], degrees=True).as_matrix().T
    place = Rotation.from_euler("y", azimuth_deg, degrees=True).apply([0, height_m, distance_m])
    return RigidTransform(turn, -turn @ place)


TWO = (camera(-35, 5.0), camera(30, 5.5))


def keypoints(world: Array, camera2: RigidTransform, noise: float = 0.0, outliers: float = 0.0, seed: int = 0) -> Array:
    """(T, J, 2) on the plane z = 1; noise and outliers (of a share of the joints) on the plane too."""
    rng = np.random.default_rng(seed)
    seen = camera2.apply(world)
    exact = seen[..., :2] / seen[..., 2:] + noise * rng.normal(size=(*world.shape[:-1], 2))
    wrong = exact.mean(axis=1, keepdims=True) + rng.uniform(-0.2, 0.2, exact.shape)
    return np.where(rng.random(exact.shape[:2])[..., None] < outliers, wrong, exact)


def track(seen: Array, number: int = 1, start_s: float = 0.0) -> ViewTrack:
    """A track of keypoints at RATE_HZ."""
    return ViewTrack(number, start_s + np.arange(len(seen)) / RATE_HZ, seen, np.ones(seen.shape[:2]))


def views(
    world: Array, cameras: tuple[RigidTransform, ...] = TWO, noise: float = 0.0, outliers: float = 0.0
) -> list[ViewPeople]:
    """One person in each view."""
    seen = [keypoints(world, one, noise, outliers, seed=v) for v, one in enumerate(cameras)]
    return [ViewPeople(f"view{v}", (track(one),)) for v, one in enumerate(seen)]


def errors_deg(found: RigidTransform, true: RigidTransform) -> tuple[float, float]:
    """Of rotation and of the translation's direction."""
    turn = Rotation.from_matrix(found.rotation @ true.rotation.T).magnitude()
    one, other = (pose.translation_m / np.linalg.norm(pose.translation_m) for pose in (found, true))
    return float(np.rad2deg(turn)), float(np.rad2deg(np.arccos(np.clip(one @ other, -1, 1))))
