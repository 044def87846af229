"""A person in space, as each network would tell of it, comes back through ONNX Runtime in metres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import RoleEngine
from pose3d_ros.geometry.crop import apply_affine, invert_affine
from pose3d_ros.records import Detection, Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator

from .conftest import Scene, one_hot

MILLIMETRE = 1e-3
Z_RANGE_M = 2.1744869


def test_simcc_3d_with_a_root_net(scene: Scene) -> None:
    who, hips_z_m = scene.person(133, (288, 384), half_pixel_centers=False), 4.1
    x, y, z = 2 * who.crop_px[:, 0], 2 * who.crop_px[:, 1], ((who.joints_cam_m[:, 2] - hips_z_m) / Z_RANGE_M + 1) * 288
    answers = {"simcc_x": one_hot(x, 576), "simcc_y": one_hot(y, 768), "simcc_z": one_hot(z, 576)}
    entry = scene.entry("simcc_3d", 288, 384, "coco17", joints=17)
    pose = scene.pose(RoleEngine(scene.net(answers, 288, 384, name="input"), entry), scene.root(hips_z_m))
    # Exactly where the bins say, which is within half a bin of where the person is: 3.8 mm, and a quarter of a pixel.
    pixels = apply_affine(invert_affine(who.img2crop), np.rint(np.stack([x, y], axis=-1)[:17]) / 2)
    z_m = hips_z_m + (np.rint(z[:17]) / 288 - 1) * Z_RANGE_M
    np.testing.assert_allclose(pose.joints_cam_m, scene.camera.backproject(pixels, z_m), atol=1e-6)
    np.testing.assert_allclose(pose.joints_cam_m[:, 2], who.joints_cam_m[:17, 2], atol=Z_RANGE_M / 288 / 2)
    np.testing.assert_allclose(pose.joints_cam_m, who.joints_cam_m[:17], atol=5e-3)
    # The skeleton's root is the nose, the net's the hips: the root lies at the nose, not as deep as the hips.
    np.testing.assert_allclose(pose.root_cam_m, pose.joints_cam_m[0])
    assert pose.scores.shape == (17,)


def test_integral_volume_with_a_root_net(scene: Scene) -> None:
    who = scene.person(17, (64, 64), half_pixel_centers=False)
    root_depth_m = float(who.joints_cam_m[0, 2])
    at = np.column_stack([who.crop_px / 4, (who.joints_cam_m[:, 2] - root_depth_m) / 2 * 16 + 8])
    # Each axis shares between two neighboring cells, so that the mean is the place.
    share = np.maximum(1 - np.abs(np.arange(16) - at[..., None]), 1e-30)
    volume = np.log(np.einsum("jz,jy,jx->jzyx", share[:, 2], share[:, 1], share[:, 0])).reshape(1, 17 * 16, 16, 16)
    model = RoleEngine(scene.net({"volume": volume}, 64, 64), scene.entry("integral_volume", 64, 64, "h36m17"))
    pose = scene.pose(model, scene.root(root_depth_m))
    np.testing.assert_allclose(pose.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)


@pytest.mark.parametrize("ahead", ["crop", "camera"])
def test_location_maps(scene: Scene, ahead: str) -> None:
    who = scene.person(21, (368, 368))
    # The same depths, seen at the centers of cells.
    cells = np.rint((who.crop_px - 3.5) / 8)
    joints_cam_m = scene.camera.backproject(
        apply_affine(invert_affine(who.img2crop), 8 * cells + 3.5), who.joints_cam_m[:, 2]
    )
    relative_m = joints_cam_m - joints_cam_m[14]
    if ahead == "crop":
        relative_m = relative_m @ who.ray2camera
    maps = np.zeros((4, 1, 21, 46, 46), dtype=np.float32)
    for joint, (column, row) in enumerate(cells.astype(int)):
        maps[:, 0, joint, row, column] = (0.9, *(10 * relative_m[joint]))
    engine = scene.net(dict(zip(("heat", "x", "y", "z"), maps, strict=True)), 368, 368)
    entry = scene.entry("location_maps", 368, 368, "muco21", metres_per_unit=0.1, ahead=ahead)
    pose = scene.pose(RoleEngine(engine, entry))
    np.testing.assert_allclose(pose.joints_cam_m, joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(pose.root_cam_m, joints_cam_m[14], atol=MILLIMETRE)
    assert np.isnan(pose.root_sigma_m)


def test_metrabs(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    pose = scene.pose(scene.metrabs(who))
    np.testing.assert_allclose(pose.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)
    np.testing.assert_allclose(pose.joints_img_px, scene.camera.project(who.joints_cam_m), atol=1e-3)


def test_metric_joints_with_a_root_net(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    z_m = float(who.joints_cam_m[0, 2])
    given = scene.pose(scene.metrabs(who), scene.root(z_m))
    np.testing.assert_allclose(given.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    # A root net that errs moves everybody, unless the entry asks for the closed form.
    moved = scene.pose(scene.metrabs(who), scene.root(z_m + 1))
    assert moved.root_cam_m[2] == pytest.approx(z_m + 1, abs=MILLIMETRE)
    asked = scene.pose(scene.metrabs(who, root="closed_form"), scene.root(z_m + 1))
    np.testing.assert_allclose(asked.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)


def test_weak_perspective_is_near(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    pose = scene.pose(scene.metrabs(who, root="weak_perspective"))
    assert MILLIMETRE < float(np.linalg.norm(pose.root_cam_m - who.joints_cam_m[0])) < 0.5


def test_mediapipe_world(scene: Scene) -> None:
    who = scene.person(33, (256, 256))
    hips_m = who.joints_cam_m[[23, 24]].mean(axis=0)
    landmarks = np.concatenate([(who.crop_px + 0.5) / 256, np.zeros((33, 1)), np.full((33, 2), 0.9)], axis=1)
    answers = {"landmarks": landmarks[None], "world": ((who.joints_cam_m - hips_m) @ who.ray2camera)[None]}
    engine = scene.make_net(answers, image=(TensorProto.UINT8, (1, 256, 256, 3)))
    entry = scene.entry("mediapipe_world", 256, 256, "mediapipe33")
    pose = scene.pose(RoleEngine(engine, entry))
    np.testing.assert_allclose(pose.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)
    # A root net's depth is the hips': the nose is as far from them as the world landmarks say.
    given = scene.pose(RoleEngine(engine, entry), scene.root(float(hips_m[2])))
    np.testing.assert_allclose(given.joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
    np.testing.assert_allclose(given.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)


def test_joints_outside_the_crop_do_not_pull_at_the_root(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    lost = get_skeleton("h36m17").index_of["L_Hip"]
    who.crop_px[lost] = (-40.0, 300.0)
    pose = scene.pose(scene.metrabs(who))
    np.testing.assert_allclose(pose.root_cam_m, who.joints_cam_m[0], atol=MILLIMETRE)
    assert np.flatnonzero(np.isnan(pose.joints_cam_m).any(axis=1)).tolist() == [lost]


def test_a_graph_for_one_crop_is_run_for_each(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    estimator = RootPoseEstimator(scene.metrabs(who), config=PoseConfig(flip_test=False))
    both = [scene.detection, Detection(scene.detection.box_xyxy_px, 0.5)]
    first, second = estimator.place(scene.frame, estimator.read(scene.frame, both))
    np.testing.assert_array_equal(first.joints_cam_m, second.joints_cam_m)
    assert (first.detection.score, second.detection.score) == (0.9, 0.5)


def test_the_flip_test_mirrors_metric_joints(scene: Scene) -> None:
    # A graph that always gives the same answer is right for both views of somebody who is his own mirror image.
    order = list(get_skeleton("h36m17").flip_order)
    relative_m = np.random.default_rng(2).uniform(-0.5, 0.5, (17, 3))
    relative_m = (relative_m + relative_m[order] * [-1, 1, 1]) / 2
    x, y = (scene.detection.box_xyxy_px[:2] + scene.detection.box_xyxy_px[2:]) / 2
    camera = replace(scene.camera, K_px=np.array([[600.0, 0, x], [0, 600, y], [0, 0, 1]]), distortion=np.zeros(0))
    joints_cam_m = relative_m + [0, 0, 5.0]
    crop_px = apply_affine(scene.person(17, (256, 256)).img2crop, camera.project(joints_cam_m))
    engine = scene.net({"coords2d": crop_px[None], "coords3d": relative_m[None]}, 256, 256)
    entry = scene.entry("metrabs", 256, 256, "h36m17", metres_per_unit=1)
    estimator, frame = RootPoseEstimator(RoleEngine(engine, entry)), Frame(scene.frame.image_bgr, camera)
    (pose,) = estimator.place(frame, estimator.read(frame, [scene.detection]))
    np.testing.assert_allclose(pose.joints_cam_m, joints_cam_m, atol=MILLIMETRE)


def test_outputs_of_other_names_and_a_half_precision_input(scene: Scene) -> None:
    who = scene.person(17, (256, 256))
    answers = {"b": who.metrabs["coords3d"], "a": who.metrabs["coords2d"]}
    engine = scene.make_net(answers, pixels=(TensorProto.FLOAT16, ("batch", 3, "h", "w")))
    entry = scene.metrabs(who, outputs=["a", "b"], image_input="pixels").entry
    np.testing.assert_allclose(scene.pose(RoleEngine(engine, entry)).joints_cam_m, who.joints_cam_m, atol=MILLIMETRE)
