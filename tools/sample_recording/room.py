"""A furnished living room by ray casting: soft shadows of ceiling lamps, daylight of a window, ambient occlusion.

Far slower than the training backgrounds (`background.py`) and better to look at; for videos, whose camera stands still.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.scene_camera import View
from pose3d_training.synthetic.sequence import Backdrop, BoolArray
from sample_recording.furniture import HEIGHT_M, X_M, Z_M, Block, furnish

_SUPER = 2
_LAMPS_M = ((-1.5, 2.66, -3.2), (1.5, 2.66, -3.2), (-1.5, 2.66, -6.0), (1.5, 2.66, -6.0))
_LAMP_RADIUS_M = 0.35
_LAMP_LIGHT = np.array([1.0, 0.93, 0.82])
_LAMP_POWER = 3.5
_LAMP_SAMPLES, _SKY_SAMPLES = 4, 12
_AMBIENT = np.array([0.40, 0.42, 0.45])
_BOUNCE_M = 0.8
"""Things farther than this don't darken a surface."""


@dataclass(frozen=True, eq=False)
class _Hits:
    """Surface points (N, 3), normals (N, 3), linear RGB (N, 3), own light (N, 3); floor (N,)."""

    point: Array32
    normal: Array32
    color: Array32
    glow: Array32
    floor: BoolArray


def render_room(view: View, seed: int) -> Backdrop:
    """The room of a seed (colors, books, paintings) seen by a camera that stands in it."""
    rng = np.random.default_rng([seed, 11])
    blocks = furnish(rng)
    rays = _rays(view)
    hits = _trace(view.cam2world[:3, 3].astype(np.float32), rays, blocks, rng)
    light = _lamp_light(hits, blocks, rng) + _AMBIENT.astype(np.float32) * _openness(hits, blocks, rng)[:, None]
    linear = np.clip(hits.color * light + hits.glow, 0, None)
    mapped = np.sqrt(linear / (1 + 0.25 * linear)) * 255  # gamma 2 as the figures', highlights rolled off
    size = (view.height_px * _SUPER, view.width_px * _SUPER)
    image = cv2.resize(
        mapped.reshape(*size, 3)[:, :, ::-1], (view.width_px, view.height_px), interpolation=cv2.INTER_AREA
    )
    image = cv2.GaussianBlur(image, (0, 0), 0.6)
    floor = hits.floor.reshape(size)[::_SUPER, ::_SUPER]
    return Backdrop(np.asarray(np.minimum(image, 255), np.float32), _depth_m(view, hits), floor, _shadow_lamps())


def _depth_m(view: View, hits: _Hits) -> Array32:
    """Depth (H, W) of the nearest of each pixel's samples."""
    depth = (hits.point - view.cam2world[:3, 3]) @ view.cam2world[:3, 2]
    samples = depth.reshape(view.height_px, _SUPER, view.width_px, _SUPER)
    return np.asarray(samples.min(axis=(1, 3)), dtype=np.float32)


def _shadow_lamps() -> tuple[tuple[Array, float], ...]:
    """Steep directions around the vertical: the ceiling lamps and the light ceiling between them."""
    out = [(_unit(np.array([0.0, 1.0, 0.0])), 0.16)]
    for angle in np.arange(5) * 2 * np.pi / 5 + 0.3:
        out.append((_unit(np.array([0.55 * np.cos(angle), 1.0, 0.55 * np.sin(angle)])), 0.11))
    return tuple(out)


def _unit(v: Array) -> Array:
    return np.asarray(v / np.linalg.norm(v))


def _rays(view: View) -> Array32:
    """Unit directions (N, 3) of the rays of all samples, rows first."""
    step = (np.arange(_SUPER) + 0.5) / _SUPER - 0.5
    u = (np.arange(view.width_px)[:, None] + step).ravel()
    v = (np.arange(view.height_px)[:, None] + step).ravel()
    grid = np.stack([*np.meshgrid(u, v), np.ones((len(v), len(u)))], axis=-1).reshape(-1, 3)
    rays = grid @ (view.cam2world[:3, :3] @ np.linalg.inv(view.K)).T
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True), dtype=np.float32)


def _hit_block(origin: Array32, rays: Array32, block: Block) -> tuple[Array32, Array32, IntArray]:
    """Distances to entry and exit (N,) of a box along rays, and the axis of the face that is entered."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = (block.low.astype(np.float32) - origin) / rays
        b = (block.high.astype(np.float32) - origin) / rays
    near, far = np.minimum(a, b), np.maximum(a, b)
    return near.max(axis=1), far.min(axis=1), near.argmax(axis=1)


def _trace(origin: Array32, rays: Array32, blocks: list[Block], rng: np.random.Generator) -> _Hits:
    inside = Block(np.array([X_M[0], 0.0, Z_M[0]]), np.array([X_M[1], HEIGHT_M, Z_M[1]]), np.zeros(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = np.maximum(
            (inside.low.astype(np.float32) - origin) / rays, (inside.high.astype(np.float32) - origin) / rays
        )
    distance, axis = wall.min(axis=1), wall.argmin(axis=1)
    rows = np.arange(len(rays))
    normal = np.zeros_like(rays)
    normal[rows, axis] = -np.sign(rays[rows, axis])
    point = origin + rays * distance[:, None]
    color = _walls(point, normal, rng)
    glow = np.zeros_like(point)
    floor = (axis == 1) & (rays[:, 1] < 0)
    for block in blocks:
        near, far, side = _hit_block(origin, rays, block)
        hit = np.flatnonzero((near < far) & (near > 0.05) & (near < distance - 1e-4))
        distance[hit], floor[hit] = near[hit], block.is_rug
        point[hit] = origin + rays[hit] * near[hit][:, None]
        normal[hit] = 0.0
        normal[hit, side[hit]] = -np.sign(rays[hit, side[hit]])
        color[hit] = block.paint(point[hit]) if block.paint else block.color
        glow[hit] = block.glow
    return _Hits(point, normal, color, glow, floor)


def _walls(point: Array32, normal: Array32, rng: np.random.Generator) -> Array32:
    """Linear RGB (N, 3): boards on the floor, paint on the walls, the far wall in another tone."""
    color = np.empty_like(point)
    plain, accent = np.array([0.72, 0.69, 0.63]), np.array([0.30, 0.42, 0.44])
    color[:] = plain
    color[normal[:, 1] < -0.5] = (0.85, 0.85, 0.83)
    far = (normal[:, 2] > 0.5) & (point[:, 2] < Z_M[0] + 0.1)
    color[far] = accent * rng.uniform(0.9, 1.1, 3)
    ground = normal[:, 1] > 0.5
    color[ground] = _boards(point[ground])
    return color


def _boards(point: Array32) -> Array32:
    """Oak boards of 14 cm along z, each 1.8 m long, with grain."""
    row = np.floor(point[:, 0] / 0.14)
    along = point[:, 2] / 1.8 + _hash(row, 0 * row)
    shade = 0.78 + 0.38 * _hash(row, np.floor(along))
    shade *= 1 + 0.05 * np.sin(point[:, 0] * 220 + 6 * np.sin(point[:, 2] * 3.1 + 9 * row))
    gap = np.minimum(np.mod(point[:, 0] / 0.14, 1), 1 - np.mod(point[:, 0] / 0.14, 1)) * 0.14 < 0.0025
    end = np.minimum(np.mod(along, 1), 1 - np.mod(along, 1)) * 1.8 < 0.0025
    shade[gap | end] *= 0.55
    return np.asarray(shade[:, None] * np.array([0.40, 0.235, 0.12], np.float32), dtype=np.float32)


def _hash(x: Array32, y: Array32) -> Array32:
    return np.asarray(np.mod(np.sin(x * 12.9898 + y * 78.233) * 43758.5453, 1.0), dtype=np.float32)


def _near(point: Array32, low: Array, high: Array) -> IntArray:
    """Rows of the points (N, 3) within a box."""
    return np.flatnonzero(((point > low.astype(np.float32)) & (point < high.astype(np.float32))).all(axis=1))


def _blocked(point: Array32, rays: Array32, reach_m: Array32, shaded: list[tuple[Block, IntArray]]) -> BoolArray:
    """Which points (N,) have one of the blocks on their ray (N, 3) before reach_m (N,); each is tried on its rows."""
    hidden = np.zeros(len(point), dtype=bool)
    for block, rows in shaded:
        near, far, _ = _hit_block(point[rows], rays[rows], block)
        hidden[rows] |= (near < far) & (near < reach_m[rows]) & (near > -0.01)
    return hidden


def _lamp_light(hits: _Hits, blocks: list[Block], rng: np.random.Generator) -> Array32:
    """Light (N, 3) of the lamps on the ceiling with soft shadows."""
    start = hits.point + hits.normal * np.float32(0.004)
    total = np.zeros(len(start), dtype=np.float32)
    for lamp in _LAMPS_M:
        shaded = [(b, _behind(start, np.array(lamp), b)) for b in blocks if b.casts]
        for _ in range(_LAMP_SAMPLES):
            angle = rng.uniform(0, 2 * np.pi, len(start)).astype(np.float32)
            radius = _LAMP_RADIUS_M * np.sqrt(rng.random(len(start))).astype(np.float32)
            goal = np.stack([radius * np.cos(angle), 0 * angle, radius * np.sin(angle)], axis=1)
            way = goal + np.array(lamp, np.float32) - start
            away = np.linalg.norm(way, axis=1)
            way /= away[:, None]
            falling = np.clip((way * hits.normal).sum(axis=1), 0, None) * np.clip(way[:, 1], 0.05, None)
            clear = ~_blocked(start, way, away - np.float32(0.1), shaded)
            total += clear * falling * np.float32(_LAMP_POWER / _LAMP_SAMPLES) / (0.6 + away * away)
    return np.asarray(total[:, None] * _LAMP_LIGHT.astype(np.float32))


def _behind(point: Array32, lamp: Array, block: Block) -> IntArray:
    """Rows of the points that the block may hide from a lamp: those on the side of it away from the lamp."""
    low = np.where(lamp + _LAMP_RADIUS_M < block.low, block.low, -np.inf)
    high = np.where(lamp - _LAMP_RADIUS_M > block.high, block.high, np.inf)
    return _near(point, low - 0.01, high + 0.01)


def _openness(hits: _Hits, blocks: list[Block], rng: np.random.Generator) -> Array32:
    """Share (N,) of the hemisphere that is free of near things (ambient occlusion, Zhukov 1998)."""
    start = hits.point + hits.normal * np.float32(0.004)
    shaded = [(b, _near(start, b.low - _BOUNCE_M, b.high + _BOUNCE_M)) for b in blocks if b.casts]
    free = np.zeros(len(start), dtype=np.float32)
    reach = np.full(len(start), _BOUNCE_M, dtype=np.float32)
    for _ in range(_SKY_SAMPLES):
        way = np.asarray(rng.normal(size=start.shape), dtype=np.float32)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        way += hits.normal
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), np.float32(1e-3))
        free += ~(_blocked(start, way, reach, shaded) | _leaves_room(start + way * np.float32(_BOUNCE_M)))
    return np.asarray(0.35 + 0.65 * free / _SKY_SAMPLES, dtype=np.float32)


def _leaves_room(point: Array32) -> BoolArray:
    low, high = np.array([X_M[0], 0.0, Z_M[0]]), np.array([X_M[1], HEIGHT_M, Z_M[1]])
    return np.asarray(((point < low) | (point > high)).any(axis=1))
