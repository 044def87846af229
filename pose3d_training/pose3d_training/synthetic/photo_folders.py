"""Pictures from folders: for backgrounds, textures and prints on clothes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.types import ImageArray

_SEE_THROUGH = 0.05
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
