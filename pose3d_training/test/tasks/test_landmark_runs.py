"""Rendered people before a landmark net: crops, regions, and a file that a stopped run continues."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.geometry.regions import Regions
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.tasks import landmark_runs
from pose3d_training.tasks.landmark_crops import random_view, rendered_people
from pose3d_training.tasks.landmark_runs import LandmarkRuns, cut, main, region_of_landmarks


class Blind:
    """Says that everybody stands in the middle of the crop, a third of it high."""

    def __init__(self, models: Path) -> None:
        self.models = models

    def __call__(self, image_bgr: ImageArray, region: Regions) -> tuple[Array, float, Array]:
        assert cut(image_bgr, region).shape == (256, 256, 3)
        landmarks = np.full((39, 5), 127.5)
        landmarks[34, 1] = 127.5 - 256 / 3
        return landmarks, 0.9, np.zeros((39, 3))


def test_crop_of_a_large_region_does_not_alias_and_stays_in_place() -> None:
    y, x = np.mgrid[:1024, :1024]
    image = np.repeat(((x + y) % 2 * 255).astype(np.uint8)[..., None], 3, axis=-1)
    cv2.circle(image, (700, 300), 40, (0, 0, 255), cv2.FILLED)
    crop = cut(image, Regions([[512.0, 512.0]], [1024.0], [0.0]))
    assert 110 < crop[200, 40, 0] < 145  # the mean of black and white
    red = np.argwhere((crop[..., 2] > 200) & (crop[..., 0] < 60)).mean(axis=0)
    np.testing.assert_allclose(red, [300 / 4, 700 / 4], atol=0.6)


def test_next_region_is_about_the_landmarks_of_the_one_before() -> None:
    landmarks = np.full((39, 5), 127.5)
    landmarks[34, :2] = 127.5 + 40.0, 127.5
    found = region_of_landmarks(landmarks, Regions([[100.0, 50.0]], [512.0], [0.0]))
    np.testing.assert_allclose(found.centers_px, [[100, 50]])
    np.testing.assert_allclose(found.sides_px, 2.5 * 80)
    np.testing.assert_allclose(found.angles_rad, np.pi / 2)


def test_cameras_are_robots_and_some_look_down() -> None:
    views = [random_view(np.random.default_rng(seed)) for seed in range(200)]
    heights = np.array([view.cam2world[1, 3] for view in views])
    assert 0.3 <= heights.min() < 0.5
    assert 0.2 < (heights > 2).mean() < 0.45
    down = np.array([-view.cam2world[1, 2] for view in views])
    assert down[heights > 2].min() > 0.15


def test_rendered_people_are_seen_where_their_points_are(assets: Path, renderer: Renderer) -> None:
    (person,) = islice(rendered_people(assets, 4, "train"), 1)
    height, width = person.image_bgr.shape[:2]
    pixels = person.pixels()
    inside = ((pixels > 0) & (pixels < [width, height])).all(axis=1)
    assert inside.mean() > 0.3
    assert person.points_cam_m[:, 2].min() > 0.3


def test_command_writes_runs_and_continues(
    assets: Path, renderer: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landmark_runs, "LandmarkNet", Blind)
    output = tmp_path / "runs.npz"
    arguments = ["--assets", str(assets), "--models", "none", "--output", str(output), "--seed", "4"]
    assert main([*arguments, "--people", "2"]) == 0
    first = LandmarkRuns.load(output)
    assert (len(first), first.person.tolist()) == (2, [0.9, 0.9])
    assert main([*arguments, "--people", "3"]) == 0
    both = LandmarkRuns.load(output)
    assert len(both) == 3
    np.testing.assert_array_equal(both.points_cam_m[:2], first.points_cam_m)
