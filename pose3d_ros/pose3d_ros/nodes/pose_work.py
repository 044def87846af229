"""Image messages to people: what the pose node does between configure and clean-up."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.qos import DurabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from pose3d_ros.bags.image_decoding import decoded_bgr, image_bgr
from pose3d_ros.config.settings import NodeConfig, PipelineConfig
from pose3d_ros.drawing.overlay import draw_people
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.camera_source import CameraSource, ImageCamera
from pose3d_ros.nodes.conversion import PeopleInfo, image_message, stamp_ns
from pose3d_ros.nodes.frame_queue import FrameWorker
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.meters import RateMeter, TimeMeter, latency_ms
from pose3d_ros.nodes.output import PeopleOutput, PeopleResult
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, EngineProblems, Level
from pose3d_ros.nodes.qos import image_qos, latched_qos, overridable, result_qos
from pose3d_ros.nodes.silence import SilenceWatch
from pose3d_ros.nodes.transport import silence_remedy
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, FrameResult

_FIRST_CAMERA_S = 0.5
# A robot's moving transforms come a little later than its images.
_TF_WAIT_S = 0.05


@dataclass(frozen=True, eq=False)
class Arrival:
    """An image message and when it came (monotonic)."""

    message: Any
    time_s: float


class PoseWork:
    """See `managed.Work`. The pipeline runs in a thread of its own; subscriptions only put frames into its queue."""

    def __init__(self, node: ManagedNode, pipeline: Pipeline) -> None:
        config = node.config
        self._node, self._board, self._pipeline, self._config = node, node.board, pipeline, config
        self._pending: PipelineConfig | None = None
        self._compressed = config.input.image_transport == "compressed"
        self._topic = node.resolve_topic_name("image_raw") + ("/compressed" if self._compressed else "")
        self.cameras = CameraSource(node.resolve_topic_name("camera_info"), config.input.fallback_hfov_deg)
        self._engine_problems = EngineProblems(node.board)
        self._silence = SilenceWatch(config.lifecycle.watchdog_timeout_s, time.monotonic)
        self._in, self._out, self._times = RateMeter(time.monotonic), RateMeter(time.monotonic), TimeMeter()
        self._people_count = self._dropped = 0
        self._output = PeopleOutput(node, "", config.output, node.board, tf_wait_s=_TF_WAIT_S)
        self._output.describe(pipeline.skeleton)
        self._overlay = node.create_publisher(Image, "overlay", result_qos())
        self._camera_subscriptions = [self._listen_camera(image_qos("best_effort", 10))]
        self._image_subscription: Any = None
        self._worker: FrameWorker[Arrival] | None = None
        backend = pipeline.engines.backend
        node.get_logger().info(f"engines {pipeline.engines.names} on {backend.name}: {backend.reason}")

    def start(self) -> None:
        queue_size = self._config.input.queue_size
        self._worker = FrameWorker(self._work, queue_size)
        kind = CompressedImage if self._compressed else Image
        qos = image_qos(self._config.input.image_reliability, queue_size)
        self._image_subscription = self._node.create_subscription(
            kind, self._topic, self._on_image, qos, qos_overriding_options=overridable()
        )
        self._silence.start()

    def stop(self) -> None:
        self._silence.stop()
        self._node.destroy_subscription(self._image_subscription)
        if self._worker is not None:
            self._worker.stop()
            self._dropped += self._worker.queue.dropped
            self._worker = None

    def close(self) -> None:
        self._engine_problems.show(())
        for subscription in self._camera_subscriptions:
            self._node.destroy_subscription(subscription)
        self._output.close()
        self._node.destroy_publisher(self._overlay)
        self._pipeline.close()

    def wanted(self) -> bool:
        return self._output.wanted() or self._overlay_wanted()

    def say_nobody(self) -> None:
        self._pipeline.reset()
        self._output.publish_nobody()

    def reconfigure(self, config: NodeConfig) -> None:
        self._config = config
        self._pending = config.pipeline
        self._output.reconfigure(config.output)

    def check(self) -> None:
        self._listen_latched_camera()
        self._engine_problems.show(self._pipeline.engine_problems)
        silent = self._silence.is_silent()
        heard_of = silent and self._node.count_publishers(self._topic) > 0
        if heard_of:
            remedy = silence_remedy(get_rmw_implementation_identifier(), self._compressed, os.environ)
            self._board.raise_("silence", Level.WARN, f"{self._topic} has a publisher but brings nothing. {remedy}")
        else:
            self._board.clear("silence")
        if silent and not heard_of:
            self._board.raise_("no publisher", Level.WARN, f"nobody publishes {self._topic}. Check the topic's name.")
        else:
            self._board.clear("no publisher")

    def values(self) -> dict[str, str]:
        dropped = self._dropped + (self._worker.queue.dropped if self._worker is not None else 0)
        engines = self._pipeline.engines
        shown = {
            "engines": engines.names,
            "backend": f"{engines.backend.name} ({engines.backend.reason})",
            "runs on": "; ".join(engines.statuses),
            "image topic": self._topic,
            "input [Hz]": f"{self._in.rate_hz():.1f}",
            "output [Hz]": f"{self._out.rate_hz():.1f}",
            "camera_info": str(self.cameras.received),
            "images": str(self._in.total),
            "results": str(self._out.total),
            "dropped": str(dropped),
            "people": str(self._people_count),
        }
        shown.update({f"{name} [ms]": f"{value:.1f}" for name, value in self._times.take_means_ms().items()})
        return shown

    def _listen_camera(self, qos: Any) -> Any:
        return self._node.create_subscription(CameraInfo, "camera_info", self._on_camera_info, qos)

    def _listen_latched_camera(self) -> None:
        """A camera_info that was sent once, before this node came, reaches only a subscription that asks for it.

        Asking always would make every driver that does not latch warn about an unfitting subscription.
        """
        topic = self._node.resolve_topic_name("camera_info")
        offers = [info.qos_profile.durability for info in self._node.get_publishers_info_by_topic(topic)]
        if len(self._camera_subscriptions) == 1 and DurabilityPolicy.TRANSIENT_LOCAL in offers:
            self._camera_subscriptions.append(self._listen_camera(latched_qos()))

    def _on_camera_info(self, message: CameraInfo) -> None:
        error = self.cameras.update(message)
        if error is not None:
            self._board.raise_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)

    def _on_image(self, message: Any) -> None:
        self._in.tick()
        self._silence.heard()
        if self._worker is not None:
            self._worker.queue.put(Arrival(message, time.monotonic()))

    def _work(self, arrival: Arrival) -> None:
        """One frame, in the worker's thread; whatever goes wrong with it is reported, and the next one comes."""
        start_s = time.monotonic()
        try:
            timings_ms = self._process(arrival)
            callback_ms = (time.monotonic() - start_s) * 1e3
            besides_ms = callback_ms - timings_ms.get("engines", 0.0)
            self._times.add({**timings_ms, "callback": callback_ms, "callback besides engines": besides_ms})
        except Pose3DError as error:
            self._board.raise_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
        except Exception as error:
            text = f"unexpected error:\n{traceback.format_exc()}"
            self._board.raise_(f"unexpected {type(error).__name__}", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)

    def _process(self, arrival: Arrival) -> Mapping[str, float]:
        """Image message to published people; what took how long, milliseconds."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._pipeline.reconfigure(pending)
        message = arrival.message
        image = decoded_bgr(message) if self._compressed else image_bgr(message)
        self.cameras.wait_for_first(_FIRST_CAMERA_S)
        found = self.cameras.camera_for(image.shape[1], image.shape[0])
        if found.problem is not None:
            text = f"people are not calibrated, their metres are a guess: {found.problem}"
            self._board.raise_("calibration", Level.WARN, text, hold_s=FRAME_PROBLEM_S)
        frame = Frame(image, found.camera, stamp_ns(message.header), message.header.frame_id)
        result = self._pipeline(frame)
        return {**result.timings_ms, "capture to publish": self._publish(arrival, frame, found, result)}

    def _publish(self, arrival: Arrival, frame: Frame, found: ImageCamera, result: FrameResult) -> float:
        """Returns the latency in milliseconds."""
        now_ns = self._node.get_clock().now().nanoseconds
        latency = latency_ms(now_ns, frame.stamp_ns, (time.monotonic() - arrival.time_s) * 1e3)
        info = PeopleInfo(self._pipeline.skeleton, self._pipeline.engines.names, found.calibrated, latency)
        header = arrival.message.header
        self._output.publish(PeopleResult(header, result.people, info))
        if self._overlay_wanted():
            drawn = draw_people(frame.image_bgr, result.people, frame.camera)
            self._overlay.publish(image_message(header, drawn))
        self._out.tick()
        self._people_count = len(result.people)
        return latency

    def _overlay_wanted(self) -> bool:
        return self._config.output.publish_overlay and self._overlay.get_subscription_count() > 0
