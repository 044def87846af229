"""MediaPipe's detector: anchors, the way back from its input to the image, and people whom a view cuts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.engines import RoleEngine, load_manifest
from pose3d_ros.engines.factory import choose_backend, open_engine
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Frame
from pose3d_ros.stages.detect.region_detector import ANCHORS_PX, RegionDetector, decode_regions
from pose3d_ros.stages.detect.scan_plan import whole_view
from pose3d_ros.stages.proposals import Proposals

from ...conftest import AnsweringEngine, manifest_entry, recorded_frames
from .conftest import REGION_ENTRY, region_engine


def scene(*boxes: tuple[int, int, int, int]) -> Frame:
    """White boxes x0, y0, x1, y1 (the last pixels too) in a black image."""
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    for x0, y0, x1, y1 in boxes:
        image[y0 : y1 + 1, x0 : x1 + 1] = 255
    return Frame(image, Camera.from_hfov(60.0, 640, 480), 0)


def look(seen: Frame, *views: tuple[float, float, float], threshold: float = 0.3) -> Proposals:
    """What is found in views (center x, y, side)."""
    x, y, sides = np.array(views, dtype=np.float64).T
    detector = RegionDetector(RoleEngine(region_engine(), REGION_ENTRY))
    regions = Regions(np.stack([x, y], axis=-1), sides, np.zeros(len(sides)))
    return detector(seen.camera, HostImage(seen.image_bgr), regions, threshold)


WHOLE = (319.5, 239.5, 640.0)


def test_anchors_are_two_fine_two_middle_and_six_coarse_ones_a_cell() -> None:
    assert ANCHORS_PX.shape == (2254, 2)
    np.testing.assert_allclose(ANCHORS_PX[[0, 1, 2, 55, 56]], [[4, 4], [4, 4], [12, 4], [220, 4], [4, 12]])
    np.testing.assert_allclose(ANCHORS_PX[[1568, 1570, 1960, 1965, 1966, 2253]][:, 0], [8, 24, 16, 16, 48, 208])


def test_keypoints_are_offsets_from_the_anchor() -> None:
    boxes, logits = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -9.0, np.float32)
    boxes[0, 2] = [0, 0, 9, 9, 100, 50, 90, -4, 7, 7, 7, 7]
    logits[0, 2] = 0.0
    ((points, scores),) = decode_regions({"boxes": boxes, "logits": logits}, 0.4)
    # The anchor lies at (12, 4) from the edge, that is at pixel (11.5, 3.5).
    np.testing.assert_allclose(points, [[[111.5, 53.5], [101.5, -0.5]]])
    np.testing.assert_allclose(scores, [0.5])
    ((none, _),) = decode_regions({"boxes": boxes, "logits": logits}, 0.6)
    assert none.shape == (0, 2, 2)


def test_person_of_the_whole_image() -> None:
    found = look(scene((280, 100, 359, 379)), WHOLE)
    # Two anchors of one person are averaged.
    assert found.scores == pytest.approx([0.9])
    np.testing.assert_allclose(found.regions.centers_px, [[319.5, 239.5]], atol=2.0)
    np.testing.assert_allclose(found.regions.sides_px, [280 * 1.25], rtol=0.02)
    np.testing.assert_allclose(found.regions.angles_rad, 0, atol=0.02)
    assert found.measured.all()


def test_small_person_is_found_in_a_tile() -> None:
    seen = scene((100, 100, 130, 209))
    assert len(look(seen, WHOLE)) == 0
    found = look(seen, WHOLE, (160.0, 160.0, 320.0))
    np.testing.assert_allclose(found.regions.centers_px, [[115, 154.5]], atol=1.5)
    np.testing.assert_allclose(found.regions.sides_px, [110 * 1.25], rtol=0.03)


@pytest.mark.parametrize(("hips_x", "count"), [(20.0, 1), (-20.0, 0)])
def test_person_of_whom_the_view_shows_less_than_half_is_left_out(hips_x: float, count: int) -> None:
    boxes, logits = np.zeros((1, 2254, 12), np.float32), np.full((1, 2254, 1), -9.0, np.float32)
    boxes[0, 0, 4:8] = np.array([hips_x, 112.0, hips_x, 12.0]) - np.tile(ANCHORS_PX[0], 2)
    logits[0, 0] = 2.0
    engine = AnsweringEngine(
        lambda feeds: {"boxes": boxes, "logits": logits},
        {"image": ("batch", 3, 224, 224)},
        {"boxes": ("batch", 2254, 12), "logits": ("batch", 2254, 1)},
    )
    detector = RegionDetector(RoleEngine(engine, REGION_ENTRY))
    seen = scene()
    view = Regions(np.array([[400.0, 240.0]]), np.array([224.0]), np.zeros(1))
    found = detector(seen.camera, HostImage(seen.image_bgr), view, 0.3)
    assert len(found) == count
    # It guesses 200 pixels, of which the view shows 120.
    assert found.ranks.tolist() == pytest.approx((0.6 * found.scores).tolist())


def test_person_whom_the_image_cuts_is_shown_as_far_as_can_be() -> None:
    found = look(scene((0, 100, 30, 299)), (160.0, 200.0, 320.0))
    assert found.ranks.tolist() == pytest.approx(found.scores.tolist(), rel=0.02)


def test_weak_answers_come_with_a_low_threshold() -> None:
    assert len(look(scene(), WHOLE)) == 0
    # The anchor's keypoints lie in one place: no region.
    assert len(look(scene(), WHOLE, threshold=0.01)) == 0


def test_view_of_a_fisheye_is_turned_and_the_person_found_where_the_image_has_it() -> None:
    camera = Camera(np.array([[300.0, 0, 319.5], [0, 300, 319.5], [0, 0, 1]]), 640, 640, np.zeros(4), "equidistant")
    body = np.array([[x, y, 1.2] for x in (1.5, 1.9) for y in np.linspace(-0.9, 0.9, 40)])
    image = np.zeros((640, 640, 3), dtype=np.uint8)
    hull = camera.project(body)
    for a, b in zip(hull[:40], hull[40:], strict=True):
        steps = a + np.linspace(0, 1, 60)[:, None] * (b - a)
        for x, y in np.rint(steps).astype(int):
            image[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = 255
    engine = region_engine(30.0)
    detector = RegionDetector(RoleEngine(engine, REGION_ENTRY))
    view = Regions(hull.mean(axis=0)[None], np.array([320.0]), np.zeros(1))
    found = detector(camera, HostImage(image), view, 0.3)
    np.testing.assert_allclose(found.regions.centers_px, camera.project([[1.7, 0, 1.2]]), atol=4)


def test_other_decoder_and_other_outputs_are_refused() -> None:
    with pytest.raises(EngineError, match="decoder"):
        RegionDetector(RoleEngine(region_engine(), manifest_entry("centre_ltrb", roles=("detector",))))


@pytest.mark.parametrize("gray", [False, True])
def test_people_of_the_sample_recording_are_found_by_mediapipes_detector(mediapipe_models: Path, gray: bool) -> None:
    entry = load_manifest(mediapipe_models).for_role("region_detector")
    (seen,) = recorded_frames(60, 61)
    image = seen.image_bgr
    if gray:
        image = np.repeat(image.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    with open_engine(entry, choose_backend("onnxruntime")) as engine:
        detector = RegionDetector(RoleEngine(engine, entry))
        found = detector(seen.camera, HostImage(image), whole_view(640, 480), 0.5)
    assert len(found) >= 1
    # Upright, in the image, and as tall as people near the camera.
    assert (np.abs(found.regions.angles_rad) < 0.3).all()
    assert ((found.regions.centers_px > 0) & (found.regions.centers_px < [640, 480])).all()
    assert ((found.regions.sides_px > 130) & (found.regions.sides_px < 640)).all()
