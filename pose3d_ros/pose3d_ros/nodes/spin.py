"""Running a node as a process: until Ctrl-C, SIGTERM or its parent's end, with a proper end and an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.parent_process import Parent

_N = TypeVar("_N", bound=Node)
_POLL_S = 0.2
_ORPHAN_S = 10

Spin = Callable[[float], bool]
"""Lets a node's callbacks run for up to that many seconds; false when it is time to end."""


class StopSignal:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a flag, for a proper end; the second ends the process.

    So does the end of the parent that `parent_process` names. No process is left then to kill a node that hangs: it
    gets ten seconds.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
                signal.signal(number, self._on_signal)
        self._parent = Parent(os.environ)

    def is_set(self) -> bool:
        """Whether the process should end."""
        return self._event.is_set() or not rclpy.ok()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._event.set()
        signal.signal(number, signal.SIG_DFL)
        if self._parent.has_ended():
            signal.alarm(_ORPHAN_S)


def run_node(make: Callable[[], ManagedNode], args: list[str] | None = None) -> int:
    """Make a managed node, start it if it is to start itself, and spin until it is to end."""
    # The node logs itself what the library warns of; a second line on the terminal would only confuse.
    logging.getLogger("pose3d_ros").addHandler(logging.NullHandler())

    def live(node: ManagedNode, spin: Spin) -> None:
        node.autostart()
        while spin(_POLL_S):
            pass

    return run_tool(make, live, args)


def run_tool(make: Callable[[], _N], work: Callable[[_N, Spin], None], args: list[str] | None = None) -> int:
    """Make a node, let it work, and end it properly. Returns the exit code: 1 after one of our errors, else 0."""
    try:
        # Without rclpy's own signal handlers: they would end publishing before a last, empty result.
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError: arguments or a parameter file that can't be parsed
        print(f"can't start: {error}", file=sys.stderr)
        return 1
    try:
        return _run(make, work, StopSignal())
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        if rclpy.ok():
            rclpy.shutdown()


def _run(make: Callable[[], _N], work: Callable[[_N, Spin], None], stop: StopSignal) -> int:
    executor = SingleThreadedExecutor()
    node: _N | None = None

    def spin(timeout_s: float) -> bool:
        if not stop.is_set():
            executor.spin_once(timeout_sec=timeout_s)
        return not stop.is_set()

    try:
        node = make()
        executor.add_node(node)
        work(node, spin)
    except Pose3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        if node is not None:
            node.destroy_node()
        executor.shutdown()
    return 0
