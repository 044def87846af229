"""What both nodes publish of a frame: people, markers, the skeleton's names, TF, messages of other packages."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from pose3d_msgs.msg import Person3DArray, SkeletonInfo
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter, Published, person_id, skeleton_message
from pose3d_ros.nodes.local_topics import LocalTopics
from pose3d_ros.nodes.markers import MarkerMaker
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level, ProblemBoard
from pose3d_ros.nodes.standard_outputs import StandardOutputs
from pose3d_ros.nodes.tf_frames import Missing, TfFrames, TransformQueue
from pose3d_ros.nodes.timing import RateMeter
from pose3d_ros.nodes.topics import advertise, latched_qos, result_qos
from pose3d_ros.people.gate import PeopleGate, limits_problem
from pose3d_ros.records import Person, time_after
from pose3d_ros.skeletons import Skeleton

# The empty result that clears the displays is sent just before the end.
_ACK_TIMEOUT = Duration(seconds=0.5)


class _Result(NamedTuple):
    """People of an image. header: the image's. names: track → id. put_s: monotonic seconds."""

    header: Header
    people: Sequence[Person]
    info: PeopleInfo
    names: Mapping[int, str]
    put_s: float


class PeopleOutput:
    """Publishers of a node's results.

    With a target_frame people wait for their transform, on a thread of their own, in order; else they are sent at once.
    suffix: of the topics' names, e.g. `_smoothed`. local: hands people to nodes of this process. seen_by_camera:
    whether the people come in a camera's optical frame. meter: counts what was sent.
    """

    def __init__(
        self,
        node: Node,
        suffix: str,
        config: OutputConfig,
        board: ProblemBoard,
        local: LocalTopics | None = None,
        *,
        seen_by_camera: bool = True,
    ) -> None:
        self._seen_by_camera = seen_by_camera
        self.meter = RateMeter(time.monotonic)
        self._config = config
        self._node = node
        self._board = board
        self._writer = PeopleWriter()
        self._maker = MarkerMaker()
        self._gate = PeopleGate()
        self._frames: TfFrames | None = None
        self._last: tuple[Published, PeopleInfo] | None = None
        self._put_ns: int | None = None
        self._skeleton_name = ""
        self._people = advertise(node, Person3DArray, f"people{suffix}", result_qos())
        self._local = (local or LocalTopics()).writer(self._people.topic_name)
        self._markers = advertise(node, MarkerArray, f"markers{suffix}", result_qos())
        self._skeleton = advertise(node, SkeletonInfo, f"skeleton{suffix}", latched_qos())
        self._standard = StandardOutputs(node, suffix, config, board)
        self._open_frames()
        self._check_limits()
        self._queue: TransformQueue[_Result] | None = None
        if config.target_frame:
            self._queue = TransformQueue(self._find, self._finish, config.tf_timeout_s)

    def reconfigure(self, config: OutputConfig) -> None:
        """Apply changed settings."""
        self._config = config
        self._open_frames()
        self._check_limits()

    def has_subscribers(self) -> bool:
        """Whether there are subscribers, or TF is to be broadcast."""
        heard = self._people.get_subscription_count() > 0 or self._markers_wanted() or self._standard.wanted()
        return heard or self._local.has_readers or self._config.publish_tf

    def publish_skeleton(self, skeleton: Skeleton) -> None:
        """Publish the skeleton's joints and bones, once for each skeleton."""
        if skeleton.name != self._skeleton_name:
            self._skeleton_name = skeleton.name
            self._publish(self._skeleton, skeleton_message(skeleton))

    def publish(
        self, header: Header, people: Sequence[Person], info: PeopleInfo, id_of: Callable[[int], str] = person_id
    ) -> tuple[Person, ...]:
        """Publish those people of an image who pass the gate; returns them.

        header: the image's own, in the camera's frame. id_of: names a track.
        """
        people = self._gate.admit(people, self._config, id_of)
        names = {person.track_id: id_of(person.track_id) for person in people}
        result = _Result(header, people, info, names, time.monotonic())
        if self._queue is None:
            self._send(result, header, None)
            return people
        if time_after(self._put_ns, stamp_ns(header)) is None and self._frames is not None:
            self._frames.forget()
        self._put_ns = stamp_ns(header)
        self._queue.put(result)
        return people

    def _send(self, result: _Result, header: Header, cam2target: RigidTransform | None) -> None:
        """header: to publish under."""
        if self._last is not None and stamp_ns(header) < stamp_ns(self._last[0].header):
            self.clear_markers()  # the clock went back
        waited_ms = (time.monotonic() - result.put_s) * 1e3
        info = replace(result.info, latency_ms=result.info.latency_ms + waited_ms)
        id_of = result.names.__getitem__
        people, by_camera = result.people, self._seen_by_camera
        published = Published.of(header, result.header, people, id_of, cam2target, seen_by_camera=by_camera)
        self._last = published, info
        self.publish_skeleton(info.skeleton)
        message = self._writer.write(header, result.people, info, id_of=id_of, cam2target=cam2target)
        self._publish_people(message)
        self.meter.tick()
        if self._markers_wanted():
            self._publish(self._markers, self._maker.make(message, result.people, self._config.marker_lifetime_s))
        if self._config.publish_tf and self._frames is not None:
            self._frames.broadcast(published, joints=self._config.publish_tf_joints)
        self._standard.publish(published, self._publish)

    def discard(self) -> None:
        """Drop the people that wait for their transform."""
        if self._queue is not None:
            self._queue.discard()

    def publish_empty(self) -> None:
        """One empty result, so that displays clear; nothing before the first frame."""
        self.discard()
        self._gate = PeopleGate()
        if self._last is not None:
            published, info = self._last
            self._publish_people(self._writer.write(published.header, (), info))
            self._standard.publish(replace(published, people=(), names=()), self._publish)
            self._last = None
        self.clear_markers()

    def clear_markers(self) -> None:
        """Take every marker away."""
        self._publish(self._markers, self._maker.clear(Header()))

    def close(self) -> None:
        """Destroy the publishers, once what they sent has arrived."""
        if self._queue is not None:
            self._queue.stop()
        self._local.close()
        for publisher in (self._people, self._markers, *self._standard.publishers):
            publisher.wait_for_all_acked(_ACK_TIMEOUT)
        for publisher in (self._people, self._markers, self._skeleton):
            self._node.destroy_publisher(publisher)
        self._standard.close()
        if self._frames is not None:
            self._frames.close()

    def _open_frames(self) -> None:
        if self._frames is not None or not (self._config.target_frame or self._config.publish_tf):
            return
        try:
            self._frames = TfFrames(self._node)
        except ConfigError as error:
            self._board.report_error(error, Level.WARN)

    def _check_limits(self) -> None:
        problem = limits_problem(self._config)
        self._board.show_warnings("limits", () if problem is None else (problem,))

    def _markers_wanted(self) -> bool:
        return self._config.publish_markers and self._markers.get_subscription_count() > 0

    def _find(self, result: _Result) -> RigidTransform | Missing:
        if self._frames is None:
            return Missing("tf2_ros is not installed.", may_come=False)
        return self._frames.lookup(result.header, self._config.target_frame)

    def _finish(self, result: _Result, found: RigidTransform | Missing) -> None:
        """Send people whose wait is over, on the queue's thread."""
        try:
            taken = self._late(result.header, found) if isinstance(found, Missing) else found
            if not isinstance(taken, Missing):
                frame_id = result.header.frame_id if taken is None else self._config.target_frame
                self._send(result, Header(stamp=result.header.stamp, frame_id=frame_id), taken)
        except Exception:  # else it would end the thread
            text = f"unexpected error:\n{traceback.format_exc()}"
            self._board.report("unexpected error of publishing", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)

    def _late(self, header: Header, missing: Missing) -> RigidTransform | Missing | None:
        """What to take for a transform that did not come, as tf_on_timeout says: None for the camera's frame."""
        latest, policy = None, self._config.tf_on_timeout
        if policy == "latest" and self._frames is not None:
            latest = self._frames.latest(header, self._config.target_frame)
        done = "placed by the latest transform" if latest else "dropped"
        done = "published in the camera's frame" if policy == "camera_frame" else done
        text = f"target_frame: people are {done} (tf_on_timeout: {policy}): {missing.reason}"
        self._board.report(f"target_frame: {done}", Level.WARN, text, hold_s=FRAME_PROBLEM_S)
        return None if policy == "camera_frame" else latest or missing

    def _publish_people(self, message: Person3DArray) -> None:
        volatile = self._people.qos_profile.durability == DurabilityPolicy.VOLATILE
        if self._people.get_subscription_count() > 0 or not volatile or not self._local.has_readers:
            self._publish(self._people, message)
        self._local.hand_over(message)

    def _publish(self, publisher: Any, message: object) -> None:
        try:
            publisher.publish(message)
        except RuntimeError as error:  # RCLError: the middleware's send queue is full
            self._board.report(f"publish {publisher.topic_name}", Level.WARN, f"not sent: {error}", hold_s=5.0)
