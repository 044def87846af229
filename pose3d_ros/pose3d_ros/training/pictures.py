"""Pictures from folders: for backgrounds, textures and prints on clothes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.records import ImageArray

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})


def load_pictures(folders: Sequence[Path], longest_px: int = 512) -> list[ImageArray]:
    """Every picture below the folders, in the order of their paths, (H, W, 3) uint8 BGR."""
    paths = sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in PICTURE_SUFFIXES)
    read = (cv2.imread(str(p), cv2.IMREAD_COLOR) for p in paths)
    return [shrink(image, longest_px) for image in read if image is not None]


def shrink(image: cv2.typing.MatLike, longest_px: int) -> ImageArray:
    """The picture with its longer side at most that long."""
    factor = min(1.0, longest_px / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
