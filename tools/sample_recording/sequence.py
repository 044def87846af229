"""Videos of several people before one camera that stands still, with exact joints, boxes and visibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.figure import Figure, PosedFigure
from pose3d_training.synthetic.renderer import Light, Mesh, Renderer
from pose3d_training.synthetic.scene_camera import View
from pose3d_training.synthetic.sprites import box_of
from pose3d_training.synthetic.texture import Appearance
from sample_recording.room import Room
from sample_recording.walk import Walk

_SHADOW_SCALE = 0.5
_SHADOW_BLUR_PX = 2.0
_SOLID = 0.5
"""Share of a pixel that a body covers, above which its depth is the body's."""


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
    """image_bgr (H, W, 3) uint8, depth_m (H, W) along the optical axis, and the people by track_id."""

    image_bgr: ImageArray
    depth_m: Array32
    people: tuple[PersonGroundTruth, ...]


@dataclass(frozen=True, eq=False)
class _Layer:
    """A person alone on the whole image: color (H, W, 3) BGR and alpha (H, W) in 0–1, depth_m, and all its alpha."""

    color: Array32
    alpha: Array32
    depth_m: Array32
    whole: float


class SequenceRenderer:
    """Draws the frames of a video of actors in a room."""

    def __init__(self, renderer: Renderer, view: View, room: Room, light: Light, actors: Sequence[Actor]) -> None:
        self._renderer, self._view, self._room, self._light = renderer, view, room, light
        self._actors = tuple(actors)
        self._meshes = [renderer.mesh(a.figure, a.look, a.track_id) for a in self._actors]

    def close(self) -> None:
        """Free the device's memory."""
        for mesh in self._meshes:
            mesh.release()

    def frame(self, index: int) -> SequenceFrame:
        """The image and the ground truth at a frame of the walks."""
        posed = [actor.walk.pose(actor.figure, index) for actor in self._actors]
        image = self._room.image * self._shade(posed)[:, :, None]
        layers = [self._layer(mesh, pose) for mesh, pose in zip(self._meshes, posed, strict=True)]
        image, seen = composite(image, layers)
        people = tuple(
            self._ground_truth(actor, pose, float(part) / max(layer.whole, 1e-6))
            for actor, pose, part, layer in zip(self._actors, posed, seen, layers, strict=True)
        )
        bodies = [np.where(layer.alpha > _SOLID, layer.depth_m, np.float32(np.inf)) for layer in layers]
        depth_m = np.min([self._room.depth_m, *bodies], axis=0)
        return SequenceFrame(np.asarray(np.clip(np.rint(image), 0, 255), dtype=np.uint8), depth_m, people)

    def _ground_truth(self, actor: Actor, posed: PosedFigure, visible: float) -> PersonGroundTruth:
        whole = _whole_box(self._view, posed)
        limit = np.array([self._view.width_px, self._view.height_px] * 2) - 0.5
        return PersonGroundTruth(
            actor.track_id, self._view.to_cam(posed.joints_m), whole, np.clip(whole, -0.5, limit), min(visible, 1.0)
        )

    def _layer(self, mesh: Mesh, posed: PosedFigure) -> _Layer:
        """The person in its whole box, then cut to the image."""
        w, h = self._view.width_px, self._view.height_px
        box = _whole_box(self._view, posed)
        x0, y0 = np.maximum(np.floor(box[:2]).astype(int), [-w, -h])
        x1, y1 = np.minimum(np.ceil(box[2:]).astype(int) + 1, [2 * w, 2 * h])
        rgba, depth_m = self._renderer.draw(mesh, posed, self._view.crop(x0, y0, x1 - x0, y1 - y0), self._light)
        out = _Layer(
            np.zeros((h, w, 3), np.float32),
            np.zeros((h, w), np.float32),
            np.full((h, w), np.inf, np.float32),
            float(rgba[:, :, 3].sum(dtype=np.float64)) / 255,
        )
        to = slice(max(y0, 0), min(y1, h)), slice(max(x0, 0), min(x1, w))
        at = slice(to[0].start - y0, to[0].stop - y0), slice(to[1].start - x0, to[1].stop - x0)
        if to[0].stop > to[0].start and to[1].stop > to[1].start:
            out.color[to], out.alpha[to] = rgba[at][:, :, 2::-1], rgba[at][:, :, 3] / np.float32(255)
            out.depth_m[to] = depth_m[at]
        return out

    def _shade(self, posed: list[PosedFigure]) -> Array32:
        """Factor (H, W) of the light that the people leave on the floor."""
        w, h = self._view.width_px, self._view.height_px
        scale = np.diag([_SHADOW_SCALE, _SHADOW_SCALE, 1.0])
        scale[:2, 2] = 0.5 * _SHADOW_SCALE - 0.5
        small = View(scale @ self._view.K, int(w * _SHADOW_SCALE), int(h * _SHADOW_SCALE), self._view.cam2world)
        left = np.ones((small.height_px, small.width_px), np.float32)
        for direction, strength in self._room.lamps:
            taken = np.zeros_like(left)
            for mesh, pose in zip(self._meshes, posed, strict=True):
                rgba, _ = self._renderer.draw(mesh, _on_floor(pose, direction), small, self._light)
                np.maximum(taken, rgba[:, :, 3] / np.float32(255), out=taken)
            left -= np.float32(strength) * cv2.GaussianBlur(taken, (0, 0), _SHADOW_BLUR_PX)
        full = cv2.resize(left, (w, h), interpolation=cv2.INTER_LINEAR)
        return np.asarray(np.where(self._room.floor, full, np.float32(1)), dtype=np.float32)


def composite(image: Array32, layers: Sequence[_Layer]) -> tuple[Array32, Array]:
    """Lay people over an image (H, W, 3), at every pixel the farthest first; also how much alpha of each is seen."""
    order = np.argsort(-np.stack([layer.depth_m for layer in layers]), axis=0, kind="stable")
    seen = np.zeros((len(layers), *image.shape[:2]), np.float32)
    image = image.copy()
    for rank in range(len(layers)):
        for i, layer in enumerate(layers):
            here = (order[rank] == i) & (layer.alpha > 0)
            alpha = layer.alpha[here]
            image[here] += alpha[:, None] * (layer.color[here] - image[here])
            seen[:, here] *= 1 - alpha
            seen[i, here] = alpha
    return image, np.asarray(seen.sum(axis=(1, 2), dtype=np.float64))


def _on_floor(posed: PosedFigure, direction: Array) -> PosedFigure:
    """The mesh pressed flat on the floor by light from a direction (3,) towards the lamp."""
    drop = posed.vertices_m[:, 1:2] / np.float32(direction[1])
    flat = posed.vertices_m - drop * direction.astype(np.float32)
    return PosedFigure(flat, posed.normals, posed.joints_m)


def _whole_box(view: View, posed: PosedFigure) -> Array:
    box = box_of(view, posed.vertices_m)
    if box is None:
        raise InputError(
            "a person of the video",
            expected="a position in front of the camera",
            got="one behind it",
            fix="Choose other waypoints.",
        )
    return box.astype(np.float64)
