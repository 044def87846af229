"""Rendered people before a landmark net: crops, regions, and a file that a stopped run continues."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.tasks import landmark_runs
from pose3d_training.tasks.landmark_crops import random_view, rendered_people
from pose3d_training.tasks.landmark_runs import LandmarkRuns, main


class Blind:
    """Says that everybody stands in the middle of the region, a third of it high."""

    def __call__(self, camera: Camera, image: FrameImage, regions: Regions) -> Landmarks:
        hips = regions.centers_px
        top = hips - np.stack([np.zeros(len(hips)), regions.sides_px / 3], axis=-1)
        points, values = np.full((1, 33, 2), 127.5), np.full((1, 33), 0.9)
        following = Regions.from_keypoints(hips, top)
        turn = np.eye(3)[None]
        return Landmarks(points, following, np.zeros((1, 33, 3)), values, values, np.array([0.9]), turn, points)


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
    monkeypatch.setattr(landmark_runs, "open_net", lambda models: Blind())
    output = tmp_path / "runs.npz"
    arguments = ["--assets", str(assets), "--models", "none", "--output", str(output), "--seed", "4"]
    assert main([*arguments, "--people", "2"]) == 0
    first = LandmarkRuns.load(output)
    assert (len(first), first.person.tolist()) == (2, [0.9, 0.9])
    assert main([*arguments, "--people", "3"]) == 0
    both = LandmarkRuns.load(output)
    assert len(both) == 3
    np.testing.assert_array_equal(both.points_cam_m[:2], first.points_cam_m)
    np.testing.assert_allclose(both.region[:, 2] / both.true_region[:, 2], 2.5 / 3, rtol=0.5)
    np.testing.assert_array_equal(both.region[:, 3], 0)
