"""`pose_node`: images and camera_info in, people out, as a managed node."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from rclpy.qos import DurabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from pose3d_ros.bags.message_records import is_rectified, stamp_ns
from pose3d_ros.config.settings import NodeConfig, PipelineConfig
from pose3d_ros.drawing.overlay import draw_people
from pose3d_ros.nodes.camera_source import CameraSource, ImageCamera
from pose3d_ros.nodes.conversion import PeopleInfo, PersonNames, image_message, image_size_px, received_bgr
from pose3d_ros.nodes.dds_profile import lost_images_remedy, shared_memory, shared_memory_problem
from pose3d_ros.nodes.detections_source import DetectionsSource
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.frame_queue import FrameQueue, MakeQueue, own_queue
from pose3d_ros.nodes.frame_stamps import RateLimit
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, Level
from pose3d_ros.nodes.scene_source import SceneSource
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.nodes.timing import latency_ms
from pose3d_ros.nodes.topics import advertise, image_qos, latched_qos, result_qos, subscribe
from pose3d_ros.nodes.work import Work
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import Detection, Frame, FrameResult
from pose3d_ros.stages.roots.agreement import LASTING

_Opener = Callable[[PipelineConfig], Pipeline]

_FIRST_CAMERA_S = 0.5
# Of the queue in DDS. A message put together from fragments keeps its place until it is whole: with a single place, of
# reliable images of 1280x720 without our profile a third arrive, with five all.
_LEAST_DEPTH = 5


class _Arrival(NamedTuple):
    """An image message. arrived_s: monotonic seconds. time_ns: when it counts, see `FrameStamps`.

    boxes: another detector's message, where people are looked for in its boxes alone.
    """

    message: Any
    arrived_s: float
    time_ns: int
    boxes: Any = None


class PoseNode(ManagedNode):
    """Publishes people, with markers, skeleton and overlay, from images and camera_info.

    Subscribes `image_raw` (or `image_raw/compressed`) and `camera_info`; publishes `people`, `markers`, `skeleton`,
    `overlay` and `/diagnostics`; offers `~/enable`. opener: opens the pipeline of a configuration; `open_pipeline`
    unless given. make_queue: makes the queue that images wait in for the pipeline, and what works on them.
    """

    def __init__(
        self, *, opener: _Opener | None = None, make_queue: MakeQueue = own_queue, **node_options: Any
    ) -> None:
        names = PersonNames()

        def work(node: ManagedNode) -> PoseWork:
            config = node.config.pipeline
            names.begin(node.config.output.id_tag)
            if opener is not None:
                return PoseWork(node, opener(config), names, make_queue)
            pipeline = open_pipeline(config=config, smooth=False, report=node.get_logger().info)
            return PoseWork(node, pipeline, names, make_queue)

        super().__init__("pose_node", work, **node_options)


class PoseWork(Work):
    """See `Work`. The pipeline runs in a thread of its own; subscriptions only put frames into its queue."""

    def __init__(self, node: ManagedNode, pipeline: Pipeline, names: PersonNames, make_queue: MakeQueue) -> None:
        config = node.config
        self._pipeline, self._names, self._make_queue = pipeline, names, make_queue
        self._pending: PipelineConfig | None = None
        self._rmw = get_rmw_implementation_identifier()
        self._compressed = config.input.image_transport == "compressed"
        topic = node.resolve_topic_name("image_raw") + ("/compressed" if self._compressed else "")
        output = PeopleOutput(node, "", config.output, node.board, node.local)
        super().__init__(node, pipeline.engines, output, topic=topic, hint="Check the topic's name.")
        camera_topic, hfov_deg = node.resolve_topic_name("camera_info"), config.input.fallback_hfov_deg
        rectified = config.input.rectified or is_rectified(topic)
        self.cameras = CameraSource(camera_topic, hfov_deg, rectified=rectified)
        self._scene = SceneSource(node, node.board, config.pipeline.scene)
        named = bool(config.pipeline.scene.detections_topic)
        self._boxes = DetectionsSource(node, node.board, config.pipeline, self._enqueue) if named else None
        self._people_count = self._dropped = self._image_bytes = 0
        self._queue: FrameQueue | None = None
        self._limit = RateLimit()
        output.publish_skeleton(pipeline.skeleton)
        self._overlay = advertise(node, Image, "overlay", result_qos())
        self._camera_subscriptions = [self._subscribe_camera(image_qos("best_effort", 10), self._on_live_camera_info)]

    def start(self) -> None:
        """Subscribe to images, and to another detector's boxes."""
        super().start()
        if self._boxes is not None:
            self._boxes.start()

    def stop(self) -> None:
        """Unsubscribe and end the queue."""
        super().stop()
        if self._boxes is not None:
            self._boxes.stop()
        if self._queue is not None:
            self._queue.stop()
            self._dropped += self._queue.dropped
            self._queue = None
            self._output.discard()

    def close(self) -> None:
        """Close the pipeline, destroy publishers and the camera's subscriptions; stopped before."""
        for subscription in self._camera_subscriptions:
            self._node.destroy_subscription(subscription)
        self._scene.close()
        super().close()
        self._node.destroy_publisher(self._overlay)
        self._board.show_warnings("shared memory", ())
        for kind in LASTING:
            self._board.clear(kind)
        self._pipeline.close()

    def has_subscribers(self) -> bool:
        """Whether people, markers or overlay have subscribers."""
        return super().has_subscribers() or self._overlay_wanted()

    def reconfigure(self, config: NodeConfig) -> None:
        """Apply changed tunable parameters; the pipeline uses them from its next frame on."""
        super().reconfigure(config)
        self._pending = config.pipeline
        self._scene.scene = config.pipeline.scene
        if self._boxes is not None:
            self._boxes.config = config.pipeline

    def poll(self) -> None:
        """Follow the publishers of images, depth and boxes."""
        super().poll()
        self._scene.poll()
        if self._boxes is not None:
            self._boxes.poll()

    def check(self) -> None:
        """Look for problems, and for a camera_info that is latched."""
        self._subscribe_latched_camera()
        small = shared_memory_problem(os.environ, shared_memory()) if "fastrtps" in self._rmw else None
        self._board.show_warnings("shared memory", () if small is None else (small,))
        self._show_disagreement()
        if self._boxes is not None:
            self._boxes.check()
        super().check()

    def _show_disagreement(self) -> None:
        """Report what makes floor or depth disagree with people's sizes, for as long as they do."""
        for kind, text in self._pipeline.root_agreement.problems().items():
            if text:
                self._board.report(kind, Level.WARN, text)
            else:
                self._board.clear(kind)

    def values(self) -> dict[str, str]:
        """As `Work.values`, with counts of images, results and people."""
        dropped = self._dropped + (self._queue.dropped if self._queue is not None else 0)
        return {
            **super().values(),
            "image topic": self._topic,
            "camera_info": str(self.cameras.received),
            "images": str(self._in.total),
            "results": str(self._out.total),
            "dropped": str(dropped),
            "over max_rate_hz": str(self._limit.skipped),
            "people": str(self._people_count),
            **(self._boxes.values() if self._boxes is not None else {}),
            **{f"root {name}": one.in_words for name, one in self._pipeline.root_agreement.solvers().items()},
        }

    def _subscribe(self) -> FittedSubscription:
        size = self._config.input.queue_size
        subscription = FittedSubscription(
            self._node,
            CompressedImage if self._compressed else Image,
            self._topic,
            self._on_image,
            depth=max(size, _LEAST_DEPTH),
            reliability=self._config.input.image_reliability,
        )
        self._queue = self._make_queue(self._process, size)
        return subscription

    def _reset(self) -> None:
        self._pipeline.reset()

    def _engine_problems(self) -> tuple[str, ...]:
        return self._pipeline.engine_problems

    def _remedy(self) -> str:
        return lost_images_remedy(self._rmw, self._compressed, os.environ, self._image_bytes)

    def _slowed(self) -> str:
        return "the camera has slowed down (long exposure in the dark, USB bandwidth, load), or images are lost."

    def _subscribe_camera(self, qos: Any, callback: Callable[[CameraInfo], None]) -> Any:
        return subscribe(self._node, CameraInfo, "camera_info", callback, qos)

    def _subscribe_latched_camera(self) -> None:
        """A camera_info that was sent once, before this node came, reaches only a subscription that asks for it.

        Asking always would make every driver that does not latch warn about an unfitting subscription.
        """
        topic = self._node.resolve_topic_name("camera_info")
        offers = [info.qos_profile.durability for info in self._node.get_publishers_info_by_topic(topic)]
        if len(self._camera_subscriptions) == 1 and DurabilityPolicy.TRANSIENT_LOCAL in offers:
            self._camera_subscriptions.append(self._subscribe_camera(latched_qos(), self._on_camera_info))

    def _on_live_camera_info(self, message: CameraInfo) -> None:
        self._rate.tick_companion()  # of the first subscription only: the latched one may bring the same again
        self._on_camera_info(message)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._image_bytes = 3 * message.width * message.height
        error = self.cameras.update(message)
        if error is not None:
            self._board.report_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)

    def _on_image(self, message: Any) -> None:
        arrived_s = time.monotonic()
        self._count_arrival()
        time_ns = self._time_of(message.header, arrived_s)
        if time_ns is None or not self._limit.passes(time_ns, self._config.input.max_rate_hz):
            return
        arrival = _Arrival(message, arrived_s, time_ns)
        if self._boxes is None:
            self._enqueue(arrival)
        else:
            self._boxes.put_image(message.header, arrival)

    def _enqueue(self, arrival: _Arrival, boxes: Any = None) -> None:
        if self._queue is not None:
            self._queue.put(arrival._replace(boxes=boxes))

    def _process(self, arrival: _Arrival) -> None:
        """Image message to published people, in the worker's thread."""
        message, arrived_s, time_ns, boxes = arrival
        start_s = time.monotonic()
        with self._reporting():
            pending, self._pending = self._pending, None
            if pending is not None:
                self._pipeline.reconfigure(pending)
            max_pixels = self._config.input.max_image_pixels
            found = self._camera_of(*image_size_px(message, max_pixels))  # a wrong size is not worth decoding
            image = received_bgr(message, max_pixels)
            header = message.header
            ground, depth = self._scene.ground(header), self._scene.depth(header, found.camera)
            cam2fixed = self._scene.cam2fixed(header)
            frame = Frame(image, found.camera, time_ns, header.frame_id, ground, depth, cam2fixed)
            result = self._pipeline(frame, self._detections(boxes, frame))
            if self._boxes is not None and boxes is not None:
                self._boxes.note(result)
            now_ns = self._node.get_clock().now().nanoseconds
            latency = latency_ms(now_ns, stamp_ns(message.header), (time.monotonic() - arrived_s) * 1e3)
            info = PeopleInfo(self._pipeline.skeleton, self._engines.names, found.calibrated, latency)
            self._publish(message.header, frame, result, info)
            callback_ms = (time.monotonic() - start_s) * 1e3
            besides_ms = callback_ms - result.timings_ms.get("engines", 0.0)
            whole = {"capture to publish": latency, "callback": callback_ms, "callback besides engines": besides_ms}
            self._times.add({**result.timings_ms, **whole})

    def _detections(self, boxes: Any, frame: Frame) -> tuple[Detection, ...] | None:
        """In place of our own detector's; None without."""
        if self._boxes is None or boxes is None:
            return None
        return self._boxes.detections(boxes, frame)

    def _camera_of(self, width_px: int, height_px: int) -> ImageCamera:
        self.cameras.wait_for_first(_FIRST_CAMERA_S)
        found = self.cameras.camera_for(width_px, height_px)
        if found.problem is not None:
            text = f"uncalibrated camera: metres are only as accurate as fallback_hfov_deg: {found.problem}"
            self._board.report("calibration", Level.WARN, text, hold_s=FRAME_PROBLEM_S)
        return found

    def _publish(self, header: Header, frame: Frame, result: FrameResult, info: PeopleInfo) -> None:
        people = self._output.publish(header, self._names.renumbered(result.people), info, self._names.name_of)
        if self._overlay_wanted():
            drawn = draw_people(frame.image_bgr, people, frame.camera)
            self._overlay.publish(image_message(header, drawn))
        self._people_count = len(people)

    def _overlay_wanted(self) -> bool:
        return self._config.output.publish_overlay and self._overlay.get_subscription_count() > 0


def main(args: list[str] | None = None) -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(PoseNode, args))


if __name__ == "__main__":
    main()
