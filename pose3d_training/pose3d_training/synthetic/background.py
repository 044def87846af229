"""Procedural rooms and streets behind the people, in the perspective of the camera that sees them.

Walls, floor and sky are found by intersecting every pixel's ray with planes, boxes on the floor by projecting their
faces; the same camera as the sprites', so the floor is where the feet stand.
`pose3d synth backgrounds` is the command line of `write_backgrounds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.scene_camera import GroupCamera, View

_TEXTURED_SHARE = 0.6
"""Share of walls and floors that show one of the textures, where there are any."""
_BACKGROUND_STREAM = 7
"""Keeps the backgrounds' random numbers apart from those of other parts with the same seed."""


@dataclass(frozen=True, eq=False)
class _Plane:
    """Points x with normal · x = offset (world, metres), and the two directions of its texture."""

    normal: Array
    offset: float
    along: Array
    across: Array


def procedural_background(view: View, rng: np.random.Generator, textures: Sequence[ImageArray] = ()) -> ImageArray:
    """A room or an open space in front of the camera, (H, W, 3) uint8 BGR.

    textures: textures (h, w, 3) for some of the walls, floors and posters.
    """
    rays = pixel_rays(view)
    origin = view.cam2world[:3, 3].astype(np.float32)
    indoors = rng.random() < 0.65
    image, distance = _sky(rays, rng), np.full(rays.shape[:2], np.inf, dtype=np.float32)
    for plane in _planes(indoors, rng):
        _paint_plane(image, distance, rays, origin, plane, rng, textures)
    for _ in range(int(rng.integers(0, 9))):
        _paint_box(image, view, rng)
    for _ in range(int(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1)))):
        _paint_clump(image, view, rng)
    for _ in range(int(rng.integers(0, 4))):
        _paint_polygon(image, rng)
    for _ in range(int(rng.integers(0, 4)) if textures else 0):
        _paint_poster(image, textures[int(rng.integers(len(textures)))], rng)
    return _camera_look(image, rng)


def pixel_rays(view: View) -> Array32:
    """Directions (H, W, 3) of the pixels' rays in the world, not unit length."""
    u, v = np.meshgrid(np.arange(view.width_px), np.arange(view.height_px))
    pixel = np.stack([u, v, np.ones_like(u)], axis=-1).astype(np.float64)
    to_world = view.cam2world[:3, :3] @ np.linalg.inv(view.K)
    return np.asarray(pixel @ to_world.T, dtype=np.float32)


def _color(rng: np.random.Generator) -> Array32:
    """A BGR color in 0–255, mostly of low saturation."""
    hue, value = rng.random() * 180, rng.uniform(30, 245)
    saturation = 255 * rng.beta(1.0, 3.0)
    hsv = np.array([[[hue, saturation, value]]], dtype=np.uint8)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0], dtype=np.float32)


def _sky(rays: Array32, rng: np.random.Generator) -> Array32:
    up = rays[:, :, 1:2] / np.linalg.norm(rays, axis=2, keepdims=True)
    top, low = _color(rng), np.clip(_color(rng) + 60, 0, 255)
    return np.asarray(low + (top - low) * np.clip(up * 1.5, 0, 1), dtype=np.float32)


def _planes(indoors: bool, rng: np.random.Generator) -> list[_Plane]:
    up = np.array([0.0, 1.0, 0.0])
    turn = rng.uniform(-0.6, 0.6)
    along, back = np.array([np.cos(turn), 0, np.sin(turn)]), np.array([-np.sin(turn), 0, np.cos(turn)])
    planes = [_Plane(up, 0.0, along, back)]
    far = rng.uniform(4.0, 12.0) if indoors else rng.uniform(12.0, 40.0)
    if indoors or rng.random() < 0.6:
        planes.append(_Plane(back, -far, along, up))
    if indoors:
        planes.append(_Plane(along, -rng.uniform(2.0, 6.0), back, up))
        planes.append(_Plane(-along, -rng.uniform(2.0, 6.0), back, up))
        planes.append(_Plane(up, rng.uniform(2.4, 4.0), along, back))
    return planes


def _paint_plane(
    image: Array32,
    distance: Array32,
    rays: Array32,
    origin: Array32,
    plane: _Plane,
    rng: np.random.Generator,
    textures: Sequence[ImageArray],
) -> None:
    """Draw a textured plane where it is nearer than what is there."""
    facing = rays @ plane.normal.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (np.float32(plane.offset) - origin @ plane.normal.astype(np.float32)) / facing
    hit = np.isfinite(t) & (t > 0.05) & (t < distance)
    if not hit.any():
        return
    points = origin + rays[hit] * t[hit][:, None]
    u, v = points @ plane.along.astype(np.float32), points @ plane.across.astype(np.float32)
    fade = np.clip(1.0 - t[hit] / 60.0, 0.2, 1.0)[:, None]
    if textures and rng.random() < _TEXTURED_SHARE:
        color = _tiled(textures[int(rng.integers(len(textures)))], u, v, rng)
    else:
        color = surface_texture(u, v, rng)
    image[hit] = image[hit] + (color - image[hit]) * fade
    distance[hit] = t[hit]


def surface_texture(u: Array32, v: Array32, rng: np.random.Generator) -> Array32:
    """Colors (N, 3) of tiles, boards, bricks, panels with windows, or a mottled plain surface."""
    a, b = _color(rng), _color(rng)
    near = np.clip(a + rng.uniform(-30, 30), 0, 255).astype(np.float32)
    kind = rng.integers(6)
    size, aspect = rng.uniform(0.15, 1.2), rng.uniform(0.3, 3.0)
    x, y = u / size + rng.random(), v / (size * aspect) + rng.random()
    joint = ((np.mod(x, 1) < 0.04) | (np.mod(y, 1) < 0.04)).astype(np.float32)
    if kind == 0:
        share = np.mod(np.floor(x) + np.floor(y), 2)
        color = a + (near - a) * share[:, None]
    elif kind == 1:
        shade = _hash(np.floor(x), 0.0 * y)
        color = a * (0.8 + 0.3 * shade[:, None]) * (1 - 0.4 * (np.mod(x, 1) < 0.03))[:, None]
    elif kind == 2:
        shifted = x + 0.5 * np.mod(np.floor(y), 2)
        joint = ((np.mod(shifted, 1) < 0.05) | (np.mod(y, 1) < 0.1)).astype(np.float32)
        color = a * (0.85 + 0.25 * _hash(np.floor(shifted), np.floor(y)))[:, None]
        color = color + (b - color) * joint[:, None]
    elif kind == 3:
        width, height = rng.uniform(0.25, 0.7, 2)
        window = ((np.mod(x, 3) < 3 * width) & (np.mod(y, 3) < 3 * height)).astype(np.float32)
        color = a + (b - a) * window[:, None]
    else:
        color = np.broadcast_to(a, (len(u), 3))
        if kind == 4:
            color = color + (near - color) * joint[:, None]
    wave = np.sin(u * 2.1 + 1.3 * np.sin(v * 1.7)) + np.sin(v * 2.9 + 1.1 * np.sin(u * 2.3))
    mottled = color * (1 + rng.uniform(0.0, 0.08) * wave[:, None])
    return np.asarray(mottled + rng.normal(0, rng.uniform(0, 8), len(u))[:, None], dtype=np.float32)


def _tiled(texture: ImageArray, u: Array32, v: Array32, rng: np.random.Generator) -> Array32:
    """Colors (N, 3) of a texture repeated over a plane, every other time mirrored so that it has no seams."""
    height, width = texture.shape[:2]
    size = rng.uniform(0.5, 4.0)

    def pixel(along: Array32, length: int) -> npt.NDArray[np.int64]:
        turn = np.mod(along / size, 2.0)
        return np.asarray(np.clip((np.minimum(turn, 2.0 - turn) * length).astype(np.int64), 0, length - 1))

    seen = texture[pixel(v * np.float32(width / height), height), pixel(u, width)].astype(np.float32)
    return np.asarray(seen * np.float32(rng.uniform(0.6, 1.3)))


def _paint_poster(image: Array32, texture: ImageArray, rng: np.random.Generator) -> None:
    """A texture in perspective: a poster, a carpet, the side of a crate."""
    h, w = image.shape[:2]
    center, half = rng.uniform([0, 0], [w, h]), rng.uniform(0.03, 0.2, 2) * w
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    corners = (center + square * half + rng.normal(0, 0.15, (4, 2)) * half).astype(np.float32)
    source = np.array([[0, 0], [texture.shape[1], 0], texture.shape[1::-1], [0, texture.shape[0]]], dtype=np.float32)
    to_image = cv2.getPerspectiveTransform(source, corners)
    seen = cv2.warpPerspective(np.ones(texture.shape[:2], np.uint8), to_image, (w, h)).astype(bool)
    poster = cv2.warpPerspective(texture, to_image, (w, h)).astype(np.float32) * rng.uniform(0.5, 1.2)
    image[seen] = poster[seen]


def _hash(x: Array32, y: Array32) -> Array32:
    return np.asarray(np.mod(np.sin(x * 12.9898 + y * 78.233) * 43758.5453, 1.0), dtype=np.float32)


def _paint_box(image: Array32, view: View, rng: np.random.Generator) -> None:
    """A piece of furniture, a pillar or a car-sized block on the floor."""
    size = rng.uniform([0.2, 0.2, 0.2], [2.0, 2.2, 1.5]) * rng.uniform(0.4, 1.0)
    position_m = np.array([rng.uniform(-5, 5), rng.choice([0.0, 0.0, rng.uniform(0.3, 1.8)]), -rng.uniform(3.0, 11.0)])
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (0.0, 1.0) for z in (-0.5, 0.5)]) * size
    turn = rng.uniform(-np.pi, np.pi)
    c, s = np.cos(turn), np.sin(turn)
    cam = view.to_cam(corners @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + position_m)
    if cam[:, 2].min() < 0.3:
        return
    pixel = view.project(cam)
    color = _color(rng)
    faces = ([0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5])
    for face in sorted(faces, key=lambda f: -float(cam[f].mean(axis=0)[2])):
        shade = np.clip(color * rng.uniform(0.6, 1.2), 0, 255)
        cv2.fillConvexPoly(image, np.rint(pixel[face]).astype(np.int32), _scalar(shade))


def _paint_polygon(image: Array32, rng: np.random.Generator) -> None:
    """A random polygon anywhere."""
    h, w = image.shape[:2]
    center = rng.uniform([0, 0], [w, h])
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 9))))
    radius = rng.uniform(0.02, 0.18) * w * rng.uniform(0.5, 1.0, len(angle))
    points = center + np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
    cv2.fillPoly(image, [np.rint(points).astype(np.int32)], _scalar(_color(rng)))


def _paint_clump(image: Array32, view: View, rng: np.random.Generator) -> None:
    """What stands on the floor and is as tall as a person, but none: a plant in its pot, a bush, a full coat stand.

    A block below, a thin pole, and about it a cloud of small leaves or cloths of one color.
    """
    position_m = np.array([rng.uniform(-4, 4), 0.0, -rng.uniform(2.0, 9.0)])
    height, radius = rng.uniform(0.6, 2.2), rng.uniform(0.15, 0.5)
    ends = view.to_cam(position_m + np.array([[0, 0, 0], [0, height, 0]]))
    if ends[:, 2].min() < 0.3:
        return
    foot, top = view.project(ends)
    px_per_m = float(np.linalg.norm(top - foot)) / height
    pot, pole = rng.uniform(0.0, 0.35), rng.uniform(0.01, 0.04)
    wide = px_per_m * radius * rng.uniform(0.3, 0.9)
    rim = foot + (top - foot) * pot
    corners = [foot - (wide * 0.8, 0), foot + (wide * 0.8, 0), rim + (wide, 0), rim - (wide, 0)]
    cv2.line(image, _pixel(foot), _pixel(top), _scalar(_color(rng)), max(1, round(pole * px_per_m)))
    cv2.fillConvexPoly(image, np.rint(corners).astype(np.int32), _scalar(_color(rng)))
    color, low = _color(rng), rng.uniform(pot, 0.6)
    middle, spread = (low + 1) / 2, (1 - low) / 4
    for _ in range(int(rng.integers(20, 160))):
        along = rng.normal(middle, spread)
        center = foot + (top - foot) * along + rng.normal(0, radius / 2, 2) * px_per_m * (1, 0.3)
        axes = np.maximum(rng.uniform((0.04, 0.015), (0.14, 0.05)) * px_per_m * radius / 0.3, 0.6)
        shade = np.clip(color * rng.uniform(0.5, 1.4), 0, 255)
        cv2.ellipse(image, _pixel(center), _pixel(axes + 0.5), float(rng.uniform(0, 180)), 0, 360, _scalar(shade), -1)


def _pixel(point: Array) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _scalar(color: Array32) -> tuple[float, float, float]:
    return float(color[0]), float(color[1]), float(color[2])


def _camera_look(image: Array32, rng: np.random.Generator) -> ImageArray:
    """Uneven light, a little blur and noise."""
    h, w = image.shape[:2]
    light = cv2.resize(rng.uniform(0.65, 1.2, (3, 4)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    lit = image * light[:, :, None] * rng.uniform(0.6, 1.1)
    blurred = cv2.GaussianBlur(np.asarray(lit, dtype=np.float32), (0, 0), float(rng.uniform(0.5, 2.5)))
    return np.asarray(np.clip(blurred + rng.normal(0, rng.uniform(0.5, 4), image.shape), 0, 255), dtype=np.uint8)


def write_backgrounds(folder: Path, count: int, seed: int, textures: Sequence[ImageArray] = ()) -> None:
    """Write `count` JPEGs of random rooms and streets; each depends on (seed, number) and the textures alone.

    Raises InputError for a file that can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng([seed, _BACKGROUND_STREAM, number])
        path = folder / f"{seed:03d}_{number:05d}.jpg"
        image = procedural_background(GroupCamera.random(rng).view, rng, textures)
        if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 92]):
            raise InputError(
                str(path),
                expected="a file that can be written",
                got="an error from OpenCV",
                fix="Check the folder's permissions and the disk.",
            )
