"""Ground-truth and noisy tracks for the smoother: motions on random bodies in any skeleton, with errors and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from torch.utils.data import IterableDataset

from pose3d_ros.skeletons import SKELETONS, Skeleton, ancestors
from pose3d_ros.stages.smooth.joint_links import JointLinks
from pose3d_ros.stages.smooth.smooth_features import cam2ray, sequence_features
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, BodyShape, posed_joints, rest_joints, shape_vertices
from pose3d_training.synthetic.motion import FPS, Clip, load_clip, training_clips
from pose3d_training.synthetic.rig import alignment, bone_rotations, bone_transforms, load_rig
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.motion_runs import MotionRun, measured_window
from pose3d_training.tasks.track_errors import autoregressive, track_errors

Mask = npt.NDArray[np.bool_]

_STROLLERS = 0.65
"""Share of the samples that also walk about: most recordings are made on a spot, and people before robots walk."""
_MEASURED_SHARE = 0.6
"""Share of the samples that are what the image nets said of rendered motions, where there is any."""
_ALL_JOINTS_SHARE = 0.6
"""Of the samples that have all of the net's joints, as the default pose models give them."""
_HIDING, _HIDDEN_LIMB, _HIDDEN_WHILE, _LONGEST_S = 0.25, 0.10, 0.08, 1.5
"""Share of the tracks that hide some; of their limbs those never shown, and those not shown for up to so long."""
_DROPPED = 0.06
"""Share of the frames without the person, in some of the tracks."""
_PELVIS = SYNTH_JOINTS.index("Pelvis")


@dataclass(frozen=True, eq=False)
class TrackSample:
    """One person's track in the camera's optical frame, T frames in the K joints of the net's skeleton.

    measured_m, true_m (T, K, 3): absolute joints, where present (T, K) is 1, the true ones with the errors that last.
    Others have what the smoother takes for them. features (T, C): what the smoother reads of the measured ones.
    cam2ray (T, 3, 3): the frames its answers are in.
    """

    measured_m: npt.NDArray[np.float32]
    true_m: npt.NDArray[np.float32]
    present: npt.NDArray[np.float32]
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
    """Random windows of tracks: any heading, 1.5–8 m away, 8–30 frames/s, with image nets' errors, and gaps.

    tracks: (T, 27, 3) in SYNTH_JOINTS' order, y up. skeleton: of the net; people come in all `SKELETONS`. runs: what
    the image nets said of rendered motions; a share of the samples is of these.
    """

    def __init__(
        self, tracks: Sequence[Array], skeleton: Skeleton, frames: int, seed: int, runs: Sequence[MotionRun] = ()
    ) -> None:
        self.tracks, self.skeleton, self.frames, self.seed = tracks, skeleton, frames, seed
        self._runs = runs
        readers = {name: _Reader(JointLinks(people, skeleton), people) for name, people in SKELETONS.items()}
        most = max(reader.links.known for reader in readers.values())
        self._full = [reader for reader in readers.values() if reader.links.known == most]
        self._lacking = [reader for reader in readers.values() if reader.links.known < most]
        self._limbs = [np.array([top in (name, *ancestors(name)) for name in skeleton.joints]) for top in _LIMBS]

    def __iter__(self) -> Iterator[TrackSample]:
        rng = worker_rng(self.seed)
        while True:
            if self._runs and rng.random() < _MEASURED_SHARE:
                yield self._sample(*measured_window(self._runs, self.frames, rng), rng)
                continue
            rate = float(np.exp(rng.uniform(np.log(8), np.log(30))))
            at = self._frames_seen(rng)
            joints = self._window(at, rate, rng)
            if rng.random() < _STROLLERS:
                joints = joints + _stroll(at[-1] + 1, rate, rng)[at, None]
            true = _placed(joints, rng)
            errors = track_errors(true, SYNTH_JOINTS, _PELVIS, rate, rng)
            ray2cam = cam2ray(true[:, _PELVIS].mean(axis=0))  # of rows
            steady = true + errors.lasting @ ray2cam
            yield self._sample(steady, steady + errors.varying @ ray2cam, np.diff(at, prepend=-1) / rate, rng)

    def _sample(self, true: Array, measured: Array, dt_s: Array, rng: np.random.Generator) -> TrackSample:
        """What the net reads of a person in a random skeleton."""
        readers = self._lacking if self._lacking and rng.random() > _ALL_JOINTS_SHARE else self._full
        reader = readers[int(rng.integers(len(readers)))]
        if np.isnan(reader(measured)[:, self.skeleton.root]).any():  # hips that a net did not find are no root
            reader = self._full[0]
        true, measured = reader(true), reader(measured)
        root = measured[:, self.skeleton.root]
        hidden = self._hidden(dt_s, rng)
        measured = np.where(hidden[..., None], np.nan, measured)
        present = np.asarray(np.isfinite(measured).all(axis=-1))
        relative = held(measured - root[:, None])
        true = np.where(present[..., None], true, 0.0)
        return TrackSample(
            (relative + root[:, None]).astype(np.float32),
            true.astype(np.float32),
            np.asarray(present, np.float32),
            sequence_features(relative, root, dt_s),
            cam2ray(root).astype(np.float32),
        )

    def _frames_seen(self, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Numbers of the frames of a window, some of them left out."""
        gaps = rng.random(self.frames) < (_DROPPED if rng.random() < 0.3 else 0.0)
        return np.cumsum(1 + gaps * rng.integers(1, 4, self.frames)) - 1

    def _hidden(self, dt_s: Array, rng: np.random.Generator) -> Mask:
        """Joints (T, K) that are not measured: whole limbs, and parts of them, for the track or a while."""
        time_s = np.cumsum(dt_s)
        out = np.zeros((len(dt_s), len(self.skeleton)), dtype=bool)
        for limb in self._limbs if rng.random() < _HIDING else ():
            start_s = rng.uniform(-_LONGEST_S, time_s[-1])
            during = (time_s >= start_s) & (time_s < start_s + rng.uniform(0, _LONGEST_S))
            kind = rng.random()
            if kind < _HIDDEN_LIMB + _HIDDEN_WHILE:
                out |= limb & (during[:, None] | (kind < _HIDDEN_LIMB))
        out[:, self.skeleton.root] = False
        return out

    def _window(self, at: npt.NDArray[np.intp], rate: float, rng: np.random.Generator) -> Array:
        """A stretch of a random track resampled to `rate` at 0.7–1.3 of its speed, played to and fro if short."""
        track = self.tracks[int(rng.integers(len(self.tracks)))]
        frame = rng.uniform(0, len(track)) + at * FPS / rate * rng.uniform(0.7, 1.3)
        last = len(track) - 1
        frame = last - np.abs(frame % (2 * last) - last)
        low = np.minimum(frame.astype(int), last - 1)
        part = (frame - low)[:, None, None]
        return np.asarray(track[low] * (1 - part) + track[low + 1] * part, np.float64)


_LIMBS = ("Head", *(f"{side}_{joint}" for side in "LR" for joint in ("Shoulder", "Elbow", "Hip", "Knee", "Ankle")))
"""Their first joints: everything behind one in the body tree is hidden with it."""


class _Reader:
    """Joints of bodies, (T, 27, 3), as a net reads them (T, K, 3) from people in some skeleton."""

    def __init__(self, links: JointLinks, people: Skeleton) -> None:
        self.links = links
        self._order = [SYNTH_JOINTS.index(name) if name in SYNTH_JOINTS else -1 for name in people.joints]

    def __call__(self, joints_m: Array) -> Array:
        missing = np.full((len(joints_m), 1, 3), np.nan)
        return self.links.read(np.concatenate((joints_m, missing), axis=1)[:, self._order])


def held(relative_m: Array) -> Array:
    """A track (T, K, 3) relative to the root with each joint where it was last seen, at the root before it ever was."""
    seen = np.asarray(np.isfinite(relative_m).all(axis=-1))
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen))[:, None], -1), axis=0)
    found = np.take_along_axis(relative_m, np.maximum(last, 0)[..., None], axis=0)
    return np.asarray(np.where(last[..., None] >= 0, found, 0.0), np.float64)


def _placed(joints_m: Array, rng: np.random.Generator) -> Array:
    """World (y up) to a camera that looks down by up to 25°, the person's middle somewhere in view."""
    turn = Rotation.from_euler("yx", [rng.uniform(0, 360), 180 + rng.uniform(-8, 25)], degrees=True)
    seen = (joints_m - joints_m[:, _PELVIS].mean(axis=0)) @ turn.as_matrix().T
    depth = max(rng.uniform(1.5, 8), 1.0 - float(seen[..., 2].min()))
    aside = np.array([rng.uniform(-0.5, 0.5) * depth, rng.uniform(-0.3, 0.3) * depth, depth])
    return np.asarray(seen + aside, np.float64)


def _stroll(frames: int, rate: float, rng: np.random.Generator) -> Array:
    """A path (T, 3) on the floor (y up) at up to walking speed with changes of heading, metres."""
    turns = autoregressive((frames,), rate, rng.uniform(1, 4), rng)
    heading = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 1.5) * turns
    speed = rng.uniform(0.2, 1.7) * np.clip(0.8 + 0.4 * autoregressive((frames,), rate, 2.0, rng), 0, None)
    steps = np.stack([np.cos(heading), np.zeros(frames), np.sin(heading)], axis=-1) * speed[:, None] / rate
    return np.asarray(np.cumsum(steps, axis=0), np.float64)
