"""Boxes of people in the messages of other detectors, and what of them can't be used."""

from __future__ import annotations

import math
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.detection_messages import (
    NO_BOX,
    OUTSIDE,
    TOO_SMALL,
    WRONG_SCORE,
    FoundBoxes,
    found_boxes,
    rules_of,
)

RULES = rules_of("person, 0", 0.15, 10)
NAN = math.nan


def vision(box: tuple[float, ...], *classes: tuple[str, float], theta: float = 0.0) -> Any:
    """A vision_msgs/Detection2D of center and size."""
    center = Made(position=Made(x=box[0], y=box[1]), theta=theta)
    results = [Made(hypothesis=Made(class_id=name, score=score)) for name, score in classes or [("person", 0.9)]]
    return Made(bbox=Made(center=center, size_x=box[2], size_y=box[3]), results=results, id="")


def yolo(box: tuple[float, ...], name: str = "person", number: int = 0, score: float = 0.9) -> Any:
    """A yolo_msgs/Detection of center and size."""
    center = Made(position=Made(x=box[0], y=box[1]), theta=0.0)
    return Made(bbox=Made(center=center, size=Made(x=box[2], y=box[3])), class_id=number, class_name=name, score=score)


def read(*detections: Any, classes: str = "person, 0", threshold: float = 0.15, most: int = 10) -> FoundBoxes:
    return found_boxes(Made(detections=list(detections)), rules_of(classes, threshold, most), 640, 480)


BOX = (100.0, 200.0, 40.0, 80.0)
EDGES = [79.5, 159.5, 119.5, 239.5]


@pytest.mark.parametrize("detection", [vision(BOX), yolo(BOX), yolo(BOX, name=""), vision(BOX, ("0", 0.9))])
def test_center_and_size_become_edges(detection: Any) -> None:
    found = read(detection)
    np.testing.assert_allclose(found.detections[0].box_xyxy_px, EDGES)
    assert (found.detections[0].score, found.people, found.unusable) == (0.9, 1, {})


def test_the_whole_image_is_the_whole_image() -> None:
    np.testing.assert_allclose(read(vision((320, 240, 640, 480))).detections[0].box_xyxy_px, [-0.5, -0.5, 639.5, 479.5])


def test_a_turned_box_becomes_the_upright_one_around_it() -> None:
    found = read(vision((100, 100, 40, 80), theta=math.pi / 2))
    np.testing.assert_allclose(found.detections[0].box_xyxy_px, [59.5, 79.5, 139.5, 119.5])


@pytest.mark.parametrize(
    ("detection", "classes", "is_person"),
    [
        (vision(BOX, ("Person ", 0.9)), "person, 0", True),
        (vision(BOX, ("1", 0.9)), "person, 0", False),
        (vision(BOX, ("1", 0.9)), "1", True),
        (vision(BOX, ("chair", 0.8), ("person", 0.3)), "person", True),
        (vision(BOX, ("", 0.9)), "*", True),
        (yolo(BOX, name="apple", number=0), "person, 0", False),  # a model of its own, whose class 0 is another
        (yolo(BOX, name="pedestrian", number=7), "Pedestrian", True),
        (yolo(BOX, name="", number=0), "person, 0", True),
    ],
)
def test_people_are_known_by_their_class(detection: Any, classes: str, is_person: bool) -> None:
    found = read(detection, classes=classes)
    assert (len(found.detections), found.people) == (is_person, is_person)
    assert bool(found.others) != is_person


def test_other_classes_are_counted_by_their_surest_name() -> None:
    found = read(vision(BOX, ("cup", 0.2), ("chair", 0.8)), yolo(BOX, name="dog"), yolo(BOX, name="dog"))
    assert found.others == {"chair": 1, "dog": 2}


def test_a_detection_without_a_class_is_no_person() -> None:
    nameless = vision(BOX)
    nameless.results = []
    assert read(nameless) == FoundBoxes(others=read(nameless).others)
    assert read(nameless).others == {"": 1}


@pytest.mark.parametrize(
    ("detection", "reason"),
    [
        (vision((NAN, 1, 2, 3)), NO_BOX),
        (vision((1, 1, math.inf, 3)), NO_BOX),
        (vision((50, 50, -20, 30)), NO_BOX),
        (vision((50, 50, 0, 30)), NO_BOX),
        (vision(BOX, theta=NAN), NO_BOX),
        (vision((0.5, 0.5, 0.2, 0.6)), TOO_SMALL),
        (vision((900, 200, 40, 80)), OUTSIDE),
        (vision((100, -50, 40, 80)), OUTSIDE),
        (vision(BOX, ("person", NAN)), WRONG_SCORE),
        (vision(BOX, ("person", 87.0)), WRONG_SCORE),
        (yolo(BOX, score=-0.1), WRONG_SCORE),
    ],
)
def test_what_is_no_box_is_left_out_with_its_reason(detection: Any, reason: str) -> None:
    found = read(detection, vision(BOX))
    assert found.unusable == {reason: 1}
    assert [list(d.box_xyxy_px) for d in found.detections] == [EDGES]


def test_boxes_are_clipped_to_the_image() -> None:
    np.testing.assert_allclose(read(vision((630, 470, 40, 80))).detections[0].box_xyxy_px, [609.5, 429.5, 639.5, 479.5])


def test_how_far_boxes_reach_tells_another_size() -> None:
    assert read(vision((1200, 700, 40, 20)), vision(BOX)).reach_px == (1220, 710)


def test_the_best_are_kept_best_first_above_the_threshold() -> None:
    scores = (0.3, 0.9, 0.1, 0.5)
    found = read(*(vision(BOX, ("person", score)) for score in scores), most=2)
    assert [d.score for d in found.detections] == [0.9, 0.5]
    assert (found.people, found.unusable) == (4, {})


NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=20))
def test_whatever_comes_every_box_lies_in_the_image(rows: list[tuple[float, ...]]) -> None:
    found = read(*(vision(row[:4], ("person", row[4]), theta=row[5]) for row in rows))
    for detection in found.detections:
        x0, y0, x1, y1 = detection.box_xyxy_px
        assert -0.5 <= x0 < x1 <= 639.5
        assert -0.5 <= y0 < y1 <= 479.5
        assert 0.15 <= detection.score <= 1.0
