from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.config.root_settings import RootConfig
from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import Normalization, RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry
from .conftest import constant_model, make_person, metrabs_model, pose_entry, pose_of, root_model

J = 16
PLAIN = PoseConfig(flip_test=False)
ROOT = get_skeleton("mpii16").root
SIZE = 100
CAMERA = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480)
# 80 px square about (320, 240); x1.25 gives 100 px, so a crop pixel is an image pixel, 270 further.
BOX = np.array([280.0, 200.0, 360.0, 280.0])
FRAME = Frame(np.zeros((480, 640, 3), dtype=np.uint8), CAMERA, 0)
INPUTS: Shapes = {"image": ("batch", 3, SIZE, SIZE), "k_m": ("batch",)}
OUTPUTS: Shapes = {
    "joints_crop_px": ("batch", J, 2),
    "relative_depth_m": ("batch", J),
    "joint_scores": ("batch", J),
    "root_depth_m": ("batch",),
    "root_log_sigma": ("batch",),
}


def metric(depth_m: float = 5.0, score: float = 0.9) -> Callable[[Tensors], dict[str, Any]]:
    """Joints in the middle of the crop but for joint 0, joint 1 outside the crop, and joint 2 without confidence."""

    def answer(feeds: Tensors) -> dict[str, Any]:
        n = len(feeds["image"])
        joints = np.full((n, J, 2), 49.5, dtype=np.float32)
        relative = np.zeros((n, J), dtype=np.float32)
        scores = np.full((n, J), score, dtype=np.float32)
        joints[:, 0], relative[:, 0] = (59.5, 29.5), 1.0
        joints[:, 1] = (150.0, 50.0)
        scores[:, 2] = 0.01
        return {
            "joints_crop_px": joints,
            "relative_depth_m": relative,
            "joint_scores": scores,
            "root_depth_m": np.full(n, depth_m, dtype=np.float32),
            "root_log_sigma": np.full(n, np.log(0.1), dtype=np.float32),
        }

    return answer


def metric_model(answer: Callable[[Tensors], Tensors] | None = None, **changes: Any) -> Any:
    """A RoleEngine on an AnsweringEngine."""
    fields = {"decoder": "root_pose_metric", "input_size_px": (SIZE, SIZE), "skeleton": "mpii16", **changes}
    return RoleEngine(AnsweringEngine(answer or metric(), INPUTS, OUTPUTS), manifest_entry(**fields))


def poses_of(estimator: RootPoseEstimator, *boxes: Any) -> tuple[Pose, ...]:
    people = [Detection(np.asarray(box), score) for box, score in zip(boxes, (0.8, 0.7), strict=False)]
    return estimator.localize(FRAME, estimator.estimate_keypoints(FRAME, people))


def estimate(answer: Callable[[Tensors], Tensors], box: Any = BOX, **config: Any) -> tuple[Pose, ...]:
    """The poses in a box for that answer and those settings, without the flip test."""
    estimator = RootPoseEstimator(metric_model(answer), config=PoseConfig(**{"flip_test": False, **config}))
    return poses_of(estimator, box)


def test_crop_coordinates_become_metric_joints() -> None:
    (pose,) = estimate(metric())
    # The crop spans 270..370 by 190..290 of edges: crop pixel 49.5 is image pixel (320, 240), the principal point.
    np.testing.assert_allclose(pose.root_cam_m, [0, 0, 5], atol=1e-9)
    np.testing.assert_allclose(pose.joints_cam_m[ROOT], [0, 0, 5], atol=1e-9)
    # Ten pixels right and twenty up, at 6 m with f = 500.
    np.testing.assert_allclose(pose.joints_img_px[0], [330, 220], atol=1e-9)
    np.testing.assert_allclose(pose.joints_cam_m[0], [0.12, -0.24, 6.0], atol=1e-9)
    assert pose.root_sigma_m == pytest.approx(0.5, rel=1e-6)
    assert pose.skeleton.name == "mpii16"
    assert pose.detection.score == 0.8


def test_metric_joints_beside_learned_roots_are_solved_too_once_it_is_asked_for() -> None:
    estimator = RootPoseEstimator(metric_model(), config=PLAIN)
    keypoints = estimator.estimate_keypoints(FRAME, [Detection(BOX, 0.8)])
    spread = np.random.default_rng(0).normal(0, 0.3, (1, J, 3))
    people = replace(keypoints, relative_m=spread, joints_img_px=CAMERA.project(spread + [0.0, 0.0, 4.0]))
    assert [reading.solver for reading in estimator.localize(FRAME, people)[0].readings] == ["learned"]
    estimator.root_config = RootConfig(solvers="all,search")
    learned, searched = estimator.localize(FRAME, people)[0].readings
    assert (learned.solver, searched.solver) == ("learned", "search")
    assert searched.by_size
    assert searched.distance_m == pytest.approx(float(np.linalg.norm(spread[0, ROOT] + [0.0, 0.0, 4.0])), abs=1e-3)


def test_joints_outside_the_crop_or_below_the_threshold_are_invalid() -> None:
    (pose,) = estimate(metric(), joint_score_threshold=0.05)
    invalid = np.isnan(pose.joints_cam_m).any(axis=1)
    assert np.flatnonzero(invalid).tolist() == [1, 2]
    assert (np.isnan(pose.joints_img_px).any(axis=1) == invalid).all()


def test_root_joint_below_the_threshold_still_localizes_the_person() -> None:
    (pose,) = estimate(metric(score=0.2), joint_score_threshold=0.5, person_score_threshold=0.1)
    np.testing.assert_allclose(pose.root_cam_m, [0, 0, 5], atol=1e-9)
    assert np.isnan(pose.joints_cam_m).all()


def test_all_people_are_one_batch() -> None:
    made = metric_model()
    poses = poses_of(RootPoseEstimator(made, config=PLAIN), BOX, BOX + 30)
    (call,) = made.engine.calls
    assert call["image"].shape == (2, 3, SIZE, SIZE)
    # Moon's k: a 2 m square fills 100 px at f = 500 from 10 m.
    np.testing.assert_allclose(call["k_m"], [10, 10], rtol=1e-6)
    assert [p.detection.score for p in poses] == [0.8, 0.7]
    np.testing.assert_allclose(poses[1].root_cam_m, [0.3, 0.3, 5], atol=1e-9)


@pytest.mark.parametrize("depth_m", [0.0, -2.0, float("nan")])
def test_person_without_a_depth_is_left_out(depth_m: float) -> None:
    assert estimate(metric(depth_m)) == ()


def test_posenet_with_rootnet() -> None:
    coords = np.full((1, J, 3), 32.0, dtype=np.float32)
    coords[0, 0] = (40.0, 32.0, 48.0)
    crops: Shapes = {"image": ("batch", 3, 256, 256)}
    posenet = AnsweringEngine(lambda feeds: {"coords": coords}, crops, {"coords": ("batch", J, 3)})
    root = np.array([[32.0, 32.0, 4000.0]], dtype=np.float32)
    rootnet = AnsweringEngine(lambda feeds: {"root": root}, {**crops, "k": ("batch",)}, {"root": ("batch", 3)})
    estimator = RootPoseEstimator(
        RoleEngine(posenet, manifest_entry("3dmppe_posenet", input_size_px=(256, 256), skeleton="mpii16")),
        RoleEngine(rootnet, manifest_entry("3dmppe_rootnet", input_size_px=(256, 256))),
        config=PLAIN,
    )
    (pose,) = poses_of(estimator, BOX)
    # Their box of 80 pixels is 79 wide and cut at 1.25 of that. Bin 32 of 64 is its center, bin 40 an eighth further.
    side_px = 1.25 * 79
    np.testing.assert_allclose(pose.joints_img_px[1], [320, 240], atol=1e-6)
    np.testing.assert_allclose(pose.joints_img_px[0], [320 + side_px / 8, 240], atol=1e-6)
    # Bin 48 is half a metre behind the root, which is at 4000 mm.
    np.testing.assert_allclose(pose.joints_cam_m[0], [side_px / 8 / 500 * 4.5, 0, 4.5], atol=1e-6)
    np.testing.assert_allclose(rootnet.calls[0]["k"], 500 * 2000 / side_px, rtol=1e-6)
    assert np.isnan(pose.root_sigma_m)


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder": "unknown"},
        {"skeleton": None},
        {"input_size_px": None},
        {"input_size_px": (100, 50)},
        {"normalization": None},
        {"parameters": {"box_scale": -1.0}},
    ],
)
def test_entries_that_lack_something_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(EngineError):
        RootPoseEstimator(metric_model(**changes))


def test_box_without_a_confident_joint_is_a_false_positive() -> None:
    assert estimate(metric(score=0.3)) == ()


def test_half_a_person_is_a_person() -> None:
    def upper_body(feeds: Any) -> dict[str, Any]:
        answer = metric()(feeds)
        answer["joint_scores"][:, : J // 2] = 0.0
        return answer

    (pose,) = estimate(upper_body)
    assert np.isnan(pose.joints_cam_m[: J // 2]).any(axis=1).all()


def test_flip_test_adds_mirrored_crops_to_the_same_batch() -> None:
    def centered(feeds: Any) -> dict[str, Any]:
        answer = metric()(feeds)
        answer["joints_crop_px"][:] = 49.5  # the middle is its own mirror image
        answer["root_depth_m"][len(feeds["image"]) // 2 :] = 6.05
        return answer

    made = metric_model(centered)
    (pose,) = poses_of(RootPoseEstimator(made), BOX)
    (call,) = made.engine.calls
    np.testing.assert_array_equal(call["image"][1], call["image"][0][:, :, ::-1])
    assert pose.root_cam_m[2] == pytest.approx(np.sqrt(5 * 6.05), rel=1e-6)
    np.testing.assert_allclose(pose.joints_img_px[ROOT], [320, 240], atol=1e-9)


@pytest.mark.parametrize(
    ("decoder", "parameters", "message"),
    [
        ("simcc_2d", {}, "role lifter, or a decoder that gives depths.*Joints in the image alone need a lifter"),
        ("simcc_2d", {"root": "closed_form"}, "role lifter, or a decoder that gives depths"),
        ("simcc_3d", {}, "expected a model of the role root, got the decoder simcc_3d alone"),
        ("integral_volume", {"root": "closed_form"}, "role root, and no parameter root"),
        ("3dmppe_posenet", {}, "expected a model of the role root"),
        ("root_pose_metric", {}, "expected a model of the role root"),
        ("metrabs", {"root": "guessed"}, "one of closed_form, weak_perspective, got 'guessed'"),
        ("metrabs", {"ahead": "sideways"}, "parameter ahead of test: expected one of camera, crop"),
        ("metrabs", {"joints": [1.5]}, "parameter joints of test: expected a count, or a list of indices"),
        ("metrabs", {"joints": 0}, "parameter joints of test: expected an integer, 1 or above"),
        ("metrabs", {"metres_per_unit": -1}, "parameter metres_per_unit of test: expected a number above 0"),
    ],
)
def test_unusable_decoders_and_parameters_are_refused(decoder: str, parameters: dict[str, Any], message: str) -> None:
    model = metrabs_model(make_person(17, (256, 256)))
    with pytest.raises(EngineError, match=message):
        RootPoseEstimator(replace(model, entry=pose_entry(decoder, 256, 256, "h36m17", **parameters)))


def test_root_net_does_not_lift_pixels() -> None:
    model = metrabs_model(make_person(17, (256, 256)))
    with pytest.raises(EngineError, match="role lifter"):
        RootPoseEstimator(replace(model, entry=pose_entry("simcc_2d", 256, 256, "coco17")), root_model(4.0))


def test_uint8_pixels_are_not_normalized() -> None:
    who = make_person(17, (256, 256))
    scaled = Normalization(1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
    entry = attr.evolve(metrabs_model(who).entry, normalization=scaled)
    with pytest.raises(EngineError, match="expected scale 1, mean 0 and std 1 for uint8"):
        RootPoseEstimator(constant_model(entry, who.metrabs, "uint8", image=(1, 256, 256, 3)))


def test_skeleton_of_another_size_is_refused() -> None:
    model = metrabs_model(make_person(17, (256, 256)))
    with pytest.raises(EngineError, match=r"1 people with the 21 joints of muco21, .* its parameter joints chooses"):
        pose_of(replace(model, entry=attr.evolve(model.entry, skeleton="muco21")))
