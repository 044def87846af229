"""The colors to ask viser's client for so that it draws lines in those that are meant.

Its renderer, three.js, takes the colors of lines as linear and maps them by its ACESFilmicToneMapping, a fit of
S. Hill's; points it draws as they are. This is that mapping's inverse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array

_EXPOSURE = 1 / 0.6
_IN = np.array([[0.59719, 0.35458, 0.04823], [0.07600, 0.90834, 0.01566], [0.02840, 0.13383, 0.83777]])
_OUT = np.array([[1.60475, -0.53108, -0.07367], [-0.10208, 1.10813, -0.00605], [-0.00327, -0.07276, 1.07602]])
_BRIGHTEST = 0.8
"""What white becomes, linear."""
_STEPS = np.geomspace(1e-5, 8.0, 2000)


def mapped(asked_rgb: npt.NDArray[np.uint8]) -> Array:
    """What the client shows, (..., 3) 0–255, of colors of lines (..., 3)."""
    linear: Array = np.asarray(asked_rgb, dtype=np.float64) * (_EXPOSURE / 255)
    fitted = _fit(linear @ _IN.T)
    return np.asarray(255 * _to_srgb(np.clip(fitted @ _OUT.T, 0.0, 1.0)))


def line_colors(wanted_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What to ask for, (..., 3), to get these colors (..., 3), a little darker: lines have no bright white."""
    linear = _BRIGHTEST * _from_srgb(wanted_rgb / 255)
    fitted = np.clip(linear @ np.linalg.inv(_OUT).T, 0.0, None)
    raw = np.interp(fitted, _fit(_STEPS), _STEPS)
    asked = raw @ np.linalg.inv(_IN).T / _EXPOSURE
    return np.asarray(np.round(255 * np.clip(asked, 0.0, 1.0)), dtype=np.uint8)


def _fit(values: npt.NDArray[Any]) -> Array:
    return np.asarray(
        (values * (values + 0.0245786) - 0.000090537) / (values * (0.983729 * values + 0.4329510) + 0.238081)
    )


def _to_srgb(linear: Array) -> Array:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def _from_srgb(values: Array) -> Array:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
