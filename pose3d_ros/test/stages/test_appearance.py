"""Clothes' colors, by hand."""

from __future__ import annotations

import numpy as np

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.appearance import blended_lab, clothes_lab, color_cost

SKELETON = get_skeleton("muco21")
POSITIONS = {
    "L_Shoulder": (60, 20), "R_Shoulder": (30, 20), "L_Hip": (55, 50), "R_Hip": (35, 50), "L_Knee": (55, 75),
    "R_Knee": (35, 75),
}  # fmt: skip


def figure() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A red shirt over blue trousers on green, BGR, and the joints of who wears them."""
    image = np.full((96, 96, 3), (0, 160, 0), np.uint8)
    image[15:50, 25:65] = (0, 0, 255)
    image[50:90, 28:62] = (255, 0, 0)
    joints = np.full((1, len(SKELETON), 2), np.nan)
    for name, position in POSITIONS.items():
        joints[0, SKELETON.index_of[name]] = position
    return image, joints


def test_shirt_and_trousers_have_their_own_colors() -> None:
    (upper, lower) = clothes_lab(*figure(), SKELETON)[0]
    np.testing.assert_allclose(upper, [53.2, 80.1, 67.2], atol=0.5)  # CIE Lab of sRGB red
    np.testing.assert_allclose(lower, [32.3, 79.2, -107.9], atol=0.5)  # and blue


def test_unseen_part_has_no_color() -> None:
    image, joints = figure()
    joints[0, SKELETON.index_of["L_Hip"]] = np.nan
    colors = clothes_lab(image, joints, SKELETON)[0]
    assert np.isnan(colors[0]).all()
    assert np.isfinite(colors[1]).all()  # the right leg still shows


def test_skeleton_without_hips_is_no_error() -> None:
    image, _ = figure()
    headless = get_skeleton("coco17")
    assert np.isnan(clothes_lab(image, np.full((1, 17, 2), np.nan), headless)).all()


def test_unseen_parts_cost_nothing_and_other_clothes_do() -> None:
    red, blue, unseen = np.full((2, 3), 50.0), np.full((2, 3), -20.0), np.full((2, 3), np.nan)
    cost = color_cost(np.array([red]), np.array([red, blue, unseen]))
    assert cost[0, 0] == 0
    assert cost[0, 1] > 5
    assert cost[0, 2] == 0


def test_blending_keeps_colors_known_in_one_frame_only() -> None:
    before, now = np.array([[10.0, 0, 0], [np.nan] * 3]), np.array([[20.0, 0, 0], [5.0, 5, 5]])
    np.testing.assert_allclose(blended_lab(before, now, 0.1), [[11, 0, 0], [5, 5, 5]])
    np.testing.assert_allclose(blended_lab(now, before, 0.1), [[19, 0, 0], [5, 5, 5]])
