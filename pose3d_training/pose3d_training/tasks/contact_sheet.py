"""Contact sheet: many small images on one large one, in titled sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pose3d_ros.drawing.colors import Bgr
from pose3d_ros.types import ImageArray

_PAPER: Bgr = (30, 25, 22)
_TITLE_INK: Bgr = (250, 246, 240)
_INK: Bgr = (214, 206, 196)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_MARGIN_PX, _GAP_PX = 24, 10
_TITLE_PX, _CAPTION_PX = 56, 24
_CAPTION_SCALE = 0.45


@dataclass(frozen=True, eq=False)
class Tile:
    """An image (h, w, 3) uint8 BGR with a line of text below it."""

    image_bgr: ImageArray
    caption: str


@dataclass(frozen=True, eq=False)
class Section:
    """Tiles in rows of `columns` under a title and a line of explanation."""

    title: str
    explanation: str
    columns: int
    tiles: Sequence[Tile]


def contact_sheet(sections: Sequence[Section], width_px: int = 1680) -> ImageArray:
    """The sections one below the other, (H, width_px, 3) uint8 BGR; tiles are scaled to their columns' width."""
    return np.concatenate([*(_section(section, width_px) for section in sections), _blank(_MARGIN_PX, width_px)])


def _section(section: Section, width_px: int) -> ImageArray:
    title = _blank(_MARGIN_PX + _TITLE_PX, width_px)
    _write(title, section.title, _MARGIN_PX, _MARGIN_PX + 20, 0.72, _TITLE_INK)
    _write(title, section.explanation, _MARGIN_PX, _MARGIN_PX + 42, 0.48, _INK)
    across = (width_px - 2 * _MARGIN_PX - (section.columns - 1) * _GAP_PX) // section.columns
    rows = [section.tiles[i : i + section.columns] for i in range(0, len(section.tiles), section.columns)]
    return np.concatenate([title, *(_row(row, across, width_px) for row in rows)])


def _row(tiles: Sequence[Tile], across_px: int, width_px: int) -> ImageArray:
    images = [_fitted(tile.image_bgr, across_px) for tile in tiles]
    height = max(image.shape[0] for image in images)
    row = _blank(height + _CAPTION_PX + _GAP_PX, width_px)
    for i, (tile, image) in enumerate(zip(tiles, images, strict=True)):
        left = _MARGIN_PX + i * (across_px + _GAP_PX)
        x = left + (across_px - image.shape[1]) // 2
        row[height - image.shape[0] : height, x : x + image.shape[1]] = image
        _write(row, tile.caption, left, height + 17, _fitting_scale(tile.caption, across_px), _INK)
    return row


def _fitted(image: ImageArray, across_px: int) -> ImageArray:
    """Scaled to the column's width, or, when it is upright, to three quarters of that as its height."""
    height, width = image.shape[:2]
    factor = across_px / max(width, height * 4 / 3) if height > width else across_px / width
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)


def _fitting_scale(text: str, width_px: int) -> float:
    """The caption's size, smaller when it is longer than its tile is wide."""
    (needed_px, _), _ = cv2.getTextSize(text, _FONT, _CAPTION_SCALE, 1)
    return _CAPTION_SCALE * min(1.0, width_px / max(needed_px, 1))


def _blank(height_px: int, width_px: int) -> ImageArray:
    return np.full((height_px, width_px, 3), _PAPER, np.uint8)


def _write(canvas: ImageArray, text: str, x_px: int, foot_px: int, scale: float, color: Bgr) -> None:
    cv2.putText(canvas, text, (x_px, foot_px), _FONT, scale, color, 1, cv2.LINE_AA)
