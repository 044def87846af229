"""Places in an image where people may be, from any detector, and which of several are of the same person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.regions import Regions, region_distances
from pose3d_ros.records import Detection
from pose3d_ros.types import Array

Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Proposals:
    """Regions that may hold a person each. scores: (N,) in 0–1. boxes_xyxy_px: (N, 4), of the people.

    ranks: (N,), by which the better region of one person is chosen: the score, less where a view cuts the person.
    measured: (N,) bool, whether size and roll were, or the region is that of a box.
    """

    regions: Regions
    scores: Array
    boxes_xyxy_px: Array
    ranks: Array
    measured: Mask

    @classmethod
    def none(cls) -> Proposals:
        """No place."""
        return cls(Regions.empty(), np.zeros(0), np.zeros((0, 4)), np.zeros(0), np.zeros(0, dtype=np.bool_))

    @classmethod
    def of_detections(cls, detections: Sequence[Detection]) -> Proposals:
        """The regions about boxes."""
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64).reshape(-1, 4)
        scores = np.array([d.score for d in detections], dtype=np.float64)
        return cls(Regions.from_boxes(boxes), scores, boxes, scores, np.zeros(len(boxes), dtype=np.bool_))

    @classmethod
    def concatenated(cls, several: Sequence[Proposals]) -> Proposals:
        """All of several, in their order."""
        parts = several or (cls.none(),)
        regions = Regions.concatenated([part.regions for part in parts])
        columns = ((part.scores, part.boxes_xyxy_px, part.ranks, part.measured) for part in parts)
        return cls(regions, *(np.concatenate(column) for column in zip(*columns, strict=True)))

    def __len__(self) -> int:
        return len(self.scores)

    def chosen(self, index: Indices | Mask) -> Proposals:
        """Those, by their indices or a mask."""
        columns = (self.scores[index], self.boxes_xyxy_px[index], self.ranks[index], self.measured[index])
        return Proposals(self.regions.chosen(index), *columns)

    def far_from(self, regions: Regions, distance: float) -> Mask:
        """(N,), whether none of the regions is that near; see `region_distances`."""
        return far_from(self.regions, regions, distance)


def far_from(these: Regions, others: Regions, distance: float) -> Mask:
    """(N,), which of the first lie at least that far from all of the others."""
    return np.asarray((region_distances(these, others) >= distance).all(axis=1), dtype=np.bool_)


def merged(proposals: Proposals, distance: float) -> Proposals:
    """The best of each group that lie within that distance of it, best rank first."""
    groups = grouped(proposals, distance)
    return proposals.chosen(np.array([group[0] for group in groups], dtype=np.intp))


def grouped(proposals: Proposals, distance: float) -> list[Indices]:
    """Indices of each group, its best first: the best proposal left, and all others within that distance of it."""
    near = region_distances(proposals.regions, proposals.regions) < distance
    left = np.argsort(-proposals.ranks, kind="stable")
    groups = []
    while len(left):
        of_best = near[left[0], left]
        of_best[0] = True
        groups.append(left[of_best])
        left = left[~of_best]
    return groups
