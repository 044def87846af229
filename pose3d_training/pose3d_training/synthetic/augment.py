"""Augmentation of images: exposure, white balance, blur, noise, compression, and things before a person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray


def photograph(image_bgr: ImageArray, rng: np.random.Generator) -> ImageArray:
    """The same image as a real camera might have taken it, (H, W, 3) uint8."""
    image = cv2.LUT(image_bgr, _tone_curves(rng))
    if rng.random() < 0.2:
        image = _soften(image, rng)
    if rng.random() < 0.4:
        image = cv2.add(image, _grain(image.shape[1], image.shape[0], rng), dtype=cv2.CV_8U)
    if rng.random() < 0.05:
        image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.35:
        quality = int(rng.integers(25, 90))
        packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(image, np.uint8)


@dataclass(frozen=True, eq=False)
class Disc:
    """A shaded round thing before a person, like a ball or a column's end.

    center_px, radii_px (2,): of an upright ellipse, x and y in pixels of the image. bright_at (2,): where it is
    brightest, in radii from the center. color (3,): blue, green, red there, 0 to 255.
    """

    center_px: Array
    radii_px: Array
    bright_at: Array
    color: Array

    @staticmethod
    def random(square_px: Array, rng: np.random.Generator) -> Disc:
        """One of 20 to 55% of a person's square crop (4,) x0, y0, x1, y1, near its middle."""
        side = float(square_px[2] - square_px[0])
        radii = side * rng.uniform(0.1, 0.275) * rng.uniform(0.85, 1.15, 2)
        center = square_px[:2] + side * rng.uniform(0.25, 0.75, 2)
        return Disc(center, radii, rng.uniform(-0.6, 0.6, 2), rng.uniform(30, 255, 3))

    def hides(self, points_px: Array) -> npt.NDArray[np.bool_]:
        """Which points (..., 2) are behind it; NaN are not."""
        return np.asarray(np.linalg.norm((points_px - self.center_px) / self.radii_px, axis=-1) < 1)

    def paint(self, image_bgr: ImageArray) -> npt.NDArray[np.bool_]:
        """Lay it over an image (H, W, 3) in place; returns which pixels (H, W) it hides."""
        hidden = np.zeros(image_bgr.shape[:2], dtype=bool)
        size = np.array(image_bgr.shape[1::-1])
        x0, y0 = np.clip(np.floor(self.center_px - self.radii_px), 0, size).astype(int)
        x1, y1 = np.clip(np.ceil(self.center_px + self.radii_px) + 1, 0, size).astype(int)
        y, x = np.ogrid[y0:y1, x0:x1]
        across = (x - self.center_px[0]) / self.radii_px[0], (y - self.center_px[1]) / self.radii_px[1]
        away = np.hypot(*across)
        alpha = np.clip((1 - away) * self.radii_px.min(), 0, 1)[..., None].astype(np.float32)  # a pixel of soft edge
        from_bright = np.hypot(across[0] - self.bright_at[0], across[1] - self.bright_at[1])
        lit = np.clip(1 - 0.45 * from_bright, 0.15, 1)[..., None]
        part = image_bgr[y0:y1, x0:x1]
        part[:] = (part + alpha * (lit * self.color - part)).astype(np.uint8)
        hidden[y0:y1, x0:x1] = away < 1
        return hidden


@dataclass(frozen=True)
class Occlusion:
    """How many samples have something before the person.

    share: of the samples. round_share, patch_share: of these, with a round thing and with a patch; together at least 1,
    and both as often as they are more.
    """

    share: float = 0.0
    round_share: float = 0.8
    patch_share: float = 0.3


def occlude(crop_bgr: ImageArray, rng: np.random.Generator, occlusion: Occlusion) -> ImageArray:
    """The crop (S, S, 3) uint8, at times with a round thing, a patch or both over it."""
    if rng.random() >= occlusion.share:
        return crop_bgr
    image, kind = crop_bgr.copy(), rng.random()
    if kind > 1 - occlusion.patch_share:
        _put_patch(image, rng)
    if kind <= occlusion.round_share:
        Disc.random(np.array([0.0, 0.0, *image.shape[1::-1]]), rng).paint(image)
    return image


def _put_patch(image: ImageArray, rng: np.random.Generator) -> None:
    """A rectangle with 15 to 50% of the crop's sides, of a few random colors."""
    side = image.shape[0]
    width, height = (max(int(side * part), 1) for part in rng.uniform(0.15, 0.5, 2))
    x0, y0 = int(rng.integers(side - width + 1)), int(rng.integers(side - height + 1))
    coarse = rng.integers(0, 256, (*rng.integers(1, 6, 2), 3), dtype=np.uint8)
    how = int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR)))
    image[y0 : y0 + height, x0 : x0 + width] = cv2.resize(coarse, (width, height), interpolation=how)


def _grain(width_px: int, height_px: int, rng: np.random.Generator) -> cv2.typing.MatLike:
    """Sensor noise (H, W, 3) int16, a little coarser than a pixel, as after a camera's own scaling.

    A random part of one tile: drawing as many normal numbers would cost more than all else.
    """
    tile = _noise_tile()
    y, x = rng.integers(0, tile.shape[0] // 2, 2)
    height, width = height_px // 2 + 1, width_px // 2 + 1
    part = np.take(np.take(tile, range(y, y + height), 0, mode="wrap"), range(x, x + width), 1, mode="wrap")
    part = part * np.float32(rng.uniform(1, 8))
    return np.asarray(cv2.resize(part, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.int16)


@lru_cache(maxsize=1)
def _noise_tile() -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(512, 512, 3)).astype(np.float32)


def _tone_curves(rng: np.random.Generator) -> ImageArray:
    """Look-up table (256, 1, 3): gain, offset and gamma, a little apart in each channel."""
    gray = np.arange(256)[:, None] / 255.0
    gamma = np.exp(rng.normal(0, 0.22)) * np.exp(rng.normal(0, 0.04, 3))
    gain = rng.uniform(0.65, 1.25) * np.exp(rng.normal(0, 0.07, 3))
    curve = gain * gray**gamma + rng.uniform(-0.08, 0.12)
    return np.asarray(np.clip(curve * 255, 0, 255), np.uint8)[:, None, :]


def _soften(image: cv2.typing.MatLike, rng: np.random.Generator) -> ImageArray:
    """Defocus (Gaussian) or motion blur along a random direction."""
    if rng.random() < 0.6:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.0)), np.uint8)
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    half = (length - 1) / 2
    end = np.array([np.cos(angle), np.sin(angle)]) * half
    a, b = (half - end).round().astype(int), (half + end).round().astype(int)
    cv2.line(kernel, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 1.0)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)
