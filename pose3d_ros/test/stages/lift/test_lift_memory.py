"""Who is who by boxes: memory follows people through swaps and movement, and forgets them in time."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from pose3d_ros.stages.lift.lift_memory import BoxMemory

STEP_NS = 50_000_000
LEFT, RIGHT, FAR = [0.0, 0.0, 100.0, 200.0], [300.0, 0.0, 400.0, 200.0], [600.0, 0.0, 700.0, 200.0]


class Watched:
    """A memory in which each person remembers a number, counted from 1."""

    def __init__(self) -> None:
        self.memory, self._numbers = BoxMemory(), count(1)

    def found(self, stamp_ns: int, *boxes: list[float]) -> list[int]:
        """The number of the person in each box, 0 for a new one."""
        found = self.memory.find(np.array(boxes).reshape(-1, 4), stamp_ns)
        return [0 if person is None else int(person.values[0]) for person in found]

    def seen(self, stamp_ns: int, *boxes: list[float]) -> list[int]:
        """A whole frame: found, then remembered; the numbers of people, new ones too."""
        numbers = [number or next(self._numbers) for number in self.found(stamp_ns, *boxes)]
        keypoints = np.array(boxes).reshape(-1, 4)
        self.memory.remember(
            self.memory.find(keypoints, stamp_ns), keypoints, stamp_ns, [np.array(numbers, dtype=float)]
        )
        return numbers


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_people_are_associated_in_any_order(watched: Watched) -> None:
    assert watched.seen(0, LEFT, RIGHT) == [1, 2]
    assert watched.seen(STEP_NS, RIGHT, LEFT) == [2, 1]
    assert watched.seen(2 * STEP_NS, FAR, LEFT) == [3, 1]


def test_walking_person_is_associated_by_overlap(watched: Watched) -> None:
    for step in range(10):
        assert watched.seen(step * STEP_NS, [LEFT[0] + 40 * step, 0.0, LEFT[2] + 40 * step, 200.0]) == [1]


@pytest.mark.parametrize(("shift_px", "number"), [(53.0, 1), (55.0, 2)])
def test_least_overlap_is_three_tenths(watched: Watched, shift_px: float, number: int) -> None:
    # Boxes 100 wide that lie s apart share 100 - s of 100 + s: 0.307 for 53, 0.290 for 55.
    watched.seen(0, LEFT)
    assert watched.seen(STEP_NS, [shift_px, 0.0, 100.0 + shift_px, 200.0]) == [number]


def test_total_overlap_decides_the_association(watched: Watched) -> None:
    # The box at 30 overlaps the second person's last box most, 0.67, but then the one at 85 would have no person.
    watched.seen(0, [0.0, 0.0, 100.0, 100.0], [50.0, 0.0, 150.0, 100.0])
    assert watched.seen(STEP_NS, [30.0, 0.0, 130.0, 100.0], [85.0, 0.0, 185.0, 100.0]) == [1, 2]


def test_two_boxes_on_one_person_are_two_people(watched: Watched) -> None:
    watched.seen(0, LEFT)
    assert watched.seen(STEP_NS, [5.0, 0.0, 105.0, 200.0], LEFT) == [2, 1]


@pytest.mark.parametrize(("stamp_ns", "number"), [(500_000_000, 1), (500_000_001, 0), (-1, 0)])
def test_long_gap_or_clock_jump_drops_all_people(watched: Watched, stamp_ns: int, number: int) -> None:
    watched.seen(0, LEFT)
    assert watched.found(stamp_ns, LEFT) == [number]


def test_only_the_unseen_person_is_dropped(watched: Watched) -> None:
    watched.seen(0, LEFT, RIGHT)
    for step in range(1, 12):
        assert watched.seen(step * STEP_NS, RIGHT) == [2]
    assert watched.found(12 * STEP_NS, LEFT, RIGHT) == [0, 2]


def test_no_people_and_clear(watched: Watched) -> None:
    assert watched.seen(0) == []
    watched.seen(STEP_NS, LEFT)
    assert watched.seen(2 * STEP_NS) == []
    assert watched.found(3 * STEP_NS, LEFT) == [1]
    watched.memory.clear()
    assert watched.found(3 * STEP_NS, LEFT) == [0]
