"""Made-up people and what a landmark net might have said of them."""

from __future__ import annotations

import numpy as np

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARK_POINTS, LANDMARKS
from pose3d_training.tasks.landmark_runs import SIZE_PX, LandmarkRuns, true_regions

AT = {name: i for i, name in enumerate(BODY_POINTS)}
K = np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]])

_TRUNK = {
    "Pelvis": (0, 0, 0), "L_Hip": (0.1, 0, 0), "R_Hip": (-0.1, 0, 0), "Thorax": (0, 0.5, 0),
    "L_Shoulder": (0.2, 0.5, 0), "R_Shoulder": (-0.2, 0.5, 0), "Head_top": (0, 0.8, 0),
}  # fmt: skip


def people(count: int, seed: int = 0) -> Array:
    """Points (P, 31, 3), y up about the pelvis: trunk and head upright, limbs anywhere."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-0.4, -0.8, -0.3], [0.4, 0.6, 0.3], (count, 31, 3))
    for name, at in _TRUNK.items():
        points[:, AT[name]] = at
    return np.asarray(points)


def made_runs(count: int, off: float = 0.01, seed: int = 0) -> LandmarkRuns:
    """People 4 m away; off: the landmarks' error, in half crops."""
    rng = np.random.default_rng(seed)
    points = people(count, seed) * [1, -1, -1] + [0.2, 0.1, 4.0]
    pixels = points[..., :2] / points[..., 2:] * K[0, 0] + K[:2, 2]
    true = true_regions(pixels)
    regions = np.column_stack([true.centers_px + rng.normal(0, 5, (count, 2)), true.sides_px, true.angles_rad])
    region = type(true)(regions[:, :2], true.sides_px * 1.1, true.angles_rad + 0.1)
    affine = region.img2crop(SIZE_PX)
    crop = np.einsum("nij,npj->npi", affine[:, :, :2], pixels) + affine[:, None, :, 2]
    landmarks = np.zeros((count, 33, 2))
    index = get_skeleton("mediapipe33").index_of
    for name, point in zip(LANDMARKS, LANDMARK_POINTS, strict=True):
        landmarks[:, index[name]] = crop[:, AT[point]] + off * SIZE_PX / 2 * rng.normal(size=(count, 2))

    def rows(of: object) -> Array:
        return np.column_stack([getattr(of, n) for n in ("centers_px", "sides_px", "angles_rad")])

    return LandmarkRuns(
        points, np.tile(K, (count, 1, 1)), np.tile([640, 480], (count, 1)), np.full(count, "standing"),
        np.zeros(count, bool), rows(true), rows(region), landmarks, np.full((count, 33), 0.95),
        np.full((count, 33), 0.8), np.ones(count), np.zeros((count, 33, 3)), np.tile(np.eye(3), (count, 1, 1)),
    )  # fmt: skip
