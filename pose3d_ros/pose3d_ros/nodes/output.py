"""What both nodes publish of a frame: people, markers, the skeleton's names, TF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pose3d_msgs.msg import Person3DArray, SkeletonInfo
from rclpy.duration import Duration
from rclpy.node import Node
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.settings import OutputConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter, person_id, skeleton_message
from pose3d_ros.nodes.markers import MarkerMaker
from pose3d_ros.nodes.problems import Level, ProblemBoard
from pose3d_ros.nodes.tf_frames import TfFrames
from pose3d_ros.nodes.topics import advertise, latched_qos, result_qos
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton

# The empty result that clears the displays is sent just before the end.
_ACK_TIMEOUT = Duration(seconds=0.5)


class PeopleOutput:
    """Publishers of a node's results.

    suffix: of the topics' names, e.g. `_smoothed`. tf_wait_s: see `TfFrames`.
    """

    def __init__(
        self, node: Node, suffix: str, config: OutputConfig, board: ProblemBoard, *, tf_wait_s: float = 0.0
    ) -> None:
        self._tf_wait_s = tf_wait_s
        self._config = config
        self._node = node
        self._board = board
        self._writer = PeopleWriter()
        self._maker = MarkerMaker()
        self._frames: TfFrames | None = None
        self._last: tuple[Header, PeopleInfo] | None = None
        self._skeleton_name = ""
        self._people = advertise(node, Person3DArray, f"people{suffix}", result_qos())
        self._markers = advertise(node, MarkerArray, f"markers{suffix}", result_qos())
        self._skeleton = advertise(node, SkeletonInfo, f"skeleton{suffix}", latched_qos())
        self._open_frames()

    def reconfigure(self, config: OutputConfig) -> None:
        """Apply changed settings."""
        self._config = config
        self._open_frames()

    def has_subscribers(self) -> bool:
        """Whether there are subscribers, or TF is to be broadcast."""
        return self._people.get_subscription_count() > 0 or self._markers_wanted() or self._config.publish_tf

    def publish_skeleton(self, skeleton: Skeleton) -> None:
        """Publish the skeleton's joints and bones, once for each skeleton."""
        if skeleton.name != self._skeleton_name:
            self._skeleton_name = skeleton.name
            self._publish(self._skeleton, skeleton_message(skeleton))

    def publish(
        self, header: Header, people: Sequence[Person], info: PeopleInfo, id_of: Callable[[int], str] = person_id
    ) -> None:
        """Publish the people of an image. header: the image's own, in the camera's frame. id_of: names a track."""
        if self._last is not None and stamp_ns(header) < stamp_ns(self._last[0]):
            self.clear_markers()  # the clock went back
        self._last = header, info
        self.publish_skeleton(info.skeleton)
        header, cam2target = self._target(header)
        message = self._writer.write(header, people, info, id_of=id_of, cam2target=cam2target)
        self._publish(self._people, message)
        if self._markers_wanted():
            self._publish(self._markers, self._maker.make(message, people, self._config.marker_lifetime_s))
        if self._config.publish_tf and self._frames is not None:
            self._frames.broadcast(message)

    def publish_empty(self) -> None:
        """One empty result, so that displays clear; nothing before the first frame."""
        if self._last is not None:
            header, info = self._last
            self._publish(self._people, self._writer.write(self._target(header)[0], (), info))
            self._last = None
        self.clear_markers()

    def clear_markers(self) -> None:
        """Take every marker away."""
        self._publish(self._markers, self._maker.clear(Header()))

    def close(self) -> None:
        """Destroy the publishers, once what they sent has arrived."""
        for publisher in (self._people, self._markers):
            publisher.wait_for_all_acked(_ACK_TIMEOUT)
        for publisher in (self._people, self._markers, self._skeleton):
            self._node.destroy_publisher(publisher)
        if self._frames is not None:
            self._frames.close()

    def _open_frames(self) -> None:
        if self._frames is not None or not (self._config.target_frame or self._config.publish_tf):
            return
        try:
            self._frames = TfFrames(self._node, self._tf_wait_s)
        except ConfigError as error:
            self._board.report_error(error, Level.WARN)

    def _markers_wanted(self) -> bool:
        return self._config.publish_markers and self._markers.get_subscription_count() > 0

    def _target(self, header: Header) -> tuple[Header, RigidTransform | None]:
        """The header to publish under; the camera's own while TF has no transform."""
        target = self._config.target_frame
        if not target or self._frames is None:
            return header, None
        cam2target = self._frames.lookup(header, target)
        if cam2target is None:
            text = f"TF has no transform from {header.frame_id} to {target} at the image's time: publishing in "
            self._board.report("target_frame", Level.WARN, f"{text}{header.frame_id} instead.", hold_s=5.0)
            return header, None
        return Header(stamp=header.stamp, frame_id=target), cam2target

    def _publish(self, publisher: Any, message: object) -> None:
        try:
            publisher.publish(message)
        except RuntimeError as error:  # RCLError: the middleware's send queue is full
            self._board.report(f"publish {publisher.topic_name}", Level.WARN, f"not sent: {error}", hold_s=5.0)
