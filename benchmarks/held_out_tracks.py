"""People in motion before a camera over a floor, as joints alone, with the errors over time that image nets make.

Bodies are MakeHuman's (CC0), the errors those that were measured on both chains, `pose3d_training.tasks.track_errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smooth_features import cam2ray
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape
from pose3d_training.synthetic.motion import FPS, load_clip
from pose3d_training.tasks.noisy_tracks import clip_joints
from pose3d_training.tasks.track_errors import track_errors

SKELETON: Skeleton = get_skeleton("muco21")
FEET = tuple(SKELETON.index_of[f"{side}_{part}"] for side in "LR" for part in ("Ankle", "Toe"))
UNEVEN = ("03_04",)
"""Clips on stairs and slopes, which have no floor."""
_FIRST_BODY = 1_500_000_000
"""Seeds of bodies that are in no set of images."""
_LONGEST_S = 10.0
_ROOT_SIGMA = 0.06
"""Standard deviation of the distance that nets state, as a share of it."""
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Track:
    """One person over T frames.

    people: as measured, one a frame. true_cam_m (T, J, 3) in `SKELETON`. ground: the floor, None where it is uneven;
    up_cam (3,): away from the ground.
    """

    name: str
    people: tuple[Person, ...]
    true_cam_m: Array
    stamps_ns: npt.NDArray[np.int64]
    camera: Camera
    ground: GroundPlane | None
    up_cam: Array


def tracks(assets: Path, clips: Sequence[str], bodies: int, seed: int) -> Iterator[Track]:
    """Each clip on that many bodies, each at a place, heading and with errors of its own."""
    whole = Skeleton("synth27", SYNTH_JOINTS, (), (), (), SYNTH_JOINTS.index("Pelvis"))
    for number, name in enumerate(clips):
        for body in range(bodies):
            rng = np.random.default_rng([seed, number, body])
            shape = BodyShape.random(_FIRST_BODY + 1000 * seed + 10 * number + body)
            joints = clip_joints(assets, load_clip(assets, name, body % 2 == 1), shape, whole)
            most = int(_LONGEST_S * FPS)
            start = int(rng.integers(max(len(joints) - most, 0) + 1))
            yield _track(name, joints[start : start + most], rng)


def _track(name: str, joints_m: Array, rng: np.random.Generator) -> Track:
    """joints_m (T, 27, 3): in SYNTH_JOINTS' order, y up."""
    camera, root = Camera.from_hfov(60.0, 640, 480), SYNTH_JOINTS.index("Pelvis")
    true, up, height_m = _before_camera(joints_m, root, rng)
    errors = track_errors(true, SYNTH_JOINTS, root, FPS, rng)
    measured = true + (errors.lasting + errors.varying) @ cam2ray(true[:, root].mean(axis=0))
    order = [SYNTH_JOINTS.index(joint) for joint in SKELETON.joints]
    stamps_ns = np.round(np.arange(len(true)) * _NS_PER_S / FPS).astype(np.int64)
    people = tuple(_person(joints, camera) for joints in measured[:, order])
    ground = None if name in UNEVEN else GroundPlane.of_normal(up, height_m)
    return Track(name, people, true[:, order], stamps_ns, camera, ground, up)


def _before_camera(joints_m: Array, root: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
    """Joints in the frame of a camera that looks down by up to 25°, the floor's normal in it, and its height."""
    middle = joints_m[:, root].mean(axis=0)
    feet = [i for i, name in enumerate(SYNTH_JOINTS) if name.endswith("_Toe")]
    floor = float(np.percentile(joints_m[:, feet, 1].min(axis=1), 10)) - 0.02
    while True:
        turn = Rotation.from_euler("yx", [rng.uniform(0, 360), 180 + rng.uniform(-8, 25)], degrees=True).as_matrix()
        seen = (joints_m - middle) @ turn.T
        away_m = max(rng.uniform(2.0, 7.0), 1.0 - float(seen[..., 2].min()))
        seen = seen + np.array([rng.uniform(-0.4, 0.4), rng.uniform(-0.2, 0.2), 1.0]) * away_m
        up = turn[:, 1]
        height_m = -float(up @ seen[0, root]) + float(joints_m[0, root, 1]) - floor
        if 0.4 < height_m < 3.0:
            return seen, up, height_m


def _person(joints_m: Array, camera: Camera) -> Person:
    root_m = joints_m[SKELETON.root].copy()
    sigma_m = _ROOT_SIGMA * float(np.linalg.norm(root_m))
    pixels = camera.project(joints_m)
    box = np.concatenate((pixels.min(axis=0), pixels.max(axis=0)))
    pose = Pose(root_m, joints_m, pixels, np.ones(len(joints_m)), SKELETON, Detection(box, 0.9), sigma_m)
    return Person(1, TrackState.TRACKED, pose, np.zeros(3), 0.9)
