"""What the managed nodes share: life cycle, parameters, subscribers, the enable service, diagnostics."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import SetBool

from pose3d_ros.config.settings import NodeConfig, parameters_of
from pose3d_ros.errors import ConfigError, Pose3DError
from pose3d_ros.nodes.diagnostics import DIAGNOSTICS, DIAGNOSTICS_PERIOD_S, logging_board, node_status
from pose3d_ros.nodes.local_topics import LocalTopics
from pose3d_ros.nodes.parameters import NodeParameters, Values
from pose3d_ros.nodes.problems import Level
from pose3d_ros.nodes.topics import advertise, ignored_overrides, result_qos
from pose3d_ros.nodes.work import NodeWork

_SUBSCRIBERS_PERIOD_S = 0.2
_SET_UP = "set-up"


class ManagedNode(LifecycleNode):
    """A lifecycle node around some work.

    It works while it is active, enabled, and has subscribers. A problem with the set-up, the parameters or a frame
    is logged once, shown in diagnostics, and never ends the process.

    kind: name of the node's parameters in the table, and of the node unless remapped. open_work: makes the work of a
    configured node; raises Pose3DError. work: the present one, None while not configured. Nodes of one process share
    `local`, to hand people on in memory, and pass over the parameters named `others`, which other ones have.
    """

    def __init__(
        self,
        kind: str,
        open_work: Callable[[ManagedNode], NodeWork],
        local: LocalTopics | None = None,
        others: Collection[str] = (),
        **node_options: Any,
    ) -> None:
        super().__init__(kind, automatically_declare_parameters_from_overrides=True, **node_options)
        self.board = logging_board(self)
        self.local = local or LocalTopics()
        self.config = NodeConfig()
        self._open_work = open_work
        self.work: NodeWork | None = None
        self._lifecycle_state = "unconfigured"
        self._enabled = True
        self._working = False
        table, configured = parameters_of(kind), lambda: self.work is not None
        self._settings = NodeParameters(self, table, configured, self._take_settings, others)
        self._take_settings(self._settings.values)
        for name, fault in self._settings.faults.items():
            self.board.report(f"parameter {name}", Level.ERROR, str(fault))
        for error in self._settings.unknown:
            self.board.report(f"unknown parameter {error.got}", Level.WARN, str(error))
        for old, new in self._settings.renamed.items():
            self.board.report(f"renamed parameter {old}", Level.WARN, f"parameter {old} is now called {new}.")
        self._diagnostics = self._advertise_diagnostics()
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation must not stop diagnostics
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)
        self.create_timer(_SUBSCRIBERS_PERIOD_S, self._start_or_stop, clock=steady)
        self.create_service(SetBool, "~/enable", self._on_enable)

    @property
    def lifecycle_state(self) -> str:
        """`unconfigured`, `inactive`, `active` or `finalized`."""
        return self._lifecycle_state

    def autostart(self) -> None:
        """Configure and activate, when the parameter `autostart` is true."""
        if self.config.lifecycle.autostart and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def destroy_node(self) -> None:
        """Deactivate and clean up, then destroy the node."""
        if self._lifecycle_state == "active":
            self.trigger_deactivate()
        if self._lifecycle_state == "inactive":
            self.trigger_cleanup()
        super().destroy_node()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the parameters and open the engines."""
        return self._transition("inactive", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clear the displays, then work while there are subscribers."""
        return self._transition("active", self._publish_empty)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and clear the displays."""
        return self._transition("inactive", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the engines."""
        return self._transition("unconfigured", self._close)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working and close the engines."""
        return self._transition("finalized", self._close)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close what is open, to be configured anew."""
        self._close()
        self._lifecycle_state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _advertise_diagnostics(self) -> Any:
        try:
            return advertise(self, DiagnosticArray, DIAGNOSTICS, result_qos())
        except ConfigError as error:  # to be seen in diagnostics, which therefore must be there
            self.board.report_error(error, Level.ERROR)
            return self.create_publisher(DiagnosticArray, DIAGNOSTICS, result_qos())

    def _transition(self, state: str, act: Callable[[], None]) -> TransitionCallbackReturn:
        self.board.clear(_SET_UP)
        try:
            act()
        except Pose3DError as error:
            self.board.report(_SET_UP, Level.ERROR, str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception:  # rclpy would discard it without a log entry
            self.board.report(_SET_UP, Level.ERROR, f"unexpected error:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        self._lifecycle_state = state
        return TransitionCallbackReturn.SUCCESS

    def _configure(self) -> None:
        for fault in self._settings.faults.values():
            raise fault.fresh()
        self._settings.follow_preset()
        self.work = self._open_work(self)

    def _publish_empty(self) -> None:
        if self.work is not None:
            self.work.publish_empty()

    def _deactivate(self) -> None:
        self._lifecycle_state = "inactive"
        self._start_or_stop()
        self._publish_empty()

    def _close(self) -> None:
        if self._lifecycle_state == "active":
            self._deactivate()
        work, self.work = self.work, None
        if work is not None:
            work.close()

    def _start_or_stop(self) -> None:
        if self.work is None:
            return
        wanted = self.config.output.work_without_subscribers or self.work.has_subscribers()
        work = self._lifecycle_state == "active" and self._enabled and wanted
        if work and not self._working:
            try:
                self.work.start()
                self._working = True
            except ConfigError as error:  # a wrong qos_overrides parameter
                self.board.report(_SET_UP, Level.ERROR, f"can't subscribe: {error}")
            except Exception:  # the middleware's and rclpy's own
                self.board.report(_SET_UP, Level.ERROR, f"can't subscribe:\n{traceback.format_exc()}")
        elif self._working and not work:
            self._working = False
            self.work.stop()
        elif work:
            self.work.poll()

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = request.data
        self._start_or_stop()
        if self._lifecycle_state == "active" and not self._enabled:
            self._publish_empty()
        response.success = True
        response.message = "enabled" if self._enabled else "disabled"
        return response

    def _take_settings(self, values: Values) -> None:
        config = NodeConfig.from_parameters(values)
        if self.work is not None:
            self.work.reconfigure(config)  # may refuse it
        self.config = config

    def _publish_diagnostics(self) -> None:
        values = {"state": self._lifecycle_state, "enabled": str(self._enabled), "working": str(self._working)}
        for name in self._settings.values:
            if name not in self._settings.faults:
                self.board.clear(f"parameter {name}")
        if self.work is not None:
            self.work.check()
            self.board.show_warnings("overrides", ignored_overrides(self) if self._working else ())
            values.update(self.work.values())
        waits = self._lifecycle_state == "active" and self._enabled and not self._working
        summary = "active, no subscribers" if waits else self._lifecycle_state if self._enabled else "disabled"
        message = DiagnosticArray(status=[node_status(self, self.board, summary, values)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
