"""A landmark net's errors on rendered people, taken apart so that they can be put on other people.

What it calls a shoulder, a hip or an ankle lies elsewhere on the body than our joint: that part is a fixed combination
of the body's own axes, so it is fitted in 3D. The rest are errors, kept together person by person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.region_views import RegionViews
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARK_POINTS, LANDMARKS
from pose3d_training.tasks.landmark_runs import SIZE_PX, LandmarkRuns

Mask = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
_AT = {name: i for i, name in enumerate(BODY_POINTS)}
_READ = [_AT[name] for name in LANDMARK_POINTS]
_FOUND = [get_skeleton("mediapipe33").index_of[name] for name in LANDMARKS]
MIDDLE_PX, HALF_PX = (SIZE_PX - 1) / 2, SIZE_PX / 2
_MIN_PERSON, _MIN_CLEAR = 0.5, 0.8
_MAX_OFF = 0.12
"""Of the half crop: landmarks that are farther off say nothing of how they are defined."""
_RIDGE = 0.3
_ALIKE = 0.1
_OTHER_SIDE = [
    LANDMARKS.index({"L": "R", "R": "L"}[name[0]] + name[1:]) if name[1] == "_" else i
    for i, name in enumerate(LANDMARKS)
]
_NEXT = {
    "Shoulder": ("Elbow",), "Elbow": ("Shoulder", "Wrist"), "Wrist": ("Elbow", "Hand"), "Hip": ("Knee",),
    "Knee": ("Hip", "Ankle"), "Ankle": ("Knee", "Toe_Tip"), "Heel": ("Ankle", "Toe_Tip"), "Toe_Tip": ("Heel",),
    "Ear": ("Eye",),
}  # fmt: skip


def landmark_axes(points: Array) -> Array:
    """Axes (..., 19, K, C) of points (..., 31, C), along which a landmark may lie off its point.

    Trunk (pelvis to thorax), outwards (from the other side's hip to the own one), head (to its crown), and from the
    landmark towards one or two neighbors. Linear, so the same in 3D and, near enough, in a crop.
    """
    trunk = points[..., _AT["Thorax"], :] - points[..., _AT["Pelvis"], :]
    left = points[..., _AT["L_Hip"], :] - points[..., _AT["R_Hip"], :]
    head = points[..., _AT["Head_top"], :] - points[..., _AT["Head"], :]
    axes = []
    for name in LANDMARK_POINTS:
        side, _, part = name.partition("_") if name[1] == "_" else ("", "", name)
        out = left if side == "L" else -left if side == "R" else 0 * left
        near = [points[..., _AT[f"{side}_{n}"], :] - points[..., _AT[name], :] for n in _NEXT.get(part, ())]
        if name == "Nose":
            near = [points[..., _AT["Head"], :] - points[..., _AT["Nose"], :]]
        near += [0 * trunk] * (2 - len(near))
        axes.append(np.stack([trunk, out, head, *near], axis=-2))
    return np.stack(axes, axis=-3)


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """shares (19, K): of `landmark_axes`, by which a landmark lies off its point.

    Of N people: errors (N, 19, 2), what is left, in half crops; visibility (N, 19), 0–1; regions (N, 4): shift of the
    region's center in sides, along the true region's x and y, ln of its side over the true one, turn in rad.
    poses (N, 19, 2): the true landmarks in the true region, in half crops.
    """

    shares: Array
    errors: Array
    visibility: Array
    regions: Array
    poses: Array

    @classmethod
    def of(cls, runs: LandmarkRuns) -> LandmarkErrors:
        """Of the people that the net knows for one and does not take back for front, as it seldom does real ones."""
        kept = (runs.person >= _MIN_PERSON) & ~bent_views(runs) & ~_turned_round(runs)
        region, true_region = regions_of(runs.region[kept]), regions_of(runs.true_region[kept])
        pixels = runs_pixels(runs)[kept]
        points, found = apply(region, pixels), _half_crops(runs.landmarks_crop_px[kept][:, _FOUND])
        visibility = runs.visibility[kept][:, _FOUND]
        shares = fit_shares(points, found, visibility)
        placed = points[:, _READ] + np.einsum("nlkc,lk->nlc", landmark_axes(points), shares)
        return cls(
            shares, found - placed, visibility, _moved(region, true_region), apply(true_region, pixels)[:, _READ]
        )

    def with_mirror_images(self) -> LandmarkErrors:
        """The same people and their mirror images, 2 N."""
        flip = np.array([-1.0, 1.0])
        return replace(
            self,
            errors=np.concatenate([self.errors, (self.errors * flip)[:, _OTHER_SIDE]]),
            visibility=np.concatenate([self.visibility, self.visibility[:, _OTHER_SIDE]]),
            regions=np.concatenate([self.regions, self.regions * [-1.0, 1.0, 1.0, -1.0]]),
            poses=np.concatenate([self.poses, (self.poses * flip)[:, _OTHER_SIDE]]),
        )

    def alike(self, poses: Array, rng: np.random.Generator) -> IntArray:
        """For each of P true poses (P, 19, 2), like `poses`, one of the N people in a pose like it, (P,).

        One of the tenth that is nearest: which limbs hide each other, and so the errors, come with the pose.
        """
        own, other = poses.reshape(len(poses), -1), self.poses.reshape(len(self.poses), -1)
        away = np.square(other).sum(axis=1) - 2 * own @ other.T
        near = max(1, round(_ALIKE * len(other)))
        candidates = np.argpartition(away, near - 1, axis=1)[:, :near]
        return np.asarray(candidates[np.arange(len(own)), rng.integers(near, size=len(own))])


def bent_views(runs: LandmarkRuns) -> Mask:
    """(N,): whose crop is no affine part of the image."""
    return np.array(
        [
            bool(RegionViews.of(Camera(K, int(w), int(h)), regions_of(row[None]), SIZE_PX).bent[0])
            for K, (w, h), row in zip(runs.K, runs.size_px, runs.region, strict=True)
        ],
        dtype=np.bool_,
    )


def _turned_round(runs: LandmarkRuns) -> Mask:
    """(N,): whose left and right shoulders and hips are on the wrong sides."""
    true = apply(regions_of(runs.region), runs_pixels(runs))[:, _READ]
    found = _half_crops(runs.landmarks_crop_px[:, _FOUND])
    agree = np.zeros(len(runs))
    for part in ("Shoulder", "Hip"):
        left, right = LANDMARKS.index(f"L_{part}"), LANDMARKS.index(f"R_{part}")
        agree += ((true[:, left] - true[:, right]) * (found[:, left] - found[:, right])).sum(axis=-1)
    return np.asarray(agree < 0)


def regions_of(rows: Array) -> Regions:
    """Of rows (N, 4): center x, y, side, angle."""
    return Regions(rows[:, :2], rows[:, 2], rows[:, 3])


def runs_pixels(runs: LandmarkRuns) -> Array:
    """The points (N, 31, 2) in the image."""
    at = runs.points_cam_m
    scaled = np.einsum("nij,npj->npi", runs.K, at / at[..., 2:])
    return np.asarray(scaled[..., :2])


def apply(regions: Regions, points_px: Array) -> Array:
    """Points (N, P, 2) of the image in half crops about the middle of each region's crop."""
    affine = regions.img2crop(SIZE_PX)
    crop = np.einsum("nij,npj->npi", affine[:, :, :2], points_px) + affine[:, None, :, 2]
    return _half_crops(crop)


def _half_crops(points_crop_px: Array) -> Array:
    return np.asarray((points_crop_px - MIDDLE_PX) / HALF_PX)


def fit_shares(points: Array, found: Array, visibility: Array) -> Array:
    """Shares (19, K) by least squares over clear landmarks, the same on both sides, shrunk towards none."""
    axes, off = landmark_axes(points), found - points[:, _READ]
    clear = (visibility > _MIN_CLEAR) & (np.linalg.norm(off, axis=-1) < _MAX_OFF)
    shares = np.zeros(axes.shape[1:3])
    parts = [name.partition("_")[2] if name[1] == "_" else name for name in LANDMARKS]
    for part in dict.fromkeys(parts):
        own = [i for i, p in enumerate(parts) if p == part]
        a = np.concatenate([axes[:, i][clear[:, i]] for i in own]).transpose(0, 2, 1).reshape(-1, axes.shape[2])
        b = np.concatenate([off[:, i][clear[:, i]] for i in own]).reshape(-1)
        shares[own] = np.linalg.solve(a.T @ a + _RIDGE * np.eye(a.shape[1]), a.T @ b)
    return shares


def _moved(region: Regions, true: Regions) -> Array:
    turn = (region.angles_rad - true.angles_rad + np.pi) % (2 * np.pi) - np.pi
    shift = np.einsum("nij,nj->ni", true.img2crop(1)[:, :, :2], region.centers_px - true.centers_px)
    return np.column_stack([shift, np.log(region.sides_px / true.sides_px), turn])


def moved_regions(true: Regions, moves: Array) -> Regions:
    """The regions moved as rows (N, 4) of `LandmarkErrors.regions` say."""
    back = np.swapaxes(true.img2crop(1)[:, :, :2], 1, 2) * (true.sides_px**2)[:, None, None]
    centers = true.centers_px + np.einsum("nij,nj->ni", back, moves[:, :2])
    return Regions(centers, true.sides_px * np.exp(moves[:, 2]), true.angles_rad + moves[:, 3])
