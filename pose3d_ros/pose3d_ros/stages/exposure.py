"""Dark, hazy and washed-out images, brought to the contrast and brightness that networks know.

Only what networks read is changed: drawing and the colors of clothes keep the camera's image. Measured on photographs
made darker, hazier and brighter: spreading the contrast and then a gamma finds most of the people again; where only
highlights are cut off, no curve helps.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray

_SAMPLES_PX = (96, 72)
"""Pixels that are looked at, of an image of any size."""
_OUTER_SHARES = (0.01, 0.99)
_USUAL_SPREAD, _LOW_SPREAD = 0.4, 0.25
"""Levels between the darkest and the brightest hundredth of the pixels: from the first on an image stays as it is, at
the second it is spread to all."""
_LEAST_SPREAD = 0.04
"""Less than this is the noise of the sensor."""
_MEAN = 0.45
"""Gray level in 0–1 to which dark images are brought, the usual mean of photographs."""
_USUAL_MEAN, _DARK_MEAN = 0.2, 0.12
"""From the first on an image stays as bright as it is, at the second and below it gets that mean."""


def normalized_exposure(image_bgr: ImageArray) -> ImageArray:
    """The image as networks should read it: itself in the usual case, else through a curve for all of its pixels.

    image_bgr: (H, W, 3) uint8, gray or in color.
    """
    sampled = cv2.resize(image_bgr, _SAMPLES_PX, interpolation=cv2.INTER_NEAREST)
    curve = exposure_curve(np.bincount(cv2.cvtColor(sampled, cv2.COLOR_BGR2GRAY).ravel(), minlength=256))
    if curve is None:
        return image_bgr
    return np.asarray(cv2.LUT(image_bgr, np.rint(255 * curve).astype(np.uint8)), dtype=np.uint8)


def exposure_curve(counts: npt.NDArray[np.intp]) -> Array | None:
    """What levels 0 to 255 become, (256,) in 0–1; None: what they are. counts: (256,), the image's pixels by level."""
    levels = np.arange(256) / 255
    shares = counts / counts.sum()
    low, high = levels[np.searchsorted(np.cumsum(shares), _OUTER_SHARES)].tolist()
    if low == high:
        return None  # of one level, such as behind a covered lens, there is nothing to bring out
    spread = _share(_USUAL_SPREAD, _LOW_SPREAD, high - low)
    low, high = spread * low, 1.0 - spread * (1.0 - high)
    if high - low < _LEAST_SPREAD:
        low, high = (low + high - _LEAST_SPREAD) / 2, (low + high + _LEAST_SPREAD) / 2
    spread_levels = np.clip((levels - low) / (high - low), 0.0, 1.0)
    mean = float(shares @ spread_levels)
    brighten = _share(_USUAL_MEAN, _DARK_MEAN, mean)
    if spread == 0.0 == brighten:
        return None
    gamma = np.log(mean + brighten * (_MEAN - mean)) / np.log(mean) if 0.0 < mean < 1.0 else 1.0
    curve: Array = spread_levels**gamma
    return curve


def _share(none: float, full: float, value: float) -> float:
    """How much of a change is due: 0 from `none` on, 1 at `full`, so that nothing jumps in a video."""
    return float(np.clip((none - value) / (none - full), 0.0, 1.0))
