from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.body_model import body_model
from pose3d_ros.stages.smooth.kinematic_terms import bone_rows, floor_rows, ray_rows
from pose3d_ros.types import Array

COCO = get_skeleton("coco17")
MODEL = body_model(COCO)
ALL = np.ones((1, 18), dtype=bool)


def points(root: Array, joints: Array) -> Array:
    """(1, 1 + J, 3) of absolute joints."""
    return np.concatenate((root[None], joints - root))[None]


def residuals(rows: tuple[Array, Array], points_m: Array) -> Array:
    jacobian, values = rows
    return np.asarray(np.einsum("nrmk,nmk->nr", jacobian, points_m) - values)


def a_body(seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return np.array([0.2, 0.1, 4.0]), np.array([0.2, 0.1, 4.0]) + rng.normal(scale=0.4, size=(17, 3))


def rays(joints: Array, present: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Rows of a person straight ahead."""
    slopes = (joints[:, :2] / joints[:, 2:])[None]
    return ray_rows(slopes, np.eye(3)[None], joints[None, :, 2], present)


def test_joints_on_their_rays_have_no_residual_and_others_their_distance_across() -> None:
    root, joints = a_body()
    rows = rays(joints, ALL[:, :17])
    np.testing.assert_allclose(residuals(rows, points(root, joints)), 0, atol=1e-12)
    further = points(root + [0.0, 0.0, 1.0], joints + [0.0, 0.0, 1.0])
    np.testing.assert_allclose(residuals(rows, further), 0, atol=1e-12)  # says nothing of the distance
    moved = joints.copy()
    moved[3, 0] += 0.1
    found = residuals(rows, points(root, moved)).reshape(17, 2)
    assert found[3] == pytest.approx([0.1 / (0.02 * joints[3, 2]), 0.0])
    assert np.flatnonzero(np.abs(found) > 1e-9).tolist() == [6]


def test_rays_are_at_right_angles_to_the_persons_own_wherever_that_is() -> None:
    """Turned as a whole, camera and person, the residuals stay."""
    root, joints = a_body()
    turn = np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    turned = joints @ turn.T
    slopes = (turned[:, :2] / turned[:, 2:])[None]
    moved = joints.copy()
    moved[3] += [0.1, 0.05, 0.02]
    straight = residuals(rays(joints, ALL[:, :17]), points(root, moved))
    rows = ray_rows(slopes, turn.T[None], joints[None, :, 2], ALL[:, :17])
    np.testing.assert_allclose(residuals(rows, points(turn @ root, moved @ turn.T)), straight, atol=1e-9)


def test_rays_that_are_not_there_do_not_count() -> None:
    jacobian, _ = rays(a_body()[1], np.arange(17)[None] != 5)
    assert not jacobian[0, 10:12].any()
    assert jacobian[0, [9, 12]].any(axis=(1, 2)).all()


def test_bones_are_linearized_where_they_are() -> None:
    """Residual and derivative of |b - a| - length over the standard deviation."""
    root, joints = a_body()
    lengths = np.full((1, len(MODEL.bones)), 0.3)
    here = points(root, joints)
    rows = bone_rows(MODEL, here, lengths, ALL)
    count, sigma = len(MODEL.bones), MODEL.sigmas_m

    def exact(points_m: Array) -> Array:
        ends = points_m[0, 1 + MODEL.bones]
        return np.asarray((np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1) - 0.3) / sigma)

    np.testing.assert_allclose(residuals(rows, here)[0, :count], exact(here), atol=1e-9)
    for point in range(18):
        for axis in range(3):
            step = np.zeros_like(here)
            step[0, point, axis] = 1e-6
            slope = (exact(here + step) - exact(here - step)) / 2e-6
            np.testing.assert_allclose(rows[0][0, :count, point, axis], slope, rtol=1e-4, atol=1e-5)


def test_unknown_bones_and_unseen_joints_do_not_count() -> None:
    root, joints = a_body()
    lengths = np.full((1, len(MODEL.bones)), 0.3)
    lengths[0, 0] = 0
    seen = ALL.copy()
    seen[0, 1 + MODEL.bones[1, 1]] = False
    jacobian, _ = bone_rows(MODEL, points(root, joints), lengths, seen)
    assert not jacobian[0, :2].any()
    assert jacobian[0, 3].any()


def test_elbows_bend_no_further_than_their_limit() -> None:
    """Of two bones of 0.3 m that meet at 25° the ends are 2 · 0.3 · sin(12.5°) = 0.1299 m apart."""
    root, joints = a_body()
    shoulder, wrist = COCO.index_of["L_Shoulder"], COCO.index_of["L_Wrist"]
    lengths, at = np.full((1, len(MODEL.bones)), 0.3), len(MODEL.bones)
    hinge = next(i for i, pair in enumerate(MODEL.hinges) if tuple(pair) == (shoulder, wrist))
    for apart_m, expected in ((0.05, (0.05 - 0.1299) / 0.01), (0.2, 0.0)):
        joints[wrist] = joints[shoulder] + [apart_m, 0, 0]
        found = residuals(bone_rows(MODEL, points(root, joints), lengths, ALL), points(root, joints))
        assert found[0, at + hinge] == pytest.approx(expected, abs=0.01)


GROUND = GroundPlane.of_mounting(1.5)
LEFT = next(i for i, joint in enumerate(MODEL.feet) if COCO.joints[joint] == "L_Ankle")


def floor_residuals(ankle_m: Array, moved_m: Array, speed_mps: float) -> Array:
    """Of the left ankle, along two directions of the floor and upwards, after it moved."""
    root, joints = a_body()
    joints[:, 1] = 0.0  # far over the floor, which is at y = 1.5
    joints[COCO.index_of["L_Ankle"]] = ankle_m
    before = points(root, joints)
    joints[COCO.index_of["L_Ankle"]] = moved_m
    after = points(root, joints)
    speeds = np.full((1, len(MODEL.feet)), speed_mps)
    rows = floor_rows(MODEL, GROUND, before, after, speeds, np.array([0.1]), ALL)
    return residuals(rows, after).reshape(len(MODEL.feet), 3)


def test_foot_that_stands_does_not_slide_and_may_rise() -> None:
    found = floor_residuals(np.array([0.0, 1.42, 4.0]), np.array([0.03, 1.40, 4.0]), 0.0)
    assert np.linalg.norm(found[LEFT, :2]) == pytest.approx(0.03 / (0.3 * 0.1), rel=0.05)
    assert found[LEFT, 2] == 0
    np.testing.assert_allclose(found[1 - LEFT], 0, atol=1e-6)


@pytest.mark.parametrize(("height_y_m", "speed_mps"), [(1.0, 0.0), (1.42, 2.0)], ids=["in the air", "fast"])
def test_foot_that_does_not_stand_may_move(height_y_m: float, speed_mps: float) -> None:
    found = floor_residuals(np.array([0.0, height_y_m, 4.0]), np.array([0.03, height_y_m, 4.0]), speed_mps)
    np.testing.assert_allclose(found, 0, atol=0.01)


def test_foot_below_the_floor_is_pulled_up() -> None:
    """An ankle 5 cm below where one that stands is."""
    found = floor_residuals(np.array([0.0, 1.47, 4.0]), np.array([0.0, 1.47, 4.0]), 5.0)
    assert found[LEFT, 2] == pytest.approx(-0.05 / 0.02)
