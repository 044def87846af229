"""Ground-truth and noisy tracks for the smoother: recorded motions on random bodies with simulated errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation
from torch.utils.data import IterableDataset

from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.smooth.smooth_features import cam2ray, sequence_features
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape, posed_joints, rest_joints, shape_vertices
from pose3d_training.synthetic.motion import FPS, Clip, load_clip, training_clips
from pose3d_training.synthetic.rig import alignment, bone_rotations, bone_transforms, load_rig
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.lifting_noise import log_uniform

_EXTREMITY = {"Wrist": 1.5, "Hand": 2.0, "Elbow": 1.2, "Ankle": 1.3, "Toe": 1.7, "Knee": 1.0}
"""How much more a pose net errs at the ends of the limbs than on the trunk."""
_STROLLERS = 0.65
"""Share of the samples that also walk about: most recordings are made on a spot, and people before robots walk."""


@dataclass(frozen=True, eq=False)
class TrackSample:
    """One person's track in the camera's optical frame, T frames.

    measured_m, true_m (T, J, 3): absolute joints. features (T, C): what the smoother reads of the measured ones.
    cam2ray (T, 3, 3): the frames its answers are in.
    """

    measured_m: npt.NDArray[np.float32]
    true_m: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]
    cam2ray: npt.NDArray[np.float32]


def clip_joints(assets: Path, clip: Clip, shape: BodyShape, skeleton: Skeleton) -> Array:
    """Joints (T, J, 3) of a body doing a motion, metres, y up, z towards the viewer."""
    rig, vertices = load_rig(assets), shape_vertices(assets, shape)
    heads, rest, align = rig.heads_m(vertices), rest_joints(assets, vertices), alignment(rig, vertices, clip)
    order = [SYNTH_JOINTS.index(name) for name in skeleton.joints]
    posed = [
        posed_joints(assets, rest, bone_transforms(rig, heads, bone_rotations(rotations, align)))[order]
        for rotations in clip.rotations
    ]
    joints = np.stack(posed)
    leg_m = float(np.linalg.norm(joints[0, skeleton.index_of["L_Hip"]] - joints[0, skeleton.index_of["L_Ankle"]]))
    path = clip.root_m * (leg_m / clip.leg_length_m)
    return np.asarray(joints - joints[:, [skeleton.root]] + path[:, None], np.float64)


def training_tracks(assets: Path, skeleton: Skeleton, bodies: Sequence[int]) -> list[Array]:
    """Every training clip of at least a second, on each of the bodies (seeds)."""
    clips = [load_clip(assets, name) for name in training_clips(assets)]
    return [clip_joints(assets, c, BodyShape.random(b), skeleton) for b in bodies for c in clips if len(c) > FPS]


class TrackSamples(IterableDataset[TrackSample]):
    """Random windows of the tracks: any heading, 1.5–8 m away, 8–30 frames/s, with a pose net's kinds of error."""

    def __init__(self, tracks: Sequence[Array], skeleton: Skeleton, frames: int, seed: int) -> None:
        self.tracks, self.skeleton, self.frames, self.seed = tracks, skeleton, frames, seed
        self.extremity = np.array([_EXTREMITY.get(j.split("_")[-1], 0.8) for j in skeleton.joints])

    def __iter__(self) -> Iterator[TrackSample]:
        rng = worker_rng(self.seed)
        while True:
            rate = float(np.exp(rng.uniform(np.log(8), np.log(30))))
            joints = self._window(rng, rate)
            if rng.random() < _STROLLERS:
                joints = joints + _stroll(self.frames, rate, rng)[:, None]
            true = self._placed(joints, rng)
            measured = true + self._error(true, rate, rng)
            roots = measured[:, self.skeleton.root]
            features = sequence_features(measured - roots[:, None], roots, np.full(len(true), 1 / rate))
            turn = cam2ray(roots).astype(np.float32)
            yield TrackSample(measured.astype(np.float32), true.astype(np.float32), features, turn)

    def _window(self, rng: np.random.Generator, rate: float) -> Array:
        """A stretch of a random track resampled to `rate` at 0.7–1.3 of its speed, played to and fro if short."""
        track = self.tracks[int(rng.integers(len(self.tracks)))]
        at = rng.uniform(0, len(track)) + np.arange(self.frames) * FPS / rate * rng.uniform(0.7, 1.3)
        last = len(track) - 1
        at = last - np.abs(at % (2 * last) - last)
        low = np.minimum(at.astype(int), last - 1)
        part = (at - low)[:, None, None]
        return np.asarray(track[low] * (1 - part) + track[low + 1] * part, np.float64)

    def _placed(self, joints_m: Array, rng: np.random.Generator) -> Array:
        """World (y up) to a camera that looks down by up to 25°, the person's middle somewhere in view."""
        turn = Rotation.from_euler("yx", [rng.uniform(0, 360), 180 + rng.uniform(-8, 25)], degrees=True)
        root = joints_m[:, self.skeleton.root]
        seen = (joints_m - root.mean(axis=0)) @ turn.as_matrix().T
        depth = max(rng.uniform(1.5, 8), 1.0 - float(seen[..., 2].min()))
        return np.asarray(
            seen + np.array([rng.uniform(-0.5, 0.5) * depth, rng.uniform(-0.3, 0.3) * depth, depth]), np.float64
        )

    def _error(self, true: Array, rate: float, rng: np.random.Generator) -> Array:
        """White and slowly varying error of the joints and of the root's distance along its ray, with rare outliers."""
        frames, joints = true.shape[:2]
        shape = self.extremity[:, None] * np.array([1.0, 1.0, 1.8])
        white = log_uniform(rng, 0.003, 0.025) * rng.normal(size=true.shape)
        slow = log_uniform(rng, 0.01, 0.05) * _autoregressive_noise(rng, true.shape, rate, rng.uniform(0.1, 0.8))
        outlier = 1 + 4 * (rng.random((frames, joints, 1)) < 0.01)
        relative = (white * outlier + slow) * shape
        relative -= relative[:, [self.skeleton.root]]
        jitter = log_uniform(rng, 0.003, 0.03) * rng.normal(size=frames)
        drift = log_uniform(rng, 0.01, 0.06) * _autoregressive_noise(rng, (frames,), rate, rng.uniform(0.15, 1.0))
        share = jitter + drift
        along_ray = true[:, self.skeleton.root] * share[:, None]
        return np.asarray(
            relative + along_ray[:, None] + log_uniform(rng, 0.002, 0.012) * rng.normal(size=(frames, 1, 3))
        )


def _stroll(frames: int, rate: float, rng: np.random.Generator) -> Array:
    """A path (T, 3) on the floor (y up) at up to walking speed with changes of heading, metres."""
    heading = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 1.5) * _autoregressive_noise(
        rng, (frames,), rate, rng.uniform(1, 4)
    )
    speed = rng.uniform(0.2, 1.7) * np.clip(0.8 + 0.4 * _autoregressive_noise(rng, (frames,), rate, 2.0), 0, None)
    steps = np.stack([np.cos(heading), np.zeros(frames), np.sin(heading)], axis=-1) * speed[:, None] / rate
    return np.asarray(np.cumsum(steps, axis=0), np.float64)


def _autoregressive_noise(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, time_constant_s: float
) -> Array:
    """First-order autoregressive noise of unit variance along the first axis."""
    keep = float(np.exp(-1 / (rate * time_constant_s)))
    drive = rng.normal(size=shape) * np.sqrt(1 - keep**2)
    drive[0] = rng.normal(size=shape[1:])
    return np.asarray(lfilter([1.0], [1.0, -keep], drive, axis=0), np.float64)
