"""The scene from above in metres: grid, camera, people, and where they have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, Bgr, bgr, person_bgr
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array, ImageArray

_GROUND: Bgr = (30, 22, 17)
_GRID: Bgr = (58, 46, 38)
_AXIS: Bgr = (96, 80, 68)
_TEXT: Bgr = (176, 164, 154)
_FRUSTUM: Bgr = (44, 33, 26)
_SHIFT = 4
_DEPTH_MARGIN_M = 1.0
_BEHIND_M = 0.6
_MIN_DEPTH_M = 4.0
# At a height of 480 px.
_TEXT_HEIGHT, _LEGEND_FOOT = 11, 10


@dataclass(frozen=True)
class TopView:
    """A drawing plane over the floor: x to the right, z (away from the camera) upwards, equal scale.

    width_px, height_px: size of the image. depth_m: z at its upper edge.
    """

    width_px: int
    height_px: int
    depth_m: float

    @classmethod
    def around(cls, roots_cam_m: Array, width_px: int, height_px: int, *, share: float = 1.0) -> TopView:
        """The view that holds these roots (N, 3), camera space, metres. share: of them, the nearest ones."""
        finite = roots_cam_m[np.isfinite(roots_cam_m).all(axis=-1)] if len(roots_cam_m) else roots_cam_m
        reach_m = float(np.quantile(finite[:, 2], share)) if len(finite) else 0.0
        half_width_m = float(np.quantile(np.abs(finite[:, 0]), share)) if len(finite) else 0.0
        by_width_m = 2 * (half_width_m + 0.5) * height_px / width_px - _BEHIND_M
        return cls(width_px, height_px, max(_MIN_DEPTH_M, reach_m + _DEPTH_MARGIN_M, by_width_m))

    @property
    def px_per_m(self) -> float:
        """Scale of the drawing."""
        return self.height_px / (self.depth_m + _BEHIND_M)

    def holds(self, roots_cam_m: Array) -> bool:
        """Whether all of these roots (N, 3) are on the image; NaN ones count as there."""
        px = self.to_px(roots_cam_m)
        return not ((px < 0) | (px > (self.width_px, self.height_px))).any()

    def to_px(self, points_cam_m: Array) -> Array:
        """Points (..., 3) in camera space to pixels (..., 2) of the image; the height is dropped."""
        x = self.width_px / 2 + points_cam_m[..., 0] * self.px_per_m
        y = self.height_px - (points_cam_m[..., 2] + _BEHIND_M) * self.px_per_m
        return np.stack([x, y], axis=-1)


def draw_top_view(
    view: TopView,
    people: Sequence[Person],
    *,
    camera: Camera | None = None,
    trails_cam_m: Mapping[int, Array] | None = None,
    ground_truth: Sequence[Person] = (),
) -> ImageArray:
    """An image (height_px, width_px, 3) BGR of the people from above.

    trails_cam_m: id → roots (N, 3) of the past, oldest first, drawn fading. ground_truth: as gray rings.
    camera: its field of view is drawn. Points that are NaN are left out.
    """
    canvas = np.full((view.height_px, view.width_px, 3), _GROUND, dtype=np.uint8)
    if camera is not None:
        _draw_frustum(canvas, view, camera)
    _draw_grid(canvas, view)
    for track_id, trail in (trails_cam_m or {}).items():
        _draw_trail(canvas, view, trail, person_bgr(track_id))
    unit = view.height_px / 480
    for person in ground_truth:
        _circle(canvas, view.to_px(person.pose.root_cam_m), 9 * unit, bgr(GROUND_TRUTH_HEX), max(1, round(1.4 * unit)))
    for person in people:
        if person.state != TrackState.LOST:
            _draw_person(canvas, view, person)
    _draw_legend(canvas, view, with_ground_truth=bool(ground_truth))
    return canvas


def _draw_frustum(canvas: ImageArray, view: TopView, camera: Camera) -> None:
    edges_px = np.array([[-0.5, camera.height_px / 2], [camera.width_px - 0.5, camera.height_px / 2]])
    far_m = camera.rays(edges_px) * (view.depth_m * 1.5)
    corners = view.to_px(np.concatenate([np.zeros((1, 3)), far_m]))
    if np.isfinite(corners).all():
        cv2.fillPoly(canvas, [_fixed(corners)], _FRUSTUM, cv2.LINE_AA, _SHIFT)


def _draw_grid(canvas: ImageArray, view: TopView) -> None:
    unit = view.height_px / 480
    half_m = view.width_px / view.px_per_m / 2
    step_m = _grid_step_m(view)
    for x in range(-int(half_m / step_m) * step_m, int(half_m) + 1, step_m):
        _segment(canvas, view, (x, -_BEHIND_M), (x, view.depth_m), _AXIS if x == 0 else _GRID)
    for z in range(0, int(view.depth_m) + 1, step_m):
        _segment(canvas, view, (-half_m, z), (half_m, z), _AXIS if z == 0 else _GRID)
        x_px, y_px = view.to_px(np.array([-half_m, 0.0, z]))
        foot_px = int(y_px - 5 * unit)
        # Neither cut off by the image's upper edge nor on the legend.
        if _TEXT_HEIGHT * unit <= foot_px <= view.height_px - (_LEGEND_FOOT + 1.2 * _TEXT_HEIGHT) * unit:
            _text(canvas, f"{z} m", (int(x_px + 6 * unit), foot_px), unit)
    camera_px = view.to_px(np.array([[-0.16, 0, -0.2], [0.16, 0, -0.2], [0.0, 0, 0.08]]))
    cv2.fillPoly(canvas, [_fixed(camera_px)], _TEXT, cv2.LINE_AA, _SHIFT)


def _segment(
    canvas: ImageArray, view: TopView, a_xz_m: tuple[float, float], b_xz_m: tuple[float, float], color: Bgr
) -> None:
    _line(canvas, view.to_px(np.array([[a_xz_m[0], 0.0, a_xz_m[1]], [b_xz_m[0], 0.0, b_xz_m[1]]])), color, 1)


def _draw_trail(canvas: ImageArray, view: TopView, trail_cam_m: Array, color: Bgr) -> None:
    points = view.to_px(trail_cam_m)
    thickness = max(1, round(view.height_px / 300))
    for i in range(len(points) - 1):
        _line(canvas, points[i : i + 2], _mixed(color, 0.15 + 0.65 * (i + 1) / len(points)), thickness)


def _draw_person(canvas: ImageArray, view: TopView, person: Person) -> None:
    predicted = person.state == TrackState.PREDICTED
    color = _mixed(person_bgr(person.track_id), 0.45) if predicted else person_bgr(person.track_id)
    unit = view.height_px / 480
    joints_px = view.to_px(person.pose.joints_cam_m)
    for edge in person.pose.skeleton.edges:
        _line(canvas, joints_px[list(edge)], _mixed(color, 0.7), max(1, round(1.3 * unit)))
    root_px = view.to_px(person.pose.root_cam_m)
    if not view.holds(person.pose.root_cam_m[None]):
        _draw_beyond(canvas, view, person, color)
    elif np.isfinite(root_px).all():
        _circle(canvas, root_px, 5.5 * unit, color, max(1, round(1.5 * unit)) if predicted else cv2.FILLED)
        right_px = float(np.nanmax([root_px[0] + 5.5 * unit, *joints_px[:, 0]]))  # beside the skeleton, not on it
        label_px = (int(right_px + 4 * unit), int(root_px[1] - 7 * unit))
        _label(canvas, person, label_px, unit, color)


def _draw_beyond(canvas: ImageArray, view: TopView, person: Person, color: Bgr) -> None:
    """A triangle at the edge of the image, in whose direction the person is, with the distance."""
    unit = view.height_px / 480
    size = np.array([view.width_px, view.height_px])
    inside = np.clip(view.to_px(person.pose.root_cam_m), 8 * unit, size - 8 * unit)
    ahead = view.to_px(person.pose.root_cam_m) - inside
    ahead = ahead / np.linalg.norm(ahead) * 6 * unit
    across = ahead[::-1] * [0.8, -0.8]
    cv2.fillPoly(
        canvas, [_fixed(np.array([inside + ahead, inside + across, inside - across]))], color, cv2.LINE_AA, _SHIFT
    )
    left_px = min(int(inside[0] + 9 * unit), view.width_px - round(90 * unit))
    label_px = (left_px, max(int(inside[1] + 4 * unit), round(14 * unit)))
    _label(canvas, person, label_px, unit, color)


def _label(canvas: ImageArray, person: Person, at_px: tuple[int, int], unit: float, color: Bgr) -> None:
    _text(canvas, f"P{person.track_id}  {person.pose.root_cam_m[2]:.1f} m", at_px, unit, color)


def _draw_legend(canvas: ImageArray, view: TopView, *, with_ground_truth: bool) -> None:
    unit = view.height_px / 480
    y = view.height_px - round(_LEGEND_FOOT * unit)
    _text(canvas, f"from above, {_grid_step_m(view)} m grid", (round(10 * unit), y), unit)
    if with_ground_truth:
        x = view.width_px - round(110 * unit)
        _circle(canvas, np.array([x, y - round(4 * unit)]), 5 * unit, bgr(GROUND_TRUTH_HEX), max(1, round(1.4 * unit)))
        _text(canvas, "ground truth", (x + round(12 * unit), y), unit)


def _grid_step_m(view: TopView) -> int:
    return 1 if view.depth_m <= 10 else 2 if view.depth_m <= 20 else 5


def _mixed(color: Bgr, share: float) -> Bgr:
    blue, green, red = (round(c * share + g * (1 - share)) for c, g in zip(color, _GROUND, strict=True))
    return blue, green, red


def _line(canvas: ImageArray, ends_px: Array, color: Bgr, thickness: int) -> None:
    """A line between two points (2, 2), none when an end is NaN."""
    if np.isfinite(ends_px).all():
        a, b = _fixed(ends_px).tolist()
        cv2.line(canvas, a, b, color, thickness, cv2.LINE_AA, _SHIFT)


def _circle(canvas: ImageArray, center_px: Array, radius_px: float, color: Bgr, thickness: int) -> None:
    """A circle round a point (2,), none when that is NaN."""
    if np.isfinite(center_px).all():
        center, radius = _fixed(center_px).tolist(), round(radius_px * 2**_SHIFT)
        cv2.circle(canvas, center, radius, color, thickness, cv2.LINE_AA, _SHIFT)


def _fixed(points_px: Array) -> npt.NDArray[np.int32]:
    limit = 1 << 24
    fixed: npt.NDArray[np.int32] = np.clip(np.round(points_px * 2**_SHIFT), -limit, limit).astype(np.int32)
    return fixed


def _text(canvas: ImageArray, text: str, at_px: tuple[int, int], unit: float, color: Bgr = _TEXT) -> None:
    thickness = max(1, round(0.8 * unit))
    cv2.putText(canvas, text, at_px, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * unit, color, thickness, cv2.LINE_AA)
