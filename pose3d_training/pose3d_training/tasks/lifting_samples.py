"""Samples for lifters: recorded motions on random bodies, simulated 2D detections and ground-truth joints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from torch.utils.data import IterableDataset

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.lift.joint_mapping import JointMap
from pose3d_ros.stages.lift.lift_features import PersonView, person_view
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape
from pose3d_training.synthetic.motion import FPS, evaluation_clips, load_clip
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.lifting_noise import Detected, detect
from pose3d_training.tasks.noisy_tracks import clip_joints, training_tracks

_CHUNK = 64
"""People made together: a call of NumPy costs as much as the arithmetic of that many."""
_NEAREST_M = 0.4
_PELVIS = SYNTH_JOINTS.index("Pelvis")
_SIDES = tuple(
    (SYNTH_JOINTS.index(name), SYNTH_JOINTS.index("R" + name[1:])) for name in SYNTH_JOINTS if name.startswith("L_")
)
_PARENTS = tuple(-1 if i == _PELVIS else _PELVIS for i in range(len(SYNTH_JOINTS)))
_ALL_JOINTS = Skeleton("synth27", SYNTH_JOINTS, _PARENTS, (), _SIDES, _PELVIS)
"""What bodies have, in an order that no engine has."""


@dataclass(frozen=True, eq=False)
class LiftSample:
    """One person over T frames.

    features (T, J_in, 3) float32: `stages.lift_features.person_features` of the detections. target_m (T, J_out, 3)
    float32: ground-truth joints relative to the skeleton's root, in the person's frame, metres.
    """

    features: npt.NDArray[np.float32]
    target_m: npt.NDArray[np.float32]


def lifting_tracks(assets: Path, bodies: Sequence[int]) -> list[Array]:
    """Every training clip on each of the bodies (seeds): (T, 27, 3) in SYNTH_JOINTS' order, y up."""
    return training_tracks(assets, _ALL_JOINTS, bodies)


def held_out_tracks(assets: Path, bodies: Sequence[int]) -> list[Array]:
    """The clips that are never trained on, on each of the bodies (seeds)."""
    clips = [load_clip(assets, name) for name in evaluation_clips(assets)]
    return [clip_joints(assets, clip, BodyShape.random(body), _ALL_JOINTS) for body in bodies for clip in clips]


@dataclass(frozen=True, eq=False)
class LiftPeople:
    """P people over T frames: fields of `LiftSample`, and what they come from.

    joints_cam_m (P, T, J_out, 3) float64, in their cameras' frames. track (P,): numbers of their tracks. view: of the
    P·T frames, one after the other.
    """

    features: npt.NDArray[np.float32]
    target_m: npt.NDArray[np.float32]
    joints_cam_m: Array
    track: npt.NDArray[np.intp]
    view: PersonView


class LiftSamples(IterableDataset[LiftSample]):
    """Random windows of the tracks, half of them mirrored, before random cameras.

    frames: T. noisy: with a 2D net's errors and gaps; else the keypoints are exact and every score is 1. given: the
    joints that are seen, of which those of the input skeleton are made as a lifter's stage does; the same unless given.
    Raises ConfigError for a skeleton with joints that the tracks lack.
    """

    def __init__(
        self,
        tracks: Sequence[Array],
        input_skeleton: Skeleton,
        skeleton: Skeleton,
        frames: int,
        seed: int,
        noisy: bool = True,
        given: Skeleton | None = None,
    ) -> None:
        self.input_skeleton, self.frames, self.seed, self.noisy = input_skeleton, frames, seed, noisy
        self.joints = np.concatenate(tracks).astype(np.float32)
        self.lengths = np.array([len(track) for track in tracks])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.given = given or input_skeleton
        self.seen_order = _order("input_skeleton", self.given)
        self.to_input = JointMap.in_image(self.given, input_skeleton)
        self.order = _order("skeleton", skeleton)
        self.root = skeleton.root

    def __iter__(self) -> Iterator[LiftSample]:
        rng = worker_rng(self.seed)
        while True:
            made = self.people(rng)
            yield from (LiftSample(*pair) for pair in zip(made.features, made.target_m, strict=True))

    def people(self, rng: np.random.Generator) -> LiftPeople:
        """Some people, made together."""
        windows, rate_hz, track = self.windows(rng)
        joints = placed(windows, rng)
        seen = joints[:, :, self.seen_order]
        keypoints = seen[..., :2] / seen[..., 2:]
        exact = Detected(keypoints, np.ones(keypoints.shape[:3]))
        found = detect(keypoints, self.given, rate_hz, rng) if self.noisy else exact
        read = self.to_input.coordinates(_flat(found.keypoints)), self.to_input.scores(_flat(found.scores))
        view = person_view(*read)
        wanted = joints[:, :, self.order]
        target = _flat(wanted - wanted[:, :, [self.root]]) @ view.cam_from_person
        features, target_m = (
            view.features.reshape(*wanted.shape[:2], -1, 3),
            target.astype(np.float32).reshape(wanted.shape),
        )
        return LiftPeople(features, target_m, wanted, track, view)

    def windows(
        self, rng: np.random.Generator, among: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Array, Array, npt.NDArray[np.intp]]:
        """Stretches (P, T, 27, 3) of random tracks at 0.7–1.3 of their speed, to and fro if short.

        among: (M,), which of the tracks; all unless given. Returns rates in Hz (P,) and tracks' numbers (P,) as well.
        """
        rate_hz = np.exp(rng.uniform(np.log(8), np.log(FPS), _CHUNK))
        weight = np.sqrt(self.lengths) * (1.0 if among is None else among)
        track = rng.choice(len(self.lengths), len(rate_hz), p=weight / weight.sum())
        last = (self.lengths[track] - 1)[:, None]
        step = FPS / rate_hz * rng.uniform(0.7, 1.3, len(rate_hz))
        at = rng.uniform(0, 2 * last) + np.arange(self.frames) * step[:, None]
        at = last - np.abs(at % (2 * last) - last)
        low = np.minimum(at.astype(int), last - 1)
        part, low = (at - low)[..., None, None], low + self.starts[track][:, None]
        joints = self.joints[low] * (1 - part) + self.joints[low + 1] * part
        mirrored = (joints * [-1.0, 1.0, 1.0])[:, :, list(_ALL_JOINTS.flip_order)]
        return np.where(rng.random((len(track), 1, 1, 1)) < 0.5, mirrored, joints), rate_hz, track


def all_joints() -> Skeleton:
    """SYNTH_JOINTS as a skeleton, which no engine has."""
    return _ALL_JOINTS


def placed(joints_m: Array, rng: np.random.Generator) -> Array:
    """World (y up) → each person's own camera, (P, T, J, 3): any heading, 1.5–8 m away, somewhere in view.

    The camera looks up by up to 15° or down by up to 35° and is rolled by up to 5°.
    """
    people = len(joints_m)
    angles = [rng.uniform(0, 360, people), 180 + rng.uniform(-15, 35, people), rng.uniform(-5, 5, people)]
    turn = Rotation.from_euler("yxz", np.stack(angles, axis=-1), degrees=True).as_matrix()
    middle = joints_m[:, :, [_PELVIS]].mean(axis=1, keepdims=True)
    seen = (joints_m - middle) @ turn.transpose(0, 2, 1)[:, None]
    depth = np.maximum(rng.uniform(1.5, 8, people), _NEAREST_M - seen[..., 2].min(axis=(1, 2)))
    ray = np.stack([rng.uniform(-0.6, 0.6, people), rng.uniform(-0.3, 0.3, people), np.ones(people)], axis=-1)
    return np.asarray(seen + (depth[:, None] * ray)[:, None, None])


def _order(key: str, skeleton: Skeleton) -> list[int]:
    """Where the skeleton's joints are among SYNTH_JOINTS. key: of the recipe, for the message."""
    lacking = [name for name in skeleton.joints if name not in SYNTH_JOINTS]
    if lacking:
        raise ConfigError(
            f"recipe key {key}",
            expected="joints that the rendered bodies have",
            got=f"{skeleton.name}, of which they lack {', '.join(lacking)}",
            fix="Choose another skeleton.",
        )
    return [SYNTH_JOINTS.index(name) for name in skeleton.joints]


def _flat(values: Array) -> Array:
    """(P, T, …) → (P·T, …)."""
    return values.reshape(-1, *values.shape[2:])
