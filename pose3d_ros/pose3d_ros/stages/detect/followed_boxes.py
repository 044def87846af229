"""Boxes of the last frame's people: who is known, and where to look in a frame without the detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import STILL, Detection, Pose
from pose3d_ros.types import Array

_KNOWN_IOU = 0.5
_MAX_GAP_NS = 200_000_000
"""After a longer pause people are elsewhere."""
_USUAL_S = 0.1
"""Since the detector's last frame: someone new is seen a frame later, at 10 frames per second or more."""
_MIN_SIDE_PX = 2.0
_STEADY = 5
"""Frames after which a person is no passing false positive."""
_SEARCH_NS = 300_000_000
"""How long the detector looks in every frame after such a person was lost, who is often only hidden."""


class FollowedBoxes:
    """The people of the last frame, and how far each moved since the one before."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget the last frame."""
        self._poses: tuple[Pose, ...] = ()
        self._steps_px_per_ns, self._frames = np.zeros((0, 2)), np.zeros(0, np.intp)
        self._stamp_ns = self._detected_ns = STILL
        self._lost_ns: int | None = None

    def known(self, detections: Sequence[Detection], stamp_ns: int) -> npt.NDArray[np.bool_]:
        """Which of the detections (N,) overlap a person of the last frame."""
        if not detections or not self._poses or not self._follows(stamp_ns):
            return np.zeros(len(detections), dtype=np.bool_)
        boxes = np.array([d.box_xyxy_px for d in detections])
        known: npt.NDArray[np.bool_] = iou_matrix(boxes, _boxes(self._poses)).max(axis=1) >= _KNOWN_IOU
        return known

    def moved(
        self, stamp_ns: int, width_px: int, height_px: int, interval_s: float = _USUAL_S
    ) -> tuple[Detection, ...]:
        """Where the people of the last frame are, if they went on, in the image; empty: the detector has to look.

        interval_s: how long it may not have looked. Up to 0.1 s it looks in every second frame at least.
        """
        looked = self._detected_ns == self._stamp_ns or interval_s > _USUAL_S
        looked = looked and stamp_ns - self._detected_ns <= round(interval_s * 1e9)
        searches = self._lost_ns is not None and stamp_ns - self._lost_ns <= _SEARCH_NS
        if not looked or searches or not self._follows(stamp_ns):
            return ()
        shifts = np.tile(self._steps_px_per_ns * (stamp_ns - self._stamp_ns), 2)
        boxes = np.clip(_boxes(self._poses) + shifts, -0.5, np.array([width_px, height_px] * 2) - 0.5)
        seen = (boxes[:, 2:] - boxes[:, :2] >= _MIN_SIDE_PX).all(axis=1)
        return tuple(Detection(boxes[i], self._poses[i].detection.score) for i in np.flatnonzero(seen))

    def update(self, poses: Sequence[Pose], stamp_ns: int, *, detected: bool) -> None:
        """Follow these people from now on. detected: whether the detector looked for them."""
        steps, frames = np.zeros((len(poses), 2)), np.ones(len(poses), np.intp)
        before: npt.NDArray[np.intp] = np.full(len(poses), -1)
        if poses and self._poses and self._follows(stamp_ns):
            iou = iou_matrix(_boxes(poses), _boxes(self._poses))
            before = np.where(iou.max(axis=1) >= _KNOWN_IOU, iou.argmax(axis=1), -1)
        for i in np.flatnonzero(before >= 0):
            frames[i] += self._frames[before[i]]
            moved = poses[i].joints_img_px - self._poses[before[i]].joints_img_px
            moved = moved[np.isfinite(moved).all(axis=1)]
            if len(moved):
                steps[i] = np.median(moved, axis=0) / (stamp_ns - self._stamp_ns)
        lost = np.setdiff1d(np.arange(len(self._poses)), before)
        if (self._frames[lost] >= _STEADY).any():
            self._lost_ns = stamp_ns
        self._poses, self._steps_px_per_ns, self._frames = tuple(poses), steps, frames
        self._stamp_ns = stamp_ns
        if detected:
            self._detected_ns = stamp_ns

    def _follows(self, stamp_ns: int) -> bool:
        return self._stamp_ns != STILL != stamp_ns and 0 < stamp_ns - self._stamp_ns <= _MAX_GAP_NS


def _boxes(poses: Sequence[Pose]) -> Array:
    return np.array([p.detection.box_xyxy_px for p in poses], dtype=np.float64).reshape(-1, 4)
