"""`hri_bridge`: people as the bodies of REP 155 (ROS4HRI), under /humans/bodies."""

from __future__ import annotations

import importlib
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from pose3d_msgs.msg import Person3DArray
from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Header

from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.parameter_table import Settings, setting
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.conversion import TrackNumbers, read_people
from pose3d_ros.nodes.diagnostics import DIAGNOSTICS, DIAGNOSTICS_PERIOD_S, logging_board, node_status
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.frame_stamps import FrameStamps
from pose3d_ros.nodes.hri_bodies import Body, Moment
from pose3d_ros.nodes.hri_images import BodyImages, Crop
from pose3d_ros.nodes.hri_messages import body_id, hri_msgs
from pose3d_ros.nodes.parameters import tool_settings
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level
from pose3d_ros.nodes.spin import Spin, run_tool
from pose3d_ros.nodes.timing import RateMeter, TimeMeter
from pose3d_ros.nodes.topics import advertise, latched_qos, result_qos, topic_qos
from pose3d_ros.records import Person, TrackState

_NODE = "hri_bridge"
BODIES = "/humans/bodies"  # absolute by REP 155
_POLL_S = 0.2
_QUEUE = 10
_TF_DEPTH = 100  # as tf2_ros.TransformBroadcaster
_LAST_ACK = Duration(seconds=0.5)
_TRACKED = (TrackState.TRACKED, TrackState.PREDICTED)
_ALL, _NONE = "links", "none"


@dataclass(frozen=True)
class HriBridgeConfig(Settings, nodes=(_NODE,)):
    """Parameters of the bridge."""

    tf_frames: str = setting(
        _ALL,
        "TF of each person: body_<id> and all links of its URDF, body_<id> only, or nothing.",
        choices=(_ALL, "body", _NONE),
    )
    image_transport: str = setting(
        "raw", "raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage.", choices=("raw", "compressed")
    )
    max_image_pixels: int = setting(
        100_000_000, "Images whose header promises more pixels are refused.", (1, 1_000_000_000)
    )
    body_timeout_s: float = setting(2.0, "Bodies leave when people do not come for this long.", (0.05, 3600.0))


class HriBridge(Node):
    """Subscribes `people`, `camera_info` and, where crops are wanted, `image_raw`; publishes under /humans/bodies.

    Raises ConfigError for a wrong parameter, and where hri_msgs is not installed.
    """

    def __init__(self, **node_options: Any) -> None:
        self._messages = hri_msgs()
        self._bodies: dict[str, Body] = {}
        self._tracked: Any = None  # rclpy destroys a node that was not made to the end, too
        super().__init__(_NODE, automatically_declare_parameters_from_overrides=True, **node_options)
        self.config = tool_settings(self, HriBridgeConfig)
        self.board = logging_board(self)
        self._numbers = TrackNumbers()
        self._in, self._times = RateMeter(time.monotonic), TimeMeter()
        self._arrived_s, self._frame_id = 0.0, ""
        self._tracked = advertise(self, self._messages.IdsList, f"{BODIES}/tracked", latched_qos())
        self._tf_kind: Any = None
        self._tf = self._open_tf()
        self._diagnostics = advertise(self, DiagnosticArray, DIAGNOSTICS, result_qos())
        self._images = BodyImages(self, self.board, self.config.image_transport, self.config.max_image_pixels)
        self._people = FittedSubscription(self, Person3DArray, "people", self._on_people, depth=_QUEUE)
        self._stamps = FrameStamps(self.board, self._people.topic)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # a paused simulation must not stop diagnostics
        self.create_timer(_POLL_S, self._poll, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_diagnostics, clock=steady)

    @property
    def tracked(self) -> tuple[str, ...]:
        """Ids of the bodies that are tracked now."""
        return tuple(self._bodies)

    def destroy_node(self) -> None:
        """Publish that no body is tracked any more, then destroy the node."""
        self._leave_all()
        if self._tracked is not None:
            self._tracked.wait_for_all_acked(_LAST_ACK)
        super().destroy_node()

    def _open_tf(self) -> Any:
        """The publisher of TF. By tf2_msgs alone: a broadcaster of tf2_ros does no more."""
        if self.config.tf_frames == _NONE:
            return None
        try:
            self._tf_kind = importlib.import_module("tf2_msgs.msg").TFMessage
        except ImportError as error:
            fix = "Install it (ros-$ROS_DISTRO-tf2-msgs), or set tf_frames to none."
            self.board.report("TF", Level.WARN, f"no TF of bodies: expected tf2_msgs, got {error}. {fix}")
            return None
        return advertise(self, self._tf_kind, "/tf", topic_qos(_TF_DEPTH))

    def _on_people(self, message: Person3DArray) -> None:
        arrived_s = time.monotonic()
        self._in.tick()
        time_ns = self._stamps.time_of(message.header, arrived_s, self.get_clock().now().nanoseconds)
        if time_ns is None:
            return
        self._arrived_s, self._frame_id = arrived_s, message.header.frame_id
        try:
            people = read_people(message, self._numbers)
            names = self._numbers.names
            shown = {body_id(names[p.track_id]): p for p in people if p.state in _TRACKED}
            self._publish(message.header, shown)
        except Pose3DError as error:
            self.board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
        except Exception as error:  # the next frame comes all the same
            text = f"unexpected error:\n{traceback.format_exc()}"
            self.board.report(f"unexpected {type(error).__name__}", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)
        self._times.add({"bodies": (time.monotonic() - arrived_s) * 1e3})

    def _publish(self, header: Header, shown: dict[str, Person]) -> None:
        for name in [name for name in self._bodies if name not in shown]:
            self._bodies.pop(name).close()
        for name in shown:
            if name not in self._bodies:
                self._bodies[name] = Body(self, self._messages, BODIES, name)
        self._publish_tracked(header)
        moment = Moment(header, self._images.size_px, links=self.config.tf_frames == _ALL)
        transforms = [t for name, person in shown.items() for t in self._bodies[name].publish(moment, person)]
        if self._tf is not None and transforms:
            self._tf.publish(self._tf_kind(transforms=transforms))
        seen = {name: person for name, person in shown.items() if person.state == TrackState.TRACKED}
        crops = [
            Crop(person.pose.detection.box_xyxy_px, self._bodies[name].publish_crop)
            for name, person in seen.items()
            if self._bodies[name].wants_crops()
        ]
        self._images.request(stamp_ns(header), crops)

    def _publish_tracked(self, header: Header) -> None:
        self._tracked.publish(self._messages.IdsList(header=header, ids=list(self._bodies)))

    def _leave_all(self) -> None:
        """No body is tracked any more; nothing where there was none."""
        if self._bodies:
            for body in self._bodies.values():
                body.close()
            self._bodies = {}
            self._publish_tracked(Header(stamp=self.get_clock().now().to_msg(), frame_id=self._frame_id))

    def _poll(self) -> None:
        self._people.refit()
        self._images.poll(crops_wanted=any(body.wants_crops() for body in self._bodies.values()))
        if time.monotonic() - self._arrived_s > self.config.body_timeout_s:
            self._leave_all()

    def _publish_diagnostics(self) -> None:
        self.board.show_warnings("inputs", self._input_problems())
        tracked = f"{BODIES}/tracked"
        infos = self.get_publishers_info_by_topic(tracked)
        if len(infos) > 1:
            names = ", ".join(sorted(f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos))
            fix = "Let one node publish bodies: each message says that all others have left."
            self.board.show_warnings("rivals", [f"{tracked} has {len(infos)} publishers: {names}. {fix}"])
        else:
            self.board.show_warnings("rivals", ())
        values = {"input [Hz]": f"{self._in.rate_hz():.1f}", "bodies": str(len(self._bodies))}
        values.update({f"{name} [ms]": f"{mean:.1f}" for name, mean in self._times.take_means_ms().items()})
        message = DiagnosticArray(status=[node_status(self, self.board, "running", values)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _input_problems(self) -> Sequence[str]:
        if not self.count_publishers(self._people.topic):
            return [f"no publisher on {self._people.topic}. Is pose_node or smoother_node running, in this namespace?"]
        if self._bodies and self._images.size_px is None:
            topics = self._images.topics
            return [f"no roi and no skeleton2d: expected the images' size on {topics}, got none. Remap these topics."]
        return ()


def main(args: list[str] | None = None) -> None:
    """Run the bridge until Ctrl-C. Exit code 1 for a wrong parameter, and where hri_msgs is not installed."""
    sys.exit(run_tool(HriBridge, _bridge, args))


def _bridge(bridge: HriBridge, spin: Spin) -> None:
    while spin(_POLL_S):
        pass


if __name__ == "__main__":
    main()
