"""Which of another detector's messages belongs to an image: by their stamps, within a bounded wait, in order.

message_filters is not among the wheels, and drops what it does not pair without saying why.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from pose3d_ros.bags.stamp_match import nearest_stamp
from pose3d_ros.records import LATE_NS

_I = TypeVar("_I")
_M = TypeVar("_M")

WAIT_S = 1.0
"""How long an image waits for its message. A detector that takes longer is too slow for people who walk."""
WORKING_S = 2.0
"""How long images may come without a pair while the detector counts as working: no longer than tracks live."""
_MOST_IMAGES = 32
"""That wait: a second of a usual camera. The oldest gives way."""
_MOST_MESSAGES = 32
_KNOWN = 128
"""Stamps of images that are remembered, to say how far those of messages are from them."""
_JUDGED = 20
_LEAST_SHARE = 0.3
"""Of the last messages have to fit an image: stamps of the time of publication fit one by chance."""


class Outcome(Enum):
    """Why an image is handed on. PAIRED: with its message. ALONE: the detector does not work, so nothing is waited for.

    SKIPPED: the detector went on to a later image. LATE: nothing came in time.
    """

    PAIRED = "paired"
    ALONE = "alone"
    SKIPPED = "skipped"
    LATE = "late"


@dataclass(frozen=True)
class Released(Generic[_I, _M]):
    """An image that waits no longer. message: None unless it is PAIRED."""

    image: _I
    message: _M | None
    outcome: Outcome


@dataclass(frozen=True)
class _Waiting(Generic[_I]):
    stamp_ns: int
    image: _I
    arrived_s: float
    messages_before: int


class StampPairing(Generic[_I, _M]):
    """Images wait here for the message of their stamp; each method returns those that wait no longer, in their order.

    clock_s: monotonic seconds. A message belongs to one image at most: the one of its own stamp, else the nearest one
    within `TOLERANCE_NS`. At most 32 images and 32 messages are kept. Use it from one thread.

    Attributes: offset_ns, of the last message from the nearest image's stamp, above 0 for a later one; None before
    both came. lag_s, by which the last message that fits an image came after it; None before one did.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._images: deque[_Waiting[_I]] = deque()
        self._messages: deque[tuple[int, int, _M]] = deque(maxlen=_MOST_MESSAGES)
        self._known: deque[tuple[int, float]] = deque(maxlen=_KNOWN)
        self._judged: deque[bool] = deque(maxlen=_JUDGED)
        self._came = 0
        self._unanswered_s: float | None = None
        self.offset_ns: int | None = None
        self.lag_s: float | None = None

    @property
    def working(self) -> bool:
        """Whether messages belong to images at the moment; at first that is assumed."""
        fits = not self._judged or sum(self._judged) >= _LEAST_SHARE * len(self._judged)
        return fits and (self._unanswered_s is None or self._clock_s() - self._unanswered_s <= WORKING_S)

    def put_image(self, stamp_ns: int, image: _I) -> list[Released[_I, _M]]:
        """An image, later than the one before unless the clock went back."""
        released, now_s = self._went_back(stamp_ns), self._clock_s()
        if self._unanswered_s is None:
            self._unanswered_s = now_s
        self._known.append((stamp_ns, now_s))
        self._images.append(_Waiting(stamp_ns, image, now_s, self._came))
        return released + self.release()

    def put_message(self, stamp_ns: int, message: _M) -> list[Released[_I, _M]]:
        """A message of the other detector."""
        self._came += 1
        at = nearest_stamp(stamp_ns, [known for known, _ in self._known], limit_ns=None)
        if at is not None:
            self.offset_ns = stamp_ns - self._known[at][0]
        if len(self._messages) == _MOST_MESSAGES:
            self._judged.append(False)
        self._messages.append((stamp_ns, self._came, message))
        released = self.release()
        self._compare_with_past()
        return released

    def release(self) -> list[Released[_I, _M]]:
        """Those that wait no longer by now; called now and then."""
        released = []
        while self._images:
            first = self._images[0]
            outcome, message = self._outcome(first)
            if outcome is None:
                break
            self._images.popleft()
            released.append(Released(first.image, message, outcome))
            self._forget_until(first.stamp_ns)
        return released

    def _outcome(self, waiting: _Waiting[_I]) -> tuple[Outcome | None, _M | None]:
        at = nearest_stamp(waiting.stamp_ns, [stamp for stamp, *_ in self._messages])
        if at is not None and self._is_nearest(self._messages[at][0]):
            message = self._messages[at][2]
            del self._messages[at]
            self._fits(waiting.arrived_s)
            return Outcome.PAIRED, message
        if not self.working:
            return Outcome.ALONE, None
        if any(stamp > waiting.stamp_ns and n > waiting.messages_before for stamp, n, _ in self._messages):
            return Outcome.SKIPPED, None
        is_late = self._clock_s() - waiting.arrived_s > WAIT_S or len(self._images) > _MOST_IMAGES
        return (Outcome.LATE if is_late else None), None

    def _is_nearest(self, stamp_ns: int) -> bool:
        """Whether the first image that waits is the nearest one to a message."""
        return nearest_stamp(stamp_ns, [waiting.stamp_ns for waiting in self._images]) == 0

    def _fits(self, arrived_s: float) -> None:
        """A message belongs to an image that came at that time."""
        self.lag_s = self._clock_s() - arrived_s
        self._judged.append(self.lag_s <= WAIT_S)
        if self.lag_s <= WAIT_S:
            self._unanswered_s = next((w.arrived_s for w in self._images if w.arrived_s > arrived_s), None)

    def _compare_with_past(self) -> None:
        """A message of an image that waits no longer shows that the detector works again, or how slow it is."""
        if not self._messages or (self._images and self._messages[-1][0] >= self._images[0].stamp_ns):
            return
        at = nearest_stamp(self._messages[-1][0], [known for known, _ in self._known])
        if at is not None:
            self._messages.pop()
            self._fits(self._known[at][1])

    def _forget_until(self, stamp_ns: int) -> None:
        """Messages of that time and before belong to no later image."""
        kept = [entry for entry in self._messages if entry[0] > stamp_ns]
        self._judged.extend([False] * (len(self._messages) - len(kept)))
        self._messages = deque(kept, maxlen=_MOST_MESSAGES)

    def _went_back(self, stamp_ns: int) -> list[Released[_I, _M]]:
        """Where the clock went back, nothing that waits belongs to what comes."""
        if not self._known or self._known[-1][0] - stamp_ns <= LATE_NS:
            return []
        released: list[Released[_I, _M]] = [Released(waiting.image, None, Outcome.LATE) for waiting in self._images]
        self._images.clear()
        self._known.clear()
        self._messages = deque((m for m in self._messages if m[0] <= stamp_ns + LATE_NS), maxlen=_MOST_MESSAGES)
        return released
