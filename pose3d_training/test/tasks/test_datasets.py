"""Training samples cut from scenes with known ground truth."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
from training_fixtures import HEIGHT, WIDTH, Composer, K, person, project, scene

from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.assemble import moon_k_m
from pose3d_ros.geometry.crop import apply_affine, aspect_box, img2crop_affine, invert_affine
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.detect.detector_decoders import decode_center_ltrb
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.compose import Scene
from pose3d_training.tasks.datasets import (
    DetectionSample,
    DetectionSamples,
    PoseSample,
    PoseSamples,
    _cell,
    _detection_targets,
    _flipped,
)

SKELETON = get_skeleton("muco21")


def pose_samples(made: Scene, count: int, augment: bool) -> list[PoseSample]:
    return list(itertools.islice(PoseSamples(Composer(made), SKELETON, 64, 0, augment=augment), count))


def test_flipped_affine_mirrors_pixel_centers() -> None:
    affine = np.array([[0.5, 0.1, 3.0], [-0.1, 0.5, 7.0]])
    points = np.array([[0.0, 0.0], [10.0, 20.0], [63.0, 5.0]])
    plain, mirrored = apply_affine(affine, points), apply_affine(_flipped(affine, 64), points)
    np.testing.assert_allclose(mirrored, np.stack([63 - plain[:, 0], plain[:, 1]], axis=1))
    np.testing.assert_allclose(_flipped(_flipped(affine, 64), 64), affine)


def test_pose_sample_backprojects_to_the_ground_truth() -> None:
    one = scene(person(1, 0.2))
    (sample,) = pose_samples(one, 1, augment=False)
    square = aspect_box(one.boxes_xyxy_px[0], WIDTH, HEIGHT, 1.0)
    to_image = invert_affine(img2crop_affine(square, 64))
    camera = Camera(K, WIDTH, HEIGHT)
    depth = sample.root_depth_m + sample.relative_depth_m
    back = camera.backproject(apply_affine(to_image, sample.joints_crop_px), depth)
    order = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
    np.testing.assert_allclose(back, one.joints_cam_m[0][order], atol=1e-4)
    assert sample.relative_depth_m[SKELETON.root] == 0
    assert sample.k_m == pytest.approx(moon_k_m(square[None], 300.0, 310.0)[0], rel=1e-6)
    assert sample.inside.all()


def test_mirrored_sample_swaps_joint_sides() -> None:
    one = scene(person(2, -0.3))
    order = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
    true_depth = one.joints_cam_m[0][order, 2]
    depths = [s.root_depth_m + s.relative_depth_m for s in pose_samples(one, 24, augment=True)]
    swapped = true_depth[list(SKELETON.flip_order)]
    kinds = {("plain" if np.allclose(d, true_depth, atol=1e-4) else "swapped") for d in depths}
    assert kinds == {"plain", "swapped"}
    assert all(np.allclose(d, true_depth, atol=1e-4) or np.allclose(d, swapped, atol=1e-4) for d in depths)


def test_augmented_joints_match_the_image() -> None:
    """A bright dot at the pelvis is still under the pelvis after mirroring, turning and cropping."""
    joints = person(3, 0.3)
    one = scene(joints)
    u, v = project(joints)[SYNTH_JOINTS.index("Pelvis")]
    cv2.circle(one.image_bgr, (round(float(u)), round(float(v))), 3, (255, 255, 255), -1)
    errors = []
    for sample in pose_samples(one, 20, augment=True):
        gray = sample.image.astype(float).sum(axis=2)
        x, y = np.rint(sample.joints_crop_px[SKELETON.root]).astype(int)
        patch = gray[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        errors.append(patch.max() < gray.max() * 0.7)
    assert np.mean(errors) <= 0.35  # a covering rectangle may lie over the dot


def test_occluded_and_tiny_people_are_left_out() -> None:
    near, far = person(4), person(5, 0.5, 40.0)
    one = scene(near, person(6, -0.8), far, visible=[1.0, 0.1, 1.0])
    samples = pose_samples(one, 3, augment=False)
    assert [s.root_depth_m for s in samples] == pytest.approx([near[0, 2]] * 3)


def test_joints_outside_the_image_are_not_inside() -> None:
    one = scene(person(7, 2.0))
    one = replace(one, boxes_xyxy_px=np.clip(one.boxes_xyxy_px, -0.5, 319.5))
    (sample,) = pose_samples(one, 1, augment=False)
    order = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
    outside = project(one.joints_cam_m[0])[order, 0] > WIDTH - 0.5
    assert 0 < outside.sum() < len(order)
    assert not sample.inside[outside].any()


def decoded(sample: DetectionSample, threshold: float = 0.99) -> tuple[Array, Array]:
    height, width = sample.image.shape[:2]
    raw = {"heat": sample.heat[None], "ltrb": sample.ltrb_px[None]}
    letterbox = Letterbox.fit_long_side(width, height, max(width, height))
    return decode_center_ltrb(raw, letterbox, 8, threshold)


@pytest.mark.parametrize(("center_px", "cell"), [(-0.4, 0), (7.4, 0), (7.6, 1), (15.4, 1), (200.0, 4)])
def test_heat_map_peak_is_in_the_cell_of_the_center(center_px: float, cell: int) -> None:
    # Cells of 8 px go from -0.5 to 7.5, from 7.5 to 15.5, …
    assert _cell(center_px, 8, 5) == cell


def test_detection_targets_decode_back_to_the_boxes() -> None:
    boxes = np.array([[20.3, 30.7, 60.2, 150.1], [150.0, 20.0, 200.4, 180.8]])
    sample = _detection_targets(np.zeros((192, 320, 3), np.uint8), boxes, np.ones(2), 8)
    got, scores = decoded(sample)
    np.testing.assert_allclose(got[np.argsort(got[:, 0])], boxes, atol=1e-4)
    np.testing.assert_allclose(scores, 1)


def test_heat_map_without_people_is_empty() -> None:
    sample = _detection_targets(np.zeros((96, 128, 3), np.uint8), np.zeros((0, 4)), np.zeros(0), 8)
    assert sample.heat.max() == 0
    assert sample.heat_weight.min() == 1
    assert sample.box_weight.max() == 0


def test_barely_visible_person_has_no_heat_map_weight() -> None:
    boxes = np.array([[20.0, 10.0, 60.0, 90.0]])
    sample = _detection_targets(np.zeros((96, 128, 3), np.uint8), boxes, np.array([0.1]), 8)
    assert sample.heat.max() == 0
    assert sample.heat_weight[0, 50 // 8, 40 // 8] == 0
    assert sample.heat_weight[0, 0, 15] == 1


def test_detection_sample_boxes_match_the_image() -> None:
    joints = person(8)
    one = scene(joints)
    x0, y0, x1, y1 = np.rint(one.boxes_xyxy_px[0]).astype(int)
    one.image_bgr[y0:y1, x0:x1] = 255
    for sample in itertools.islice(DetectionSamples(Composer(one), 320, 256, 8, 0), 6):
        bright = sample.image.astype(float).mean(axis=2)
        for left, top, right, bottom in decoded(sample)[0]:
            inside = bright[max(int(top) + 3, 0) : int(bottom) - 2, max(int(left) + 3, 0) : int(right) - 2]
            assert np.median(inside) > 1.2 * np.median(bright[bright < np.median(inside)])
