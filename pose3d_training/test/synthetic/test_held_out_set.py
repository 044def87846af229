"""The held-out set from the assets (POSE3D_ASSETS names their folder), and its ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.skeletons import get_skeleton

pytest.importorskip("moderngl")

from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.held_out_set import (
    HeldOutChoice,
    HeldOutSet,
    is_upright,
    open_held_out,
    open_round_occluder,
)
from pose3d_training.synthetic.renderer import Renderer

MUCO = get_skeleton("muco21")


def standing(crown_m: float, foot_m: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    joints = np.zeros((len(SYNTH_JOINTS), 3))
    joints[SYNTH_JOINTS.index("Head_top"), 1] = -crown_m
    for foot in ("L_Ankle", "R_Ankle", "L_Toe", "R_Toe"):
        joints[SYNTH_JOINTS.index(foot), 1] = -foot_m
    return joints


def test_upright_is_measured_along_the_world_vertical() -> None:
    level = np.diag([1.0, -1.0, -1.0, 1.0])
    assert is_upright(standing(1.6, 0.1), level, 1.7)
    assert not is_upright(standing(1.5, 0.1), level, 1.7)
    turned = np.array([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]])  # the camera lies on its side
    assert not is_upright(standing(1.6, 0.1), turned, 1.7)


@pytest.mark.parametrize(("seed", "scenes", "what"), [(100, 6, "seed"), (-1, 6, "seed"), (1, 0, "scenes")])
def test_invalid_held_out_choice_is_an_error(seed: int, scenes: int, what: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=what):
        open_held_out(HeldOutChoice(tmp_path, seed, scenes, tmp_path / "cache"), MUCO)


def test_folder_without_assets_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="makehuman"):
        open_held_out(HeldOutChoice(tmp_path, 1, 6, tmp_path / "cache"), MUCO)


@pytest.fixture(scope="module")
def choice(assets: Path, renderer: Renderer, tmp_path_factory: pytest.TempPathFactory) -> HeldOutChoice:
    return HeldOutChoice(assets, 3, 6, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def held_out(choice: HeldOutChoice) -> HeldOutSet:
    return open_held_out(choice, MUCO)


def test_held_out_image_is_deterministic(held_out: HeldOutSet) -> None:
    before = held_out[4]
    for scene in held_out:
        assert scene.frame.image_bgr.shape[:2] == (scene.frame.camera.height_px, scene.frame.camera.width_px)
    np.testing.assert_array_equal(held_out[4].frame.image_bgr, before.frame.image_bgr)


def test_held_out_ground_truth_is_consistent(held_out: HeldOutSet) -> None:
    people = [(scene, person) for scene in held_out for person in scene.people]
    assert people
    for scene, ground_truth in people:
        pose = ground_truth.person.pose
        assert 0 <= ground_truth.visible <= 1
        assert 0 <= ground_truth.truncated < 1
        assert ground_truth.visible <= 1 - ground_truth.truncated + 1e-6
        assert 0.9 < ground_truth.stature_m < 2.2
        np.testing.assert_array_equal(pose.joints_cam_m[MUCO.root], pose.root_cam_m)
        low, high = np.full(2, -0.5), np.array([scene.frame.camera.width_px, scene.frame.camera.height_px]) - 0.5
        x0y0, x1y1 = pose.detection.box_xyxy_px[:2], pose.detection.box_xyxy_px[2:]
        assert (x0y0 >= low).all()
        assert (x1y1 <= high).all()


def test_index_beyond_the_set_is_an_error(held_out: HeldOutSet) -> None:
    assert len(held_out) == 6
    with pytest.raises(IndexError):
        held_out[6]


def test_group_behind_a_disc_leaves_the_other_images_as_they_are(choice: HeldOutChoice, held_out: HeldOutSet) -> None:
    before = held_out[1].frame.image_bgr
    occluded, clear = open_round_occluder(choice, MUCO)
    assert len(occluded) == len(clear) == 8
    np.testing.assert_array_equal(open_held_out(choice, MUCO)[1].frame.image_bgr, before)
    for behind, without in zip(occluded, clear, strict=True):
        (hidden,), (seen,) = behind.people, without.people
        assert hidden.counts
        assert hidden.visible < seen.visible == 1
        assert hidden.hidden_joints is not None
        assert hidden.hidden_joints.shape == (len(MUCO),)
        np.testing.assert_array_equal(hidden.hidden_joints, seen.hidden_joints)
        np.testing.assert_array_equal(hidden.person.pose.joints_cam_m, seen.person.pose.joints_cam_m)
