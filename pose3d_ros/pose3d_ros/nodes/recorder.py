"""`recorder`: writes topics to an MCAP bag, without rosbag2; messages are stored exactly as they arrive."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.node import Node

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import BagError, ConfigError
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.parameters import tool_settings
from pose3d_ros.nodes.spin import Spin, run_tool
from pose3d_ros.nodes.topics import message_class, split_topics

_NODE = "recorder"
_LOOK_PERIOD_S = 0.2
_POLL_S = 0.2
_FLUSH_PERIOD_S = 1.0
_QUEUE = 100


@dataclass(frozen=True)
class RecorderConfig(Settings, nodes=(_NODE,)):
    """Parameters of the recorder."""

    bag: str = setting("", "The MCAP file to write; one of that name is replaced.")
    topics: str = setting("", "Topics to record, comma-separated.")


class Recorder(Node):
    """Subscribes to each topic as soon as it has a publisher, and follows its publishers' quality of service.

    Messages are stored under the system's time of arrival, or ROS time with use_sim_time. Raises ConfigError for a
    wrong parameter.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__(_NODE, automatically_declare_parameters_from_overrides=True, **node_options)
        self.config = tool_settings(self, RecorderConfig)
        self.count = 0
        self._fitted: list[FittedSubscription] = []
        self._waiting = [self.resolve_topic_name(topic) for topic in split_topics(self.config.topics)]
        if not self._waiting:
            raise ConfigError("parameter topics", expected="at least one topic", got="none", fix="Name what to record.")

    def record(self, writer: BagWriter) -> None:
        """Begin to record; the node must be spun. The bag can be read up to the last second."""
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_PERIOD_S, lambda: self._subscribe_published(writer), clock=steady)
        self.create_timer(_FLUSH_PERIOD_S, writer.flush, clock=steady)

    def _subscribe_published(self, writer: BagWriter) -> None:
        for subscription in self._fitted:
            subscription.refit()
        types = dict(self.get_topic_names_and_types())
        for name in [topic for topic in self._waiting if topic in types and self.count_publishers(topic)]:
            self._waiting.remove(name)
            self._subscribe(writer, name, types[name][0])

    def _subscribe(self, writer: BagWriter, name: str, msgtype: str) -> None:
        kind = message_class(msgtype)
        if kind is None:
            self.get_logger().error(f"{name} is not recorded: {msgtype} is not installed")
            return
        try:
            writer.add_topic(name, msgtype)
        except BagError as error:
            self.get_logger().error(str(error))
            return
        store = partial(self._store, writer, name)
        self._fitted.append(FittedSubscription(self, kind, name, store, depth=_QUEUE, latched=True, raw=True))
        self.get_logger().info(f"recording {name}")

    def _store(self, writer: BagWriter, name: str, data: bytes) -> None:
        writer.write_serialized(name, self.get_clock().now().nanoseconds, data)
        self.count += 1


def main(args: list[str] | None = None) -> None:
    """Record until Ctrl-C: `recorder --ros-args -p bag:=FILE.mcap -p topics:=/people,/image_raw`."""
    sys.exit(run_tool(Recorder, _record, args))


def _record(recorder: Recorder, spin: Spin) -> None:
    with BagWriter(recorder.config.bag, live=True) as writer:
        recorder.record(writer)
        while spin(_POLL_S):
            pass
    recorder.get_logger().info(f"recorded {recorder.count} messages in {recorder.config.bag}")


if __name__ == "__main__":
    main()
