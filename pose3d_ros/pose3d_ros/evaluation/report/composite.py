"""Pictures of a session: skeletons on the image beside the scene from above."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import cv2
import numpy as np

from pose3d_ros.drawing.overlay import as_image, draw_people
from pose3d_ros.drawing.view_from_above import TopView, draw_top_view
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import TrackState
from pose3d_ros.types import Array, ImageArray

HEIGHT_PX = 720
_TOP_WIDTH_PX = 560
_TRAIL_FRAMES = 45
_SEPARATOR_PX = 4
_GROWTH = 1.2  # room for somebody who goes on walking away
_SHOWN_SHARE = 0.96
"""Of a recording's roots: one false person far away must not make everybody else small."""


class Composer:
    """Draws frame after frame with the trails of the last seconds."""

    def __init__(self, camera: Camera, roots_cam_m: Array, height_px: int = HEIGHT_PX) -> None:
        """roots_cam_m: (N, 3), where people will be, for the top view's scale; the few furthest are marked at its edge.

        Without any the view grows for somebody further away.
        """
        self._camera = camera
        self._height_px = height_px
        self._grows = not len(roots_cam_m)
        self._view = self._view_of(roots_cam_m, _SHOWN_SHARE)
        self._trails: dict[int, deque[Array]] = {}

    @property
    def depth_m(self) -> float:
        """How far the top view reaches."""
        return self._view.depth_m

    def draw(self, image_bgr: ImageArray, people: People, truth: People = ()) -> ImageArray:
        """The image with the people on it and the top view to its right, (height_px, …, 3) uint8."""
        self._remember(people)
        self._grow(people)
        left = draw_people(image_bgr, people, self._camera, zoom=self._height_px / image_bgr.shape[0])
        if left.shape[0] != self._height_px:
            left = as_image(cv2.resize(left, (left.shape[1], self._height_px)))
        top = draw_top_view(self._view, people, camera=self._camera, trails_cam_m=self._arrays(), truth=truth)
        line = np.full((self._height_px, _SEPARATOR_PX, 3), 16, dtype=np.uint8)
        return np.concatenate([left, line, top], axis=1)

    def _view_of(self, roots_cam_m: Array, share: float = 1.0) -> TopView:
        width_px = round(_TOP_WIDTH_PX * self._height_px / HEIGHT_PX)
        return TopView.around(roots_cam_m, width_px, self._height_px, share=share)

    def _grow(self, people: People) -> None:
        roots = np.array([p.pose.root_cam_m for p in people if p.state != TrackState.LOST]).reshape(-1, 3)
        if self._grows and not self._view.holds(roots):
            self._view = max(self._view, self._view_of(roots * _GROWTH), key=lambda view: view.depth_m)

    def _remember(self, people: People) -> None:
        present = {p.track_id for p in people if p.state != TrackState.LOST}
        self._trails = {i: trail for i, trail in self._trails.items() if i in present}
        for person in people:
            if person.state != TrackState.LOST:
                self._trails.setdefault(person.track_id, deque(maxlen=_TRAIL_FRAMES)).append(person.pose.root_cam_m)

    def _arrays(self) -> Mapping[int, Array]:
        return {track_id: np.array(trail) for track_id, trail in self._trails.items()}


def session_roots_m(session: Session) -> Array:
    """All roots of a session, (N, 3): for the scale of its top view."""
    roots = [p.pose.root_cam_m for f in session.frames for p in (*f.truth, *(f.raw or ()), *(f.smoothed or ()))]
    return np.array(roots).reshape(-1, 3)
