"""Videos of several people who walk before a camera, with exact joints, boxes and visibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.figure import Figure, PosedFigure
from pose3d_training.synthetic.renderer import Light, Mesh, Renderer
from pose3d_training.synthetic.scene_camera import View
from pose3d_training.synthetic.sprites import box_of
from pose3d_training.synthetic.texture import Appearance
from pose3d_training.synthetic.walk import Walk

_SHADOW_SCALE = 0.5
_SHADOW_BLUR_PX = 2.0
_SOLID = 0.5
"""Share of a pixel that a body covers, above which its depth is the body's."""
_BEHIND_M = 0.05
"""A body farther than a thing by more than this is hidden by it; feet stand on the floor and on rugs."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """All but the people, as one camera sees it.

    image (H, W, 3) float32 BGR in 0–255. depth_m (H, W): along the optical axis; nearer things hide people. floor
    (H, W): where the floor is seen. lamps: directions (3,) towards the lights that people shade, and how dark their
    shadow is.
    """

    image: Array32
    depth_m: Array32
    floor: BoolArray
    lamps: tuple[tuple[Array, float], ...]


@dataclass(frozen=True, eq=False)
class Actor:
    """A person of the video; track_id counts from 1."""

    track_id: int
    figure: Figure
    look: Appearance
    walk: Walk


@dataclass(frozen=True, eq=False)
class PersonGroundTruth:
    """The ground truth of a person in a frame.

    joints_cam_m (J, 3): SYNTH_JOINTS in the camera's optical frame. whole_box_px (4,): x0, y0, x1, y1 of the whole
    silhouette, hidden parts and those beyond the image included; box_px: the same clipped to the image (edges; pixel
    centers are integers). visible: share of the whole silhouette that the image shows.
    """

    track_id: int
    joints_cam_m: Array
    whole_box_px: Array
    box_px: Array
    visible: float


@dataclass(frozen=True, eq=False)
class SequenceFrame:
    """image_bgr (H, W, 3) uint8, depth_m (H, W) along the optical axis, and the people in the image by track_id."""

    image_bgr: ImageArray
    depth_m: Array32
    people: tuple[PersonGroundTruth, ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """A person alone on the whole image: color (H, W, 3) BGR and alpha (H, W) in 0–1, depth_m, and all its alpha."""

    color: Array32
    alpha: Array32
    depth_m: Array32
    whole: float


@dataclass(frozen=True, eq=False)
class _Seen:
    """An actor who is in the image: where, and the box (4,) of the whole silhouette."""

    actor: Actor
    mesh: Mesh
    posed: PosedFigure
    box_px: Array


class SequenceRenderer:
    """Draws the frames of a video of actors."""

    def __init__(self, renderer: Renderer, light: Light, actors: Sequence[Actor]) -> None:
        self._renderer, self._light = renderer, light
        self._actors = tuple(actors)
        self._meshes = [renderer.mesh(a.figure, a.look, a.track_id) for a in self._actors]

    def close(self) -> None:
        """Free the device's memory."""
        for mesh in self._meshes:
            mesh.release()

    def frame(self, index: int, view: View, backdrop: Backdrop) -> SequenceFrame:
        """The image and the ground truth at a frame of the walks."""
        cast = self._cast(index, view)
        image = backdrop.image * self._shade(cast, view, backdrop)[:, :, None]
        layers = [self._layer(one, view, backdrop) for one in cast]
        image, seen = composite(image, layers)
        people = tuple(
            _ground_truth(one, view, float(part) / max(layer.whole, 1e-6))
            for one, part, layer in zip(cast, seen, layers, strict=True)
        )
        bodies = [np.where(layer.alpha > _SOLID, layer.depth_m, np.float32(np.inf)) for layer in layers]
        depth_m = np.min([backdrop.depth_m, *bodies], axis=0)
        return SequenceFrame(np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8), depth_m, people)

    def _cast(self, index: int, view: View) -> list[_Seen]:
        """Who is in the image."""
        cast = []
        for actor, mesh in zip(self._actors, self._meshes, strict=True):
            posed = actor.walk.pose(actor.figure, index)
            box = box_of(view, posed.vertices_m)
            if box is not None and (box[2:] > 0).all() and (box[:2] < (view.width_px - 1, view.height_px - 1)).all():
                cast.append(_Seen(actor, mesh, posed, box.astype(np.float64)))
        return cast

    def _layer(self, one: _Seen, view: View, backdrop: Backdrop) -> Layer:
        """The person in its whole box, then cut to the image and to what things leave of it."""
        w, h = view.width_px, view.height_px
        x0, y0 = np.maximum(np.floor(one.box_px[:2]).astype(int), [-w, -h])
        x1, y1 = np.minimum(np.ceil(one.box_px[2:]).astype(int) + 1, [2 * w, 2 * h])
        rgba, depth_m = self._renderer.draw(one.mesh, one.posed, view.crop(x0, y0, x1 - x0, y1 - y0), self._light)
        out = Layer(
            np.zeros((h, w, 3), np.float32),
            np.zeros((h, w), np.float32),
            np.full((h, w), np.inf, np.float32),
            float(rgba[:, :, 3].sum(dtype=np.float64)) / 255,
        )
        to = slice(max(y0, 0), min(y1, h)), slice(max(x0, 0), min(x1, w))
        at = slice(to[0].start - y0, to[0].stop - y0), slice(to[1].start - x0, to[1].stop - x0)
        out.color[to], out.depth_m[to] = rgba[at][:, :, 2::-1], depth_m[at]
        before = depth_m[at] < backdrop.depth_m[to] + _BEHIND_M
        out.alpha[to] = np.where(before, rgba[at][:, :, 3] / np.float32(255), np.float32(0))
        return out

    def _shade(self, cast: list[_Seen], view: View, backdrop: Backdrop) -> Array32:
        """Factor (H, W) of the light that the people leave on the floor."""
        w, h = view.width_px, view.height_px
        scale = np.diag([_SHADOW_SCALE, _SHADOW_SCALE, 1.0])
        scale[:2, 2] = 0.5 * _SHADOW_SCALE - 0.5
        small = View(scale @ view.K, int(w * _SHADOW_SCALE), int(h * _SHADOW_SCALE), view.cam2world)
        left = np.ones((small.height_px, small.width_px), np.float32)
        for direction, strength in backdrop.lamps:
            taken = np.zeros_like(left)
            for one in cast:
                rgba, _ = self._renderer.draw(one.mesh, _on_floor(one.posed, direction), small, self._light)
                np.maximum(taken, rgba[:, :, 3] / np.float32(255), out=taken)
            left -= np.float32(strength) * cv2.GaussianBlur(taken, (0, 0), _SHADOW_BLUR_PX)
        full = cv2.resize(left, (w, h), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.where(backdrop.floor, full, np.float32(1)), dtype=np.float32)


def _ground_truth(one: _Seen, view: View, visible: float) -> PersonGroundTruth:
    limit = np.array([view.width_px, view.height_px] * 2) - 0.5
    return PersonGroundTruth(
        one.actor.track_id,
        view.to_cam(one.posed.joints_m),
        one.box_px,
        np.clip(one.box_px, -0.5, limit),
        min(visible, 1.0),
    )


def composite(image: Array32, layers: Sequence[Layer]) -> tuple[Array32, Array]:
    """Lay people over an image (H, W, 3), at every pixel the farthest first; also how much alpha of each is seen."""
    image, seen = image.copy(), np.zeros(len(layers))
    if not layers:
        return image, seen
    covered = np.logical_or.reduce([layer.alpha > 0 for layer in layers])
    order = np.argsort([-layer.depth_m[covered] for layer in layers], axis=0, kind="stable")
    alphas = np.take_along_axis(np.array([layer.alpha[covered] for layer in layers]), order, axis=0)
    colors = np.take_along_axis(np.array([layer.color[covered] for layer in layers]), order[:, :, None], axis=0)
    mixed, left = image[covered], np.ones(alphas.shape[1:], np.float32)
    for alpha, color in zip(alphas, colors, strict=True):
        mixed += alpha[:, None] * (color - mixed)
    for alpha, owner in zip(alphas[::-1], order[::-1], strict=True):
        seen += np.bincount(owner, alpha * left, minlength=len(layers))
        left *= 1 - alpha
    image[covered] = mixed
    return image, seen


def _on_floor(posed: PosedFigure, direction: Array) -> PosedFigure:
    """The mesh pressed flat on the floor by light from a direction (3,) towards the lamp."""
    drop = posed.vertices_m[:, 1:2] / np.float32(direction[1])
    flat = posed.vertices_m - drop * direction.astype(np.float32)
    return PosedFigure(flat, posed.normals, posed.joints_m)
