from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import SKELETONS, Skeleton, convert, get_skeleton
from pose3d_ros.stages.smooth.body_model import body_model
from pose3d_ros.stages.smooth.kinematic import KinematicSmoother
from pose3d_ros.types import Array

from .conftest import CAMERA, person_at

MUCO = get_skeleton("muco21")
STEP_NS = 33_333_333
STANDING = np.zeros((21, 3))
for _name, _place in {
    "Head_top": (0, -1.75, 0), "Head": (0, -1.6, -0.05), "Thorax": (0, -1.45, 0), "Spine": (0, -1.2, 0),
    "Pelvis": (0, -0.95, 0), "Shoulder": (0.18, -1.42, 0), "Elbow": (0.22, -1.15, 0), "Wrist": (0.24, -0.9, -0.05),
    "Hand": (0.24, -0.82, -0.06), "Hip": (0.1, -0.92, 0), "Knee": (0.1, -0.5, -0.02), "Ankle": (0.1, -0.08, 0),
    "Toe": (0.12, -0.02, -0.15),
}.items():  # fmt: skip
    for _joint, _at in MUCO.index_of.items():
        if _joint.removeprefix("L_").removeprefix("R_") == _name:
            STANDING[_at] = np.array(_place) * [-1 if _joint.startswith("R_") else 1, 1, 1]
STANDING += [0.3, 1.2, 4.0]
"""Someone who stands, 4 m before a camera 1.2 m over the floor."""
FLOOR = GroundPlane.of_mounting(1.2)


def people_of(joints_m: Array, skeleton: Skeleton = MUCO, track_id: int = 1) -> list[Person]:
    """One person a frame, of joints (T, J, 3)."""
    return [person_at(frame, skeleton, track_id) for frame in joints_m]


def smoothed(
    people: list[Person], ground: GroundPlane | None = None, smoother: KinematicSmoother | None = None
) -> Array:
    one = smoother or KinematicSmoother()
    found = [one.update([p], i * STEP_NS, CAMERA, ground)[0] for i, p in enumerate(people)]
    return np.array([p.pose.joints_cam_m for p in found])


def noisy(seed: int = 0, frames: int = 60, sigma_m: float = 0.02) -> Array:
    noise = np.random.default_rng(seed).normal(scale=sigma_m, size=(frames, 21, 3))
    return STANDING + noise


def lengths_m(joints_m: Array) -> Array:
    bones = body_model(MUCO).bones
    return np.asarray(np.linalg.norm(joints_m[..., bones[:, 0], :] - joints_m[..., bones[:, 1], :], axis=-1))


def test_person_who_stands_still_stays() -> None:
    found = smoothed(people_of(np.repeat(STANDING[None], 30, axis=0)))
    np.testing.assert_allclose(found, np.repeat(STANDING[None], 30, axis=0), atol=1e-4)


def test_noise_shrinks_and_bones_keep_their_lengths() -> None:
    before = noisy()
    after = smoothed(people_of(before))
    for measure, share in ((lambda j: j, 0.6), (lengths_m, 0.4), (lambda j: np.diff(j, n=2, axis=0), 0.25)):
        assert measure(after)[20:].std(axis=0).mean() < share * measure(before)[20:].std(axis=0).mean()
    limbs = body_model(MUCO).sigmas_m < 0.01
    assert lengths_m(after)[30:, limbs].std(axis=0).max() < 0.006
    np.testing.assert_allclose(lengths_m(after)[-1], lengths_m(STANDING), atol=0.02)


def test_steady_walk_is_followed_without_much_lag() -> None:
    speed_mps = np.array([0.5, 0.0, -0.5])
    truth = STANDING + np.arange(60)[:, None, None] * (speed_mps * STEP_NS * 1e-9)
    found = smoothed(people_of(truth))
    behind_m = np.linalg.norm((found - truth)[30:], axis=-1).mean()
    assert behind_m < 0.1 * np.linalg.norm(speed_mps)  # less than a tenth of a second


def test_lost_joint_stays_lost_and_comes_back_near_where_it_is() -> None:
    joints = np.repeat(STANDING[None], 20, axis=0)
    wrist = MUCO.index_of["L_Wrist"]
    joints[8:12, wrist] = np.nan
    found = smoothed(people_of(joints))
    assert np.isnan(found[8:12, wrist]).all()
    assert np.isfinite(np.delete(found, wrist, axis=1)).all()
    np.testing.assert_allclose(found[12:], joints[12:], atol=0.01)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_is_fitted(name: str) -> None:
    skeleton = get_skeleton(name)
    before = convert(noisy(), MUCO, skeleton)
    if not np.isfinite(before[:, skeleton.root]).all():
        before[:, skeleton.root] = noisy()[:, 0]  # a nose
    after = smoothed(people_of(before, skeleton))
    assert KinematicSmoother().why_unsmoothed(skeleton) is None
    np.testing.assert_array_equal(np.isnan(after), np.isnan(before))
    there = np.isfinite(before[0]).all(axis=1)
    assert after[20:, there].std(axis=0).mean() < 0.6 * before[20:, there].std(axis=0).mean()


def test_knee_that_bends_too_far_is_opened() -> None:
    joints = STANDING.copy()
    hip, knee, ankle = (MUCO.index_of[f"L_{name}"] for name in ("Hip", "Knee", "Ankle"))
    straight = np.repeat(joints[None], 30, axis=0)
    joints[ankle] = joints[hip] + [0.0, 0.0, 0.02]
    joints[MUCO.index_of["L_Toe"]] = joints[ankle] + [0.0, 0.05, 0.14]
    found = smoothed(people_of(np.concatenate((straight, np.repeat(joints[None], 30, axis=0)))))
    bones = [found[-1, i] - found[-1, knee] for i in (hip, ankle)]
    cosine = float(bones[0] @ bones[1] / np.prod(np.linalg.norm(bones, axis=1)))
    assert np.degrees(np.arccos(cosine)) > 15
    measured = [joints[i] - joints[knee] for i in (hip, ankle)]
    assert np.degrees(np.arccos(measured[0] @ measured[1] / np.prod(np.linalg.norm(measured, axis=1)))) < 5


def test_feet_on_a_known_floor_neither_slide_nor_sink() -> None:
    rng = np.random.default_rng(1)
    ankles = [MUCO.index_of[f"{side}_Ankle"] for side in "LR"]
    sway = np.cumsum(rng.normal(scale=0.01, size=(90, 1, 1)), axis=0) * STANDING[MUCO.root]  # along the ray
    before = noisy(2, 90, 0.01) + sway * 0.3 + [0.0, 0.06, 0.0]  # 6 cm too low
    free, fixed = smoothed(people_of(before)), smoothed(people_of(before), FLOOR)

    def slides_m(joints_m: Array) -> float:
        return float(np.linalg.norm(np.diff(joints_m[20:, ankles][..., [0, 2]], axis=0), axis=-1).mean())

    assert slides_m(fixed) < 0.5 * slides_m(free)
    assert FLOOR.heights_m(free[30:, ankles]).mean() < 0.03
    assert FLOOR.heights_m(fixed[30:, ankles]).mean() > 0.04


def test_people_do_not_influence_each_other() -> None:
    first, second = people_of(noisy(1)), people_of(noisy(2) + [1.0, 0.0, 1.0], track_id=2)
    both = KinematicSmoother()
    for i, (one, other) in enumerate(zip(first, second, strict=True)):
        found = both.update([other, one], i * STEP_NS, CAMERA)
    alone = smoothed(first)
    np.testing.assert_allclose(found[1].pose.joints_cam_m, alone[-1], atol=1e-9)


def test_past_ends_with_a_gap_another_skeleton_and_reset() -> None:
    smoother, far = KinematicSmoother(SmootherConfig(max_gap_s=0.5)), person_at(STANDING + [0, 0, 2.0], MUCO)

    def is_fresh(person: Person, at_ns: int) -> bool:
        (found,) = smoother.update([person], at_ns, CAMERA)
        return bool(np.abs(found.pose.joints_cam_m - person.pose.joints_cam_m).max() < 0.05)

    assert is_fresh(person_at(STANDING, MUCO), 0)
    assert not is_fresh(far, STEP_NS)
    assert is_fresh(person_at(STANDING, MUCO), 20 * STEP_NS)
    assert is_fresh(far.converted(get_skeleton("mupots17")), 21 * STEP_NS)
    smoother.reset()
    assert is_fresh(far, 22 * STEP_NS)


def test_unseen_people_pass_unchanged_and_pixels_follow() -> None:
    unseen = person_at(STANDING, MUCO, state=TrackState.PREDICTED)
    assert KinematicSmoother().update([unseen], 0, CAMERA) == (unseen,)
    smoother = KinematicSmoother()
    for i, person in enumerate(people_of(noisy(frames=5))):
        (found,) = smoother.update([person], i * STEP_NS, CAMERA)
    np.testing.assert_allclose(found.pose.joints_img_px, CAMERA.project(found.pose.joints_cam_m))


def test_root_joint_stays_the_root_and_a_root_elsewhere_too() -> None:
    smoother, others = KinematicSmoother(), KinematicSmoother()
    for i, person in enumerate(people_of(noisy(frames=20))):
        (found,) = smoother.update([person], i * STEP_NS, CAMERA)
        away = replace(person, pose=replace(person.pose, root_cam_m=person.pose.root_cam_m + [0.0, 0.3, 0.0]))
        (other,) = others.update([away], i * STEP_NS, CAMERA)
    np.testing.assert_allclose(found.pose.root_cam_m, found.pose.joints_cam_m[MUCO.root], atol=1e-4)
    offset_m = other.pose.root_cam_m - other.pose.joints_cam_m[MUCO.root]
    np.testing.assert_allclose(offset_m, [0.0, 0.3, 0.0], atol=0.02)


@pytest.mark.parametrize("visible", [0, 1, 2])
def test_few_joints_and_frames_at_one_time_give_finite_people(visible: int) -> None:
    smoother = KinematicSmoother()
    joints = np.full_like(STANDING, np.nan)
    joints[:visible] = STANDING[:visible]
    lonely = person_at(joints, MUCO)
    lonely = replace(lonely, pose=replace(lonely.pose, root_cam_m=STANDING[MUCO.root]))
    for _ in range(3):
        (found,) = smoother.update([lonely], 0, None, FLOOR)
        assert np.isfinite(found.pose.root_cam_m).all()
        np.testing.assert_array_equal(np.isnan(found.pose.joints_cam_m), np.isnan(joints))


numbers = st.one_of(st.floats(-1e4, 1e4), st.sampled_from([0.0, 1e-300, -1e-300, np.nan]))


@settings(max_examples=60, deadline=None)
@given(
    joints=hnp.arrays(np.float64, (3, 17, 3), elements=numbers),
    root_m=hnp.arrays(np.float64, (3,), elements=st.floats(1e-6, 1e4)),
    sigma_m=st.sampled_from([0.0, 1e-200, 0.1, 1e6, np.nan, np.inf]),
    step_ns=st.integers(0, 400_000_000),
    with_camera=st.booleans(),
)
def test_whatever_is_measured_gives_finite_people(
    joints: Array, root_m: Array, sigma_m: float, step_ns: int, with_camera: bool
) -> None:
    joints[~np.isfinite(joints).all(axis=2)] = np.nan
    smoother, coco = KinematicSmoother(), get_skeleton("coco17")
    for i, frame in enumerate(joints):
        person = person_at(frame, coco)
        person = replace(person, pose=replace(person.pose, root_cam_m=root_m, root_sigma_m=sigma_m))
        (found,) = smoother.update([person], i * step_ns, CAMERA if with_camera else None, FLOOR)
        assert np.isfinite(found.pose.root_cam_m).all()
        np.testing.assert_array_equal(np.isnan(found.pose.joints_cam_m), np.isnan(frame))
