"""What MediaPipe's landmark net (BlazePose GHUM, Apache-2.0) says of each region.

39 landmarks a region: 33 of the body, two that give the person's next region, four more that are not read. Of each x, y
and z in crop pixels counted from its edge, logits of visibility and presence, and a heat map of logits in 64x64 cells,
around whose values a landmark is refined as MediaPipe does (`RefineLandmarksFromHeatmapCalculator`). The height of the
heat map where a landmark lies says how sure the net is of its place: low for a body that it only guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.io_matching import Port, RawOutputs, output
from pose3d_ros.types import Array

SKELETON = get_skeleton("mediapipe33")
"""Of the landmarks of the body."""
BODY_LANDMARKS = len(SKELETON)
_ALL_LANDMARKS = 39
_VALUES = 5
OUTPUTS = tuple(Port(name) for name in ("landmarks", "person", "world", "heat"))
_WINDOW = 7
_LEAST_PEAK = 0.5
"""Of a heat map around a landmark, below which MediaPipe does not refine it."""
_SHORTEST_PX = 1.0
"""Between the two points of a next region: a net that is shown noise may put both in one place."""


@dataclass(frozen=True, eq=False)
class DecodedLandmarks:
    """What the net says of N crops.

    points_crop_px (N, 33, 2) and next_crop_px (N, 2, 2), crop pixels, centers are integers: the body, and the middle of
    the hips with the point above the head that give the next region. visibility and certainty (N, 33), 0–1: not
    hidden, and how high the heat map is at its place. person (N,), 0–1: that there is one. world_m (N, 33, 3), metres
    from the middle of the hips, in the crop's axes.
    """

    points_crop_px: Array
    next_crop_px: Array
    visibility: Array
    certainty: Array
    person: Array
    world_m: Array

    def in_order(self, order: list[int]) -> DecodedLandmarks:
        """The body's landmarks in another order, such as that of a mirror image."""
        return replace(
            self,
            points_crop_px=self.points_crop_px[:, order],
            visibility=self.visibility[:, order],
            certainty=self.certainty[:, order],
            world_m=self.world_m[:, order],
        )


@dataclass(frozen=True, eq=False)
class Landmarks:
    """What the net says of N regions of an image.

    points_img_px (N, 33, 2), pixels of the (distorted) image. next_regions: where each person would be looked for next.
    relative_m (N, 33, 3): from the middle of the hips, in the camera's axes. view2cam (N, 3, 3): from the crop's axes
    to them. The rest is as in DecodedLandmarks.
    """

    points_img_px: Array
    next_regions: Regions
    relative_m: Array
    visibility: Array
    certainty: Array
    person: Array
    view2cam: Array
    points_crop_px: Array

    def __len__(self) -> int:
        return len(self.person)

    def chosen(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Landmarks:
        """Those of some regions, by their indices or a mask."""
        parts: dict[str, Any] = {item.name: _taken(getattr(self, item.name), index) for item in fields(self)}
        return Landmarks(**parts)

    @classmethod
    def none(cls) -> Landmarks:
        """Of no region."""
        points, values, turn = np.zeros((0, BODY_LANDMARKS, 2)), np.zeros((0, BODY_LANDMARKS)), np.zeros((0, 3, 3))
        joints_m, nobody = np.zeros((0, BODY_LANDMARKS, 3)), Regions.empty()
        return cls(points, nobody, joints_m, values, values, np.zeros(0), turn, points)

    @classmethod
    def concatenated(cls, several: Sequence[Landmarks]) -> Landmarks:
        """All of several, one or more, in their order."""
        if len(several) == 1:
            return several[0]
        parts: dict[str, Any] = {item.name: _joined([getattr(s, item.name) for s in several]) for item in fields(cls)}
        return cls(**parts)


def decode_landmarks(raw: RawOutputs, size_px: int) -> DecodedLandmarks:
    """The outputs `landmarks`, `person`, `world` and `heat` of a net for crops of size_px. Raises EngineError."""
    values = output(raw, "landmarks", (None, _ALL_LANDMARKS * _VALUES)).reshape(-1, _ALL_LANDMARKS, _VALUES)
    count = len(values)
    world_m = output(raw, "world", (count, _ALL_LANDMARKS * 3)).reshape(count, _ALL_LANDMARKS, 3)
    person = output(raw, "person", (count, 1))[:, 0]
    heat = np.asarray(raw["heat"])
    body = values[:, :BODY_LANDMARKS]
    points, certainty = refined(body[..., :2] / size_px, heat[:, :BODY_LANDMARKS])
    return DecodedLandmarks(
        points * size_px - 0.5,
        values[:, BODY_LANDMARKS : BODY_LANDMARKS + 2, :2] - 0.5,
        sigmoid(body[..., 3]),
        certainty,
        np.clip(person, 0.0, 1.0),
        world_m[:, :BODY_LANDMARKS],
    )


def refined(points: Array, heat: npt.NDArray[np.generic]) -> tuple[Array, Array]:
    """Landmarks moved to the middle of their heat maps' values around them, and the greatest of these.

    points: (N, J, 2), x and y as shares of the crop. heat: (N, J, H, W) logits. Returns both, (N, J, 2) and (N, J); a
    landmark outside of its map, or where the map is low, stays where it is.
    """
    size = np.array(heat.shape[:1:-1])
    cell = np.floor(points * size).astype(np.intp)
    inside = ((cell >= 0) & (cell < size)).all(axis=-1)
    offset = np.arange(_WINDOW) - _WINDOW // 2
    x, y = (cell[..., axis, None] + offset for axis in (0, 1))
    known = ((y >= 0) & (y < size[1]))[..., :, None] & ((x >= 0) & (x < size[0]))[..., None, :]
    person, joint = np.ogrid[: points.shape[0], : points.shape[1]]
    rows, columns = np.clip(y, 0, size[1] - 1)[..., :, None], np.clip(x, 0, size[0] - 1)[..., None, :]
    window = np.where(known, sigmoid(heat[person[..., None, None], joint[..., None, None], rows, columns]), 0.0)
    total = np.maximum(window.sum(axis=(-2, -1)), np.finfo(np.float64).tiny)
    middle = np.stack([(window.sum(axis=-2) * x).sum(axis=-1), (window.sum(axis=-1) * y).sum(axis=-1)], axis=-1)
    peak = window.max(axis=(-2, -1), initial=0.0)
    moved = inside & (peak >= _LEAST_PEAK)
    return np.where(moved[..., None], middle / total[..., None] / size, points), np.where(inside, peak, 0.0)


def sigmoid(logits: npt.NDArray[np.generic]) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    half: Array = 0.5 * np.tanh(0.5 * logits.astype(np.float64)) + 0.5
    return half


def next_regions(next_img_px: Array) -> Regions:
    """Regions about next_img_px (N, 2, 2): the middles of the hips, and the points above the heads."""
    hips, top = next_img_px[:, 0], next_img_px[:, 1]
    apart = np.linalg.norm(top - hips, axis=-1, keepdims=True) >= _SHORTEST_PX
    return Regions.from_keypoints(hips, np.where(apart, top, hips + [0.0, -_SHORTEST_PX]))


def _taken(part: Array | Regions, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Array | Regions:
    return part.chosen(index) if isinstance(part, Regions) else part[index]


def _joined(parts: Sequence[Any]) -> Any:
    return Regions.concatenated(parts) if isinstance(parts[0], Regions) else np.concatenate(parts)
