"""A node's health as diagnostic_msgs, once a second."""

from __future__ import annotations

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from pose3d_ros.nodes.problems import Level, ProblemBoard

TOPIC = "/diagnostics"
"""Absolute by convention: diagnostic_aggregator listens there for every node."""

_LEVELS = {Level.OK: DiagnosticStatus.OK, Level.WARN: DiagnosticStatus.WARN, Level.ERROR: DiagnosticStatus.ERROR}


def diagnostic_message(
    stamp: Time, name: str, summary: str, values: Mapping[str, str], board: ProblemBoard
) -> DiagnosticArray:
    """One status: as bad as the worst problem there is, with every current problem and every count among its values.

    summary: the message when there is no problem.
    """
    problems = board.current()
    shown = dict(values)
    shown.update({f"problem: {problem.kind}": problem.text for problem in problems})
    shown.update({f"count: {kind}": str(count) for kind, count in sorted(board.counts().items())})
    status = DiagnosticStatus(
        level=_LEVELS[problems[0].level] if problems else DiagnosticStatus.OK,
        name=name,
        message=problems[0].text if problems else summary,
        hardware_id="pose3d_ros",
        values=[KeyValue(key=key, value=value) for key, value in shown.items()],
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message
