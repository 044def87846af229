"""Samples for lifters of landmarks: posed bodies before any camera, as a landmark net sees them in its region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation
from torch.utils.data import IterableDataset

from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARK_POINTS
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.landmark_errors import LandmarkErrors, apply, landmark_axes, moved_regions
from pose3d_training.tasks.landmark_runs import true_regions
from pose3d_training.tasks.lifting_samples import LiftSample

_AT = {name: i for i, name in enumerate(BODY_POINTS)}
_READ = [_AT[name] for name in LANDMARK_POINTS]
_WANTED = [_AT[name] for name in get_skeleton("muco21").joints]
_SIDES = [_AT["R" + name[1:]] if name[:2] == "L_" else _AT["L" + name[1:]] if name[:2] == "R_" else _AT[name]
          for name in BODY_POINTS]  # fmt: skip
_CHUNK = 512
_NEAR_M, _FAR_M, _LEAST_M = 1.2, 12.0, 0.35
_SCALE_SD = 0.03
_ERROR_SHARE = (0.1, 0.8)
"""Of visible landmarks. Rendered people teach too much distrust: the net is better on real ones, except in guessing
what is hidden."""
_TURNED = 0.1
"""Share of cameras that are rolled by any angle."""
_SOLE_M = 0.02


@dataclass(frozen=True, eq=False)
class SeenPeople:
    """P people: points_cam_m (P, 31, 3) in the camera's frame; regions on the plane z = 1."""

    points_cam_m: Array
    regions: Regions


class LandmarkSamples(IterableDataset[LiftSample]):
    """pool (M, 31, 3): see `make_pool`. errors: of the net. Features and targets are one frame each."""

    def __init__(self, pool: Array, errors: LandmarkErrors, seed: int) -> None:
        self.pool, self.errors, self.seed = pool.astype(np.float32), errors.with_mirror_images(), seed

    def __iter__(self) -> Iterator[LiftSample]:
        rng = worker_rng(self.seed)
        while True:
            features, target = self.chunk(rng, _CHUNK)
            yield from (LiftSample(f[None], t[None]) for f, t in zip(features, target, strict=True))

    def chunk(self, rng: np.random.Generator, count: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Features (P, 19, 3) and targets (P, 21, 3) of P people."""
        points = self.pool[rng.integers(len(self.pool), size=count)].astype(np.float64)
        points = points * np.exp(rng.normal(0, _SCALE_SD, (count, 1, 3)))
        mirrored = (points * [-1.0, 1.0, 1.0])[:, _SIDES]
        points = np.where(rng.random((count, 1, 1)) < 0.5, mirrored, points)
        cam = before_cameras(points, rng)
        on_plane = cam[..., :2] / cam[..., 2:]
        true = true_regions(on_plane)
        row = self.errors.alike(apply(true, on_plane)[:, _READ], rng)
        seen = SeenPeople(cam, moved_regions(true, self.errors.regions[row]))
        marks = cam[:, _READ] + np.einsum("nlkc,lk->nlc", landmark_axes(cam), self.errors.shares)
        at = apply(seen.regions, marks[..., :2] / marks[..., 2:])
        visibility = self.errors.visibility[row]
        share = visibility * rng.uniform(*_ERROR_SHARE, (count, 1)) + (1 - visibility)
        at = at + self.errors.errors[row] * share[..., None]
        features = np.concatenate([at, visibility[..., None]], axis=-1)
        return features.astype(np.float32), targets_m(seen).astype(np.float32)


def targets_m(people: SeenPeople) -> Array:
    """Joints (P, 21, 3) of muco21 from the pelvis, metres, in the axes of each region's crop."""
    regions = people.regions
    ray = rotation_to_rays(np.concatenate([regions.centers_px, np.ones((len(regions), 1))], axis=1))
    relative = people.points_cam_m[:, _WANTED] - people.points_cam_m[:, [_AT["Pelvis"]]]
    along = relative @ ray
    cosine, sine = np.cos(regions.angles_rad)[:, None], np.sin(regions.angles_rad)[:, None]
    x, y = along[..., 0], along[..., 1]
    return np.stack([cosine * x + sine * y, cosine * y - sine * x, along[..., 2]], axis=-1)


def before_cameras(points_m: Array, rng: np.random.Generator) -> Array:
    """People (P, 31, 3), y up about the pelvis, before a camera each, in its frame (x right, y down, z forward).

    1.2–12 m away, anywhere in fields of view of up to 70°; cameras of robots 0.3–1.8 m high, held ones, and those that
    look down from up to 6 m.
    """
    count = len(points_m)
    kind = rng.choice(3, count, p=(0.4, 0.4, 0.2))
    low, high = np.array([0.3, 1.0, 2.0])[kind], np.array([1.8, 2.2, 6.0])[kind]
    rise = rng.uniform(low, high) + points_m[..., 1].min(axis=1) - _SOLE_M  # of the camera over the pelvis
    away = np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M), count))
    away = np.where(kind == 2, np.maximum(away, 0.6 * np.abs(rise)), away)
    x, y = rng.uniform(-0.7, 0.7, count), rng.uniform(-0.5, 0.5, count)
    # The pitch at which the pelvis, that far below the camera, is seen at height y.
    length, sine_down = np.sqrt(x**2 + y**2 + 1), rise / np.hypot(away, rise)
    pitch = np.arcsin(np.clip(sine_down * length / np.sqrt(1 + y**2), -1, 1)) - np.arctan(y)
    heading = rng.uniform(0, 2 * np.pi, count)
    roll = np.where(rng.random(count) < _TURNED, rng.uniform(-np.pi, np.pi, count), rng.normal(0, 0.06, count))
    world2cam = Rotation.from_euler("yxz", np.stack([heading, np.pi + pitch, 0 * roll], axis=-1)).as_matrix()
    middle = np.stack([x, y, np.ones(count)], axis=-1) / length[:, None] * np.hypot(away, rise)[:, None]
    cam = points_m @ np.swapaxes(world2cam, 1, 2) + middle[:, None]
    cam = cam @ np.swapaxes(Rotation.from_euler("z", roll[:, None]).as_matrix().reshape(count, 3, 3), 1, 2)
    nearest = cam[..., 2].min(axis=1)
    scale = np.maximum(1.0, 1.0 + (_LEAST_M - nearest) / cam[:, _AT["Pelvis"], 2])
    return np.asarray(cam + (cam[:, [_AT["Pelvis"]]] * (scale - 1)[:, None, None]))
