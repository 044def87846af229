"""`bag_player`: plays a bag in real time, without rosbag2; messages go out exactly as they were recorded."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from pose3d_ros.bags.bag_parts import BagTopic, SerializedMessage
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import BagError
from pose3d_ros.nodes.parameters import tool_settings
from pose3d_ros.nodes.spin import Spin, run_tool
from pose3d_ros.nodes.timing import PlaybackClock
from pose3d_ros.nodes.topics import advertise, message_class, result_qos, split_topics, topic_qos

_NODE = "bag_player"
_POLL_S = 0.1
_LATCHED_DEPTH = 100
"""Messages that a late subscriber gets: what several nodes published once each, as transforms, is one topic here."""
_LAST_ACK = Duration(seconds=2.0)


@dataclass(frozen=True)
class PlayerConfig(Settings, nodes=(_NODE,)):
    """Parameters of the bag player."""

    bag: str = setting("", "The bag: an .mcap or .db3 file, or a rosbag2 folder.")
    rate: float = setting(1.0, "Playback rate; 2 is twice as fast as recorded.", (0.01, 100.0))
    loop: bool = setting(False, "Loop the bag.")
    topics: str = setting("", "Topics to play, comma-separated; empty for all.")
    clock_hz: float = setting(0.0, "Rate of /clock, for nodes with use_sim_time; 0: not published.", (0.0, 1000.0))
    start_paused: bool = setting(False, "Start paused, until ~/pause is called with false.")
    wait_for: str = setting(
        "",
        "Topics that must have a subscriber before the first message, comma-separated; named twice: two subscribers.",
    )
    wait_timeout_s: float = setting(
        30.0, "Longest wait for these subscribers; then playback starts with a warning.", (0.0, 3600.0)
    )
    delay_s: float = setting(0.0, "Delay before the first message, for discovery by subscribers.", (0.0, 3600.0))


class BagPlayer(Node):
    """Publishes the messages of a bag on their topics (remap them as usual) as fast as they were recorded.

    `~/pause` (std_srvs/SetBool) pauses and goes on. Topics of types that are not installed are left out, with a
    warning. Raises ConfigError for a wrong parameter.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__(_NODE, automatically_declare_parameters_from_overrides=True, **node_options)
        self.config = tool_settings(self, PlayerConfig)
        self._playback = PlaybackClock(0, self.config.rate, self.config.start_paused, time.monotonic)
        self._clock_publisher = advertise(self, Clock, "/clock", result_qos()) if self.config.clock_hz > 0 else None
        self._publishers_of: dict[str, Any] = {}
        self.create_service(SetBool, "~/pause", self._on_pause)

    def play(self, bag: BagReader, spin: Spin) -> int:
        """Play the bag to its end, or for ever; returns the number of messages.

        spin: lets the node's callbacks run for up to that many seconds; false when it is time to end. Raises BagError.
        """
        self._advertise(bag)
        self._wait_for_subscribers(spin)
        count = 0
        while True:
            count += self._play_once(bag, spin)
            if not (self.config.loop and spin(0.0)):
                break
        for publisher in self._publishers_of.values():
            publisher.wait_for_all_acked(_LAST_ACK)
        return count

    def _advertise(self, bag: BagReader) -> None:
        wanted = split_topics(self.config.topics)
        for topic in bag.topics.values():
            if not wanted or topic.name in wanted:
                self._advertise_topic(topic)
        missing = sorted(set(wanted) - set(bag.topics))
        if missing or not self._publishers_of:
            raise BagError(
                f"bag {self.config.bag}",
                expected="topics " + (", ".join(wanted) or "of installed message types"),
                got=", ".join(f"{topic.name} ({topic.msgtype})" for topic in bag.topics.values()) or "an empty bag",
                fix="Choose among these topics, or install their message packages.",
            )

    def _advertise_topic(self, topic: BagTopic) -> None:
        kind = message_class(topic.msgtype)
        if kind is None:
            self.get_logger().warning(f"{topic.name} is left out: {topic.msgtype} is not installed")
            return
        qos = topic_qos(_LATCHED_DEPTH, latched=True) if topic.latched else result_qos()
        self._publishers_of[topic.name] = advertise(self, kind, topic.name, qos)

    def _wait_for_subscribers(self, spin: Spin) -> None:
        wanted = Counter(split_topics(self.config.wait_for))
        missing = list(wanted)
        deadline_s = time.monotonic() + self.config.wait_timeout_s
        while missing and time.monotonic() < deadline_s and spin(_POLL_S):
            missing = [topic for topic in missing if self._subscriber_count(topic) < wanted[topic]]
        if missing:
            self.get_logger().warning(f"no subscriber of {', '.join(missing)}: playing anyway")
        begin_s = time.monotonic() + self.config.delay_s
        while time.monotonic() < begin_s and spin(min(_POLL_S, begin_s - time.monotonic())):
            pass

    def _subscriber_count(self, topic: str) -> int:
        """Subscribers of a topic; of our own topics those that the publisher has found.

        The graph knows of a subscription before that, and what is published until then is lost.
        """
        publisher = self._publishers_of.get(topic)
        return int(self.count_subscribers(topic) if publisher is None else publisher.get_subscription_count())

    def _play_once(self, bag: BagReader, spin: Spin) -> int:
        self._playback = PlaybackClock(bag.start_ns, self.config.rate, self._playback.paused, time.monotonic)
        count = 0
        for message in bag.serialized(self._publishers_of):
            if not self._wait_until_due(message.received_ns, spin):
                break
            self._publish(message)
            count += 1
        return count

    def _wait_until_due(self, time_ns: int, spin: Spin) -> bool:
        """Let callbacks run until it is the message's turn; false when it is time to end."""
        tick_s = 1.0 / self.config.clock_hz if self.config.clock_hz > 0 else _POLL_S
        going_on = spin(0.0)
        while going_on and (wait_s := self._playback.until_s(time_ns)) > 0:
            going_on = spin(min(wait_s, tick_s))
            self._publish_clock(min(self._playback.now_ns(), time_ns))
        self._publish_clock(time_ns)
        return going_on

    def _publish(self, message: SerializedMessage) -> None:
        try:
            self._publishers_of[message.topic].publish(message.data)
        except RuntimeError as error:  # RCLError: the send queue is full
            self.get_logger().warning(f"a message on {message.topic} was not sent: {error}", throttle_duration_sec=5.0)

    def _publish_clock(self, time_ns: int) -> None:
        if self._clock_publisher is not None and not self._playback.paused:
            self._clock_publisher.publish(Clock(clock=Time(nanoseconds=time_ns).to_msg()))

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._playback.pause(request.data)
        response.success = True
        response.message = "paused" if request.data else "playing"
        return response


def main(args: list[str] | None = None) -> None:
    """Play a bag: `bag_player --ros-args -p bag:=FILE`. Exit code 1 for a bag that can't be played."""
    sys.exit(run_tool(BagPlayer, _play, args))


def _play(player: BagPlayer, spin: Spin) -> None:
    with BagReader(player.config.bag) as bag:
        player.get_logger().info(f"playing {player.config.bag}: {len(bag.topics)} topics")
        for problem in bag.problems:
            player.get_logger().warning(problem)
        count = player.play(bag, spin)
    player.get_logger().info(f"played {count} messages")


if __name__ == "__main__":
    main()
