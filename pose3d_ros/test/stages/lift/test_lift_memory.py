"""Who is who by boxes: rows follow people through swaps and movement, and are forgotten in time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.stages.lift.lift_memory import BoxMemory

Array = npt.NDArray[np.float64]

STEP_NS = 50_000_000
LEFT, RIGHT, FAR = [0.0, 0.0, 100.0, 200.0], [300.0, 0.0, 400.0, 200.0], [600.0, 0.0, 700.0, 200.0]


def seen(memory: BoxMemory, stamp_ns: int, *boxes: list[float], tag: float = 0.0) -> tuple[list[int], list[bool]]:
    """A whole frame: found, then remembered with a number."""
    places = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    rows, new = memory.find(places, stamp_ns)
    memory.remember(rows, places, stamp_ns, [np.full((len(rows), 2), tag)])
    return rows.tolist(), new.tolist()


@pytest.fixture
def memory() -> BoxMemory:
    return BoxMemory([(2,)])


def test_people_keep_their_rows_in_any_order(memory: BoxMemory) -> None:
    rows, new = seen(memory, 0, LEFT, RIGHT)
    assert new == [True, True]
    assert seen(memory, STEP_NS, RIGHT, LEFT) == (rows[::-1], [False, False])


def test_a_row_follows_a_walk_that_ends_elsewhere(memory: BoxMemory) -> None:
    (row,), _ = seen(memory, 0, LEFT)
    for step in range(1, 10):
        moved = [LEFT[0] + 40 * step, 0.0, LEFT[2] + 40 * step, 200.0]
        assert seen(memory, step * STEP_NS, moved) == ([row], [False])


@pytest.mark.parametrize(("shift_px", "new"), [(53.0, False), (55.0, True)])
def test_the_least_overlap_is_three_tenths(memory: BoxMemory, shift_px: float, new: bool) -> None:
    # Boxes 100 wide that lie s apart share 100 - s of 100 + s: 0.307 for 53, 0.290 for 55.
    seen(memory, 0, LEFT)
    assert seen(memory, STEP_NS, [shift_px, 0.0, 100.0 + shift_px, 200.0])[1] == [new]


def test_the_best_pairs_together_win(memory: BoxMemory) -> None:
    # The box at 30 overlaps the second person's last box most, 0.67, but then the one at 85 would have nobody.
    (first, second), _ = seen(memory, 0, [0.0, 0.0, 100.0, 100.0], [50.0, 0.0, 150.0, 100.0])
    rows, new = seen(memory, STEP_NS, [30.0, 0.0, 130.0, 100.0], [85.0, 0.0, 185.0, 100.0])
    assert (rows, new) == ([first, second], [False, False])


def test_two_boxes_on_one_person_are_two_rows(memory: BoxMemory) -> None:
    (row,), _ = seen(memory, 0, LEFT)
    rows, new = seen(memory, STEP_NS, [5.0, 0.0, 105.0, 200.0], LEFT)
    assert rows[1] == row
    assert rows[0] != row
    assert new == [True, False]


@pytest.mark.parametrize(("gap_ns", "forgotten"), [(500_000_000, False), (500_000_001, True)])
def test_a_gap_forgets(memory: BoxMemory, gap_ns: int, forgotten: bool) -> None:
    seen(memory, 0, LEFT)
    assert seen(memory, gap_ns, LEFT)[1] == [forgotten]


def test_only_the_unseen_one_is_forgotten(memory: BoxMemory) -> None:
    seen(memory, 0, LEFT, RIGHT)
    for step in range(1, 12):
        assert seen(memory, step * STEP_NS, RIGHT)[1] == [False]
    assert seen(memory, 12 * STEP_NS, LEFT, RIGHT)[1] == [True, False]


def test_a_clock_that_goes_back_forgets_everybody(memory: BoxMemory) -> None:
    seen(memory, STEP_NS, LEFT, RIGHT)
    assert seen(memory, STEP_NS, LEFT)[1] == [False]
    assert seen(memory, 0, LEFT, RIGHT)[1] == [True, True]


def test_clearing_forgets_everybody(memory: BoxMemory) -> None:
    seen(memory, 0, LEFT)
    memory.clear()
    assert seen(memory, 1, LEFT)[1] == [True]


def test_values_stay_with_their_person_while_rows_grow_and_are_reused(memory: BoxMemory) -> None:
    (left,), _ = seen(memory, 0, LEFT, tag=1.0)
    (right,), _ = seen(memory, 300_000_000, RIGHT, tag=2.0)
    (far,), _ = seen(memory, 600_000_000, FAR, tag=3.0)
    assert far == left  # its person was unseen for 0.6 s
    rows, new = memory.find(np.array([FAR, RIGHT, LEFT]), 600_000_000)
    assert rows[:2].tolist() == [far, right]
    assert new.tolist() == [False, False, True]
    (values,) = memory.read(rows[:2])
    assert values.tolist() == [[3.0, 3.0], [2.0, 2.0]]


def test_a_frame_that_is_not_remembered_leaves_no_trace(memory: BoxMemory) -> None:
    (row,), _ = seen(memory, 0, LEFT)
    for _ in range(3):
        rows, new = memory.find(np.array([[10.0, 0.0, 110.0, 200.0], FAR]), STEP_NS)
        assert rows[0] == row
        assert new.tolist() == [False, True]


def test_nobody(memory: BoxMemory) -> None:
    assert seen(memory, 0) == ([], [])
    seen(memory, STEP_NS, LEFT)
    assert seen(memory, 2 * STEP_NS) == ([], [])
    assert seen(memory, 3 * STEP_NS, LEFT)[1] == [False]
