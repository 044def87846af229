"""What pose nets read of people at the border of wide images, and where their joints and depths come to lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.config.settings import PoseConfig
from pose3d_ros.engines import RoleEngine
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.crop import crop_transforms
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.pose.person_crops import PersonCrops
from pose3d_ros.stages.pose.root_pose_estimator import RootPoseEstimator
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

SIZE = 128
SKELETON = get_skeleton("mpii16")
# 120 degrees from corner to corner: 400 px are 60 degrees.
LENS = Camera(
    np.array([[382.0, 0.0, 319.5], [0.0, 382.0, 239.5], [0.0, 0.0, 1.0]]), 640, 480, np.zeros(4), "equidistant"
)
WEBCAM = Camera.from_hfov(60.0, 640, 480)
PLACES = ((-2.6, -1.3, 2.2), (2.8, 0.2, 2.6), (0.1, 0.1, 4.0))


def person_at(place_cam_m: tuple[float, float, float]) -> Array:
    """(16, 3), joints of nobody within half a metre, the root in the middle of them, in the camera's frame."""
    joints = np.random.default_rng(4).uniform(-0.45, 0.45, (16, 3))
    joints[SKELETON.root] = 0.0
    return np.asarray(joints + np.array(place_cam_m), dtype=np.float64)


def box_of(camera: Camera, joints_cam_m: Array) -> Array:
    pixels = camera.project(joints_cam_m)
    whole = np.concatenate([pixels.min(axis=0) - 4, pixels.max(axis=0) + 4])
    return np.asarray(np.clip(whole, -0.5, [639.5, 479.5, 639.5, 479.5]))


def crops_of(camera: Camera, boxes: Array) -> PersonCrops:
    return PersonCrops.of(camera, crop_transforms(boxes, 640, 480, SIZE), may_bend=True)


def seen_from_turned_cameras(crops: PersonCrops, people_cam_m: Array, mirrored: bool) -> tuple[Array, Array]:
    """Pixels (N, 16, 2) and depths (N, 16) of people as exact nets see them in bent views, or mirrored ones."""
    assert crops.views is not None
    turned_m = people_cam_m @ crops.views.view2cam
    across = turned_m[..., :2] / turned_m[..., 2:] * crops.views.focals_px[:, None, None]
    pixels = across + (SIZE - 1) / 2
    if mirrored:
        pixels = pixels[:, list(SKELETON.flip_order)]
        pixels[..., 0] = SIZE - 1 - pixels[..., 0]
        turned_m = turned_m[:, list(SKELETON.flip_order)]
    return pixels, turned_m[..., 2]


def exact_net(crops: PersonCrops, people_cam_m: Array) -> RoleEngine:
    """A net for pose and root that is right about what bent views show."""
    root = SKELETON.root

    def answer(feeds: Tensors) -> dict[str, Any]:
        images = len(feeds["image"])
        parts = [seen_from_turned_cameras(crops, people_cam_m, again) for again in (False, True)]
        pixels, depth_m = (np.concatenate(both)[:images] for both in zip(*parts, strict=True))
        return {
            "joints_crop_px": pixels.astype(np.float32),
            "relative_depth_m": (depth_m - depth_m[:, root, None]).astype(np.float32),
            "joint_scores": np.full(depth_m.shape, 0.9, dtype=np.float32),
            "root_depth_m": depth_m[:, root].astype(np.float32),
            "root_log_sigma": np.full(images, np.log(0.1), dtype=np.float32),
        }

    inputs: Shapes = {"image": ("batch", 3, SIZE, SIZE), "k_m": ("batch",)}
    outputs: Shapes = {
        "joints_crop_px": ("batch", 16, 2),
        "relative_depth_m": ("batch", 16),
        "joint_scores": ("batch", 16),
        "root_depth_m": ("batch",),
        "root_log_sigma": ("batch",),
    }
    entry = manifest_entry("root_pose_metric", input_size_px=(SIZE, SIZE), skeleton="mpii16")
    return RoleEngine(AnsweringEngine(answer, inputs, outputs), entry)


def metric_net(crops: PersonCrops, people_cam_m: Array, ahead: str) -> RoleEngine:
    """A net of metric joints, which is right about what bent views show."""
    assert crops.views is not None
    pixels, _ = seen_from_turned_cameras(crops, people_cam_m, mirrored=False)
    relative_m = (people_cam_m - people_cam_m[:, :1]) @ crops.views.view2cam
    answers = {"coords2d": pixels.astype(np.float32), "coords3d": 1000 * relative_m.astype(np.float32)}
    entry = manifest_entry(
        "metrabs", roles=("pose",), input_size_px=(SIZE, SIZE), skeleton="mpii16", parameters={"ahead": ahead}
    )
    shapes: Shapes = {"image": ("batch", 3, SIZE, SIZE)}
    return RoleEngine(AnsweringEngine(lambda feeds: answers, shapes, {k: v.shape for k, v in answers.items()}), entry)


def poses(net: RoleEngine, camera: Camera, boxes: Array, *, flip_test: bool) -> tuple[Pose, ...]:
    estimator = RootPoseEstimator(net, config=PoseConfig(flip_test=flip_test))
    frame = Frame(np.full((480, 640, 3), 90, dtype=np.uint8), camera)
    return estimator.localize(frame, estimator.estimate_keypoints(frame, tuple(Detection(box, 0.9) for box in boxes)))


@pytest.mark.parametrize("flip_test", [False, True])
def test_people_at_the_border_of_a_wide_lens_are_where_they_are(flip_test: bool) -> None:
    people = np.array([person_at(place) for place in PLACES[:2]])
    boxes = np.array([box_of(LENS, joints) for joints in people])
    crops = crops_of(LENS, boxes)
    net = exact_net(crops, people)
    found = poses(net, LENS, boxes, flip_test=flip_test)
    for pose, joints in zip(found, people, strict=True):
        np.testing.assert_allclose(pose.root_cam_m, joints[SKELETON.root], atol=1e-3)
        inside = np.isfinite(pose.joints_cam_m).all(axis=-1)
        assert inside.mean() > 0.8
        np.testing.assert_allclose(pose.joints_cam_m[inside], joints[inside], atol=1e-3)
        np.testing.assert_allclose(pose.joints_img_px[inside], LENS.project(joints)[inside], atol=0.05)
        assert pose.root_sigma_m == pytest.approx(0.1 * np.linalg.norm(pose.root_cam_m), rel=1e-4)
    # What fills the crop is 2 m high at that distance before the turned camera.
    assert crops.views is not None
    (call,) = net.engine.calls  # type: ignore[attr-defined]
    np.testing.assert_allclose(call["k_m"][:2], 2.0 * crops.views.focals_px / SIZE, rtol=1e-6)


@pytest.mark.parametrize("ahead", ["camera", "crop"])
def test_metric_joints_of_a_turned_view_are_turned_back(ahead: str) -> None:
    people = np.array([person_at(place) for place in PLACES[:2]])
    boxes = np.array([box_of(LENS, joints) for joints in people])
    crops = crops_of(LENS, boxes)
    found = poses(metric_net(crops, people, ahead), LENS, boxes, flip_test=False)
    for pose, joints in zip(found, people, strict=True):
        inside = np.isfinite(pose.joints_cam_m).all(axis=-1)
        np.testing.assert_allclose(pose.joints_cam_m[inside], joints[inside], atol=2e-3)


def test_flat_and_bent_crops_of_one_image_keep_their_own_ways_back() -> None:
    boxes = np.array([box_of(LENS, person_at(place)) for place in PLACES])
    crops = crops_of(LENS, boxes)
    assert crops.views is not None
    assert crops.views.bent.tolist() == [True, True, False]
    flat = PersonCrops(LENS, crops.transforms)
    middle = np.full((3, 1, 2), (SIZE - 1) / 2)
    np.testing.assert_allclose(crops.crop2img(middle), flat.crop2img(middle), atol=1e-6)
    assert crops.k_m[2] == flat.k_m[2]
    # The lens shows people there smaller than a pinhole does; k is along the view's axis, that of flat crops along z.
    assert (crops.k_m[:2] * crops.views.view2cam[:2, 2, 2] < 0.8 * flat.k_m[:2]).all()
    again = crops.mirrored(np.array([0, 2]))
    np.testing.assert_allclose(again.crop2img(middle[:2]), crops.crop2img(middle)[[0, 2]], atol=1e-6)


@pytest.mark.parametrize(
    ("camera", "may_bend"), [(WEBCAM, True), (LENS, False)], ids=["narrow pinhole", "net of another input"]
)
def test_crops_of_narrow_pinholes_and_other_nets_are_flat(camera: Camera, may_bend: bool) -> None:
    boxes = np.array([[2.0, 2.0, 90.0, 200.0], [550.0, 100.0, 630.0, 470.0]])
    crops = PersonCrops.of(camera, crop_transforms(boxes, 640, 480, SIZE), may_bend=may_bend)
    assert crops.views is None
    assert len(crops) == 2


def test_wide_pinhole_bends_where_nets_are_not_used_to_its_perspective() -> None:
    camera = Camera.from_hfov(110.0, 640, 480)
    people = [person_at(place) for place in ((0.2, 0.0, 3.0), (3.2, 0.0, 2.6))]
    crops = crops_of(camera, np.array([box_of(camera, joints) for joints in people]))
    assert crops.views is not None
    assert crops.views.bent.tolist() == [False, True]
