"""Skeletons on the image beside the scene from above, in one image."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np

from pose3d_ros.drawing.overlay import as_image, draw_people
from pose3d_ros.drawing.view_from_above import TopView, draw_top_view
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array, ImageArray

HEIGHT_PX = 720
_TOP_WIDTH_PX = 560
_WIDEST = 4.0  # of the image, in heights: a panorama becomes flat instead
_TRAIL_FRAMES = 45
_SEPARATOR_PX = 4
_GROWTH = 1.2  # room for a person who walks further away
_SHOWN_SHARE = 0.96
"""Of a recording's roots: one false positive far away must not make the other people small."""


class Composer:
    """Draws frame after frame with the trails of the last seconds.

    roots_cam_m: (N, 3), where people will be, for the top view's scale; the few furthest are marked at its edge.
    Without any the view grows for people further away.
    """

    def __init__(self, camera: Camera, roots_cam_m: Array, height_px: int = HEIGHT_PX) -> None:
        self._camera = camera
        self._height_px = height_px
        self._grows = not len(roots_cam_m)
        self._view = self._view_of(roots_cam_m, _SHOWN_SHARE)
        self._trails: dict[int, deque[Array]] = {}

    @property
    def depth_m(self) -> float:
        """How far the top view reaches."""
        return self._view.depth_m

    def draw(self, image_bgr: ImageArray, people: Sequence[Person], ground_truth: Sequence[Person] = ()) -> ImageArray:
        """The image with the people on it and the top view to its right, (height_px, …, 3) uint8."""
        present = {p.track_id: p.pose.root_cam_m for p in people if p.state != TrackState.LOST}
        self._trails = {i: self._trails.get(i, deque(maxlen=_TRAIL_FRAMES)) for i in present}
        for track_id, root in present.items():
            self._trails[track_id].append(root)
        self._grow(np.array([*present.values()]).reshape(-1, 3))
        fitting = min(self._height_px / image_bgr.shape[0], _WIDEST * self._height_px / image_bgr.shape[1])
        left = self._as_high(draw_people(image_bgr, people, self._camera, zoom=fitting))
        trails = {track_id: np.array(trail) for track_id, trail in self._trails.items()}
        top = draw_top_view(self._view, people, camera=self._camera, trails_cam_m=trails, ground_truth=ground_truth)
        line = np.full((self._height_px, _SEPARATOR_PX, 3), 16, dtype=np.uint8)
        return np.concatenate([left, line, top], axis=1)

    def _as_high(self, image_bgr: ImageArray) -> ImageArray:
        """The image at the composite's height: rounding aside, a flat one in the middle."""
        missing = self._height_px - image_bgr.shape[0]
        if abs(missing) <= 1:
            return as_image(cv2.resize(image_bgr, (image_bgr.shape[1], self._height_px)))
        return as_image(np.pad(image_bgr, ((missing // 2, missing - missing // 2), (0, 0), (0, 0))))

    def _view_of(self, roots_cam_m: Array, share: float = 1.0) -> TopView:
        width_px = round(_TOP_WIDTH_PX * self._height_px / HEIGHT_PX)
        return TopView.around(roots_cam_m, width_px, self._height_px, share=share)

    def _grow(self, roots_cam_m: Array) -> None:
        if self._grows and not self._view.holds(roots_cam_m):
            self._view = max(self._view, self._view_of(roots_cam_m * _GROWTH), key=lambda view: view.depth_m)
