"""The things in the rendered room: boxes with colors, some painted, some that glow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32

Rgb = tuple[float, float, float]

X_M, Z_M, HEIGHT_M = (-4.2, 4.2), (-8.2, 2.0), 2.7
"""The room: walls at these x and z in the world (y up, floor at 0), and its ceiling."""

_WHITE = (0.78, 0.77, 0.74)
_OAK = (0.36, 0.20, 0.10)
_DARK = (0.05, 0.045, 0.04)


@dataclass(frozen=True, eq=False)
class Block:
    """A box from low to high (3,), metres in the world.

    color (3,) linear RGB or paint(points (N, 3)) -> (N, 3). glow (3,): its own light. casts: it shades others. is_rug:
    people's shadows fall on it.
    """

    low: Array
    high: Array
    color: Array
    paint: Callable[[Array32], Array32] | None = None
    glow: Array = field(default_factory=lambda: np.zeros(3))
    casts: bool = False
    is_rug: bool = False


def _block(
    x: tuple[float, float],
    y: tuple[float, float],
    z: tuple[float, float],
    color: tuple[float, float, float],
    casts: bool = False,
) -> Block:
    return Block(np.array([x[0], y[0], z[0]]), np.array([x[1], y[1], z[1]]), np.array(color), casts=casts)


def _rgb(color: Array) -> Rgb:
    return float(color[0]), float(color[1]), float(color[2])


def furnish(rng: np.random.Generator) -> list[Block]:
    """Everything in the room; books, paintings and textiles vary."""
    return [
        *_skirting(),
        *_window(),
        *_door(),
        *_shelf(rng),
        *_sofa(rng),
        *_table(),
        *_paintings(rng),
        *_plant(rng),
        *_sideboard(rng),
        _rug(rng),
        *_lamps(),
    ]


def _skirting() -> list[Block]:
    (x0, x1), (z0, z1) = X_M, Z_M
    return [
        _block((x0, x1), (0, 0.09), (z0, z0 + 0.018), _WHITE),
        _block((x0, x0 + 0.018), (0, 0.09), (z0, z1), _WHITE),
        _block((x1 - 0.018, x1), (0, 0.09), (z0, z1), _WHITE),
    ]


def _window() -> list[Block]:
    """A window in the far wall: sky over a hazy garden behind a white frame."""
    z = Z_M[0]

    def outside(point: Array32) -> Array32:
        up = np.clip((point[:, 1:2] - 1.0) / 1.3, 0, 1)
        garden = 0.25 + 0.1 * np.sin(point[:, 0:1] * 5 + 2 * np.sin(point[:, 1:2] * 7))
        low = np.array([0.35, 0.5, 0.25]) * (0.7 + garden)
        high = np.array([0.75, 0.9, 1.15]) * (0.9 + 0.4 * (1 - up))
        edge = np.clip((point[:, 1:2] - 1.35 - 0.12 * np.sin(point[:, 0:1] * 3.3)) / 0.08, 0, 1)
        return np.asarray(1.3 * (low + (high - low) * edge), dtype=np.float32)

    pane = Block(np.array([-2.9, 0.95, z]), np.array([-0.7, 2.25, z + 0.02]), np.zeros(3), paint=outside)
    frame = [
        _block(x, y, (z, z + 0.07), _WHITE)
        for x, y in (
            ((-3.0, -2.9), (0.85, 2.35)),
            ((-0.7, -0.6), (0.85, 2.35)),
            ((-1.83, -1.77), (0.95, 2.25)),
            ((-3.0, -0.6), (2.25, 2.35)),
        )
    ]
    sill = _block((-3.08, -0.52), (0.86, 0.95), (z, z + 0.2), _WHITE, casts=True)
    curtains = [_curtain(-3.5, -2.98, z), _curtain(-0.62, -0.1, z)]
    return [pane, *frame, sill, *curtains]


def _curtain(x0: float, x1: float, z: float) -> Block:
    def folds(point: Array32) -> Array32:
        wave = 0.5 + 0.5 * np.sin(point[:, 0:1] * 62 + np.sin(point[:, 1:2] * 1.5))
        return np.asarray((0.55 + 0.45 * wave) * np.array([0.62, 0.55, 0.42]), dtype=np.float32)

    return Block(np.array([x0, 0.03, z + 0.05]), np.array([x1, 2.5, z + 0.16]), np.zeros(3), paint=folds, casts=True)


def _door() -> list[Block]:
    x = X_M[1]
    parts = [_block((x - 0.05, x), (0, 2.1), (-5.6, -4.6), (0.68, 0.66, 0.62))]
    parts += [_block((x - 0.065, x), y, (-5.5, -4.7), (0.6, 0.58, 0.54)) for y in ((0.15, 0.85), (1.0, 1.95))]
    parts += [_block((x - 0.08, x), (0, 2.2), z, _WHITE) for z in ((-5.7, -5.6), (-4.6, -4.5))]
    return [*parts, _block((x - 0.12, x), (0.98, 1.02), (-4.82, -4.7), (0.5, 0.5, 0.5))]


def _shelf(rng: np.random.Generator) -> list[Block]:
    """A bookcase at the far wall."""
    x0, x1, z0, z1, top = 1.9, 3.5, Z_M[0] + 0.02, Z_M[0] + 0.34, 2.05
    parts = [_block((x0, x1), (0.08, top), (z0, z0 + 0.02), (0.24, 0.13, 0.065))]
    parts += [_block(x, (0, top), (z0, z1), _OAK, casts=True) for x in ((x0 - 0.03, x0), (x1, x1 + 0.03))]
    levels = (0.08, 0.46, 0.84, 1.22, 1.60, 2.03)
    parts += [_block((x0, x1), (y, y + 0.025), (z0, z1), _OAK, casts=True) for y in levels]
    for y in levels[:-1]:
        x = x0 + 0.02
        while x < x1 - 0.08:
            thick = rng.uniform(0.018, 0.055)
            if rng.random() < 0.88:
                tall, deep = rng.uniform(0.2, 0.31), rng.uniform(0.04, 0.12)
                color = _rgb(np.clip(rng.choice(_SPINES) * rng.uniform(0.6, 1.3), 0.01, 0.8))
                parts.append(_block((x, x + thick), (y + 0.025, y + 0.025 + tall), (z0, z1 - deep), color))
            else:
                x += rng.uniform(0.03, 0.16)
            x += thick + 0.002
    return parts


_SPINES = np.array(
    [
        [0.5, 0.08, 0.06],
        [0.06, 0.13, 0.3],
        [0.55, 0.5, 0.4],
        [0.08, 0.2, 0.1],
        [0.6, 0.35, 0.08],
        [0.03, 0.03, 0.035],
        [0.35, 0.3, 0.28],
        [0.12, 0.3, 0.33],
    ]
)


def _sofa(rng: np.random.Generator) -> list[Block]:
    """A sofa below the window, seen from the front, with cushions."""
    z = Z_M[0]
    cloth = (0.17, 0.18, 0.2)
    soft = (0.2, 0.21, 0.235)
    parts = [
        _block((-2.9, -0.7), (0.12, 0.4), (z + 0.25, z + 1.15), cloth, casts=True),
        _block((-2.9, -0.7), (0.12, 0.82), (z + 0.2, z + 0.42), cloth, casts=True),
    ]
    parts += [_block(x, (0.12, 0.6), (z + 0.2, z + 1.15), cloth, casts=True) for x in ((-3.1, -2.9), (-0.7, -0.5))]
    parts += [_block(x, (0.4, 0.5), (z + 0.42, z + 1.17), soft) for x in ((-2.89, -1.81), (-1.79, -0.71))]
    parts += [_block((x, x + 0.04), (0, 0.12), (z + 1.02, z + 1.06), _DARK) for x in (-3.05, -0.6)]
    for x, color in ((-2.75, _SPINES[4]), (-1.3, _SPINES[7])):
        shade = _rgb(color * rng.uniform(0.8, 1.2))
        parts.append(_block((x, x + 0.45), (0.5, 0.88), (z + 0.42, z + 0.56), shade, casts=True))
    return parts


def _table() -> list[Block]:
    """A side table with a lamp beside the sofa."""
    z = Z_M[0]
    parts = [_block((-0.25, 0.25), (0.5, 0.53), (z + 0.3, z + 0.8), _OAK, casts=True)]
    parts += [_block((x, x + 0.03), (0, 0.5), (w, w + 0.03), _OAK) for x in (-0.24, 0.21) for w in (z + 0.31, z + 0.76)]
    parts.append(_block((-0.02, 0.02), (0.53, 0.85), (z + 0.53, z + 0.57), _DARK))
    shade = Block(
        np.array([-0.15, 0.85, z + 0.4]),
        np.array([0.15, 1.12, z + 0.7]),
        np.array([0.8, 0.7, 0.5]),
        glow=np.array([0.75, 0.55, 0.3]),
    )
    return [*parts, shade]


def _paintings(rng: np.random.Generator) -> list[Block]:
    """Framed paintings on the far and the left wall."""
    z, x = Z_M[0], X_M[0]
    parts = [
        _block((0.55, 1.45), (1.25, 1.95), (z, z + 0.03), _DARK),
        _painting(np.array([0.6, 1.3, z]), np.array([1.4, 1.9, z + 0.035]), 0, rng),
    ]
    for z0 in (-6.9, -5.3):
        parts += [
            _block((x, x + 0.03), (1.2, 1.9), (z0, z0 + 0.9), _OAK),
            _painting(np.array([x, 1.25, z0 + 0.05]), np.array([x + 0.035, 1.85, z0 + 0.85]), 2, rng),
        ]
    return parts


def _painting(low: Array, high: Array, axis: int, rng: np.random.Generator) -> Block:
    tones = np.clip(rng.choice(_SPINES, 3, replace=False) * 1.3 + 0.05, 0, 0.8)
    phase = rng.uniform(0, 6, 2)

    def paint(point: Array32) -> Array32:
        u, v = point[:, axis : axis + 1], point[:, 1:2]
        hill = 1.5 + 0.12 * np.sin(u * 5 + phase[0]) + 0.05 * np.sin(u * 11 + phase[1])
        near = hill - 0.14 + 0.05 * np.sin(u * 7 + phase[1])
        return np.asarray(np.where(v < near, tones[0], np.where(v < hill, tones[1], tones[2])), dtype=np.float32)

    return Block(low, high, np.zeros(3), paint=paint)


def _plant(rng: np.random.Generator) -> list[Block]:
    """A tall plant in a pot in the right corner: many small leaves."""
    x, z = 3.8, Z_M[0] + 1.1
    parts = [
        _block((x - 0.2, x + 0.2), (0, 0.38), (z - 0.2, z + 0.2), (0.62, 0.58, 0.52), casts=True),
        _block((x - 0.02, x + 0.02), (0.38, 1.3), (z - 0.02, z + 0.02), (0.12, 0.08, 0.04)),
    ]
    for _ in range(110):
        center = np.array([x, 1.15, z]) + rng.normal(0, [0.17, 0.27, 0.17])
        half = rng.uniform(0.02, 0.075, 3)
        green = np.array([0.05, 0.16, 0.04]) * rng.uniform(0.6, 1.8)
        parts.append(Block(center - half, np.minimum(center + half, [X_M[1] - 0.02, 2.5, 2.0]), green))
    return parts


def _sideboard(rng: np.random.Generator) -> list[Block]:
    """A low cupboard along the left wall."""
    x = X_M[0]
    parts = [
        _block((x + 0.02, x + 0.45), (0.15, 0.72), (-7.0, -5.0), (0.6, 0.57, 0.52), casts=True),
        _block((x + 0.02, x + 0.47), (0.72, 0.75), (-7.02, -4.98), _OAK, casts=True),
    ]
    parts += [_block((x + 0.45, x + 0.46), (0.17, 0.71), (z, z + 0.006), _DARK) for z in (-6.34, -5.67)]
    for z in (-6.7, -6.2, -5.4):
        color = _rgb(rng.choice(_SPINES))
        tall, wide = rng.uniform(0.15, 0.35), rng.uniform(0.05, 0.1)
        parts.append(
            _block((x + 0.25 - wide, x + 0.25 + wide), (0.75, 0.75 + tall), (z - wide, z + wide), color, casts=True)
        )
    return parts


def _rug(rng: np.random.Generator) -> Block:
    a, b = np.array([0.42, 0.36, 0.28]), rng.choice(_SPINES[[0, 1, 7]]) * 0.8

    def weave(point: Array32) -> Array32:
        edge = np.minimum(2.1 - np.abs(point[:, 0:1]), 1.4 - np.abs(point[:, 2:3] + 4.9))
        rim = ((edge > 0.1) & (edge < 0.16)) | ((edge > 0.2) & (edge < 0.22))
        thread = 1 + 0.06 * np.sin(point[:, 2:3] * 300) * np.sin(point[:, 0:1] * 90)
        return np.asarray(np.where(rim, b, a) * thread, dtype=np.float32)

    return Block(np.array([-2.1, 0.0, -6.3]), np.array([2.1, 0.006, -3.5]), np.zeros(3), paint=weave, is_rug=True)


def _lamps() -> list[Block]:
    return [
        Block(
            np.array([x - 0.3, 2.66, z - 0.3]), np.array([x + 0.3, 2.7, z + 0.3]), np.full(3, 0.8), glow=np.full(3, 1.2)
        )
        for x in (-1.5, 1.5)
        for z in (-3.2, -6.0)
    ]
