"""What the managed nodes share: life cycle, parameters, demand, the enable service, diagnostics."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool

from pose3d_ros.config.settings import NodeConfig, parameters_of
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.diagnostics import TOPIC, diagnostic_message
from pose3d_ros.nodes.parameters import NodeParameters, Values
from pose3d_ros.nodes.problems import Level, ProblemBoard

_DIAGNOSTICS_PERIOD_S = 1.0
_DEMAND_PERIOD_S = 0.2
_SET_UP = "set-up"


class Work(Protocol):
    """One configured life of a node, from configure to clean-up. Called from the executor's thread only."""

    def start(self) -> None:
        """Begin to listen."""

    def stop(self) -> None:
        """Stop listening; no result is published after this returned."""

    def close(self) -> None:
        """Close engines, destroy publishers; stopped before."""

    def wanted(self) -> bool:
        """Whether anybody listens to the results."""

    def say_nobody(self) -> None:
        """Forget everybody, publish one empty result and take the markers away."""

    def reconfigure(self, config: NodeConfig) -> None:
        """Take over changed tunable parameters."""

    def check(self) -> None:
        """Look for problems with the inputs; called every second."""

    def values(self) -> dict[str, str]:
        """What diagnostics show besides the problems; called every second."""


class ManagedNode(LifecycleNode):
    """A lifecycle node around some work.

    It works while it is active, enabled, and somebody listens. A problem with the set-up, the parameters or a frame
    is logged once, shown in diagnostics, and never ends the process.

    kind: name of the node's parameters in the table, and of the node unless remapped. open_work: makes the work of a
    configured node; raises Pose3DError. work: the present one, None while not configured.
    """

    def __init__(self, kind: str, open_work: Callable[[ManagedNode], Work], **node_options: Any) -> None:
        super().__init__(kind, automatically_declare_parameters_from_overrides=True, **node_options)
        self.board = ProblemBoard(self._log_problem, time.monotonic)
        self.config = NodeConfig()
        self._open_work = open_work
        self.work: Work | None = None
        self._phase = "unconfigured"
        self._enabled = True
        self._working = False
        self._settings = NodeParameters(self, parameters_of(kind), lambda: self.work is not None, self._take_settings)
        self._take_settings(self._settings.values)
        for name, fault in self._settings.faults.items():
            self.board.raise_(f"parameter {name}", Level.ERROR, str(fault))
        for error in self._settings.unknown:
            self.board.raise_(f"unknown parameter {error.got}", Level.WARN, str(error))
        for old, new in self._settings.renamed.items():
            self.board.raise_(f"renamed parameter {old}", Level.WARN, f"parameter {old} is now called {new}.")
        self._diagnostics = self.create_publisher(DiagnosticArray, TOPIC, 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation must not silence diagnostics
        self.create_timer(_DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)
        self.create_timer(_DEMAND_PERIOD_S, self._follow_demand, clock=steady)
        self.create_service(SetBool, "~/enable", self._on_enable)

    @property
    def phase(self) -> str:
        """`unconfigured`, `inactive`, `active` or `finalized`."""
        return self._phase

    def autostart(self) -> None:
        """Configure and activate, when the parameter says so."""
        if self.config.lifecycle.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def destroy_node(self) -> None:
        """Deactivate and clean up, then destroy the node."""
        if self._phase == "active":
            self.trigger_deactivate()
        if self._phase == "inactive":
            self.trigger_cleanup()
        super().destroy_node()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("inactive", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("active", self._say_nobody)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("inactive", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("unconfigured", self._close)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("finalized", self._close)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._close()
        self._phase = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _transition(self, phase: str, act: Callable[[], None]) -> TransitionCallbackReturn:
        self.board.clear(_SET_UP)
        try:
            act()
        except Pose3DError as error:
            self.board.raise_(_SET_UP, Level.ERROR, str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would drop it without a word
            self.board.raise_(_SET_UP, Level.ERROR, f"unexpected error:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        self._phase = phase
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        for fault in self._settings.faults.values():
            raise fault
        self.work = self._open_work(self)

    def _say_nobody(self) -> None:
        if self.work is not None:
            self.work.say_nobody()

    def _deactivate(self) -> None:
        self._phase = "inactive"
        self._follow_demand()
        self._say_nobody()

    def _close(self) -> None:
        if self._phase == "active":
            self._deactivate()
        work, self.work = self.work, None
        if work is not None:
            work.close()

    def _follow_demand(self) -> None:
        if self.work is None:
            return
        wanted = self.config.output.work_without_subscribers or self.work.wanted()
        work = self._phase == "active" and self._enabled and wanted
        if work and not self._working:
            self._start(self.work)
        elif self._working and not work:
            self._working = False
            self.work.stop()

    def _start(self, work: Work) -> None:
        try:
            work.start()
        except Exception:  # the middleware's and rclpy's own, e.g. for a wrong qos_overrides parameter
            self.board.raise_(_SET_UP, Level.ERROR, f"can't listen:\n{traceback.format_exc()}")
        else:
            self._working = True

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        self._follow_demand()
        if self._phase == "active" and not self._enabled:
            self._say_nobody()
        response.success = True
        response.message = "enabled" if self._enabled else "disabled"
        return response

    def _take_settings(self, values: Values) -> None:
        self.config = NodeConfig.from_parameters(values)
        if self.work is not None:
            self.work.reconfigure(self.config)

    def _log_problem(self, level: Level, text: str) -> None:
        if level == Level.ERROR:
            self.get_logger().error(text)
        else:  # on a line of its own: rclpy ties a severity to the line it is called from
            self.get_logger().warning(text)

    def _publish_diagnostics(self) -> None:
        values = {"state": self._phase, "enabled": str(self._enabled), "working": str(self._working)}
        for name in self._settings.values:
            if name not in self._settings.faults:
                self.board.clear(f"parameter {name}")
        if self.work is not None:
            self.work.check()
            values.update(self.work.values())
        waits = self._phase == "active" and self._enabled and not self._working
        summary = "active, nobody listens" if waits else self._phase if self._enabled else "disabled"
        name = f"{self.get_fully_qualified_name().lstrip('/')}: people"
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_message(stamp, name, summary, values, self.board))
