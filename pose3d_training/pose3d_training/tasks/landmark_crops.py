"""Rendered people as a landmark net meets them: images with one person each, before robots and surveillance cameras."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.augment import photograph
from pose3d_training.synthetic.background import procedural_background
from pose3d_training.synthetic.body_points import BODY_POINTS, body_points_m
from pose3d_training.synthetic.everyday_poses import everyday_pose
from pose3d_training.synthetic.figure import Figure, PosedFigure, make_figure
from pose3d_training.synthetic.motion import evaluation_clips, training_clips
from pose3d_training.synthetic.pose_sampling import SampledPose
from pose3d_training.synthetic.renderer import Light, Mesh, Renderer
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sprites import EVAL_LOOK, EVAL_PERSON, box_of, rectangle_of
from pose3d_training.synthetic.texture import Appearance

_POSES_PER_CAMERA, _CAMERAS_PER_FIGURE = 4, 2
_IMAGE_SIZES = ((640, 480), (640, 360), (480, 640))
_OCCLUDED = 0.25
_NEAR_M, _FAR_M = 1.2, 12.0
_BACKGROUND_SHRINK = 2
_MIN_SEEN_POINTS = 0.35
"""Share of the body's points in the image: of less a detector does not know a person."""
_HEADS = [BODY_POINTS.index(name) for name in ("Head", "Thorax")]


@dataclass(frozen=True, eq=False)
class RenderedPerson:
    """image_bgr (H, W, 3) uint8 of a camera K (3, 3); points_cam_m (31, 3): of BODY_POINTS; kind: of the pose."""

    image_bgr: ImageArray
    K: Array
    points_cam_m: Array
    kind: str
    occluded: bool

    def pixels(self) -> Array:
        """The points (31, 2) in the image."""
        at = self.points_cam_m
        return np.asarray(at[:, :2] / at[:, 2:] @ self.K[:2, :2].T + self.K[:2, 2])


def rendered_people(assets: Path, seed: int, split: str) -> Iterator[RenderedPerson]:
    """Endless people; those of the splits `train` and `eval` share no body, outfit or clip."""
    rng = np.random.default_rng([seed, 7, split == "eval"])
    clips = training_clips(assets) if split == "train" else evaluation_clips(assets)
    first = (seed * 100_003, 0) if split == "train" else (EVAL_PERSON + seed * 100_003, EVAL_LOOK)
    renderer = Renderer()
    for number in range(100_000):
        figure = make_figure(assets, first[0] + number)
        look = Appearance.random(first[1] + number, figure.shape.gender, figure.shape.age, printed=False)
        mesh = renderer.mesh(figure, look, first[1] + number)
        for _ in range(_CAMERAS_PER_FIGURE):
            view, light = random_view(rng), Light.random(rng)
            small = view.K * [[1 / _BACKGROUND_SHRINK], [1 / _BACKGROUND_SHRINK], [1]]
            size = view.width_px // _BACKGROUND_SHRINK, view.height_px // _BACKGROUND_SHRINK
            background = procedural_background(View(small, *size, view.cam2world), rng)
            background = np.asarray(cv2.resize(background, (view.width_px, view.height_px)), np.uint8)
            for _ in range(_POSES_PER_CAMERA):
                sampled = everyday_pose(assets, clips, figure, rng)
                yield _photographed(renderer, mesh, figure, sampled, view, light, background, rng)
        mesh.release()


def random_view(rng: np.random.Generator) -> View:
    """A robot's camera, 0.3–1.8 m high and about level, or, for every third, one that looks down from 2–5 m."""
    width, height = _IMAGE_SIZES[int(rng.integers(len(_IMAGE_SIZES)))]
    half = np.tan(np.deg2rad(rng.uniform(35.0, 100.0)) / 2)
    focal = max(width, height) / 2 / half
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    if rng.random() < 1 / 3:
        high, pitch = rng.uniform(2.0, 5.0), rng.uniform(10, 45)
    else:
        high, pitch = rng.uniform(0.3, 1.8), rng.normal(2, 8)
    return view_at(K, width, height, float(high), float(np.deg2rad(pitch)), float(np.deg2rad(rng.normal(0, 3))))


def _photographed(
    renderer: Renderer, mesh: Mesh, figure: Figure, sampled: SampledPose, view: View, light: Light,
    background: ImageArray, rng: np.random.Generator,
) -> RenderedPerson:  # fmt: skip
    posed, points = _placed(figure, sampled, view, rng)
    image = background.copy()
    box = box_of(view, posed.vertices_m)
    at = rectangle_of(box, view) if box is not None else None
    if at is not None:
        part = view.crop(at.x0, at.y0, at.x1 - at.x0, at.y1 - at.y0)
        rgba, _ = renderer.draw(mesh, posed, part, light)
        alpha = rgba[..., 3:].astype(np.float32) / 255
        target = image[at.y0 : at.y1, at.x0 : at.x1]
        target[:] = (target + alpha * (rgba[..., 2::-1].astype(np.float32) - target)).astype(np.uint8)
    person = RenderedPerson(image, view.K, view.to_cam(points), sampled.kind, bool(rng.random() < _OCCLUDED))
    if person.occluded:
        _occlude(image, person.pixels(), background, rng)
    return RenderedPerson(photograph(image, rng), person.K, person.points_cam_m, person.kind, person.occluded)


def _placed(figure: Figure, sampled: SampledPose, view: View, rng: np.random.Generator) -> tuple[PosedFigure, Array]:
    """Somewhere in view on the floor, mostly whole."""
    heading = rng.uniform(-np.pi, np.pi)
    posed = figure.pose(sampled.turned, 0.0, 0.0, heading, sampled.clearance_m)
    c, s = np.cos(heading), np.sin(heading)
    points = body_points_m(figure, sampled.turned) @ np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]).T
    points = points + posed.joints_m[0] - points[0]
    least = rng.uniform(_MIN_SEEN_POINTS, 1.0) ** 0.5
    for tried in range(400):
        away = float(np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M))))
        u = rng.uniform(0.0, 1.0) * view.width_px
        shift = np.array([(u - view.K[0, 2]) / view.K[0, 0] * away, 0.0, -away])
        cam = view.to_cam(points + shift)
        if cam[:, 2].min() < 0.4:
            continue
        pixel = view.project(cam)
        inside = np.asarray(((pixel > 0) & (pixel < [view.width_px - 1, view.height_px - 1])).all(axis=1))
        if tried == 399 or (inside.mean() >= min(least, 1.0 - tried / 400) and inside[_HEADS].any()):
            break
    moved = posed.moved(shift)
    return moved, points + shift


def _occlude(image: ImageArray, pixels: Array, background: ImageArray, rng: np.random.Generator) -> None:
    """Something flat before a part of the person: from below, like a table, or from a side, like a door."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    size = np.maximum(high - low, 1.0)
    kind = rng.integers(3)
    share = rng.uniform(0.15, 0.5)
    x0, y0, x1, y1 = low[0] - size[0], low[1] - size[1], high[0] + size[0], high[1] + size[1]
    if kind == 0:
        y0, y1 = high[1] - share * size[1], high[1] + rng.uniform(0, 1) * size[1]
    elif kind == 1:
        x0 = high[0] - share * size[0]
    else:
        x1 = low[0] + share * size[0]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    corners = corners + rng.normal(0, 0.05, (4, 2)) * size
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.clip(np.rint(corners), -5000, 5000).astype(np.int32), 255)
    color = rng.uniform(20, 235, 3)
    texture = np.clip(color + 0.4 * (background[::-1, ::-1].astype(np.float32) - 128), 0, 255).astype(np.uint8)
    image[mask > 0] = texture[mask > 0]
