"""Where the people of a crossing walk, what hides them, and how the camera turns; on the floor, without bodies.

Positions are x and z of the world, metres; the camera stands over the origin and looks along -z.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pose3d_ros.types import Array
from pose3d_training.synthetic.motion import FPS

Kind = Literal["crossing", "occlusion", "leaving_entering", "crowd", "turning_camera"]
KINDS: tuple[Kind, ...] = ("crossing", "occlusion", "leaving_entering", "crowd", "turning_camera")

HIDDEN_S = 2.0
"""The longest time that a thing hides a person who walks past behind it."""
_SPEED_MPS = 1.2
_BODY_M = 0.5
"""How wide a walking person is."""
_APART_M = 0.65
_APART_ROUNDS = 60
_APART_SIGMA = 0.4 * FPS
_TURN_RAD = np.deg2rad(20.0)


@dataclass(frozen=True)
class _Region:
    """People of a kind: how many, their distances, half axes of their ovals, and tan of the half angle they keep."""

    people: int
    away_m: tuple[float, float]
    half_x_m: tuple[float, float]
    half_z_m: tuple[float, float]
    half_width: float


_REGIONS = {
    "crossing": _Region(4, (3.2, 5.5), (0.9, 1.9), (0.4, 1.1), 0.5),
    "occlusion": _Region(3, (4.4, 6.2), (1.3, 2.4), (0.4, 0.8), 0.52),
    "crowd": _Region(8, (3.2, 6.8), (0.8, 2.4), (0.4, 1.2), 0.52),
    "turning_camera": _Region(5, (3.4, 6.0), (0.9, 2.2), (0.4, 1.2), 0.75),
}
_PASSERS = 6


@dataclass(frozen=True)
class Board:
    """An upright board on the floor that faces the camera: x0 to x1 at z, and its height, metres."""

    x0_m: float
    x1_m: float
    z_m: float
    height_m: float


def people_count(kind: Kind) -> int:
    """How many people a scene of this kind has."""
    return _PASSERS if kind == "leaving_entering" else _REGIONS[kind].people


def draw_way(kind: Kind, number: int, length_m: float, rng: np.random.Generator) -> Array:
    """Waypoints (N, 2) of person `number` over at least length_m."""
    return _pass(number, length_m, rng) if kind == "leaving_entering" else _round(_REGIONS[kind], length_m, rng)


def oval(
    x_m: float, z_m: float, half_x_m: float, half_z_m: float, start_turn: float, direction: int, turns: float = 3.0
) -> tuple[tuple[float, float], ...]:
    """Waypoints around an oval on the floor; start_turn 0 is its right end, 0.25 its far side."""
    angle = 2 * np.pi * (start_turn + direction * np.linspace(0.0, turns, int(12 * turns) + 1))
    return tuple((float(x_m + half_x_m * np.cos(a)), float(z_m - half_z_m * np.sin(a))) for a in angle)


def _round(region: _Region, length_m: float, rng: np.random.Generator) -> Array:
    """Round and round an oval that the camera sees all of."""
    while True:
        half_x, half_z = rng.uniform(*region.half_x_m), rng.uniform(*region.half_z_m)
        away = rng.uniform(*region.away_m)
        x = rng.uniform(-1.0, 1.0) * region.half_width * away
        turns = length_m / (2 * np.pi * min(half_x, half_z)) + 1.0
        way = np.array(oval(x, -away, half_x, half_z, rng.random(), int(rng.choice((-1, 1))), turns))
        if (np.abs(way[:, 0]) < -region.half_width * way[:, 1]).all():
            return way


def _pass(number: int, length_m: float, rng: np.random.Generator) -> Array:
    """Once through the image, from beyond one border to beyond the other; every other person comes later."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    away = rng.uniform(3.0, 6.5, 2)
    begin, end = (np.array([s * (0.62 * d + 0.5), -d]) for s, d in zip((-side, side), away, strict=True))
    along = (end - begin) / np.linalg.norm(end - begin)
    middle = (begin + end) / 2 + rng.uniform(-0.4, 0.4) * np.array([-along[1], along[0]])
    wait_m = 0.0 if number < 2 else _SPEED_MPS * rng.uniform(0.5, 6.0)
    begun = rng.uniform(0.3, 0.6) if number < 2 else 0.0
    start = begin + (end - begin) * begun
    way = [start - along * wait_m, start, *([middle] if begun < 0.25 else []), end, end + along * length_m]
    return np.array(way[1:] if wait_m == 0.0 else way)


def keep_apart(positions_m: Array) -> Array:
    """Positions (P, T, 2), moved aside smoothly where two people would walk through each other."""
    moved = positions_m.copy()
    for _ in range(_APART_ROUNDS):
        between = moved[:, None] - moved[None]
        distance = np.linalg.norm(between, axis=-1, keepdims=True)
        lacking = np.clip(_APART_M - distance, 0.0, None) * (distance > 0)
        if lacking.max(initial=0.0) < 0.02:
            break
        push = (between / np.maximum(distance, 1e-6) * lacking).sum(axis=1)
        moved += gaussian_filter1d(push, _APART_SIGMA, axis=1, mode="nearest")
    return moved


def draw_boards(kind: Kind, rng: np.random.Generator) -> tuple[Board, ...]:
    """What hides people: nothing, or a board between them and the camera."""
    if kind != "occlusion":
        return ()
    z_m, path_m = -rng.uniform(2.5, 3.0), -5.2
    behind_m = _SPEED_MPS * rng.uniform(0.6, 0.75) * HIDDEN_S + _BODY_M
    width_m, center_m = behind_m * z_m / path_m, rng.uniform(-0.3, 0.3)
    return (Board(center_m - width_m / 2, center_m + width_m / 2, z_m, float(rng.uniform(1.9, 2.2))),)


def hidden_runs_s(boards: tuple[Board, ...], positions_m: Array) -> Array:
    """Seconds (R,) of every time that a person's middle, at positions (T, 2), is behind one of the boards."""
    hidden = np.zeros(len(positions_m), dtype=bool)
    for board in boards:
        at_board_m = positions_m[:, 0] * board.z_m / np.minimum(positions_m[:, 1], -1e-3)
        inside = (at_board_m > board.x0_m) & (at_board_m < board.x1_m)
        hidden |= inside & (positions_m[:, 1] < board.z_m)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hidden, [False]]).astype(int)))
    return np.asarray((edges[1::2] - edges[::2]) / FPS)


def camera_yaw_rad(kind: Kind, frames: int, rng: np.random.Generator) -> Array:
    """How far the camera is turned to the left in every frame at FPS (T,): it looks about, or stands still."""
    if kind != "turning_camera":
        return np.zeros(frames)
    seconds, period_s = np.arange(frames) / FPS, rng.uniform(5.0, 8.0)
    return np.asarray(_TURN_RAD * np.sin(2 * np.pi * (seconds / period_s + rng.random())))
