"""Samples for lifters of landmarks, from made-up people."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry.rays import rotation_to_rays
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.synthetic.body_points import BODY_POINTS, LANDMARKS
from pose3d_training.tasks.landmark_errors import LandmarkErrors
from pose3d_training.tasks.landmark_samples import LandmarkSamples, SeenPeople, before_cameras, targets_m

from .landmark_people import AT, made_runs, people

MUCO = get_skeleton("muco21")


@pytest.fixture(scope="module")
def errors() -> LandmarkErrors:
    return LandmarkErrors.of(made_runs(20))


def exact(errors: LandmarkErrors) -> LandmarkErrors:
    return replace(errors, shares=0 * errors.shares, errors=0 * errors.errors, regions=0 * errors.regions)


def test_sample_shapes_and_determinism(errors: LandmarkErrors) -> None:
    first, again = (list(islice(LandmarkSamples(people(30), errors, 1), 5)) for _ in range(2))
    assert (first[0].features.shape, first[0].target_m.shape) == ((1, 19, 3), (1, 21, 3))
    assert first[0].features.dtype == first[0].target_m.dtype == np.float32
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.features, two.features)
        np.testing.assert_array_equal(one.target_m, two.target_m)


def test_people_stand_before_their_cameras() -> None:
    rng = np.random.default_rng(0)
    cam = before_cameras(people(2000), rng)
    assert cam[..., 2].min() > 0.3
    away = np.linalg.norm(cam[:, AT["Pelvis"]], axis=-1)
    assert 1.0 < away.min() < 2.0 < 8 < away.max() < 20
    down = cam[:, AT["Thorax"], 1] - cam[:, AT["Pelvis"], 1]
    assert (down < 0).mean() > 0.9  # upright but for the rolled cameras
    np.testing.assert_allclose(np.linalg.norm(cam[:, AT["L_Hip"]] - cam[:, AT["R_Hip"]], axis=-1), 0.2, atol=1e-9)


def test_exact_landmarks_are_where_their_targets_project(errors: LandmarkErrors) -> None:
    """In the crop's axes a far person's landmarks are the targets, scaled."""
    features, target = LandmarkSamples(people(50), exact(errors), 0).chunk(np.random.default_rng(3), 400)
    shoulders = [LANDMARKS.index(name) for name in ("L_Shoulder", "R_Shoulder")]
    joints = [MUCO.index_of[name] for name in ("L_Shoulder", "R_Shoulder")]
    seen = features[:, shoulders[0], :2] - features[:, shoulders[1], :2]
    wanted = target[:, joints[0], :2] - target[:, joints[1], :2]
    cosine = (seen * wanted).sum(-1) / np.linalg.norm(seen, axis=-1) / np.linalg.norm(wanted, axis=-1)
    assert np.median(cosine) > 0.98
    np.testing.assert_allclose(target[:, MUCO.root], 0, atol=1e-6)
    hips = features[:, [LANDMARKS.index("L_Hip"), LANDMARKS.index("R_Hip")], :2].mean(axis=1)
    np.testing.assert_allclose(hips, 0, atol=1e-5)  # the middle of the region
    # Shoulders are above the hips in the crop, whatever the camera's roll.
    assert (features[:, shoulders, 1].mean(axis=1) < 0).all()


def test_targets_turn_back_to_the_camera() -> None:
    rng = np.random.default_rng(1)
    points = before_cameras(people(5), rng)
    regions = Regions(points[:, 0, :2] / points[:, 0, 2:], np.full(5, 0.7), rng.uniform(-3, 3, 5))
    target = targets_m(SeenPeople(points, regions))
    ray = rotation_to_rays(np.concatenate([regions.centers_px, np.ones((5, 1))], axis=1))
    for i in range(5):
        c, s = np.cos(regions.angles_rad[i]), np.sin(regions.angles_rad[i])
        roll = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        back = target[i] @ (ray[i] @ roll).T
        wanted: Array = points[i, [BODY_POINTS.index(name) for name in MUCO.joints]] - points[i, AT["Pelvis"]]
        np.testing.assert_allclose(back, wanted, atol=1e-9)


def test_mirrored_people_keep_their_sides(errors: LandmarkErrors) -> None:
    """The left hip stays on the side of the left shoulder."""
    _, target = LandmarkSamples(people(50), exact(errors), 0).chunk(np.random.default_rng(4), 300)
    hips = target[:, MUCO.index_of["L_Hip"]] - target[:, MUCO.index_of["R_Hip"]]
    shoulders = target[:, MUCO.index_of["L_Shoulder"]] - target[:, MUCO.index_of["R_Shoulder"]]
    assert ((hips * shoulders).sum(axis=-1) > 0).all()
