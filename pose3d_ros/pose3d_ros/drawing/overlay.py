"""Skeletons drawn on an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.drawing.colors import Bgr, bgr, edge_hex, person_bgr
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array, ImageArray

_SHIFT = 4
_FRACTION = 1 << _SHIFT
_OUTLINE: Bgr = (24, 18, 14)
_WHITE: Bgr = (255, 255, 255)
_FADED = 0.45
_DASH_PX = 7.0
# A bone is as thick as a limb looks about right on: 1/80 of the box's longer side, within these bounds.
_BONE_PER_BOX = 1 / 80
_MIN_BONE_PX, _MAX_BONE_PX = 1.6, 5.0
_REFERENCE_HEIGHT_PX = 480.0
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42


def draw_people(
    image_bgr: ImageArray, people: Sequence[Person], camera: Camera | None = None, *, zoom: float = 1.0
) -> ImageArray:
    """A copy of the image with the people on it, anti-aliased at sub-pixel positions.

    image_bgr: (H, W, 3) uint8, with joints_img_px in its pixels. camera: projects the joints that have a position in
    camera space but none in the image. zoom: size of the result; lines are drawn after the resize and stay sharp.
    A bone with a NaN end is left out. People who are only PREDICTED are dashed and faded; LOST ones are not drawn.
    """
    height, width = image_bgr.shape[:2]
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    canvas = image_bgr.copy() if zoom == 1.0 else as_image(cv2.resize(image_bgr, size, interpolation=cv2.INTER_CUBIC))
    far_first = sorted((p for p in people if p.state != TrackState.LOST), key=lambda p: -_depth_m(p))
    for person in far_first:
        if person.state == TrackState.PREDICTED:
            layer = canvas.copy()
            _draw_person(layer, person, camera, zoom)
            canvas = as_image(cv2.addWeighted(layer, _FADED, canvas, 1.0 - _FADED, 0.0))
        else:
            _draw_person(canvas, person, camera, zoom)
    _draw_labels(canvas, far_first, zoom)
    return canvas


def draw_thin_skeleton(image_bgr: ImageArray, skeleton: Skeleton, joints_px: Array) -> None:
    """Draw joints (J, 2), in pixels, as thin white lines into the image: ground truth beside what was found."""
    thickness = max(1, round(image_bgr.shape[0] / _REFERENCE_HEIGHT_PX))
    for edge in skeleton.edges:
        ends = joints_px[list(edge)]
        if _drawable(ends, image_bgr):
            _line(image_bgr, ends, _OUTLINE, thickness + 1.0, dashed=False)
            _line(image_bgr, ends, _WHITE, thickness, dashed=False)


def as_image(array: npt.ArrayLike) -> ImageArray:
    """What OpenCV returned, typed as the 8-bit image it is."""
    return np.asarray(array, dtype=np.uint8)


def _depth_m(person: Person) -> float:
    depth_m = float(person.pose.root_cam_m[2])
    return depth_m if np.isfinite(depth_m) else 0.0


def image_joints_px(person: Person, camera: Camera | None) -> Array:
    """Joints (J, 2) in the image: as read there, else projected by the camera, else NaN."""
    joints_px = person.pose.joints_img_px
    missing = np.isnan(joints_px).any(axis=-1)
    if camera is None or not missing.any():
        return joints_px
    projected = camera.project(person.pose.joints_cam_m)
    return np.where(np.asarray(missing)[:, None], projected, joints_px)


def _draw_person(canvas: ImageArray, person: Person, camera: Camera | None, zoom: float) -> None:
    skeleton = person.pose.skeleton
    joints_px = _zoomed(image_joints_px(person, camera), zoom)
    bone_px = _bone_px(canvas, person, zoom)
    dashed = person.state == TrackState.PREDICTED
    edges = [(edge, joints_px[list(edge)]) for edge in skeleton.edges if _drawable(joints_px[list(edge)], canvas)]
    for _, ends in edges:
        _line(canvas, ends, _OUTLINE, bone_px + 2.0, dashed)
    for edge, ends in edges:
        _line(canvas, ends, bgr(edge_hex(skeleton, edge)), bone_px, dashed)
    for joint in joints_px:
        if _drawable(joint[None], canvas):
            _dot(canvas, joint, bone_px * 0.95 + 1.0, _OUTLINE)
            _dot(canvas, joint, bone_px * 0.95, person_bgr(person.track_id))


def _bone_px(canvas: ImageArray, person: Person, zoom: float) -> float:
    x0, y0, x1, y1 = (float(edge) for edge in person.pose.detection.box_xyxy_px)
    unit = float(canvas.shape[0]) / _REFERENCE_HEIGHT_PX
    longer_px = max(x1 - x0, y1 - y0) * zoom
    if not np.isfinite(longer_px):
        return _MIN_BONE_PX * unit
    return min(max(longer_px * _BONE_PER_BOX, _MIN_BONE_PX * unit), _MAX_BONE_PX * unit)


def _zoomed(points_px: Array, zoom: float) -> Array:
    zoomed: Array = zoom * (points_px + 0.5) - 0.5
    return zoomed


def _drawable(points_px: Array, canvas: ImageArray) -> bool:
    """Finite and near enough to the image for OpenCV's fixed-point coordinates."""
    limit_px = 4.0 * max(canvas.shape[:2])
    return bool(np.isfinite(points_px).all() and (np.abs(points_px) < limit_px).all())


def _fixed(point_px: Array) -> tuple[int, int]:
    return round(float(point_px[0]) * _FRACTION), round(float(point_px[1]) * _FRACTION)


def _line(canvas: ImageArray, ends_px: Array, color: Bgr, thickness_px: float, dashed: bool) -> None:
    thickness = max(1, round(thickness_px))
    for a, b in _dashes(ends_px, _DASH_PX + thickness) if dashed else [(ends_px[0], ends_px[1])]:
        cv2.line(canvas, _fixed(a), _fixed(b), color, thickness, cv2.LINE_AA, _SHIFT)


def _dashes(ends_px: Array, step_px: float) -> list[tuple[Array, Array]]:
    length_px = float(np.linalg.norm(ends_px[1] - ends_px[0]))
    count = max(1, round(length_px / step_px)) | 1  # odd: begins and ends with a dash
    marks = ends_px[0] + np.linspace(0.0, 1.0, count + 1)[:, None] * (ends_px[1] - ends_px[0])
    return [(marks[i], marks[i + 1]) for i in range(0, count, 2)]


def _dot(canvas: ImageArray, center_px: Array, radius_px: float, color: Bgr) -> None:
    radius = max(1, round(radius_px * _FRACTION))
    cv2.circle(canvas, _fixed(center_px), radius, color, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def person_label(person: Person) -> str:
    """The text at a person: id and distance of the root from the camera, such as "P2  3.41 m"."""
    distance_m = float(np.linalg.norm(person.pose.root_cam_m))
    return f"P{person.track_id}  {distance_m:.2f} m" if np.isfinite(distance_m) else f"P{person.track_id}"


def _draw_labels(canvas: ImageArray, people: Sequence[Person], zoom: float) -> None:
    """Labels above the boxes; those of people behind the nearest one are moved up or down until none overlap."""
    unit = canvas.shape[0] / _REFERENCE_HEIGHT_PX
    taken: list[_Label] = []
    for person in reversed(people):
        x0, y0, x1, _ = (float(v) for v in _zoomed(person.pose.detection.box_xyxy_px, zoom))
        if not np.isfinite([x0, y0, x1]).all():
            continue
        label = _Label.above((x0 + x1) / 2, y0 - 4 * unit, person_label(person), unit, canvas)
        label = label.moved_clear_of(taken, canvas.shape[0])
        taken.append(label)
        label.draw(canvas, person_bgr(person.track_id), faded=person.state == TrackState.PREDICTED)


@dataclass(frozen=True)
class _Label:
    """A text on a colored rectangle, left and top edge, width and height in pixels."""

    text: str
    x: int
    y: int
    width: int
    height: int
    unit: float

    @classmethod
    def above(cls, middle_px: float, foot_px: float, text: str, unit: float, canvas: ImageArray) -> _Label:
        """The label whose lower edge's middle is there, moved into the image."""
        (text_w, text_h), baseline = cv2.getTextSize(text, _FONT, _FONT_SCALE * unit, 1)
        width, height = text_w + 2 * round(4 * unit), text_h + baseline + round(4 * unit)
        x = min(max(round(middle_px - width / 2), 0), max(0, canvas.shape[1] - width))
        y = min(max(round(foot_px - height), 0), max(0, canvas.shape[0] - height))
        return cls(text, x, y, width, height, unit)

    def moved_clear_of(self, others: Sequence[_Label], image_height_px: int) -> _Label:
        """The nearest position above, else below, where it touches no other label; itself when there is none."""
        step = max(1, round(2 * self.unit))
        below = range(self.y, image_height_px - self.height + 1, step)
        for y in (*range(self.y, -1, -step), *below):
            moved = replace(self, y=y)
            if not any(moved.touches(other) for other in others):
                return moved
        return self

    def touches(self, other: _Label) -> bool:
        """Whether the rectangles overlap."""
        apart_x = self.x + self.width <= other.x or other.x + other.width <= self.x
        apart_y = self.y + self.height <= other.y or other.y + other.height <= self.y
        return not (apart_x or apart_y)

    def draw(self, canvas: ImageArray, color: Bgr, *, faded: bool) -> None:
        """Draw it, half transparent when faded."""
        area = canvas[self.y : self.y + self.height, self.x : self.x + self.width]
        area[:] = cv2.addWeighted(area, 0.5, np.full_like(area, color), 0.5, 0) if faded else color
        foot = (self.x + round(4 * self.unit), self.y + self.height - round(6 * self.unit))
        thickness = max(1, round(0.75 * self.unit))
        cv2.putText(canvas, self.text, foot, _FONT, _FONT_SCALE * self.unit, _OUTLINE, thickness, cv2.LINE_AA)
