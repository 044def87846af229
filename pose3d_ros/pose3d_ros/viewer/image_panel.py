"""The image of the page: as large as a panel needs it, with the people drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from pose3d_ros.drawing.overlay import as_image, draw_people
from pose3d_ros.records import Person, Pose
from pose3d_ros.types import ImageArray
from pose3d_ros.viewer.frame_store import fitting_zoom
from pose3d_ros.viewer.shown_frame import ShownFrame

SHOWN_PX = 640
"""The longer side of the image that browsers get."""
_EMPTY: ImageArray = np.full((360, SHOWN_PX, 3), 32, dtype=np.uint8)


def panel_image(frame: ShownFrame) -> ImageArray:
    """(h, w, 3) uint8 RGB with the people on it; gray with a word where the frame has no image."""
    image = frame.image_bgr
    if image is None:
        return _without_image(frame)
    height_px, width_px = image.shape[:2]
    zoom = fitting_zoom(width_px, height_px, SHOWN_PX)
    if zoom < 1.0:
        size = (max(1, round(zoom * width_px)), max(1, round(zoom * height_px)))
        image = as_image(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    # The image may have been kept smaller than the camera's.
    by_camera = 1.0 if frame.camera is None else image.shape[1] / frame.camera.width_px
    camera = None if frame.camera is None else frame.camera.resize(image.shape[1], image.shape[0])
    drawn = draw_people(image, _resized(frame.people, zoom if frame.camera is None else by_camera), camera)
    return as_image(cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB))


def _resized(people: Sequence[Person], zoom: float) -> list[Person]:
    """With their pixels in an image of another size."""
    return [replace(person, pose=_resized_pose(person, zoom)) for person in people]


def _resized_pose(person: Person, zoom: float) -> Pose:
    pose = person.pose
    box_px = zoom * pose.detection.box_xyxy_px
    joints_px = zoom * (pose.joints_img_px + 0.5) - 0.5
    return replace(pose, joints_img_px=joints_px, detection=replace(pose.detection, box_xyxy_px=box_px))


def _without_image(frame: ShownFrame) -> ImageArray:
    canvas = _EMPTY.copy()
    text = frame.error[:70] or "no image"
    cv2.putText(canvas, text, (20, 190), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (170, 170, 170), 1, cv2.LINE_AA)
    return canvas
