"""The stamps of an input: put in order, and whatever is wrong with them noticed, counted and explained."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.records import LATE_NS, time_after

FUTURE_S = 0.5
"""A stamp this far ahead of the node's clock is not that of a clock that is read now and then, as /clock."""
OTHER_CLOCK_S = 10.0
"""An image older than this was stamped by another clock: a recording's, or a camera's that counts from its start."""

_CLOCKS = (
    "Synchronize the clocks (chrony); with a simulator or a recording publish /clock and set use_sim_time on all nodes."
)


class RateLimit:
    """Leaves messages out that come more often than at a rate, evenly by their times. Use it from one thread.

    skipped: how many were left out.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._period_ns = 0
        self._due_ns = self._before_ns = 0

    def passes(self, time_ns: int, max_rate_hz: float) -> bool:
        """Whether a message of that time is to be used; the next times follow. max_rate_hz: 0 for all."""
        period_ns = round(1e9 / max_rate_hz) if max_rate_hz > 0 else 0
        since_ns, self._before_ns = time_ns - self._before_ns, time_ns
        begins = period_ns != self._period_ns or since_ns < 0 or time_ns - self._due_ns > period_ns
        self._period_ns = period_ns
        if not period_ns or begins:
            self._due_ns = time_ns + period_ns
            return True
        # Of two messages about the time that is due, the nearer one: the next comes as long after this one as this one
        # came after the one before.
        if time_ns + min(since_ns, period_ns) // 2 < self._due_ns:
            self.skipped += 1
            return False
        self._due_ns += period_ns
        return True


class FrameStamps:
    """Gives each message of an input the time at which it counts.

    Each kind of wrong stamp is a warning on the board for as long as such messages come. topic: the input's name, for
    messages. Counts by kind are in `counts`. Use it from one thread.
    """

    def __init__(self, board: ProblemBoard, topic: str) -> None:
        self.counts: Counter[str] = Counter()
        self._board, self._topic = board, topic
        self.reset()

    def reset(self) -> None:
        """Forget the messages so far."""
        self._stamp_ns: int | None = None
        self._time_ns: int | None = None
        self._arrived_s = 0.0
        self._other_clock = False

    def time_of(self, header: Any, arrived_s: float, now_ns: int) -> int | None:
        """Nanoseconds, never less than before unless the clock went back; None for a message to drop, a late one.

        header: std_msgs/Header. arrived_s: monotonic seconds. now_ns: by the node's clock. The times are the stamps,
        but where these are zero or stand still, time goes on as the messages arrive. Late is what is older by up to 1 s
        than a message before; by more, the clock went back.
        """
        if not header.frame_id:
            fix = "Set the camera's optical frame in its driver (frame_id)."
            self._warn("empty frame_id", f"messages have no frame_id, so TF and RViz can't place people. {fix}")
        time_ns = self._by_stamp(stamp_ns(header), arrived_s, now_ns)
        if time_ns is not None:
            self._time_ns, self._arrived_s = time_ns, arrived_s
        return time_ns

    def _by_stamp(self, stamp: int, arrived_s: float, now_ns: int) -> int | None:
        if stamp <= 0:
            fix = "Have the driver set header.stamp to the time of capture; until then the time of arrival is used."
            self._warn("zero stamps", f"messages are stamped zero. {fix}")
            return self._by_arrival(arrived_s, now_ns)
        if stamp == self._stamp_ns:
            fix = "Is each image sent twice (`ros2 topic info -v`), or does the driver's clock stand still?"
            self._warn("repeated stamps", f"a message has the stamp of the one before. {fix}")
            return self._by_arrival(arrived_s, now_ns)
        self._compare_clocks((now_ns - stamp) * 1e-9)
        before_s = 0.0 if self._stamp_ns is None else (self._stamp_ns - stamp) * 1e-9
        if 0 < before_s <= LATE_NS * 1e-9:
            fix = "Let one node publish there, in order; a network reorders less with image_reliability: reliable."
            self._warn("late", f"a message is {before_s * 1e3:.0f} ms older than the one before, and is dropped. {fix}")
            return None
        self._stamp_ns = stamp
        time_ns = time_after(self._time_ns, stamp)
        if time_ns is None:
            back_s = ((self._time_ns or stamp) - stamp) * 1e-9
            fix = "A recording that loops or a clock that was set? Then there is nothing to do."
            self._warn("clock went back", f"stamps went back by {back_s:.1f} s: all tracks end, and ids are new. {fix}")
        return stamp if time_ns is None else time_ns

    def _by_arrival(self, arrived_s: float, now_ns: int) -> int:
        if self._time_ns is None:
            return max(now_ns, 1)
        return self._time_ns + max(0, round((arrived_s - self._arrived_s) * 1e9))

    def _compare_clocks(self, age_s: float) -> None:
        if age_s < -FUTURE_S:
            self._warn("future stamps", f"messages are stamped {-age_s:.1f} s ahead of this node's clock. {_CLOCKS}")
        before, self._other_clock = self._other_clock, age_s > OTHER_CLOCK_S
        if self._other_clock:
            self.counts["another clock"] += 1
        if self._other_clock and not before:  # a playback without /clock is all right: said once
            text = f"messages are stamped {age_s:.0f} s before this node's clock: by another clock, or a recording. "
            self._board.report(
                "stamps of another clock", Level.WARN, f"{self._topic}: {text}{_CLOCKS}", hold_s=FRAME_PROBLEM_S
            )

    def _warn(self, kind: str, text: str) -> None:
        self.counts[kind] += 1
        self._board.report(f"{kind} on {self._topic}", Level.WARN, f"{self._topic}: {text}", hold_s=FRAME_PROBLEM_S)
