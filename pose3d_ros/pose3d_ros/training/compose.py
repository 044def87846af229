"""Scenes composed afresh from rendered people: several of one camera's sprites over a background, far to near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.records import Array, ImageArray
from pose3d_ros.training.sprite_bank import Sprite, SpriteBank

_CROWD_PROBABILITIES = (0.06, 0.22, 0.24, 0.20, 0.14, 0.09, 0.05)
"""Probability of 0, 1, 2 … people in a scene."""

_SHORT_M, _SHORT_SHARE = 1.55, 0.4
"""Of those shorter than this so many are kept. A bank's median stature is 1.63 m, children and all; grown-ups' is near
1.7 m, and stature is what a single image's distance hangs on."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One composed picture with the truth about the n people in it, nearest last.

    image_bgr (H, W, 3) uint8. K_px (3, 3). boxes_xyxy_px (n, 4): whole silhouettes, hidden parts included, clipped
    to the image. joints_cam_m (n, J, 3) in the camera's optical frame. visible (n,): the share of each whole
    silhouette, clipped or hidden parts counted as lost, that the picture shows. owner (H, W) int8: index of the
    person seen at each pixel, -1 for the background.
    """

    image_bgr: ImageArray
    K_px: Array
    boxes_xyxy_px: Array
    joints_cam_m: Array
    visible: Array
    owner: npt.NDArray[np.int8]


def clip_box(box_xyxy_px: Array, width_px: int, height_px: int) -> Array:
    """Boxes (..., 4) cut at the image's edges (-0.5 and size - 0.5: integer coordinates are pixel centres)."""
    low, high = np.full(4, -0.5), np.array([width_px, height_px, width_px, height_px]) - 0.5
    return np.clip(box_xyxy_px, low, high)


def paste(image_bgr: ImageArray, owner: npt.NDArray[np.int8], sprite: Sprite, index: int, gain: Array) -> int:
    """Lay one sprite over the picture in place; returns how many pixels it covers by more than half.

    gain (3,): factors on blue, green, red, so that one body does not always have the same colours.
    """
    height, width = sprite.rgba.shape[:2]
    y0, x0 = max(sprite.y0_px, 0), max(sprite.x0_px, 0)
    y1, x1 = min(sprite.y0_px + height, image_bgr.shape[0]), min(sprite.x0_px + width, image_bgr.shape[1])
    if y1 <= y0 or x1 <= x0:
        return 0
    rgba = sprite.rgba[y0 - sprite.y0_px : y1 - sprite.y0_px, x0 - sprite.x0_px : x1 - sprite.x0_px]
    target = image_bgr[y0:y1, x0:x1]
    alpha = rgba[..., 3:].astype(np.float32) * np.float32(1 / 255)
    colour = np.minimum(rgba[..., 2::-1] * gain.astype(np.float32), np.float32(255))
    target[:] = (target + alpha * (colour - target)).astype(np.uint8)
    solid = rgba[..., 3] > 127
    owner[y0:y1, x0:x1][solid] = index
    return int(np.count_nonzero(solid))


class Backgrounds:
    """Pictures without people, kept in memory, cut and mirrored afresh for every scene."""

    def __init__(self, folders: Sequence[Path], longest_px: int = 1280) -> None:
        paths = sorted(
            p for f in folders for p in f.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
        )
        images = [cv2.imread(str(p), cv2.IMREAD_COLOR) for p in paths]
        self.images: list[ImageArray] = [_shrink(i, longest_px) for i in images if i is not None]

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, rng: np.random.Generator, width_px: int, height_px: int) -> ImageArray:
        """A random part of a random picture (or plain noise when there is none), (height, width, 3) uint8."""
        if not self.images:
            coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.uint8)
        source = self.images[rng.integers(len(self.images))]
        height, width = source.shape[:2]
        side = rng.uniform(0.45, 1.0) * min(width / width_px, height / height_px)
        part_w, part_h = max(int(side * width_px), 8), max(int(side * height_px), 8)
        x0, y0 = rng.integers(width - part_w + 1), rng.integers(height - part_h + 1)
        part = source[y0 : y0 + part_h, x0 : x0 + part_w]
        if rng.random() < 0.5:
            part = part[:, ::-1]
        return np.asarray(cv2.resize(part, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.uint8)


def _shrink(image: cv2.typing.MatLike, longest_px: int) -> ImageArray:
    factor = min(1.0, longest_px / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


class SceneComposer:
    """Draws scenes: a camera of the bank, some of its people, a background and, at times, things in front."""

    def __init__(self, bank: SpriteBank, backgrounds: Backgrounds) -> None:
        self.bank = bank
        self.backgrounds = backgrounds

    def draw(self, rng: np.random.Generator) -> Scene:
        """One scene; the generator alone decides what is in it."""
        members = self.bank.group_members(int(rng.integers(self.bank.group_count)))
        first = self.bank.sprite(int(members[0]))
        count = min(int(rng.choice(len(_CROWD_PROBABILITIES), p=_CROWD_PROBABILITIES)), len(members))
        chosen = [self.bank.sprite(int(i)) for i in rng.choice(members, count, replace=False)]
        chosen = _without_collisions([s for s in chosen if s.height_m > _SHORT_M or rng.random() < _SHORT_SHARE])
        width, height = first.image_width_px, first.image_height_px
        image = self.backgrounds.draw(rng, width, height)
        owner = np.full((height, width), -1, np.int8)
        lit = rng.uniform(0.75, 1.25)
        painted = [
            paste(image, owner, s, i, lit * rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3))
            for i, s in enumerate(chosen)
        ]
        _paint_things_in_front(image, owner, rng)
        return _scene(image, owner, chosen, painted, first)


def _without_collisions(sprites: list[Sprite], spacing_m: float = 0.45) -> list[Sprite]:
    """Far to near, leaving out people who would stand inside another."""
    kept: list[Sprite] = []
    for sprite in sprites:
        here = _ground_point(sprite)
        if all(np.linalg.norm(here - _ground_point(other)) > spacing_m for other in kept):
            kept.append(sprite)
    return sorted(kept, key=lambda s: -float(_ground_point(s)[2]))


def _ground_point(sprite: Sprite) -> Array:
    return np.asarray(sprite.joints_cam_m.mean(axis=0), np.float64)


def _paint_things_in_front(image: ImageArray, owner: npt.NDArray[np.int8], rng: np.random.Generator) -> None:
    """Furniture-like blocks and posts that hide parts of people (synthetic occlusion, Sarandi 2018)."""
    height, width = owner.shape
    for _ in range(int(rng.choice(4, p=(0.55, 0.25, 0.13, 0.07)))):
        size = np.array([width, height]) * rng.uniform(0.03, 0.3, 2)
        centre = np.array([width, height]) * rng.uniform((0.0, 0.15), (1.0, 1.1))
        corners: object = cv2.boxPoints(
            ((float(centre[0]), float(centre[1])), (float(size[0]), float(size[1])), rng.uniform(-12, 12))
        )
        if rng.random() < 0.3:
            corners = cv2.ellipse2Poly(
                (int(centre[0]), int(centre[1])), (int(size[0] / 2), int(size[1] / 2)), 0, 0, 360, 12
            )
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.asarray(corners, np.int32)], 1)
        texture = cv2.resize(
            rng.integers(0, 256, (int(rng.integers(1, 6)), int(rng.integers(1, 6)), 3), dtype=np.uint8),
            (width, height),
            interpolation=int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR))),
        )
        cv2.copyTo(texture, mask, image)
        owner[mask.astype(bool)] = -1


def _scene(
    image: ImageArray, owner: npt.NDArray[np.int8], people: list[Sprite], painted: list[int], first: Sprite
) -> Scene:
    seen = np.bincount(owner[owner >= 0].astype(np.int64), minlength=len(people))
    whole = np.array([s.alpha_box for s in people], np.float64).reshape(-1, 4)
    clipped = clip_box(whole, first.image_width_px, first.image_height_px)
    inside = _area(clipped) / np.maximum(_area(whole), 1e-6)
    visible = inside * seen / np.maximum(np.array(painted, np.float64), 1)
    joints = np.array([s.joints_cam_m for s in people], np.float64).reshape(len(people), *first.joints_cam_m.shape)
    return Scene(image, np.asarray(first.K, np.float64), clipped, joints, np.asarray(visible, np.float64), owner)


def _area(boxes_xyxy: Array) -> Array:
    return np.asarray(np.prod(np.maximum(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0), axis=1), np.float64)
