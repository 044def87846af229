"""Scenes composed afresh from rendered people: several of one camera's sprites over a background, far to near."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.image_folders import Backgrounds, resized
from pose3d_training.synthetic.lens_warp import LensWarp
from pose3d_training.synthetic.shadows import cast_on_floor
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteBank

Owner = npt.NDArray[np.int8]
"""(H, W): index of the person seen at each pixel, -1 for the background."""
_CROWD_PROBABILITIES = (0.06, 0.22, 0.23, 0.19, 0.13, 0.08, 0.05, 0.025, 0.015)
"""Probability of 0, 1, 2 … people in a scene."""

_LENS_SHARE = 0.25
"""How many scenes are seen through a lens that bends lines."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One composed image with the ground truth of the n people in it, nearest last.

    image_bgr (H, W, 3) uint8, seen by `camera`. boxes_xyxy_px (n, 4): whole silhouettes, hidden parts included, clipped
    to the image. joints_cam_m (n, J, 3) in the camera's optical frame. visible (n,): the share of each whole
    silhouette, clipped or hidden parts counted as lost, that the image shows. owner (H, W) int8: index of the
    person seen at each pixel, -1 for the background. inside (n,): share of the whole box that is in the image. rows
    (n,): the people in the bank's index. hidden_joints (n, J): those behind a thing whose cost is measured.
    """

    image_bgr: ImageArray
    camera: Camera
    boxes_xyxy_px: Array
    joints_cam_m: Array
    visible: Array
    owner: Owner
    inside: Array
    rows: npt.NDArray[np.int64]
    hidden_joints: npt.NDArray[np.bool_] | None = None


def clip_box(box_xyxy_px: Array, width_px: int, height_px: int) -> Array:
    """Boxes (..., 4) cut at the image's edges (-0.5 and size - 0.5: integer coordinates are pixel centers)."""
    low, high = np.full(4, -0.5), np.array([width_px, height_px, width_px, height_px]) - 0.5
    return np.clip(box_xyxy_px, low, high)


def kept_share(boxes_xyxy: Array, clipped_xyxy: Array) -> Array:
    """Share (n,) of each box's area (n, 4) that is left of it."""
    whole, left = (np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), axis=1) for b in (boxes_xyxy, clipped_xyxy))
    return np.asarray(left / np.maximum(whole, 1e-6), np.float64)


def paste(image_bgr: ImageArray, owner: Owner, sprite: Sprite, index: int, gain: Array) -> int:
    """Lay one sprite over the image in place; returns how many pixels it covers by more than half.

    gain (3,): factors on blue, green, red, so that one body does not always have the same colors.
    """
    height, width = sprite.rgba.shape[:2]
    y0, x0 = max(sprite.y0_px, 0), max(sprite.x0_px, 0)
    y1, x1 = min(sprite.y0_px + height, image_bgr.shape[0]), min(sprite.x0_px + width, image_bgr.shape[1])
    if y1 <= y0 or x1 <= x0:
        return 0
    rgba = sprite.rgba[y0 - sprite.y0_px : y1 - sprite.y0_px, x0 - sprite.x0_px : x1 - sprite.x0_px]
    target = image_bgr[y0:y1, x0:x1]
    alpha = rgba[..., 3:].astype(np.float32) * np.float32(1 / 255)
    color = np.minimum(rgba[..., 2::-1] * gain.astype(np.float32), np.float32(255))
    target[:] = (target + alpha * (color - target)).astype(np.uint8)
    solid = rgba[..., 3] > 127
    owner[y0:y1, x0:x1][solid] = index
    return int(np.count_nonzero(solid))


class SceneComposer:
    """Draws scenes: a camera of the bank, some of its people, a background and, at times, cutouts in front."""

    def __init__(self, bank: SpriteBank, backgrounds: Backgrounds) -> None:
        self.bank = bank
        self.backgrounds = backgrounds

    def draw(self, rng: np.random.Generator) -> Scene:
        """One scene; the generator alone decides what is in it."""
        members = self.bank.group_members(int(rng.integers(self.bank.group_count)))
        first = self.bank.sprite(int(members[0]))
        count = min(int(rng.choice(len(_CROWD_PROBABILITIES), p=_CROWD_PROBABILITIES)), len(members))
        drawn = {int(i): self.bank.sprite(int(i)) for i in rng.choice(members, count, replace=False)}
        rows = _without_collisions(drawn)
        chosen = [drawn[i] for i in rows]
        width, height = first.image_width_px, first.image_height_px
        image = self.backgrounds.draw(rng, width, height)
        owner = np.full((height, width), -1, np.int8)
        self._paste_cutouts(image, owner, rng, (0.5, 0.25, 0.15, 0.1))
        cast_on_floor(image, chosen, rng.uniform(0.3, 1.0))
        lit = rng.uniform(0.75, 1.25)
        painted = [
            paste(image, owner, s, i, lit * rng.uniform(0.85, 1.15) * rng.uniform(0.93, 1.07, 3))
            for i, s in enumerate(chosen)
        ]
        _paint_blocks(image, owner, rng)
        self._paste_cutouts(image, owner, rng, (0.8, 0.15, 0.03, 0.02))
        scene = scene_of(image, owner, chosen, rows, painted, first)
        return _through_lens(scene, rng) if rng.random() < _LENS_SHARE else scene

    def _paste_cutouts(
        self, image: ImageArray, owner: Owner, rng: np.random.Generator, counts: tuple[float, ...]
    ) -> None:
        """Paste some cut-out objects over the image; counts: probability of 0, 1, 2 … of them."""
        cutouts = self.backgrounds.cutouts
        for _ in range(int(rng.choice(len(counts), p=counts)) if cutouts else 0):
            paste_cutout(image, owner, cutouts[int(rng.integers(len(cutouts)))], rng)


def _paint_blocks(image: ImageArray, owner: Owner, rng: np.random.Generator) -> None:
    """Furniture-like blocks and posts over an image (H, W, 3) and the owner map, in place."""
    height, width = owner.shape
    for _ in range(int(rng.choice(4, p=(0.55, 0.25, 0.13, 0.07)))):
        size = np.array([width, height]) * rng.uniform(0.03, 0.3, 2)
        center = np.array([width, height]) * rng.uniform((0.0, 0.15), (1.0, 1.1))
        corners: object = cv2.boxPoints(
            ((float(center[0]), float(center[1])), (float(size[0]), float(size[1])), rng.uniform(-12, 12))
        )
        if rng.random() < 0.3:
            corners = cv2.ellipse2Poly(
                (int(center[0]), int(center[1])), (int(size[0] / 2), int(size[1] / 2)), 0, 0, 360, 12
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


def paste_cutout(image: ImageArray, owner: Owner, cutout_bgra: ImageArray, rng: np.random.Generator) -> None:
    """One cut-out (h, w, 4) at a random position and size over an image and the owner map, in place."""
    height, width = owner.shape
    size = float(np.exp(rng.uniform(np.log(0.08), np.log(0.6)))) * height
    factor = size / max(cutout_bgra.shape[:2])
    cutout = resized(cutout_bgra, factor)
    cutout = cutout[:, ::-1] if rng.random() < 0.5 else cutout
    h, w = cutout.shape[:2]
    left, top = int(rng.uniform(-0.5 * w, width - 0.5 * w)), int(rng.uniform(0.1 * height, height - 0.4 * h))
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
    if x1 <= x0 or y1 <= y0:
        return
    part = cutout[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:].astype(np.float32) / 255
    target = image[y0:y1, x0:x1]
    color = np.minimum(part[..., :3] * np.float32(rng.uniform(0.5, 1.2)), np.float32(255))
    target[:] = (target + alpha * (color - target)).astype(np.uint8)
    owner[y0:y1, x0:x1][part[..., 3] > 127] = -1


def _through_lens(scene: Scene, rng: np.random.Generator) -> Scene:
    warp = LensWarp.random(scene.camera, rng)
    boxes = warp.boxes(scene.boxes_xyxy_px)
    clipped = clip_box(boxes, scene.camera.width_px, scene.camera.height_px)
    kept = kept_share(boxes, clipped)
    return replace(
        scene,
        image_bgr=warp.image(scene.image_bgr),
        camera=warp.camera,
        owner=warp.owner(scene.owner),
        boxes_xyxy_px=clipped,
        visible=scene.visible * kept,
        inside=scene.inside * kept,
    )


def _without_collisions(sprites: Mapping[int, Sprite], spacing_m: float = 0.45) -> list[int]:
    """Order far to near, and leave out people who would collide with another."""
    kept: dict[int, Array] = {}
    for i, sprite in sprites.items():
        here = _ground_point(sprite)
        if all(np.linalg.norm(here - other) > spacing_m for other in kept.values()):
            kept[i] = here
    return sorted(kept, key=lambda i: -float(kept[i][2]))


def _ground_point(sprite: Sprite) -> Array:
    return np.asarray(sprite.joints_cam_m.mean(axis=0), np.float64)


def scene_of(
    image: ImageArray, owner: Owner, people: list[Sprite], rows: list[int], painted: list[int], first: Sprite
) -> Scene:
    """A composed image (H, W, 3) with its ground truth.

    painted: pixels of each person (`paste`). first: a sprite of the camera, for images without people.
    """
    seen = np.bincount(owner[owner >= 0].astype(np.int64), minlength=len(people))
    whole = np.array([s.alpha_box for s in people], np.float64).reshape(-1, 4)
    clipped = clip_box(whole, first.image_width_px, first.image_height_px)
    inside = kept_share(whole, clipped)
    visible = inside * seen / np.maximum(np.array(painted, np.float64), 1)
    joints = np.array([s.joints_cam_m for s in people], np.float64).reshape(len(people), *first.joints_cam_m.shape)
    return Scene(
        image,
        Camera(np.asarray(first.K, np.float64), first.image_width_px, first.image_height_px),
        clipped,
        joints,
        np.asarray(visible, np.float64),
        owner,
        np.asarray(inside, np.float64),
        np.array(rows, np.int64),
    )
