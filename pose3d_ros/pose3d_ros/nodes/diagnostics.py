"""A node's problems in its log and in /diagnostics."""

from __future__ import annotations

import time

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.node import Node

from pose3d_ros.nodes.problems import Level, ProblemBoard

DIAGNOSTICS = "/diagnostics"  # absolute by convention: diagnostic_aggregator subscribes there for every node
DIAGNOSTICS_PERIOD_S = 1.0
_LEVELS = {Level.OK: DiagnosticStatus.OK, Level.WARN: DiagnosticStatus.WARN, Level.ERROR: DiagnosticStatus.ERROR}


def logging_board(node: Node) -> ProblemBoard:
    """A board whose problems go to the node's log."""

    def log(level: Level, text: str) -> None:
        if level == Level.ERROR:
            node.get_logger().error(text)
        else:  # on a line of its own: rclpy ties a severity to the line it is called from
            node.get_logger().warning(text)

    return ProblemBoard(log, time.monotonic)


def node_status(node: Node, board: ProblemBoard, summary: str, values: dict[str, str]) -> DiagnosticStatus:
    """As bad as the worst problem there is, with every current problem and every count among its values.

    summary: the message when there is no problem.
    """
    problems = board.current()
    values = {
        **values,
        **{f"problem: {problem.kind}": problem.text for problem in problems},
        **{f"count: {kind}": str(count) for kind, count in sorted(board.counts().items())},
    }
    return DiagnosticStatus(
        level=_LEVELS[problems[0].level] if problems else DiagnosticStatus.OK,
        name=f"{node.get_fully_qualified_name().lstrip('/')}: people",
        message=problems[0].text if problems else summary,
        hardware_id="pose3d_ros",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
