"""Who is proposed: by two detectors, in stills and in videos, and who is not proposed again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines import BackendChoice, Manifest
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import STILL, Frame
from pose3d_ros.stages.detect.finder import PeopleFinder
from pose3d_ros.stages.proposals import Proposals

from ...conftest import AnsweringEngine, heat_maps, manifest_entry
from .conftest import REGION_ENTRY, region_engine

CAMERA = Camera.from_hfov(60.0, 640, 480)
DETECTOR = manifest_entry("centre_ltrb", name="boxes", roles=("detector",), parameters={"long_side_px": 640})
STEP_NS = 100_000_000
Opened = dict[str, AnsweringEngine]
LARGE = (240, 100, 319, 379)
MEDIUM = (240, 100, 299, 219)
"""Too small for the whole image; some tiles show all of it, the others little."""
SMALL = (500, 300, 520, 379)


def frame(stamp_ns: int, *people: tuple[int, int, int, int]) -> Frame:
    """White boxes x0, y0, x1, y1 in a black image."""
    image = np.zeros((480, 640, 3), dtype=np.uint8)
    for x0, y0, x1, y1 in people:
        image[y0 : y1 + 1, x0 : x1 + 1] = 255
    return Frame(image, CAMERA, stamp_ns)


@pytest.fixture
def engines() -> Opened:
    return {"boxes": heat_maps(), "regions": region_engine()}


def finder(engines: Opened, *entries: object, **config: object) -> PeopleFinder:
    manifest = Manifest(Path("."), tuple(entries or (DETECTOR, REGION_ENTRY)))  # type: ignore[arg-type]
    opened = EngineSet(manifest, BackendChoice("onnxruntime", "a test"), opener=lambda entry: engines[entry.name])
    return PeopleFinder(opened, DetectorConfig(**config))  # type: ignore[arg-type]


def find(finds: PeopleFinder, seen: Frame, followed: Regions | None = None) -> Proposals:
    return finds(seen, HostImage(seen.image_bgr), Regions.empty() if followed is None else followed)


def views(engines: Opened) -> list[int]:
    return [len(call["image"]) for call in engines["regions"].calls]


def embedded(box: tuple[int, int, int, int], score: float) -> tuple[int, int, float, tuple[float, float, float, float]]:
    """The cell in which a detector that reads the image as it is finds a box."""
    x0, y0, x1, y1 = box
    column, row = (x0 + x1) // 16, (y0 + y1) // 16
    x, y = 8 * column + 3.5, 8 * row + 3.5
    return row, column, score, (x - x0 + 0.5, y - y0 + 0.5, x1 + 0.5 - x, y1 + 0.5 - y)


def test_still_is_searched_by_both_and_in_tiles(engines: Opened) -> None:
    engines["boxes"].answer = heat_maps(embedded(SMALL, 0.4)).answer
    found = find(finder(engines), frame(STILL, LARGE, SMALL))
    # The large person in the whole image; the small one's box gets a closer look, which gives the region.
    assert found.measured.tolist() == [True, True]
    np.testing.assert_allclose(found.regions.centers_px, [[510, 339.5], [279.5, 239.5]], atol=3)
    np.testing.assert_allclose(found.regions.sides_px, [80 * 1.25, 280 * 1.25], rtol=0.06)
    # Both saw the small one: 1 - (1 - 0.4) (1 - 0.9).
    np.testing.assert_allclose(found.scores, [0.94, 0.9], atol=1e-6)
    assert views(engines)[0] == 1
    assert 2 <= views(engines)[1] <= 7
    assert len(engines["boxes"].calls) == 1


def test_box_without_a_region_stays(engines: Opened) -> None:
    engines["boxes"].answer = heat_maps(embedded((40, 100, 60, 160), 0.3)).answer
    found = find(finder(engines), frame(STILL))
    assert found.measured.tolist() == [False]
    np.testing.assert_allclose(found.boxes_xyxy_px, [[39.5, 99.5, 60.5, 160.5]], atol=1.1)
    assert find(finder(engines, score_threshold=0.35), frame(STILL)).scores.size == 0


def test_no_more_is_looked_for_than_is_wanted(engines: Opened) -> None:
    found = find(finder(engines, max_people=1), frame(STILL, LARGE, SMALL))
    assert len(found) == 1
    assert views(engines) == [1]
    assert not engines["boxes"].calls
    many = [embedded((20 + 60 * i, 100, 40 + 60 * i, 160), 0.2) for i in range(10)]
    engines["boxes"].answer = heat_maps(*many).answer
    assert len(find(finder(engines, max_people=3), frame(STILL))) == 6


def test_people_who_are_followed_are_not_proposed(engines: Opened) -> None:
    finds = finder(engines)
    new = find(finds, frame(0, MEDIUM))
    assert len(new) == 1
    engines["regions"].calls.clear()
    for i in range(1, 11):
        assert len(find(finds, frame(i * STEP_NS, MEDIUM), new.regions)) == 0
    # A look at the whole in each frame of 10 Hz, six tiles in half a second and boxes every third frame.
    assert max(views(engines)) <= 3
    assert 15 <= sum(views(engines)) <= 24
    assert len(engines["boxes"].calls) == 1 + 3


def test_new_person_is_proposed_beside_one_who_is_followed(engines: Opened) -> None:
    finds = finder(engines)
    followed = find(finds, frame(0, MEDIUM)).regions
    found = [find(finds, frame(i * STEP_NS, MEDIUM, SMALL), followed) for i in range(1, 7)]
    (at, *_) = [proposals.regions.centers_px for proposals in found if len(proposals)]
    np.testing.assert_allclose(at, [[510, 339.5]], atol=3)


def test_who_crosses_before_a_followed_person_is_proposed(engines: Opened) -> None:
    followed, crossing = (240, 100, 299, 259), (275, 100, 334, 259)
    engines["boxes"].answer = heat_maps(embedded(followed, 0.8), embedded(crossing, 0.9)).answer
    found = find(finder(engines, DETECTOR), frame(0), Regions.from_boxes([followed]))
    np.testing.assert_allclose(found.regions.centers_px, [[304.5, 179.5]], atol=1)


def test_boxes_are_those_of_followed_people_too_but_not_where_nobody_was(engines: Opened) -> None:
    followed, crossing = (240, 100, 299, 259), (275, 100, 334, 259)
    engines["boxes"].answer = heat_maps(embedded(followed, 0.8), embedded(crossing, 0.9), embedded(SMALL, 0.1)).answer
    finds, known = finder(engines, DETECTOR), Regions.from_boxes([followed])
    find(finds, frame(0), known)
    np.testing.assert_allclose(finds.boxes.scores, [0.9, 0.8], atol=1e-3)
    far = (500, 100, 559, 259)
    engines["boxes"].answer = heat_maps(embedded(followed, 0.8), embedded(far, 0.9)).answer
    counts = []
    for i in range(1, 7):
        find(finds, frame(i * STEP_NS), known)
        counts.append(len(finds.boxes))
    assert sorted(counts) == [0, 0, 0, 0, 1, 2]  # boxes are due every 0.2 s; nobody was read in the far one


def test_place_without_a_person_is_not_proposed_again_for_a_second(engines: Opened) -> None:
    finds = finder(engines)
    assert len(find(finds, frame(0, MEDIUM))) == 1
    proposed = [i for i in range(1, 31) if len(find(finds, frame(i * STEP_NS, MEDIUM)))]
    assert proposed[0] == pytest.approx(11, abs=3)
    assert len(proposed) == 2


def test_after_a_loss_more_is_looked_at(engines: Opened) -> None:
    finds = finder(engines)
    followed = find(finds, frame(0, LARGE)).regions
    for i in range(1, 4):
        find(finds, frame(i * STEP_NS, LARGE), followed)
    engines["boxes"].calls.clear()
    other = Regions(np.array([[560.0, 400.0]]), np.array([90.0]), np.zeros(1))
    for i in range(4, 7):
        find(finds, frame(i * STEP_NS), Regions.concatenated([followed, other]))
    engines["boxes"].calls.clear()
    for i in range(7, 9):
        find(finds, frame(i * STEP_NS), followed)
    assert len(engines["boxes"].calls) == 2


@pytest.mark.parametrize("stamp_ns", [-STEP_NS, STILL, 20 * STEP_NS])
def test_gap_or_another_recording_is_searched_as_a_still(engines: Opened, stamp_ns: int) -> None:
    finds = finder(engines)
    find(finds, frame(0, LARGE))
    engines["regions"].calls.clear()
    assert len(find(finds, frame(stamp_ns, LARGE))) == 1
    assert len(views(engines)) == 2


def test_reset_forgets_who_was_denied(engines: Opened) -> None:
    finds = finder(engines)
    find(finds, frame(0, LARGE))
    assert len(find(finds, frame(STEP_NS, LARGE))) == 0
    finds.reset()
    assert len(find(finds, frame(2 * STEP_NS, LARGE))) == 1


@pytest.mark.parametrize("entry", [DETECTOR, REGION_ENTRY])
def test_one_detector_is_enough(engines: Opened, entry: object) -> None:
    engines["boxes"].answer = heat_maps(embedded(LARGE, 0.8)).answer
    for stamp_ns in (STILL, 0, STEP_NS):
        found = find(finder(engines, entry), frame(stamp_ns, LARGE))
        np.testing.assert_allclose(found.regions.centers_px, [[279.5, 239.5]], atol=4)


def test_without_a_detector_it_is_refused(engines: Opened) -> None:
    with pytest.raises(EngineError, match="detector"):
        finder(engines, manifest_entry("root_pose", input_size_px=(64, 64), skeleton="muco21"))


def test_warm_up_runs_both(engines: Opened) -> None:
    seen = frame(0)
    finder(engines).warm_up(seen, HostImage(seen.image_bgr), (1, 2, 4))
    assert views(engines) == [1, 2, 4]
    assert len(engines["boxes"].calls) == 1
