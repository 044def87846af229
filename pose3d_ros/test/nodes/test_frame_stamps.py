from __future__ import annotations

from types import SimpleNamespace

import pytest

from pose3d_ros.nodes.frame_stamps import FrameStamps
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, ProblemBoard

S = 1_000_000_000
START_S = 1_700_000_000


class Input:
    """Messages that arrive a tenth of a second after they were stamped, unless said otherwise."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.logged: list[str] = []
        self.board = ProblemBoard(lambda _, text: self.logged.append(text), lambda: self.now_s)
        self.stamps = FrameStamps(self.board, "/image_raw")

    def time_of(self, stamp_s: float, arrived_s: float, frame_id: str = "camera") -> float | None:
        """The time given to a message, seconds; stamp_s is from the start on, unless it is 0."""
        self.now_s = arrived_s
        stamp_ns = round(stamp_s * 1000) * 1_000_000 + (START_S * S if stamp_s else 0)
        stamp = SimpleNamespace(sec=stamp_ns // S, nanosec=stamp_ns % S)
        now_ns = START_S * S + round(arrived_s * 1000) * 1_000_000
        time_ns = self.stamps.time_of(SimpleNamespace(stamp=stamp, frame_id=frame_id), arrived_s, now_ns)
        return None if time_ns is None else (time_ns - START_S * S) / S

    @property
    def problems(self) -> list[str]:
        """What is wrong at the moment."""
        return [problem.text for problem in self.board.current()]


@pytest.fixture
def camera() -> Input:
    return Input()


def test_stamps_in_order_are_the_times(camera: Input) -> None:
    assert [camera.time_of(t, t + 0.1) for t in (1.0, 1.1, 5.0)] == [1.0, 1.1, 5.0]
    assert (camera.problems, camera.logged, dict(camera.stamps.counts)) == ([], [], {})


@pytest.mark.parametrize("late_s", [0.001, 0.4, 1.0])
def test_late_messages_are_dropped_counted_and_explained(camera: Input, late_s: float) -> None:
    stamps_s = [5.0, 5.0 - late_s, 5.1, 5.1 - late_s, 5.2]
    assert [camera.time_of(t, 6.0) for t in stamps_s] == [5.0, None, 5.1, None, 5.2]
    assert camera.stamps.counts == {"late": 2}
    assert f"/image_raw: a message is {late_s * 1e3:.0f} ms older" in camera.logged[0]
    assert len(camera.logged) == len(camera.problems) == 1


def test_clock_that_goes_back_is_one_message(camera: Input) -> None:
    stamps_s = [20.0, 20.1, 10.1, 10.2, 10.3]
    assert [camera.time_of(t, 20.05) for t in stamps_s] == stamps_s
    assert camera.stamps.counts == {"clock went back": 1}
    assert "went back by 10.0 s: all tracks end" in camera.logged[0]


def test_zero_stamps_are_replaced_by_the_time_of_arrival(camera: Input) -> None:
    assert [camera.time_of(0, arrived_s) for arrived_s in (7.0, 7.1, 7.3)] == pytest.approx([7.0, 7.1, 7.3])
    assert camera.stamps.counts == {"zero stamps": 3}
    assert "stamped zero" in camera.logged[0]
    assert camera.time_of(7.4, 7.5) == 7.4


def test_a_zero_stamp_among_others_ends_no_track(camera: Input) -> None:
    arrivals_s = [(1.0, 1.1), (0.0, 1.2), (1.2, 1.3)]
    assert [camera.time_of(*arrival) for arrival in arrivals_s] == pytest.approx([1.0, 1.1, 1.2])
    assert camera.stamps.counts == {"zero stamps": 1}


def test_time_goes_on_where_stamps_stand_still(camera: Input) -> None:
    times_s = [camera.time_of(1.0, arrived_s) for arrived_s in (1.1, 1.2, 1.3, 1.4)]
    assert times_s == pytest.approx([1.0, 1.1, 1.2, 1.3])
    assert camera.stamps.counts == {"repeated stamps": 3}
    assert "ros2 topic info -v" in camera.logged[0]
    assert camera.time_of(1.4, 1.5) == 1.4


def test_message_sent_twice_makes_the_next_one_not_late(camera: Input) -> None:
    arrivals_s = [(1.0, 1.1), (1.0, 1.25), (1.1, 1.26), (1.2, 1.3)]  # the copy comes after the next was taken
    assert [camera.time_of(*arrival) for arrival in arrivals_s] == pytest.approx([1.0, 1.15, 1.15, 1.2])
    assert camera.stamps.counts == {"repeated stamps": 1}


def test_future_stamps_are_a_warning(camera: Input) -> None:
    assert camera.time_of(3.0, 1.0) == 3.0
    assert "2.0 s ahead of this node's clock. Synchronize the clocks" in camera.logged[0]
    assert camera.time_of(3.1, 3.0) == 3.1
    assert camera.stamps.counts == {"future stamps": 1}


def test_another_clock_is_said_once_and_counted(camera: Input) -> None:
    for number in range(200):
        camera.time_of(1.0 + number / 10, 1000.0 + number / 10)
    assert camera.stamps.counts == {"another clock": 200}
    assert len(camera.logged) == 1
    assert "stamped 999 s before this node's clock" in camera.logged[0]
    assert camera.problems == []


def test_empty_frame_id_is_a_warning(camera: Input) -> None:
    assert camera.time_of(1.0, 1.1, frame_id="") == 1.0
    assert "no frame_id" in camera.logged[0]


@pytest.mark.parametrize(
    ("stamps_s", "frame_id"),
    [([1.0, 0.9], "cam"), ([5.0, 1.0], "cam"), ([0, 0], "cam"), ([1.0, 1.0, 1.0], "cam"), ([9.0], "cam"), ([1.0], "")],
    ids=["late", "back", "zero", "frozen", "future", "frame_id"],
)
def test_each_warning_is_over_when_no_such_message_comes(camera: Input, stamps_s: list[float], frame_id: str) -> None:
    for number, stamp_s in enumerate(stamps_s):
        camera.time_of(stamp_s, 1.1 + number / 10, frame_id)
    assert len(camera.problems) > 0
    camera.time_of(9.1, 9.2)
    camera.now_s += FRAME_PROBLEM_S
    assert camera.problems == []
