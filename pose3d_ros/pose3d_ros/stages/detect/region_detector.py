"""MediaPipe's pose detector: the regions of people who fill much of a square view, with size and roll (BlazePose).

It was made for one or two people who fill the image. On parts of an image it also finds smaller ones.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.region_views import MOST_BENT, RegionViews
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.entry_checks import check_decoder, crop_size_px, normalization_of
from pose3d_ros.stages.io_matching import BoundEngine, RawOutputs, image_port, port
from pose3d_ros.stages.proposals import Proposals, grouped
from pose3d_ros.types import Array

DECODER = "mediapipe_detector"
_INPUT_PX = 224
_STRIDES = ((8, 2), (16, 2), (32, 6))
"""Stride in pixels, and anchors to a cell (pose_detection_cpu.pbtxt, SsdAnchorsCalculator)."""
_ALIKE = 0.4
"""Distance of anchors' answers in a view that are of one person, and averaged as MediaPipe does."""
_LEAST_SHARE = 0.5
"""Of a person, as far as the image shows it, that a view has to show: the rest is guessed, and is seen by another."""
_LEAST_SIZE = 0.2
"""Side of a region by that of its view: what is found smaller is hardly ever a person."""


def _anchors_px() -> Array:
    """(2254, 2), their middles in input pixels from its left and top edge."""
    levels = []
    for stride, count in _STRIDES:
        line = (np.arange(_INPUT_PX // stride) + 0.5) * stride
        cells = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
        levels.append(np.repeat(cells, count, axis=0))
    return np.concatenate(levels)


ANCHORS_PX = _anchors_px()


class RegionDetector:
    """model: of the decoder `mediapipe_detector`. Raises EngineError for another one, or one that does not fit it."""

    def __init__(self, model: RoleEngine) -> None:
        check_decoder(model.entry, (DECODER,))
        self._size_px = crop_size_px(model.entry, square=True)[0]
        self._normalization = normalization_of(model.entry)
        count = len(ANCHORS_PX)
        outputs = [port("boxes", None, count, 12), port("logits", None, count, 1)]
        self._bound = BoundEngine(model, [image_port(model.entry)], outputs)

    def __call__(self, camera: Camera, image: FrameImage, views: Regions, threshold: float) -> Proposals:
        """Who is in views of the camera's image, from that score on: once for each view that shows most.

        A view as large as the image shows it as it is; smaller ones are turned to what they show where the lens bends
        it. Raises EngineError.
        """
        if not len(views):
            return Proposals.none()
        whole = views.sides_px >= max(camera.width_px, camera.height_px)
        seen = RegionViews.of(camera, views, self._size_px, np.where(whole, np.inf, MOST_BENT))
        raw = self._bound.infer({"image": image.views(seen, self._normalization)})
        found = []
        for i, (points_px, scores) in enumerate(decode_regions(raw, threshold)):
            view = seen.chosen(np.array([i]))
            hips_px, top_px = view.crop2img(points_px.reshape(1, -1, 2))[0].reshape(-1, 2, 2).transpose(1, 0, 2)
            found.append(_people_of_view(camera, view.regions, hips_px, top_px, scores))
        return Proposals.concatenated(found)


def decode_regions(raw: RawOutputs, threshold: float) -> list[tuple[Array, Array]]:
    """Of each view: keypoints (M, 2, 2), hips and top, in its pixels, and scores (M,), of anchors from a score on.

    raw: `boxes` (V, 2254, 12), offsets from the anchors in input pixels: the box's middle, its size, four keypoints,
    of which the first two are read. `logits` (V, 2254, 1).
    """
    logits = np.asarray(raw["logits"], dtype=np.float64)[..., 0]
    least = np.log(threshold / (1.0 - threshold))
    views = []
    for boxes, of_anchors in zip(raw["boxes"], logits, strict=True):
        at = np.flatnonzero(of_anchors >= least)
        # Pixel centers are integers here, so the first pixel's middle, half a pixel from the edge, is 0.
        points = boxes[at, 4:8].astype(np.float64).reshape(-1, 2, 2) + ANCHORS_PX[at, None] - 0.5
        views.append((points, 1.0 / (1.0 + np.exp(-of_anchors[at]))))
    return views


def _people_of_view(camera: Camera, view: Regions, hips_px: Array, top_px: Array, scores: Array) -> Proposals:
    """One proposal of each person: the mean of the anchors' answers, weighted by their scores; the best one's score."""
    usable = np.isfinite(hips_px).all(axis=1) & np.isfinite(top_px).all(axis=1)
    usable &= np.linalg.norm(top_px - hips_px, axis=1) > 1.0
    hips_px, top_px, scores = hips_px[usable], top_px[usable], scores[usable]
    answers = _proposals(Regions.from_keypoints(hips_px, top_px), scores, scores)
    groups = grouped(answers, _ALIKE)
    means = [np.average(np.stack([hips_px[g], top_px[g]]), axis=1, weights=scores[g]) for g in groups]
    means_px = np.array(means).reshape(-1, 2, 2)
    best = np.array([scores[group[0]] for group in groups])
    regions = Regions.from_keypoints(means_px[:, 0], means_px[:, 1])
    shares = _shown_shares(camera, view, regions)
    people = _proposals(regions, best, best * shares)
    return people.chosen((shares >= _LEAST_SHARE) & (regions.sides_px >= _LEAST_SIZE * view.sides_px))


def _proposals(regions: Regions, scores: Array, ranks: Array) -> Proposals:
    return Proposals(regions, scores, regions.bodies_xyxy_px(), ranks, np.ones(len(scores), dtype=np.bool_))


def _shown_shares(camera: Camera, view: Regions, regions: Regions) -> Array:
    """(N,), the share that a view shows of what the image shows of each person's square."""
    edges = np.array([-0.5, -0.5, camera.width_px - 0.5, camera.height_px - 0.5])
    corners = view.corners_px()[0]
    bodies = _cut(regions.bodies_xyxy_px(), edges)
    shown = _cut(bodies, np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
    shares: Array = _areas(shown) / np.maximum(_areas(bodies), 1e-9)
    return shares


def _cut(boxes_xyxy: Array, edges_xyxy: npt.NDArray[np.float64]) -> Array:
    low = np.maximum(boxes_xyxy[:, :2], edges_xyxy[:2])
    return np.concatenate([low, np.maximum(np.minimum(boxes_xyxy[:, 2:], edges_xyxy[2:]), low)], axis=1)


def _areas(boxes_xyxy: Array) -> Array:
    areas: Array = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)
    return areas
