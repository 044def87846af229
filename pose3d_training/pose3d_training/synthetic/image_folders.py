"""Images from folders: for backgrounds, textures and prints on clothes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.bags.image_decoding import encoded_file, image_file
from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

_LOG = logging.getLogger(__name__)
_MIN_TRANSPARENT_SHARE = 0.05
_CUTOUT_PX = 320
_MIN_SIDE_PX = 16
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def load_images(folders: Sequence[Path], longest_px: int = 512) -> list[ImageArray]:
    """Every image below the folders, in the order of their paths, (H, W, 3) uint8 BGR."""
    read = (read_image(path) for path in image_paths(folders))
    return [shrink(image, longest_px) for image in read if image is not None]


def read_image(path: Path) -> ImageArray | None:
    """An image (H, W, 3) uint8 BGR; None, and a warning, for one that can't be used."""
    try:
        return image_file(path)[0]
    except InputError as error:
        _LOG.warning("left out: %s", error)
        return None


def image_paths(folders: Sequence[Path]) -> list[Path]:
    """The images below the folders, sorted."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)


def read_cutout(path: Path) -> ImageArray | None:
    """A cut-out object (H, W, 4) uint8 BGRA, None for an image without transparent parts."""
    if path.suffix.lower() not in (".png", ".webp"):
        return None
    try:
        image = cv2.imdecode(encoded_file(path)[0], cv2.IMREAD_UNCHANGED)
    except (InputError, cv2.error):
        return None
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype != np.uint8:
        return None
    return np.asarray(image, np.uint8) if np.mean(image[..., 3] < 128) > _MIN_TRANSPARENT_SHARE else None


def shrink(image: cv2.typing.MatLike, longest_px: int) -> ImageArray:
    """The image with its longer side at most that long."""
    return resized(image, min(1.0, longest_px / max(image.shape[:2])))


def resized(image: cv2.typing.MatLike, factor: float) -> ImageArray:
    """The image `factor` times as large, a pixel at least on each side."""
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


class Backgrounds:
    """Images without people, kept in memory, cut and mirrored afresh for every scene.

    Images with transparent parts (PNG with alpha) are cutouts: they are put before and behind people.
    """

    def __init__(self, folders: Sequence[Path], longest_px: int = 1280) -> None:
        self.images: list[ImageArray] = []
        self.cutouts: list[ImageArray] = []
        for path in image_paths(folders):
            cutout = read_cutout(path)
            if cutout is not None:
                self.cutouts.append(shrink(cutout, _CUTOUT_PX))
                continue
            image = read_image(path)
            if image is not None and min(image.shape[:2]) >= _MIN_SIDE_PX:
                self.images.append(shrink(image, longest_px))

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, rng: np.random.Generator, width_px: int, height_px: int) -> ImageArray:
        """A random part of a random image (or plain noise when there is none), (height, width, 3) uint8."""
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
