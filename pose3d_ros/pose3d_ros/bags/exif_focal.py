"""The focal length that a photo's EXIF says, for photos without a calibration."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np

_DIAGONAL_35MM_MM = float(np.hypot(36.0, 24.0))
"""Equivalent focal lengths compare diagonals (CIPA DCG-001)."""
_EXIF_DIRECTORY = 0x8769
_FOCAL_MM, _FOCAL_35MM_MM = 0x920A, 0xA405
_PLANE_RESOLUTION, _PLANE_UNIT = 0xA20E, 0xA210
_WIDTH_PX, _HEIGHT_PX = 0xA002, 0xA003
_UNITS_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_ASPECT_TOLERANCE = 0.02
_LEAST_SIDES, _MOST_SIDES = 0.1, 50.0
"""Of the image's diagonal: a field of view from 157 degrees down to 1."""

_FORMATS: dict[int, tuple[str, Callable[..., float]]] = {
    3: ("H", float),
    4: ("I", float),
    5: ("II", lambda over, under: over / under if under else 0.0),
}


def focal_px(tiff: memoryview, width_px: int, height_px: int) -> float | None:
    """The focal length in pixels of an image of that stored size; None where its EXIF does not say.

    tiff: the EXIF block, from its byte order on. FocalLengthIn35mmFilm counts, else FocalLength with
    FocalPlaneXResolution. An image of another aspect than the EXIF's was cropped, and nothing is known.
    """
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(tiff[:2])]
        first = _values(tiff, order, *struct.unpack_from(f"{order}I", tiff, 4))
        found = _values(tiff, order, int(first[_EXIF_DIRECTORY]))
    except (struct.error, ValueError, KeyError, IndexError):
        return None
    taken_px = found.get(_WIDTH_PX, 0.0) or width_px, found.get(_HEIGHT_PX, 0.0) or height_px
    aspects = sorted(taken_px)[1] / sorted(taken_px)[0], max(width_px, height_px) / min(width_px, height_px)
    if abs(aspects[0] / aspects[1] - 1.0) > _ASPECT_TOLERANCE:
        return None
    diagonal_px = float(np.hypot(width_px, height_px))
    sides = _focal_by_diagonal(found, taken_px)
    return sides * diagonal_px if _LEAST_SIDES < sides < _MOST_SIDES else None


def _focal_by_diagonal(found: Mapping[int, float], taken_px: tuple[float, float]) -> float:
    """The focal length over the image's diagonal; 0 where it is not known."""
    if found.get(_FOCAL_35MM_MM, 0.0) > 0:
        return found[_FOCAL_35MM_MM] / _DIAGONAL_35MM_MM
    unit_mm = _UNITS_MM.get(int(found.get(_PLANE_UNIT, 2)), 0.0)
    if not unit_mm:
        return 0.0
    focal_px = found.get(_FOCAL_MM, 0.0) * found.get(_PLANE_RESOLUTION, 0.0) / unit_mm
    return focal_px / float(np.hypot(*taken_px))


def _values(tiff: memoryview, order: str, directory: int) -> dict[int, float]:
    """The first number of each tag of a directory."""
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    found: dict[int, float] = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(f"{order}HHI", tiff, at)
        if kind in _FORMATS:
            form, value = _FORMATS[kind]
            place = at + 8 if len(form) == 1 else struct.unpack_from(f"{order}I", tiff, at + 8)[0]
            found[tag] = value(*struct.unpack_from(order + form, tiff, place))
    return found
