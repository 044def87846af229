"""Samples of photographs, whose depths are unknown, mixed with those of rendered people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset

from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.assemble import moon_k_m
from pose3d_ros.geometry.crop import apply_affine
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.augment import Occlusion
from pose3d_training.synthetic.image_folders import read_image
from pose3d_training.tasks.datasets import (
    NO_OCCLUSION,
    Float32,
    PoseSample,
    PoseSamples,
    cut_person,
    flip_order,
    within,
    worker_rng,
)
from pose3d_training.tasks.photographed_people import PhotographedPerson

_STREAM = 20170401
_IMAGES_KEPT = 64


@dataclass(frozen=True, eq=False)
class WeakPoseSample(PoseSample):
    """A sample of which parts may be unknown. All float32.

    has_depth (): 1, or 0 for a photograph: relative_depth_m and root_depth_m are then no labels, and k_m is that of a
    focal length as long as the image's diagonal. known (J,): 1 where the joint's place in the image is known.
    order, ordered (J, J): see `PhotographedPerson`.
    """

    has_depth: np.float32
    known: Float32
    order: Float32
    ordered: Float32


class PhotographSamples(IterableDataset[WeakPoseSample]):
    """Crops of people in photographs, augmented as rendered ones are. People whose image can't be used are left out."""

    def __init__(
        self,
        people: Sequence[PhotographedPerson],
        skeleton: Skeleton,
        size_px: int,
        seed: int,
        *,
        augment: bool = True,
        occlusion: Occlusion = NO_OCCLUSION,
    ) -> None:
        self.occlusion = occlusion
        self.people, self.skeleton, self.size_px, self.seed, self.augment = people, skeleton, size_px, seed, augment

    def __iter__(self) -> Iterator[WeakPoseSample]:
        rng, usable = worker_rng(self.seed + _STREAM), list(self.people)
        while usable:
            i = int(rng.integers(len(usable)))
            image = _image(usable[i].image)
            if image is None or image.shape[:2] != (usable[i].height_px, usable[i].width_px):
                usable.pop(i)
                continue
            yield self._sample(usable[i], image, rng)
        raise ConfigError(
            "photographs",
            expected="images of the sizes that the file states",
            got="none",
            fix="Compare the file with the images.",
        )

    def _sample(self, person: PhotographedPerson, image: ImageArray, rng: np.random.Generator) -> WeakPoseSample:
        cut = cut_person(image, person.box_xyxy_px, self.size_px, rng if self.augment else None, self.occlusion)
        known = np.isfinite(person.joints_img_px[:, 0])
        joints_img = np.where(known[:, None], person.joints_img_px, -1e4)
        joints_crop = apply_affine(cut.img2crop, joints_img)
        seen = within(joints_img, person.width_px, person.height_px) & within(joints_crop, self.size_px, self.size_px)
        order = flip_order(self.skeleton, cut.mirrored)
        focal_px = math.hypot(person.width_px, person.height_px)
        return WeakPoseSample(
            cut.image,
            np.float32(moon_k_m(cut.square[None], focal_px, focal_px)[0]),
            np.where(known[:, None], joints_crop, 0)[order].astype(np.float32),
            np.zeros(len(self.skeleton), np.float32),
            np.float32(1),
            (known & seen)[order].astype(np.float32),
            np.float32(1),
            np.float32(0),
            known[order].astype(np.float32),
            person.order[np.ix_(order, order)].astype(np.float32),
            person.ordered[np.ix_(order, order)].astype(np.float32),
        )


class MixedSamples(IterableDataset[WeakPoseSample]):
    """Samples of photographs with probability `share`, of rendered people else."""

    def __init__(self, rendered: PoseSamples, photographs: PhotographSamples, share: float) -> None:
        self.rendered, self.photographs, self.share = rendered, photographs, share

    def __iter__(self) -> Iterator[WeakPoseSample]:
        rng = worker_rng(self.rendered.seed + 2 * _STREAM)
        rendered, photographs = iter(self.rendered), iter(self.photographs)
        while True:
            yield next(photographs) if rng.random() < self.share else _with_depth(next(rendered))


def _with_depth(sample: PoseSample) -> WeakPoseSample:
    joints = len(sample.inside)
    none = np.zeros((joints, joints), np.float32)
    return WeakPoseSample(
        **vars(sample), has_depth=np.float32(1), known=np.ones(joints, np.float32), order=none, ordered=none
    )


@lru_cache(maxsize=_IMAGES_KEPT)
def _image(path: Path) -> ImageArray | None:
    return read_image(path)
