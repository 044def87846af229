"""People who walk along a path on the floor: pieces of motion clips joined, moved forward by their own steps.

The pelvis moves by as much as the standing foot moves back under the body, so feet don't slide whatever the length
of the legs; only the direction of the way is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS, posed_joints
from pose3d_training.synthetic.figure import Figure, PosedFigure
from pose3d_training.synthetic.motion import FPS, Clip, load_clip
from pose3d_training.synthetic.rig import bone_rotations, bone_transforms, load_rig

_SOLES = tuple(SYNTH_JOINTS.index(name) for name in ("L_Ankle", "R_Ankle", "L_Toe", "R_Toe"))
_PELVIS = SYNTH_JOINTS.index("Pelvis")
_CONTACT_M = 0.01
_HEADING_SIGMA = 0.5 * FPS
_STEP_SIGMA = 0.7
_PATH_STEP_M = 0.02
_TURN_SIGMA_M = 0.2


@dataclass(frozen=True)
class Piece:
    """Frames start to end (exclusive) of a clip at `rate` times its speed, `repeats` times one after another.

    A repeated piece should be whole strides.
    """

    clip: str
    start: int
    end: int
    mirrored: bool = False
    rate: float = 1.0
    repeats: int = 1


@dataclass(frozen=True, eq=False)
class Walk:
    """A person's motion at FPS.

    turned (T, 31, 3, 3): global bone rotations facing +z. x_m, z_m (T,): the pelvis in the world. heading_rad (T,):
    about y, 0 facing +z (towards the viewer).
    """

    turned: Array
    x_m: Array
    z_m: Array
    heading_rad: Array

    def __len__(self) -> int:
        return len(self.x_m)

    def pose(self, figure: Figure, frame: int) -> PosedFigure:
        """The person on the floor in a frame."""
        return figure.pose(
            self.turned[frame], float(self.x_m[frame]), float(self.z_m[frame]), float(self.heading_rad[frame]), 0.0
        )


@dataclass(frozen=True, eq=False)
class Gait:
    """A person's steps at FPS, before a way is chosen.

    turned (T, 31, 3, 3): global bone rotations facing +z. ahead_m, aside_m (T,): how far the pelvis has come, and its
    sway to the left.
    """

    turned: Array
    ahead_m: Array
    aside_m: Array


def plan_walk(figure: Figure, pieces: Sequence[Piece], waypoints_m: Array, frames: int, blend: int = 8) -> Walk:
    """Join the first `frames` frames of the pieces over `blend` frames, along a curve through the waypoints.

    waypoints_m (N, 2): x, z in the world.

    Raises InputError when the pieces or the way end too soon.
    """
    return walk_along(make_gait(figure, pieces, frames, blend), waypoints_m)


def make_gait(figure: Figure, pieces: Sequence[Piece], frames: int, blend: int = 8) -> Gait:
    """The first `frames` frames of the pieces joined over `blend` frames. Raises InputError when they end too soon."""
    turned = _join([strip for piece in pieces for strip in _strips(figure, piece)], blend)
    if len(turned) < frames:
        raise InputError("pieces of motion", expected=f"{frames} frames", got=f"{len(turned)}", fix="Repeat one more.")
    turned = turned[:frames]
    return Gait(turned, *_steps(figure, turned))


def walk_along(gait: Gait, waypoints_m: Array) -> Walk:
    """The steps along a curve through waypoints (N, 2), x and z in the world. Raises InputError for a short way."""
    position, heading = _along(waypoints_m, gait.ahead_m)
    left = np.stack([np.cos(heading), -np.sin(heading)], axis=1)
    position = position + gait.aside_m[:, None] * left
    return Walk(gait.turned, position[:, 0], position[:, 1], heading)


def _strips(figure: Figure, piece: Piece) -> list[Array]:
    """Rotations (T, 31, 3, 3) of a piece's repeats, the slow part of the heading taken out."""
    clip = load_clip(figure.assets, piece.clip, piece.mirrored)
    times = np.arange(piece.start, piece.end - 1 + 1e-6, piece.rate, dtype=np.float64)
    facing = clip.rotations[:, 0, :, 2]
    heading = gaussian_filter1d(np.unwrap(np.arctan2(facing[:, 0], facing[:, 2])), _HEADING_SIGMA, mode="nearest")
    back = Rotation.from_rotvec(np.outer(-heading, [0.0, 1.0, 0.0])).as_matrix()
    align = figure.align(clip)
    turned = np.stack([back[t] @ bone_rotations(clip.rotations[t], align) for t in range(len(clip))])
    return [_resampled(clip, turned, times)] * piece.repeats


def _resampled(clip: Clip, turned: Array, times: Array) -> Array:
    if times[-1] > len(clip) - 1:
        raise InputError(
            f"piece of {clip.name}",
            expected=f"frames below {len(clip)}",
            got=f"up to {times[-1]:.0f}",
            fix="End it sooner.",
        )
    grid = np.arange(len(clip))
    bones = [Slerp(grid, Rotation.from_matrix(turned[:, b]))(times).as_matrix() for b in range(turned.shape[1])]
    return np.stack(bones, axis=1)


def _join(strips: list[Array], blend: int) -> Array:
    out = strips[0]
    for strip in strips[1:]:
        t = (np.arange(blend) + 1) / (blend + 1)
        mixed = _mix(out[-blend:], strip[:blend], t * t * (3 - 2 * t))
        out = np.concatenate([out[:-blend], mixed, strip[blend:]])
    return out


def _mix(a: Array, b: Array, share: Array) -> Array:
    """Rotations (T, B, 3, 3) on the shortest way from a to b, share (T,)."""
    start = Rotation.from_matrix(a.reshape(-1, 3, 3))
    way = (start.inv() * Rotation.from_matrix(b.reshape(-1, 3, 3))).as_rotvec()
    turned = start * Rotation.from_rotvec(way * np.repeat(share, a.shape[1])[:, None])
    return np.asarray(turned.as_matrix().reshape(a.shape))


def _steps(figure: Figure, turned: Array) -> tuple[Array, Array]:
    """Metres gone ahead (T,) and the sway to the left (T,) that keep the standing foot still."""
    rig = load_rig(figure.assets)
    joints = np.stack(
        [
            posed_joints(figure.assets, figure.joints_rest_m, bone_transforms(rig, figure.heads_m, pose))
            for pose in turned
        ]
    )
    soles = joints[:, _SOLES] - joints[:, _PELVIS : _PELVIS + 1]
    lift = joints[:, _SOLES, 1] - figure.joints_rest_m[list(_SOLES), 1]
    near = lift - lift.min(axis=1, keepdims=True)
    back = np.diff(soles, axis=0)
    # The standing sole is low and goes back fastest under the body; a swinging toe is low too, but comes forward.
    score = -(near[1:] + near[:-1]) / 2 / _CONTACT_M - back[:, :, 2] / _CONTACT_M
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    step = -np.einsum("tk,tkc->tc", weight, back)
    ahead = np.clip(gaussian_filter1d(step[:, 2], _STEP_SIGMA, mode="nearest"), 0.0, None)
    aside = np.concatenate([[0.0], np.cumsum(gaussian_filter1d(step[:, 0], _STEP_SIGMA, mode="nearest"))])
    sway = aside - gaussian_filter1d(aside, _HEADING_SIGMA, mode="nearest")
    return np.concatenate([[0.0], np.cumsum(ahead)]), sway


def _along(waypoints_m: Array, gone_m: Array) -> tuple[Array, Array]:
    """Positions (T, 2) and headings (T,) after so many metres on a smooth curve through the waypoints."""
    chord = np.concatenate([[0.0], np.cumsum([float(np.linalg.norm(b - a)) for a, b in pairwise(waypoints_m)])])
    dense = CubicSpline(chord, waypoints_m)(np.linspace(0.0, chord[-1], 4000))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(dense, axis=0), axis=1))])
    if gone_m[-1] > length[-1]:
        raise InputError(
            "waypoints",
            expected=f"a way of at least {gone_m[-1]:.2f} m",
            got=f"{length[-1]:.2f} m",
            fix="Add a waypoint.",
        )
    grid = np.arange(0.0, length[-1], _PATH_STEP_M)
    curve = np.stack([np.interp(grid, length, dense[:, k]) for k in range(2)], axis=1)
    tangent = np.gradient(curve, axis=0)
    heading = np.unwrap(np.arctan2(tangent[:, 0], tangent[:, 1]))
    heading = gaussian_filter1d(heading, _TURN_SIGMA_M / _PATH_STEP_M, mode="nearest")
    position = np.stack([np.interp(gone_m, grid, curve[:, k]) for k in range(2)], axis=1)
    return position, np.interp(gone_m, grid, heading)
