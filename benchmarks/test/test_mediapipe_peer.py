"""How the methods take turns, and what their times come to."""

from __future__ import annotations

import numpy as np
import pytest
from mediapipe_peer import Step, Turn, further, labelled, ratio_rows, steps_of, take_turns
from peers.mediapipe_process import LANDMARKS, box_of, limbs_px

from pose3d_ros.geometry import Camera
from pose3d_ros.records import Frame

CAMERA = Camera.from_hfov(60.0, 4, 4)
FRAMES = [Frame(np.zeros((4, 4, 3), dtype=np.uint8), CAMERA, i * 50) for i in range(3)]


def turns(*ms: float) -> list[list[Turn]]:
    """Rounds of one frame each."""
    return [[Turn(x, 2 * x, 1)] for x in ms]


def test_video_is_played_to_and_fro_with_times_that_grow() -> None:
    rounds = steps_of(FRAMES, 3)
    assert [[step.frame for step in steps] for steps in rounds] == [[0, 1, 2], [2, 1, 0], [0, 1, 2]]
    assert [step.stamp_ns for steps in rounds for step in steps] == [50 * i for i in range(9)]


def test_every_method_has_every_frame_and_the_first_ones_do_not_count() -> None:
    seen: list[tuple[str, Step]] = []

    def method(name: str, step: Step) -> Turn:
        seen.append((name, step))
        return Turn(float(step.frame), 0.0, 0)

    taken = take_turns({name: lambda step, name=name: method(name, step) for name in "ab"}, FRAMES, 2)  # type: ignore[misc]
    assert [name for name, _ in seen] == ["a", "b"] * 6
    assert [[turn.ms for turn in of_round] for of_round in taken["b"]] == [[2], [2, 1, 0]]


def test_each_further_person_is_half_of_what_two_more_cost() -> None:
    assert further(turns(10.0, 20.0), turns(16.0, 40.0)) == [[Turn(3.0, 6.0, 1)], [Turn(10.0, 20.0, 1)]]


def test_ratios_are_of_medians_with_those_of_the_rounds_beside_them() -> None:
    ours = {
        labelled(name, 1): turns(5.0, 6.0, 40.0)
        for name in ("one person, static", "one person followed", "three people followed")
    }
    for name in ("each further person, static", "each further followed"):
        ours[labelled(name, 1)] = turns(1.0, 1.0, 1.0)
    peer = {"MediaPipe Pose, static": turns(10.0, 12.0, 20.0)}
    rows = ratio_rows(ours | peer, [1])
    assert [row["compared"] for row in rows] == [
        "one person, static", "each further person, static", "each further followed"
    ]  # fmt: skip
    assert [rows[0][key] for key in ("ratio", "least", "largest", "CPU ratio", "target")] == [0.5, 0.5, 2.0, 0.5, 0.75]


def test_there_are_no_ratios_without_the_peer() -> None:
    assert ratio_rows({}, [1, 2]) == []


def test_landmarks_become_limbs_and_a_box_of_the_whole_person() -> None:
    landmarks = np.zeros((33, 2))
    landmarks[:, 0] = np.arange(33)
    landmarks[:, 1] = 50.0
    landmarks[[2, 5], 1], landmarks[9:11, 1], landmarks[31:, 1] = 10.0, 14.0, 110.0  # eyes, mouth, toes
    assert LANDMARKS["right_ankle"] == 28
    assert limbs_px(landmarks)["left_shoulder"] == (11.0, 50.0)
    assert box_of(landmarks) == pytest.approx([-5.0, 2.0, 37.0, 112.5])
