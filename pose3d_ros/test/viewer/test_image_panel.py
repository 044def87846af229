from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from pose3d_ros.viewer.image_panel import SHOWN_PX, panel_image
from pose3d_ros.viewer.shown_frame import ShownFrame


def test_people_are_drawn_where_they_are(frames: Sequence[ShownFrame]) -> None:
    plain, drawn = panel_image(replace(frames[0], people=())), panel_image(frames[0])
    assert drawn.shape == (480, 640, 3)
    changed = (plain != drawn).any(axis=2)
    for person in frames[0].people:
        x0, y0, x1, y1 = person.pose.detection.box_xyxy_px.astype(int)
        assert changed[max(0, y0) : y1, max(0, x0) : x1].mean() > 0.05
    assert changed.mean() < 0.2


def test_image_of_another_size_has_them_at_the_same_places(frames: Sequence[ShownFrame]) -> None:
    """Kept smaller than the camera's, and larger than the panel needs it."""
    frame = frames[0]
    assert frame.image_bgr is not None
    assert frame.camera is not None
    small = replace(frame, image_bgr=np.asarray(cv2.resize(frame.image_bgr, (320, 240)), np.uint8))
    marked = (np.abs(panel_image(small).astype(int) - panel_image(replace(small, people=()))) > 30).any(axis=2)
    full = (np.abs(panel_image(frame).astype(int) - panel_image(replace(frame, people=()))) > 30).any(axis=2)
    centers = [np.argwhere(mask).mean(axis=0) / mask.shape for mask in (marked, full)]
    assert np.abs(centers[0] - centers[1]).max() < 0.03
    large = replace(frame, camera=frame.camera.resize(1920, 1440), image_bgr=np.full((1440, 1920, 3), 90, np.uint8))
    assert panel_image(large).shape == (480, SHOWN_PX, 3)


def test_frame_without_an_image_says_so(frames: Sequence[ShownFrame]) -> None:
    empty = panel_image(replace(frames[0], image_bgr=None))
    assert empty.max() > 100  # the words
    assert (empty != panel_image(replace(frames[0], image_bgr=None, error="cut off"))).any()
