"""Which parts of the image are looked at for people, and when: the whole of it, overlapping tiles, closer looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.proposals import Proposals
from pose3d_ros.types import Array

_TILE_SHARE = 0.5
"""Side of a tile by the image's longer one. Six in a 4:3 image find as many people as two and three a side (13) do."""
_OVERLAP = 0.25
"""Of a tile's side, at least: who is cut by one is whole in the next."""
_FILLED = 0.4
"""Share of a tile that people cover who are known: it has nothing more to show of the size that is found in a tile."""
_CLOSER = 2.0
"""Side of a closer look by the size of the person who is, or may be, there."""
_MOST_CLOSER = 8
_SMALL = 0.35
"""Size of a person, by a tile's side, below which a tile may show one of two who walk together."""
WHOLE_S, _BOXES_S, _TILES_S = 0.1, 0.2, 0.5
"""How long the whole image, boxes in it, and a tile or people's neighbors go without a look, seconds."""
_MOST_TILES, _MOST_BESIDE = 4, 2
"""Looks of a frame."""
_STEPS = (np.arange(10) + 0.5) / 10 - 0.5
_GRID = np.stack(np.meshgrid(_STEPS, _STEPS), axis=-1).reshape(-1, 2)
"""Points of a view, in its sides from its middle, by which it is told how much of it is covered."""
_EARLY_S = 0.005
"""Frames do not come at equal intervals."""


def whole_view(width_px: int, height_px: int) -> Regions:
    """The square about the image."""
    center = np.array([[(width_px - 1) / 2, (height_px - 1) / 2]])
    return Regions(center, np.array([float(max(width_px, height_px))]), np.zeros(1))


@lru_cache(maxsize=16)
def tiles(width_px: int, height_px: int) -> Regions:
    """Squares that cover the image, overlapping; row by row."""
    side_px = _TILE_SHARE * max(width_px, height_px)
    x, y = np.meshgrid(_centers(width_px, side_px), _centers(height_px, side_px))
    centers_px = np.stack([x.ravel(), y.ravel()], axis=-1)
    return Regions(centers_px, np.full(len(centers_px), side_px), np.zeros(len(centers_px)))


def _centers(length_px: int, side_px: float) -> Array:
    if side_px >= length_px:
        return np.array([(length_px - 1) / 2])
    count = max(2, int(np.ceil((length_px - _OVERLAP * side_px) / ((1 - _OVERLAP) * side_px) - 1e-6)))
    return np.linspace(side_px / 2 - 0.5, length_px - side_px / 2 - 0.5, count, dtype=np.float64)


def unfilled(views: Regions, width_px: int, height_px: int, known: Regions) -> npt.NDArray[np.bool_]:
    """(V,), which of the upright views of an image show something besides the people who are known."""
    if not len(known):
        return np.ones(len(views), dtype=np.bool_)
    points = views.centers_px[:, None] + views.sides_px[:, None, None] * _GRID
    inside = ((points >= -0.5) & (points <= np.array([width_px, height_px]) - 0.5)).all(axis=-1)
    bodies = known.bodies_xyxy_px()[:, None, None]
    covered = ((points >= bodies[..., :2]) & (points <= bodies[..., 2:])).all(axis=-1).any(axis=0)
    free = (covered & inside).sum(axis=1) < _FILLED * np.maximum(inside.sum(axis=1), 1)
    return np.asarray(free, dtype=np.bool_)


def closer_looks(hints: Proposals) -> Regions:
    """Views of the places where a person may be, who fills half of them; best first, one where a view holds several."""
    looks: list[int] = []
    bodies, sizes_px = hints.boxes_xyxy_px, (hints.boxes_xyxy_px[:, 2:] - hints.boxes_xyxy_px[:, :2]).max(axis=1)
    for i in np.argsort(-hints.scores, kind="stable").tolist():
        at = hints.regions.centers_px[looks]
        half_px = _CLOSER * sizes_px[looks, None] / 2
        holds = ((bodies[i, :2] >= at - half_px) & (bodies[i, 2:] <= at + half_px)).all(axis=1)
        if not (holds & (sizes_px[i] >= 0.9 * sizes_px[looks])).any():
            looks.append(i)
    chosen = looks[:_MOST_CLOSER]
    return Regions(hints.regions.centers_px[chosen], _CLOSER * sizes_px[chosen], np.zeros(len(chosen)))


class Neighbors:
    """Closer looks beside people who are followed and small, each of them in turn."""

    def __init__(self) -> None:
        self._places_px: Array = np.zeros((0, 2))
        self._ages_s: Array = np.zeros(0)
        self._credit = 0.0

    def turn(self, known: Regions, small_px: float, elapsed_s: float, scale: float = 1.0) -> Regions:
        """The looks that are due. small_px: the size below which a person is small."""
        self._ages_s += elapsed_s
        recent = self._ages_s < scale * _TILES_S
        self._places_px, self._ages_s = self._places_px[recent], self._ages_s[recent]
        bodies = known.bodies_xyxy_px()
        sizes_px = bodies[:, 2] - bodies[:, 0]
        apart_px = np.abs(known.centers_px[:, None] - self._places_px).max(axis=-1).min(axis=1, initial=np.inf)
        small = sizes_px < small_px
        self._credit = min(self._credit + small.sum() * elapsed_s / (scale * _TILES_S - _EARLY_S), _MOST_BESIDE)
        at = np.flatnonzero(small & (apart_px > sizes_px / 2))[: int(self._credit)]
        self._credit -= len(at)
        self._places_px = np.concatenate([self._places_px, known.centers_px[at]])
        self._ages_s = np.append(self._ages_s, np.zeros(len(at)))
        return Regions(known.centers_px[at], _CLOSER * sizes_px[at], np.zeros(len(at)))


@dataclass(frozen=True, eq=False)
class Looks:
    """What to look at in a frame. views: for the region detector. boxes: whether boxes are looked for as well."""

    views: Regions
    boxes: bool


class ScanPlan:
    """Turns of a video's frames: each of whole image, boxes and tiles is due after a time, whatever the frame rate.

    A frame costs a look more or less, and each place is seen at least every half a second.
    """

    def __init__(self) -> None:
        self._whole_s, self._boxes_s, self._credit = 0.0, 0.0, 0.0
        self._tiles_s: Array = np.zeros(0)
        self._beside = Neighbors()

    def reset(self) -> None:
        """All has just been looked at."""
        self._whole_s, self._boxes_s, self._credit = 0.0, 0.0, 0.0
        self._tiles_s = np.zeros(0)
        self._beside = Neighbors()

    def turn(
        self,
        width_px: int,
        height_px: int,
        elapsed_s: float,
        known: Regions,
        *,
        searching: bool,
        interval_s: float = WHOLE_S,
    ) -> Looks:
        """What is due. elapsed_s: since the last turn. known: the people who are followed. searching: look at more.

        interval_s: how long the whole image goes without a look; boxes and tiles in proportion.
        """
        scale = interval_s / WHOLE_S
        all_tiles = tiles(width_px, height_px)
        if len(self._tiles_s) != len(all_tiles):
            self._tiles_s = np.zeros(len(all_tiles))
        self._whole_s += elapsed_s
        self._boxes_s += elapsed_s
        self._tiles_s += elapsed_s
        whole = searching or self._whole_s >= interval_s - _EARLY_S
        # Not in one frame with the whole image, unless that is looked at in each.
        boxes = searching or self._boxes_s >= scale * (_BOXES_S if not whole else _BOXES_S + WHOLE_S) - _EARLY_S
        free = unfilled(all_tiles, width_px, height_px, known)
        at = self._due_tiles(free, elapsed_s / scale, searching=searching)
        self._whole_s *= not whole
        self._boxes_s *= not boxes
        self._tiles_s[at] = 0.0
        views = [whole_view(width_px, height_px)] if whole else []
        beside = self._beside.turn(known, _SMALL * all_tiles.sides_px[0], elapsed_s, scale)
        return Looks(Regions.concatenated([*views, all_tiles.chosen(at), beside]), boxes)

    def _due_tiles(self, free: npt.NDArray[np.bool_], elapsed_s: float, *, searching: bool) -> npt.NDArray[np.intp]:
        """The tiles that have waited longest, so many that each is seen in time."""
        self._credit = min(self._credit + free.sum() * elapsed_s / (_TILES_S - _EARLY_S), _MOST_TILES)
        count = max(int(self._credit), int(searching))
        self._credit = max(self._credit - count, 0.0)
        at = np.flatnonzero(free)
        return at[np.argsort(-self._tiles_s[at], kind="stable")][:count]
