"""Which images of asynchronous cameras belong together, and when they are fused.

No camera waits for one that is slow, late or gone: a set is complete once every camera whose next image is due has one
in it, and in any case after a short time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pose3d_ros.records import LATE_NS
from pose3d_ros.stages.multiview.camera_view import CameraView

_DUE = 0.4
"""Share of a camera's usual interval after which its next image is waited for."""
_GONE_S = 1.0
_FIRST_INTERVAL_S = 0.1
_ADAPT = 0.2


@dataclass(frozen=True, eq=False)
class FrameSet:
    """Each camera's latest view that is near enough in time, and the time to move them to: between the new ones."""

    views: tuple[CameraView, ...]
    time_ns: int


@dataclass(eq=False)
class _Arrivals:
    """Of one camera: its latest view, when it came, the usual time between two, and whether it was fused already."""

    view: CameraView
    at_s: float
    interval_s: float
    is_new: bool = True


class FrameSets:
    """Collects views as they come. Times at which they come are seconds of any clock that does not jump.

    window_s: how far a view may be from the time of its set. max_wait_s: how long a view waits for other cameras.
    """

    def __init__(self, window_s: float, max_wait_s: float) -> None:
        self.window_s, self.max_wait_s = window_s, max_wait_s
        self._arrivals: dict[str, _Arrivals] = {}
        self._waits_since_s: float | None = None

    def reset(self) -> None:
        """Forget all views."""
        self._arrivals.clear()
        self._waits_since_s = None

    def add(self, view: CameraView, now_s: float) -> tuple[FrameSet, ...]:
        """Take a camera's view; returns the sets that are complete now, in the order of time."""
        done = []
        before = self._arrivals.get(view.camera_name)
        if before is not None and before.is_new:
            done.append(self._take())
        interval_s = _FIRST_INTERVAL_S
        if before is not None:
            interval_s = before.interval_s + _ADAPT * (min(now_s - before.at_s, _GONE_S) - before.interval_s)
        if before is not None and view.stamp_ns < before.view.stamp_ns - LATE_NS:
            self._arrivals.clear()  # the clock went back, for every camera
        self._arrivals[view.camera_name] = _Arrivals(view, now_s, interval_s)
        self._waits_since_s = now_s if self._waits_since_s is None else self._waits_since_s
        if not self._awaited(now_s):
            done.append(self._take())
        return tuple(done)

    def overdue(self, now_s: float) -> tuple[FrameSet, ...]:
        """The set that waited long enough; call it now and then."""
        if self._waits_since_s is None or now_s - self._waits_since_s < self.max_wait_s:
            return ()
        return (self._take(),)

    def silent(self, names: Sequence[str], now_s: float) -> tuple[str, ...]:
        """Those of the cameras of which nothing came lately."""
        return tuple(n for n in names if n not in self._arrivals or now_s - self._arrivals[n].at_s > _GONE_S)

    def _awaited(self, now_s: float) -> bool:
        """Whether a camera that sends will have its next image soon."""
        others = [one for one in self._arrivals.values() if not one.is_new]
        return any(_DUE * one.interval_s <= now_s - one.at_s < _GONE_S for one in others)

    def _take(self) -> FrameSet:
        new = [one.view.stamp_ns for one in self._arrivals.values() if one.is_new]
        time_ns = (min(new) + max(new)) // 2
        window_ns = round(self.window_s * 1e9)
        near = [one.view for one in self._arrivals.values() if abs(one.view.stamp_ns - time_ns) <= window_ns]
        for one in self._arrivals.values():
            one.is_new = False
        self._waits_since_s = None
        return FrameSet(tuple(sorted(near, key=lambda view: view.camera_name)), time_ns)
