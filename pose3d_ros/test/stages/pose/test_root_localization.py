"""A person in space, as each network would report it, comes back in metres."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import Manifest
from pose3d_ros.geometry.crop import apply_affine, invert_affine
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.root_localization import needed_roles, skeleton_of_people
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import Array

from .conftest import (
    CAMERA,
    DETECTION,
    FRAME,
    constant_model,
    make_person,
    metrabs_model,
    one_hot,
    pose_entry,
    pose_of,
    root_model,
)

MILLIMETRE = 1e-3
Z_RANGE_M = 2.1744869


def assert_placed(pose: Pose, joints_cam_m: Array, root: int = 0) -> None:
    np.testing.assert_allclose(pose.joints_cam_m, joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(pose.root_cam_m, joints_cam_m[root], atol=MILLIMETRE)


def test_simcc_3d_with_a_root_net() -> None:
    who, hips_z_m = make_person(133, (288, 384), half_pixel_centers=False), 4.1
    x, y, z = 2 * who.crop_px[:, 0], 2 * who.crop_px[:, 1], ((who.joints_cam_m[:, 2] - hips_z_m) / Z_RANGE_M + 1) * 288
    answers = {"simcc_x": one_hot(x, 576), "simcc_y": one_hot(y, 768), "simcc_z": one_hot(z, 576)}
    entry = pose_entry("simcc_3d", 288, 384, "coco17", joints=17)
    pose = pose_of(constant_model(entry, answers, input=(1, 3, 384, 288)), root_model(hips_z_m))
    # Exactly where the bins say, which is within half a bin of where the person is: 3.8 mm, and a quarter of a pixel.
    pixels = apply_affine(invert_affine(who.img2crop), np.rint(np.stack([x, y], axis=-1)[:17]) / 2)
    z_m = hips_z_m + (np.rint(z[:17]) / 288 - 1) * Z_RANGE_M
    np.testing.assert_allclose(pose.joints_cam_m, CAMERA.backproject(pixels, z_m), atol=1e-6)
    np.testing.assert_allclose(pose.joints_cam_m[:, 2], who.joints_cam_m[:17, 2], atol=Z_RANGE_M / 288 / 2)
    np.testing.assert_allclose(pose.joints_cam_m, who.joints_cam_m[:17], atol=5e-3)
    # The skeleton's root is the nose, the net's the hips: the root lies at the nose, not as deep as the hips.
    np.testing.assert_allclose(pose.root_cam_m, pose.joints_cam_m[0])
    assert pose.scores.shape == (17,)


def test_integral_volume_with_a_root_net() -> None:
    who = make_person(17, (64, 64), half_pixel_centers=False)
    root_depth_m = float(who.joints_cam_m[0, 2])
    at = np.column_stack([who.crop_px / 4, (who.joints_cam_m[:, 2] - root_depth_m) / 2 * 16 + 8])
    # Each axis shares between two neighboring cells, so that the mean is the place.
    share = np.maximum(1 - np.abs(np.arange(16) - at[..., None]), 1e-30)
    volume = np.log(np.einsum("jz,jy,jx->jzyx", share[:, 2], share[:, 1], share[:, 0])).reshape(1, 17 * 16, 16, 16)
    entry = pose_entry("integral_volume", 64, 64, "h36m17")
    pose = pose_of(constant_model(entry, {"volume": volume}, image=(1, 3, 64, 64)), root_model(root_depth_m))
    assert_placed(pose, who.joints_cam_m)


@pytest.mark.parametrize("ahead", ["crop", "camera"])
def test_location_maps_are_localized(ahead: str) -> None:
    who = make_person(21, (368, 368))
    # The same depths, seen at the centers of cells.
    cells = np.rint((who.crop_px - 3.5) / 8)
    joints_cam_m = CAMERA.backproject(
        apply_affine(invert_affine(who.img2crop), 8 * cells + 3.5), who.joints_cam_m[:, 2]
    )
    relative_m = joints_cam_m - joints_cam_m[14]
    if ahead == "crop":
        relative_m = relative_m @ who.ray2camera
    maps = np.zeros((4, 1, 21, 46, 46), dtype=np.float32)
    for joint, (column, row) in enumerate(cells.astype(int)):
        maps[:, 0, joint, row, column] = (0.9, *(10 * relative_m[joint]))
    answers = dict(zip(("heat", "x", "y", "z"), maps, strict=True))
    entry = pose_entry("location_maps", 368, 368, "muco21", metres_per_unit=0.1, ahead=ahead)
    pose = pose_of(constant_model(entry, answers, image=(1, 3, 368, 368)))
    assert_placed(pose, joints_cam_m, root=14)
    assert np.isnan(pose.root_sigma_m)


def test_metrabs_is_localized() -> None:
    who = make_person(17, (256, 256))
    pose = pose_of(metrabs_model(who))
    assert_placed(pose, who.joints_cam_m)
    np.testing.assert_allclose(pose.joints_img_px, CAMERA.project(who.joints_cam_m), atol=1e-3)


def test_metric_joints_with_a_root_net() -> None:
    who = make_person(17, (256, 256))
    z_m = float(who.joints_cam_m[0, 2])
    given = pose_of(metrabs_model(who), root_model(z_m))
    np.testing.assert_allclose(given.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    # A root net that errs moves all people, unless the entry asks for the closed form.
    moved = pose_of(metrabs_model(who), root_model(z_m + 1))
    assert moved.root_cam_m[2] == pytest.approx(z_m + 1, abs=MILLIMETRE)
    asked = pose_of(metrabs_model(who, root="closed_form"), root_model(z_m + 1))
    np.testing.assert_allclose(asked.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)


def test_weak_perspective_is_near() -> None:
    who = make_person(17, (256, 256))
    pose = pose_of(metrabs_model(who, root="weak_perspective"))
    assert MILLIMETRE < float(np.linalg.norm(pose.root_cam_m - who.joints_cam_m[0])) < 0.5


def test_joints_outside_the_crop_do_not_affect_the_root() -> None:
    who = make_person(17, (256, 256))
    lost = get_skeleton("h36m17").index_of["L_Hip"]
    who.crop_px[lost] = (-40.0, 300.0)
    pose = pose_of(metrabs_model(who))
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)
    assert np.flatnonzero(np.isnan(pose.joints_cam_m).any(axis=1)).tolist() == [lost]


def test_graph_for_one_crop_is_run_for_each() -> None:
    who = make_person(17, (256, 256))
    estimator = RootPoseEstimator(metrabs_model(who), config=PoseConfig(flip_test=False))
    both = [DETECTION, Detection(DETECTION.box_xyxy_px, 0.5)]
    first, second = estimator.localize(FRAME, estimator.estimate_keypoints(FRAME, both))
    np.testing.assert_array_equal(first.joints_cam_m, second.joints_cam_m)
    assert (first.detection.score, second.detection.score) == (0.9, 0.5)


def test_flip_test_mirrors_metric_joints() -> None:
    # A graph with a constant output is right for both views of a person whose mirror image is the same.
    order = list(get_skeleton("h36m17").flip_order)
    relative_m = np.random.default_rng(2).uniform(-0.5, 0.5, (17, 3))
    relative_m = (relative_m + relative_m[order] * [-1, 1, 1]) / 2
    x, y = (DETECTION.box_xyxy_px[:2] + DETECTION.box_xyxy_px[2:]) / 2
    camera = replace(CAMERA, K_px=np.array([[600.0, 0, x], [0, 600, y], [0, 0, 1]]), distortion=np.zeros(0))
    joints_cam_m = relative_m + [0, 0, 5.0]
    crop_px = apply_affine(make_person(17, (256, 256)).img2crop, camera.project(joints_cam_m))
    entry = pose_entry("metrabs", 256, 256, "h36m17", metres_per_unit=1)
    answers = {"coords2d": crop_px[None], "coords3d": relative_m[None]}
    estimator = RootPoseEstimator(constant_model(entry, answers, image=(1, 3, 256, 256)))
    frame = Frame(FRAME.image_bgr, camera)
    (pose,) = estimator.localize(frame, estimator.estimate_keypoints(frame, [DETECTION]))
    np.testing.assert_allclose(pose.joints_cam_m, joints_cam_m, atol=MILLIMETRE)


def test_outputs_of_other_names_and_a_half_precision_input() -> None:
    who = make_person(17, (256, 256))
    answers = {"b": who.metrabs["coords3d"], "a": who.metrabs["coords2d"]}
    entry = metrabs_model(who, outputs=["a", "b"], image_input="pixels").entry
    model = constant_model(entry, answers, "float16", pixels=("batch", 3, "h", "w"))
    assert_placed(pose_of(model), who.joints_cam_m)


@pytest.mark.parametrize(
    ("decoder", "roles", "skeleton"),
    [
        ("mediapipe_landmarks", ("detector", "region_detector", "pose"), "body40"),
        ("metrabs", ("detector", "pose"), "mediapipe33"),
        ("root_pose_metric", ("detector", "root", "pose"), "mediapipe33"),
    ],
)
def test_roles_and_skeleton_of_a_folder(decoder: str, roles: tuple[str, ...], skeleton: str) -> None:
    manifest = Manifest(Path("."), (pose_entry(decoder, 256, 256, "mediapipe33"),))
    assert needed_roles(manifest) == roles
    assert skeleton_of_people(manifest) == skeleton
