from __future__ import annotations

import attr
import numpy as np
import pytest

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.stages.landmarks.landmark_net import LandmarkNet

from .conftest import LANDMARK_ENTRY, landmark_engine, standing_m

CAMERA = Camera.from_hfov(30.0, 640, 480)
IMAGE = HostImage(np.full((480, 640, 3), 128, dtype=np.uint8))


def test_regions_are_read_in_one_run_and_come_back_to_the_image() -> None:
    engine = landmark_engine()
    regions = Regions(np.array([[200.0, 240.0], [400.0, 240.0]]), np.array([128.0, 128.0]), np.array([0.0, np.pi / 2]))
    found = LandmarkNet(RoleEngine(engine, LANDMARK_ENTRY))(CAMERA, IMAGE, regions)
    (feeds,) = engine.calls
    assert feeds["image"].shape == (2, 3, 256, 256)
    assert feeds["image"].max() <= 1.0
    np.testing.assert_allclose(found.person, 1.0)
    nose = 55 * standing_m()[0, :2]
    np.testing.assert_allclose(found.points_img_px[0, 0], [200, 240] + nose, atol=2.0)
    np.testing.assert_allclose(found.points_img_px[1, 0], [400 - nose[1], 240 + nose[0]], atol=2.0)
    np.testing.assert_allclose(found.next_regions.centers_px, regions.centers_px, atol=1e-6)
    np.testing.assert_allclose(found.next_regions.sides_px, regions.sides_px, rtol=1e-6)
    np.testing.assert_allclose(found.next_regions.angles_rad, regions.angles_rad, atol=1e-6)
    # The body lies on its side in the second region: the head is where the camera's x points.
    np.testing.assert_allclose(found.relative_m[1, 0, 0], 0.68, atol=0.05)


@pytest.mark.parametrize("hfov_deg", [30.0, 120.0])
def test_a_mirror_image_is_read_as_the_image_itself(hfov_deg: float) -> None:
    engine, camera = landmark_engine(), Camera.from_hfov(hfov_deg, 640, 480)
    image = HostImage(np.random.default_rng(0).integers(100, 255, (480, 640, 3), dtype=np.uint8))
    regions = Regions(np.array([[200.0, 240.0], [560.0, 100.0]]), np.array([128.0, 150.0]), np.array([0.0, 0.4]))
    net = LandmarkNet(RoleEngine(engine, LANDMARK_ENTRY))
    plain, mirrored = net(camera, image, regions), net(camera, image, regions, mirrored=True)
    first, second = (call["image"] for call in engine.calls)
    np.testing.assert_allclose(second, first[..., ::-1], atol=0.02)
    # The body of the answer is the same on both sides, to a cell of the heat maps.
    np.testing.assert_allclose(mirrored.points_img_px, plain.points_img_px, atol=4.0)
    np.testing.assert_allclose(mirrored.relative_m, plain.relative_m, atol=1e-6)
    np.testing.assert_allclose(mirrored.next_regions.centers_px, plain.next_regions.centers_px, atol=0.6)


def test_dark_regions_hold_nobody() -> None:
    image = HostImage(np.zeros((480, 640, 3), dtype=np.uint8))
    regions = Regions(np.array([[200.0, 240.0]]), np.array([128.0]), np.zeros(1))
    assert LandmarkNet(RoleEngine(landmark_engine(), LANDMARK_ENTRY))(CAMERA, image, regions).person == 0


def test_other_decoders_are_errors() -> None:
    with pytest.raises(EngineError, match="decoder"):
        LandmarkNet(RoleEngine(landmark_engine(), attr.evolve(LANDMARK_ENTRY, decoder="metrabs")))
