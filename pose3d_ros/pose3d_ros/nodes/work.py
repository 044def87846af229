"""What both managed nodes do between configure and clean-up: people out, diagnostics, a watchdog for the input."""

from __future__ import annotations

import contextlib
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol

from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.frame_stamps import FrameStamps
from pose3d_ros.nodes.input_rate import InputRate, Shortfall, SlowInput
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.timing import RateMeter, TimeMeter, Watchdog

_SLOW = "input rate"
_UNFITTING = "It is best effort and image_reliability, or an override, is reliable: set image_reliability to auto."


class InputSubscription(Protocol):
    """What `Work` needs of a subscription; see `FittedSubscription`."""

    @property
    def lost(self) -> int:
        """How many messages DDS knows to have lost."""

    def refit(self) -> None:
        """Follow the topic's publishers."""

    def unfitting(self) -> bool:
        """Whether there are publishers whose quality of service does not fit."""

    def close(self) -> None:
        """Unsubscribe."""


class NodeWork(ABC):
    """One configured life of a node. Called from the executor's thread only, unless said otherwise.

    node: the ManagedNode.
    """

    def __init__(self, node: Any, output: PeopleOutput) -> None:
        config: NodeConfig = node.config
        board: ProblemBoard = node.board
        self._node, self._board, self._config, self._output = node, board, config, output
        self._out, self._times = output.meter, TimeMeter()

    @abstractmethod
    def start(self) -> None:
        """Subscribe to the input."""

    @abstractmethod
    def stop(self) -> None:
        """Unsubscribe; no result is published after this returned."""

    @abstractmethod
    def close(self) -> None:
        """Destroy publishers, clear problems; stopped before."""

    @abstractmethod
    def poll(self) -> None:
        """Follow the input's publishers; called several times a second while there is work."""

    @abstractmethod
    def check(self) -> None:
        """Look for problems; called every second."""

    @abstractmethod
    def values(self) -> dict[str, str]:
        """What diagnostics show besides the problems; called every second."""

    @property
    @abstractmethod
    def input_count(self) -> int:
        """How many messages of the input came."""

    @abstractmethod
    def _reset(self) -> None:
        """Drop all tracks, and forget the stamps so far."""

    def has_subscribers(self) -> bool:
        """Whether the results have subscribers."""
        return self._output.has_subscribers()

    def publish_empty(self) -> None:
        """Drop all tracks, publish one empty result and delete the markers."""
        self._reset()
        self._output.publish_empty()

    def reconfigure(self, config: NodeConfig) -> None:
        """Apply changed tunable parameters."""
        self._config = config
        self._output.reconfigure(config.output)

    @abstractmethod
    def _remedy(self) -> str:
        """What to do about messages that do not arrive, after "either it is idle, or"."""

    @abstractmethod
    def _slowed(self) -> str:
        """Why an input may come more slowly than before."""

    def _show_rate(self, kind: str, topic: str, slow: SlowInput | None) -> None:
        """Warn of an input that is too slow, under that kind, until it is no more."""
        if slow is None:
            self._board.clear(kind)
        else:
            self._board.report(kind, Level.WARN, f"{topic} brings {slow.rate_hz:.1f} Hz, {self._slowness(slow)}")

    def _slowness(self, slow: SlowInput) -> str:
        """The cause that fits, and its remedy."""
        return {
            Shortfall.LOST: f"of {slow.expected_hz:.1f} Hz that are sent: {self._remedy()}",
            Shortfall.COMPANION: f"its camera_info {slow.expected_hz:.1f} Hz: {self._remedy()} "
            "Where they are meant to be fewer, set min_input_hz to their rate.",
            Shortfall.MINIMUM: f"min_input_hz is {slow.expected_hz:g}: raise the publisher's rate, or lower it.",
            Shortfall.PAST: f"before {slow.expected_hz:.1f} Hz: {self._slowed()}",
        }[slow.cause]

    def _rivals_on(self, topic: str) -> tuple[str, ...]:
        """Of two cameras on one topic, or of a driver that runs twice, every other image is of another time or view."""
        infos = self._node.get_publishers_info_by_topic(topic)
        if len(infos) < 2:
            return ()
        names = ", ".join(sorted(f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos))
        fix = "Stop all but one, or give each a namespace; one that was killed is counted for some 20 s."
        return (f"{topic} has {len(infos)} publishers: {names}. {fix}",)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Report whatever goes wrong with a frame, and let the next one come. Safe from any thread."""
        try:
            yield
        except Pose3DError as error:
            self._board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
        except Exception as error:
            text = f"unexpected error:\n{traceback.format_exc()}"
            self._board.report(f"unexpected {type(error).__name__}", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)


class Work(NodeWork):
    """That of a node with one input and engines.

    node: the ManagedNode. topic: the input's, resolved. hint: what to look for where the input has no publisher.
    """

    def __init__(self, node: Any, engines: EngineSet, output: PeopleOutput, *, topic: str, hint: str) -> None:
        super().__init__(node, output)
        self._engines, self._topic, self._hint = engines, topic, hint
        self._in = RateMeter(time.monotonic)
        self._stamps = FrameStamps(self._board, topic)
        self._rate = InputRate(time.monotonic)
        self._watchdog = Watchdog(self._config.lifecycle.watchdog_timeout_s, time.monotonic)
        self._subscription: InputSubscription | None = None
        node.get_logger().info(f"models {engines.names} on {engines.backend.name}: {engines.backend.reason}")

    def start(self) -> None:
        """Subscribe to the input."""
        self._subscription = self._subscribe()
        self._watchdog.start()
        self._rate.restart()

    def stop(self) -> None:
        """Unsubscribe; no result is published after this returned."""
        self._watchdog.stop()
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        self._output.discard()

    def close(self) -> None:
        """Destroy publishers, clear the engines' problems; stopped before. A node's own work closes the engines."""
        for group in ("engines", "watchdog", "publishers"):
            self._board.show_warnings(group, ())
        self._board.clear(_SLOW)
        self._output.close()

    def publish_empty(self) -> None:
        """See `NodeWork.publish_empty`."""
        self._stamps.reset()
        super().publish_empty()

    @property
    def input_count(self) -> int:
        """How many messages of the input came."""
        return self._in.total

    def poll(self) -> None:
        """Follow the input's publishers; called several times a second while there is work."""
        if self._subscription is not None:
            self._subscription.refit()

    def check(self) -> None:
        """Look for problems with engines and input; called every second."""
        self._board.show_warnings("engines", self._engine_problems())
        self._board.show_warnings("publishers", self._rivals_on(self._topic))
        silent = self._watchdog.expired()
        self._board.show_warnings("watchdog", [self._silence()] if silent else ())
        lost = self._subscription.lost if self._subscription is not None else 0
        slow = self._rate.slow(self._config.lifecycle.min_input_hz, lost)
        is_slow = slow is not None and not silent and self._subscription is not None
        self._show_rate(_SLOW, self._topic, slow if is_slow else None)

    def _silence(self) -> str:
        if not self._node.count_publishers(self._topic):
            return f"no publisher on {self._topic}. {self._hint}"
        if self._subscription is not None and self._subscription.unfitting():
            return f"{self._topic} has a publisher but no message arrives. {_UNFITTING}"
        return f"{self._topic} has a publisher but no message arrives. Either it is idle, or {self._remedy()}"

    def values(self) -> dict[str, str]:
        """What diagnostics show besides the problems; called every second."""
        backend = self._engines.backend
        shown = {
            "engines": self._engines.names,
            "backend": f"{backend.name} ({backend.reason})",
            "runs on": "; ".join(self._engines.statuses),
            "input [Hz]": f"{self._in.rate_hz():.1f}",
            "output [Hz]": f"{self._out.rate_hz():.1f}",
            "lost": str(self._subscription.lost if self._subscription is not None else 0),
        }
        shown.update({f"{kind} [messages]": str(count) for kind, count in sorted(self._stamps.counts.items())})
        shown.update({f"{name} [ms]": f"{value:.1f}" for name, value in self._times.take_means_ms().items()})
        return shown

    @abstractmethod
    def _subscribe(self) -> InputSubscription:
        """Subscribe to the input; returns the subscription."""

    def _engine_problems(self) -> tuple[str, ...]:
        return self._engines.problems

    def _time_of(self, header: Any, arrived_s: float) -> int | None:
        """The time at which a message of the input counts, nanoseconds; None for one to drop."""
        return self._stamps.time_of(header, arrived_s, self._node.get_clock().now().nanoseconds)

    def _count_arrival(self) -> None:
        """Count a message of the input."""
        self._in.tick()
        self._rate.tick()
        self._watchdog.start()
