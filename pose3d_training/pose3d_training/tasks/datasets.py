"""Endless training samples for the detector and the pose net, cut from scenes composed on the fly.

Every augmentation here leaves depths true: mirroring, turning about the optical axis and moving the crop change
where a joint is seen, not how far it is, and the crop's size enters the root net through k (Moon 2019, eq. 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch.utils.data import IterableDataset, get_worker_info

from pose3d_ros.geometry.assemble import moon_k_m
from pose3d_ros.geometry.crop import apply_affine, aspect_box, img2crop_affine
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.augment import Occlusion, occlude, photograph
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.compose import Scene, SceneComposer, clip_box, kept_share

Float32 = npt.NDArray[np.float32]
_MIN_HEIGHT_PX, _MIN_WIDTH_PX = 25, 6
_RARE_SHARE = 0.4
"""How many of the people who lie, crouch, hang or are mostly hidden are kept: robots mostly meet the others."""
NO_OCCLUSION = Occlusion(0.0)
_PADDING_BGR = (104, 116, 124)
"""The color that normalizes to 0, which is what the detector's letterbox pads with."""


@dataclass(frozen=True, eq=False)
class PoseSample:
    """One person's crop and ground truth (after collation every field has a leading batch axis).

    image (S, S, 3) uint8 BGR. k_m (): see `moon_k_m`. joints_crop_px (J, 2): pixel centers in the crop.
    relative_depth_m (J,): to the root. root_depth_m (). inside (J,): 1 where the joint lies in crop and image.
    seen (): share of the whole body that is visible.
    """

    image: ImageArray
    k_m: np.float32
    joints_crop_px: Float32
    relative_depth_m: Float32
    root_depth_m: np.float32
    inside: Float32
    seen: np.float32


@dataclass(frozen=True, eq=False)
class DetectionSample:
    """One image with the detector's targets on its grid.

    image (H, W, 3) uint8 BGR. heat (1, h, w): Gaussians at box centers. heat_weight (1, h, w): 0 where it is
    open whether a person counts. ltrb_px (4, h, w): distances to the box edges; box_weight (1, h, w): where they count.
    """

    image: ImageArray
    heat: Float32
    heat_weight: Float32
    ltrb_px: Float32
    box_weight: Float32


def worker_rng(seed: int) -> np.random.Generator:
    """A generator of this loader process's own."""
    info = get_worker_info()
    return np.random.default_rng([seed, 0 if info is None else info.id])


class _ScenePool:
    """Composed scenes kept for a while: drawing one costs ten times as much as cutting a sample from it.

    Every `uses` samples the oldest scene gives way to a fresh one.
    """

    def __init__(self, composer: SceneComposer, rng: np.random.Generator, size: int, uses: int) -> None:
        self._composer, self._rng, self._size, self._uses = composer, rng, size, uses
        self._scenes: list[Scene] = []
        self._drawn = 0

    def draw(self) -> Scene:
        """A random scene of the pool."""
        while len(self._scenes) < self._size:
            self._scenes.append(self._composer.draw(self._rng))
        if self._drawn % self._uses == self._uses - 1:
            self._scenes.pop(0)
            self._scenes.append(self._composer.draw(self._rng))
        self._drawn += 1
        return self._scenes[int(self._rng.integers(self._size))]


class PoseSamples(IterableDataset[PoseSample]):
    """Crops of every clear enough person of endless scenes."""

    def __init__(
        self,
        composer: SceneComposer,
        skeleton: Skeleton,
        size_px: int,
        seed: int,
        *,
        augment: bool = True,
        occlusion: Occlusion = NO_OCCLUSION,
    ) -> None:
        self.occlusion = occlusion
        self.composer, self.skeleton, self.size_px, self.seed, self.augment = composer, skeleton, size_px, seed, augment
        self.order = [SYNTH_JOINTS.index(name) for name in skeleton.joints]

    def __iter__(self) -> Iterator[PoseSample]:
        rng = worker_rng(self.seed)
        pool = _ScenePool(self.composer, rng, size=96, uses=20)
        while True:
            scene = pool.draw()
            widths, heights = (scene.boxes_xyxy_px[:, 2:] - scene.boxes_xyxy_px[:, :2]).T
            clear = np.flatnonzero((scene.visible > 0.2) & (heights >= _MIN_HEIGHT_PX) & (widths >= _MIN_WIDTH_PX))
            if not len(clear):
                continue
            i = int(rng.choice(clear))
            common = scene.visible[i] > 0.5 and self._is_upright(scene.joints_cam_m[i])
            if common or rng.random() < _RARE_SHARE:
                yield self._sample(scene, i, rng)

    def _is_upright(self, joints_cam_m: Array) -> bool:
        """Head over hips over ankles, nearly: standing and walking people."""
        head, hips, *ankles = (joints_cam_m[SYNTH_JOINTS.index(n), 1] for n in ("Head", "Pelvis", "L_Ankle", "R_Ankle"))
        return bool(hips - head > 0.42 and max(ankles) - hips > 0.5)

    def _sample(self, scene: Scene, i: int, rng: np.random.Generator) -> PoseSample:
        height, width = scene.image_bgr.shape[:2]
        cut = cut_person(
            scene.image_bgr, scene.boxes_xyxy_px[i], self.size_px, rng if self.augment else None, self.occlusion
        )
        joints_cam_m = scene.joints_cam_m[i, self.order]
        joints_img = np.nan_to_num(scene.camera.project(joints_cam_m), nan=-1e4)  # what can't be seen is outside
        joints_crop = apply_affine(cut.img2crop, joints_img)
        inside = within(joints_img, width, height) & within(joints_crop, self.size_px, self.size_px)
        inside &= joints_cam_m[:, 2] > 0.1
        depth, root = joints_cam_m[:, 2], joints_cam_m[self.skeleton.root, 2]
        order = flip_order(self.skeleton, cut.mirrored)
        return PoseSample(
            cut.image,
            np.float32(moon_k_m(cut.square[None], scene.camera.fx_px, scene.camera.fy_px)[0]),
            joints_crop[order].astype(np.float32),
            (depth - root)[order].astype(np.float32),
            np.float32(root),
            inside[order].astype(np.float32),
            np.float32(scene.visible[i]),
        )


@dataclass(frozen=True, eq=False)
class PersonCut:
    """A crop (S, S, 3) and where it is from. square (4,): that part of the image, before it was turned or mirrored."""

    image: ImageArray
    img2crop: Array
    square: Array
    mirrored: bool


def cut_person(
    image_bgr: ImageArray,
    box: Array,
    size_px: int,
    rng: np.random.Generator | None,
    occlusion: Occlusion = NO_OCCLUSION,
) -> PersonCut:
    """Cut a person out as the pose net sees people; rng: augment as well, None: leave everything as it is."""
    height, width = image_bgr.shape[:2]
    square = aspect_box(box if rng is None else _as_detected(box, rng), width, height, 1.0)
    affine, mirrored = img2crop_affine(square, size_px), False
    if rng is not None:
        mirrored = bool(rng.random() < 0.5)
        affine = _turned(affine, size_px, rng)
        affine = _flipped(affine, size_px) if mirrored else affine
    crop = np.asarray(cv2.warpAffine(image_bgr, affine, (size_px, size_px), flags=cv2.INTER_LINEAR), np.uint8)
    if rng is not None:
        crop = _blacken_outside(photograph(occlude(crop, rng, occlusion), rng), affine, width, height)
    return PersonCut(crop, affine, square, mirrored)


def flip_order(skeleton: Skeleton, mirrored: bool) -> list[int]:
    """The order of joints in a crop: in a mirror the left wrist is where the right one was."""
    return list(skeleton.flip_order) if mirrored else list(range(len(skeleton)))


def within(points_px: Array, width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """Which points (..., 2) lie in an image of that size."""
    return np.asarray(np.all((points_px > -0.5) & (points_px < np.array([width_px, height_px]) - 0.5), axis=-1))


def _as_detected(box: Array, rng: np.random.Generator) -> Array:
    """The box with a detector's errors: each edge off by some per cent of the size."""
    size = np.tile(box[2:] - box[:2], 2)
    return np.asarray(box + size * np.clip(rng.normal(0, 0.035, 4), -0.1, 0.1), np.float64)


def _turned(affine: Array, size_px: int, rng: np.random.Generator) -> Array:
    """The crop turned about its center by up to 30 degrees (Moon 2019: rotation ±30°, six times in ten)."""
    if rng.random() > 0.6:
        return affine
    center = (size_px - 1) / 2
    turn = cv2.getRotationMatrix2D((center, center), float(np.clip(rng.normal(0, 14), -30, 30)), 1.0)
    return np.asarray(turn[:, :2] @ affine + np.array([[0, 0, turn[0, 2]], [0, 0, turn[1, 2]]]), np.float64)


def _flipped(affine: Array, width_px: int) -> Array:
    """The same map into a mirrored image of that width."""
    return np.asarray(np.array([[-1.0, 0.0], [0.0, 1.0]]) @ affine + np.array([[0, 0, width_px - 1], [0, 0, 0]]))


def _blacken_outside(crop: ImageArray, img2crop: Array, width_px: int, height_px: int) -> ImageArray:
    """What lies outside the image is black whatever the light was, as crops of the pipeline are."""
    corners = np.array([[0, 0], [width_px, 0], [width_px, height_px], [0, height_px]]) - 0.5
    inside = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(apply_affine(img2crop, corners)).astype(np.int32), 255)
    return np.asarray(cv2.bitwise_and(crop, crop, mask=inside), np.uint8)


class DetectionSamples(IterableDataset[DetectionSample]):
    """Whole images at the detector's size, randomly zoomed and shifted, with CenterNet-like targets (Zhou 2019)."""

    def __init__(self, composer: SceneComposer, width_px: int, height_px: int, stride_px: int, seed: int) -> None:
        self.composer, self.size_px, self.stride_px, self.seed = composer, (width_px, height_px), stride_px, seed

    def __iter__(self) -> Iterator[DetectionSample]:
        rng = worker_rng(self.seed)
        pool = _ScenePool(self.composer, rng, size=32, uses=4)
        while True:
            yield self._sample(pool.draw(), rng)

    def _sample(self, scene: Scene, rng: np.random.Generator) -> DetectionSample:
        image = scene.image_bgr
        width, height = self.size_px
        fit = width / max(image.shape[:2])
        scale = fit * float(np.exp(rng.uniform(np.log(0.6), np.log(1.5)))) if rng.random() < 0.6 else fit
        room = np.array([width, height]) - scale * np.array(image.shape[1::-1])
        shift = rng.uniform(np.minimum(room, 0), np.maximum(room, 0)) if rng.random() < 0.7 else np.zeros(2)
        offset = shift + 0.5 * scale - 0.5
        affine = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
        affine = _flipped(affine, width) if rng.random() < 0.5 else affine
        if scale < 0.5:  # as the detector's own letterbox averages when it shrinks by more than half
            image = np.asarray(cv2.blur(image, (2, 2)), np.uint8)
        canvas = cv2.warpAffine(image, affine, (width, height), flags=cv2.INTER_LINEAR, borderValue=_PADDING_BGR)
        corners = apply_affine(affine, scene.boxes_xyxy_px.reshape(-1, 2, 2))
        whole = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=-1)
        boxes = clip_box(whole, width, height)
        visible = scene.visible * kept_share(whole, boxes)
        return _detection_targets(photograph(np.asarray(canvas, np.uint8), rng), boxes, visible, self.stride_px)


def _cell(center_px: float, stride_px: int, cells: int) -> int:
    """The cell that holds a coordinate: cell i goes from stride·i - 0.5 to stride·(i + 1) - 0.5."""
    return int(np.clip((center_px + 0.5) // stride_px, 0, cells - 1))


def _detection_targets(image: ImageArray, boxes: Array, visible: Array, stride_px: int) -> DetectionSample:
    """Gaussians whose width follows the box, and box distances on the cells near each center, nearest person last."""
    grid_h, grid_w = image.shape[0] // stride_px, image.shape[1] // stride_px
    center_y, center_x = (np.mgrid[:grid_h, :grid_w] * stride_px + (stride_px - 1) / 2).astype(np.float32)
    heat, weight = np.zeros((grid_h, grid_w), np.float32), np.ones((grid_h, grid_w), np.float32)
    ltrb, box_weight = np.zeros((4, grid_h, grid_w), np.float32), np.zeros((grid_h, grid_w), np.float32)
    for (x0, y0, x1, y1), share in zip(boxes, visible, strict=True):
        if x1 - x0 < 3 or y1 - y0 < 6:
            continue
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
        spread_x, spread_y = max((x1 - x0) / 14, stride_px * 0.4), max((y1 - y0) / 14, stride_px * 0.4)
        bump = np.exp(-0.5 * (((center_x - cx) / spread_x) ** 2 + ((center_y - cy) / spread_y) ** 2))
        if share < 0.25 or y1 - y0 < 14:
            weight[bump > 0.3] = 0
            continue
        bump[_cell(cy, stride_px, grid_h), _cell(cx, stride_px, grid_w)] = 1
        heat = np.maximum(heat, bump)
        near = bump > 0.5
        distances = np.stack([center_x - x0, center_y - y0, x1 - center_x, y1 - center_y])
        ltrb[:, near] = distances[:, near]
        box_weight[near] = bump[near]
    weight[heat == 1] = 1
    return DetectionSample(image, heat[None], weight[None], ltrb, box_weight[None])
