"""Square, turned parts of an image: what networks read of each person, upright whatever the person's roll."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array

_MARGIN = 1.25
"""Side of a region by what it has to hold: MediaPipe's `scale_x`, `scale_y` of its pose tracking graph, and Moon's."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Squares in an image. Raises InputError for shapes that do not fit, NaN, and sides that are not above 0.

    centers_px: (N, 2) float64. sides_px: (N,) float64. angles_rad: (N,) float64, the clockwise roll of the person in
    the image: 0 with the head up, π/2 with the head to the right. A crop is turned back by it.
    """

    centers_px: Array
    sides_px: Array
    angles_rad: Array

    def __post_init__(self) -> None:
        for name in ("centers_px", "sides_px", "angles_rad"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        count = len(self.sides_px) if self.sides_px.ndim == 1 else -1
        shapes = (self.centers_px.shape, self.sides_px.shape, self.angles_rad.shape)
        # A sum is finite where all of its terms are, and one pass.
        total = self.centers_px.sum() + self.sides_px.sum() + self.angles_rad.sum()
        fits = shapes == ((count, 2), (count,), (count,)) and math.isfinite(total)
        if not fits or self.sides_px.min(initial=np.inf) <= 0:
            raise InputError(
                "regions",
                expected="finite centers (N, 2), sides (N,) above 0 and angles (N,)",
                got=f"shapes {shapes}, sides {self.sides_px.tolist()}",
                fix="Leave out people without a place.",
            )

    @classmethod
    def empty(cls) -> Regions:
        """No region."""
        return cls._of(np.zeros((0, 2)), np.zeros(0), np.zeros(0))

    @classmethod
    def from_boxes(cls, boxes_xyxy_px: npt.ArrayLike, scale: float = _MARGIN) -> Regions:
        """Upright squares about boxes (N, 4), `scale` times their larger sides."""
        boxes = np.asarray(boxes_xyxy_px, dtype=np.float64).reshape(-1, 4)
        sides = scale * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
        return cls((boxes[:, :2] + boxes[:, 2:]) / 2, sides, np.zeros(len(boxes)))

    @classmethod
    def from_keypoints(cls, hips_px: npt.ArrayLike, top_px: npt.ArrayLike, scale: float = _MARGIN) -> Regions:
        """About MediaPipe's alignment keypoints: hips_px and top_px, (N, 2).

        The middle of the hips, and a point above the head on the circle that holds the whole person, so the side is
        twice their distance times `scale`, and the line between them points up in the crop
        (MediaPipe's `AlignmentPointsRectsCalculator`).
        """
        hips, top = (np.asarray(points, dtype=np.float64).reshape(-1, 2) for points in (hips_px, top_px))
        x, y = (top - hips).T
        return cls(hips, 2.0 * scale * np.hypot(x, y), np.arctan2(x, -y))

    @classmethod
    def concatenated(cls, several: Sequence[Regions]) -> Regions:
        """All regions of several, in their order."""
        filled = [part for part in several if len(part)]
        if len(filled) < 2:
            return filled[0] if filled else cls.empty()
        columns = ((part.centers_px, part.sides_px, part.angles_rad) for part in filled)
        return cls._of(*(np.concatenate(column) for column in zip(*columns, strict=True)))

    @classmethod
    def _of(cls, centers_px: Array, sides_px: Array, angles_rad: Array) -> Regions:
        """Of parts of regions, which were checked: there are thirty of them in a frame."""
        regions = cls.__new__(cls)
        for name, value in (("centers_px", centers_px), ("sides_px", sides_px), ("angles_rad", angles_rad)):
            object.__setattr__(regions, name, value)
        return regions

    def __len__(self) -> int:
        return len(self.sides_px)

    def chosen(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | Sequence[int]) -> Regions:
        """Those regions, by their indices or a mask."""
        at = np.asarray(index, dtype=None if len(index) else np.intp)
        return Regions._of(self.centers_px[at], self.sides_px[at], self.angles_rad[at])

    @property
    def tops_px(self) -> Array:
        """(N, 2), the points of `from_keypoints` above the heads that would give these regions."""
        up = np.stack([np.sin(self.angles_rad), -np.cos(self.angles_rad)], axis=-1)
        tops: Array = self.centers_px + self.sides_px[:, None] / (2 * _MARGIN) * up
        return tops

    def bodies_xyxy_px(self) -> Array:
        """(N, 4), upright squares that hold the people whatever their roll, without the margin."""
        half = self.sides_px[:, None] / (2 * _MARGIN)
        return np.concatenate([self.centers_px - half, self.centers_px + half], axis=-1)

    def img2crop(self, size_px: int) -> Array:
        """The affines (N, 2, 3) from image pixels to the pixels of upright crops, size_px wide and high."""
        scale, middle = size_px / self.sides_px, (size_px - 1) / 2
        cosine, sine = scale * np.cos(self.angles_rad), scale * np.sin(self.angles_rad)
        linear = np.stack([cosine, sine, -sine, cosine], axis=-1).reshape(-1, 2, 2)
        return np.concatenate([linear, middle - linear @ self.centers_px[..., None]], axis=-1)

    def corners_px(self) -> Array:
        """(N, 4, 2), the regions' corners in the image: top left, top right, bottom right, bottom left of the crop."""
        corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) / 2
        crop2img = np.swapaxes(self.img2crop(1)[..., :2], 1, 2) * (self.sides_px**2)[:, None, None]
        turned: Array = np.einsum("nij,kj->nki", crop2img, corners) + self.centers_px[:, None]
        return turned


def region_distances(a: Regions, b: Regions) -> Array:
    """How differently each pair of regions shows a person: (N, M), 0 for the same.

    The larger of how far their middles and their upper ends lie apart, by the mean of half the people's sizes.
    """
    apart = [
        np.linalg.norm(p[:, None] - q[None], axis=-1) for p, q in ((a.centers_px, b.centers_px), (a.tops_px, b.tops_px))
    ]
    sizes_px = (a.sides_px[:, None] + b.sides_px[None]) / (4 * _MARGIN)
    distances: Array = np.maximum(*apart) / sizes_px
    return distances
