"""Pictures from folders: for backgrounds, textures and prints on clothes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.types import ImageArray

_SEE_THROUGH = 0.05
_THING_PX = 320
_MIN_SIDE_PX = 16
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def load_pictures(folders: Sequence[Path], longest_px: int = 512) -> list[ImageArray]:
    """Every picture below the folders, in the order of their paths, (H, W, 3) uint8 BGR."""
    read = (cv2.imread(str(p), cv2.IMREAD_COLOR) for p in picture_paths(folders))
    return [shrink(image, longest_px) for image in read if image is not None]


def picture_paths(folders: Sequence[Path]) -> list[Path]:
    """The pictures below the folders, sorted."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)


def read_thing(path: Path) -> ImageArray | None:
    """A cut-out thing (H, W, 4) uint8, None for a picture without see-through parts."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.suffix.lower() in (".png", ".webp") else None
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        return None
    return np.asarray(image, np.uint8) if np.mean(image[..., 3] < 128) > _SEE_THROUGH else None


def shrink(image: cv2.typing.MatLike, longest_px: int) -> ImageArray:
    """The picture with its longer side at most that long."""
    return resized(image, min(1.0, longest_px / max(image.shape[:2])))


def resized(image: cv2.typing.MatLike, factor: float) -> ImageArray:
    """The picture `factor` times as large, a pixel at least on each side."""
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


class Backgrounds:
    """Pictures without people, kept in memory, cut and mirrored afresh for every scene.

    Pictures with see-through parts (PNG with alpha) are things: they are put before and behind people.
    """

    def __init__(self, folders: Sequence[Path], longest_px: int = 1280) -> None:
        self.images: list[ImageArray] = []
        self.things: list[ImageArray] = []
        for path in picture_paths(folders):
            thing = read_thing(path)
            if thing is not None:
                self.things.append(shrink(thing, _THING_PX))
                continue
            picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if picture is not None and min(picture.shape[:2]) >= _MIN_SIDE_PX:
                self.images.append(shrink(picture, longest_px))

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
