"""Scores of skeletons in images, worked by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from people_scoring import (
    LIMBS,
    BoxTally,
    Tally,
    Truth,
    add_to,
    kinds_of,
    limbs_of,
    read_annotations,
    read_mot_boxes,
    score_image,
)

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

UPRIGHT = {"shoulder": 30.0, "elbow": 60.0, "wrist": 80.0, "hip": 80.0, "knee": 125.0, "ankle": 170.0}
"""Height below the box's upper edge of each part of a person of 180 px who stands."""


def standing(x: float = 0.0, y: float = 0.0, **heights: float) -> dict[str, tuple[float, float]]:
    """All limb joints of a person whose box starts at x, y: left at x + 40, right at x + 20."""
    tall = UPRIGHT | heights
    return {name: (x + (40 if name.startswith("left") else 20), y + tall[name.split("_")[1]]) for name in LIMBS}


def truth(joints: Mapping[str, tuple[float, float]], x: float = 0.0, y: float = 0.0, height: float = 180.0) -> Truth:
    return Truth(np.array([x, y, x + 60.0, y + height]), joints)


def moved(joints: Mapping[str, tuple[float, float]], dx: float) -> dict[str, tuple[float, float]]:
    return {name: (u + dx, v) for name, (u, v) in joints.items()}


def gray(width: int = 640, height: int = 480, value: int = 128) -> ImageArray:
    return np.full((height, width, 3), value, dtype=np.uint8)


@pytest.mark.parametrize(("shift_px", "found", "right"), [(17.9, 1, 12), (18.1, 1, 0), (35.9, 1, 0), (36.1, 0, 0)])
def test_found_within_a_fifth_of_the_larger_side_and_right_within_a_tenth(
    shift_px: float, found: int, right: int
) -> None:
    person, tally = truth(standing()), Tally()
    scored = score_image([person], [moved(standing(), shift_px)])
    add_to(tally, *scored.people[0])
    assert (tally.people, tally.found, tally.joints, tally.right) == (1, found, 12, right)
    assert scored.unmatched == 1 - found


def test_joints_of_who_is_missed_are_wrong() -> None:
    tally = Tally()
    for person, skeleton in score_image([truth(standing()), truth(standing(300), 300)], [standing()]).people:
        add_to(tally, person, skeleton)
    assert (tally.found, tally.people, tally.joint_share) == (1, 2, 0.5)


def test_joints_that_the_skeleton_lacks_are_wrong_and_not_in_the_distance() -> None:
    tally = Tally()
    half = {name: xy for name, xy in standing().items() if name.startswith("left")}
    add_to(tally, *score_image([truth(standing())], [half]).people[0])
    assert (tally.found, tally.right, tally.joints) == (1, 6, 12)


def test_one_shared_joint_is_too_little() -> None:
    assert score_image([truth(standing())], [{"left_knee": (40.0, 125.0)}]).people[0][1] is None


def test_each_skeleton_counts_for_one_person() -> None:
    scored = score_image([truth(standing()), truth(standing())], [standing()])
    assert [skeleton is not None for _, skeleton in scored.people] == [True, False]


def test_a_double_is_unmatched() -> None:
    scored = score_image([truth(standing())], [moved(standing(), 2), standing(), moved(standing(), 400)])
    assert (scored.unmatched, scored.doubles) == (2, 1)
    assert scored.people[0][1] == standing()


def test_small_people_do_not_count_and_their_skeletons_are_unmatched() -> None:
    scored = score_image([truth(standing(), height=79.0)], [standing()])
    assert (scored.people, scored.unmatched) == ((), 1)


def test_nobody_and_nothing() -> None:
    assert score_image([], []).people == ()
    assert Tally().joint_share is None


def test_limbs_by_the_names_of_any_skeleton() -> None:
    names = ["l_knee", "right_ankle", "RShoulder", "pelvis", "l_hip", "left_eye"]
    points = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8], [np.nan, np.nan], [0, 0]])
    assert limbs_of(names, points) == {"left_knee": (1, 2), "right_ankle": (3, 4), "right_shoulder": (5, 6)}


def kinds(person: Truth, *others: Truth, image: ImageArray | None = None) -> set[str]:
    return {*kinds_of(person, [person, *others], gray() if image is None else image)} - {"all"}


def test_kinds_of_standing_people_by_size() -> None:
    at = standing(200, 100)
    assert kinds(truth(at, 200, 100)) == {"far"}
    assert kinds(truth(at, 200, 100, height=300)) == set()
    assert kinds(truth(at, 200, 100, height=340)) == {"near"}
    assert kinds(truth(at, 200, 100, height=379)) == {"near", "truncated"}


def test_bent_and_sitting() -> None:
    leaning = {
        name: (u + (60 if "shoulder" in name else 0), v) for name, (u, v) in standing(200, 100).items()
    }  # 60 px beside 50 px up: 50 degrees
    assert "bent" in kinds(truth(leaning, 200, 100))
    assert "sitting" in kinds(truth(standing(200, 100, knee=90), 200, 100))  # 10 px below the hips, trunk of 50
    assert "sitting" not in kinds(truth(standing(200, 100, knee=106), 200, 100))


def test_occluded_by_somebody_or_by_something() -> None:
    person = truth(standing(200, 100), 200, 100)
    assert "occluded" in kinds(person, truth(standing(240, 100), 240, 100))
    assert "occluded" not in kinds(person, truth(standing(250, 100), 250, 100))  # covers a sixth
    few = {name: xy for name, xy in standing(200, 100).items() if not name.startswith("left")}
    assert "occluded" in kinds(truth(few, 200, 100))


def test_dark_is_of_the_box() -> None:
    image = gray()
    image[100:280, 200:260] = 40
    assert "dark" in kinds(truth(standing(200, 100), 200, 100), image=image)
    assert "dark" not in kinds(truth(standing(300, 100), 300, 100), image=image)


def test_annotated_kinds_replace_the_derived_ones() -> None:
    person = Truth(np.array([0.0, 0, 60, 180]), standing(), ("reflected",))
    assert kinds_of(person, [person], gray()) == ("all", "reflected")


def test_boxes_are_matched_one_to_one() -> None:
    tally = BoxTally()
    truths = np.array([[0.0, 0, 10, 20], [100, 0, 110, 20]])
    boxes = np.array([[0.0, 0, 10, 20], [0, 1, 10, 21], [100, 0, 110, 9]])  # right, a double, IoU 0.45
    tally.add(truths, boxes)
    tally.add(np.empty((0, 4)), boxes[:1])
    tally.add(truths[:1], np.empty((0, 4)))
    assert (tally.truths, tally.found, tally.boxes) == (3, 1, 4)
    assert (tally.recall, tally.precision) == (0.333, 0.25)


def test_annotations_are_read(tmp_path: Path) -> None:
    person = {"box": [10, 20, 30, 40], "joints": {"left_knee": [1, 2.5]}, "kinds": ["bent"]}
    (tmp_path / "gt.json").write_text(json.dumps({"a.jpg": [person], "b.jpg": []}))
    people = read_annotations(tmp_path)
    assert people["b.jpg"] == ()
    assert people["a.jpg"][0].box_xyxy_px.tolist() == [10, 20, 40, 60]
    assert (people["a.jpg"][0].joints_px, people["a.jpg"][0].kinds) == ({"left_knee": (1.0, 2.5)}, ("bent",))
    assert (people["a.jpg"][0].side_px, people["a.jpg"][0].height_px) == (40, 40)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        '{"a": [{}]}',
        '{"a": [{"box": [1, 2, 3], "joints": {}}]}',
        '{"a": [{"box": [1, 2, 3, 4], "joints": {"nose": [1, 2]}}]}',
    ],
)
def test_malformed_annotations_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "gt.json").write_text(text)
    with pytest.raises(InputError, match=r"gt\.json.*expected"):
        read_annotations(tmp_path)


def test_mot_boxes_are_read_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("1,7,10,20,30,40,1,-1,-1,-1\n1,8,0,0,5,6,0,-1,-1,-1\n3,7,11,20,30,40,1,-1,-1,-1\n")
    boxes = read_mot_boxes(path)
    assert sorted(boxes) == [1, 3]
    assert (boxes[1].tolist(), boxes[3].tolist()) == ([[10, 20, 40, 60], [0, 0, 5, 6]], [[11, 20, 41, 60]])
    path.write_text("no boxes")
    with pytest.raises(InputError, match="MOT"):
        read_mot_boxes(path)
