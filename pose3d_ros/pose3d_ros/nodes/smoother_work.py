"""People to smoothed people: what the smoother node does between configure and clean-up."""

from __future__ import annotations

import time
import traceback
from typing import Any

from pose3d_msgs.msg import Person3DArray

from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.errors import Pose3DError
from pose3d_ros.nodes.conversion import PeopleInfo, TrackNumbers, read_people, stamp_ns
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.meters import RateMeter, TimeMeter, latency_ms
from pose3d_ros.nodes.output import PeopleOutput, PeopleResult
from pose3d_ros.nodes.problems import FRAME_PROBLEM_S, EngineProblems, Level
from pose3d_ros.nodes.qos import overridable, result_qos
from pose3d_ros.nodes.silence import SilenceWatch
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.skeleton_conversion import convert_people
from pose3d_ros.stages.smooth.smoother import Smoother


class SmootherWork:
    """See `managed.Work`. A frame takes a millisecond or two, so it is smoothed in the subscription's callback."""

    def __init__(self, node: ManagedNode, smoother: Smoother, engines: EngineSet) -> None:
        config = node.config
        self._node, self._board, self._config = node, node.board, config
        self._smoother, self._engines = smoother, engines
        self._topic = node.resolve_topic_name("people")
        self._engine_problems = EngineProblems(node.board)
        self._silence = SilenceWatch(config.lifecycle.watchdog_timeout_s, time.monotonic)
        self._in, self._out, self._times = RateMeter(time.monotonic), RateMeter(time.monotonic), TimeMeter()
        self._numbers = TrackNumbers()
        self._output = PeopleOutput(node, "_smoothed", config.output, node.board)
        self._output.describe(self._skeleton)
        self._subscription: Any = None
        backend = engines.backend
        node.get_logger().info(f"engine {engines.names} on {backend.name}: {backend.reason}")

    def start(self) -> None:
        self._subscription = self._node.create_subscription(
            Person3DArray, self._topic, self._on_people, result_qos(), qos_overriding_options=overridable()
        )
        self._silence.start()

    def stop(self) -> None:
        self._silence.stop()
        self._node.destroy_subscription(self._subscription)

    def close(self) -> None:
        self._engine_problems.show(())
        self._output.close()
        self._engines.close()

    def wanted(self) -> bool:
        return self._output.wanted()

    def say_nobody(self) -> None:
        self._smoother.reset()
        self._output.publish_nobody()

    def reconfigure(self, config: NodeConfig) -> None:
        self._config = config
        self._smoother.config = config.pipeline.smoother
        self._output.reconfigure(config.output)

    def check(self) -> None:
        self._engine_problems.show(self._engines.problems)
        if self._silence.is_silent() and self._node.count_publishers(self._topic) == 0:
            self._board.raise_("no publisher", Level.WARN, f"nobody publishes {self._topic}. Is pose_node running?")
        else:
            self._board.clear("no publisher")

    def values(self) -> dict[str, str]:
        shown = {
            "engines": self._engines.names,
            "backend": f"{self._engines.backend.name} ({self._engines.backend.reason})",
            "runs on": "; ".join(self._engines.statuses),
            "delay [frames]": str(self._smoother.delay_frames),
            "input [Hz]": f"{self._in.rate_hz():.1f}",
            "output [Hz]": f"{self._out.rate_hz():.1f}",
        }
        shown.update({f"{name} [ms]": f"{value:.1f}" for name, value in self._times.take_means_ms().items()})
        return shown

    @property
    def _skeleton(self) -> Skeleton:
        name = self._config.output.skeleton
        return get_skeleton(name) if name else self._smoother.skeleton

    def _on_people(self, message: Person3DArray) -> None:
        arrived_s = time.monotonic()
        self._in.tick()
        self._silence.heard()
        try:
            self._process(message, arrived_s)
        except Pose3DError as error:
            self._board.raise_error(error, Level.ERROR, hold_s=FRAME_PROBLEM_S)
        except Exception as error:
            text = f"unexpected error:\n{traceback.format_exc()}"
            self._board.raise_(f"unexpected {type(error).__name__}", Level.ERROR, text, hold_s=FRAME_PROBLEM_S)

    def _process(self, message: Person3DArray, arrived_s: float) -> None:
        people = read_people(message, self._numbers)
        smoothed = self._smoother.update(people, stamp_ns(message.header))
        here_ms = (time.monotonic() - arrived_s) * 1e3
        now_ns = self._node.get_clock().now().nanoseconds
        latency = latency_ms(now_ns, stamp_ns(message.header), message.latency_ms + here_ms)
        model = " + ".join(name for name in (message.model, self._engines.names) if name)
        info = PeopleInfo(self._skeleton, model, message.calibrated, latency)
        shown = convert_people(smoothed, info.skeleton)
        self._output.publish(PeopleResult(message.header, shown, info, self._numbers.name_of))
        self._out.tick()
        self._times.add({"smooth": here_ms, "capture to publish": latency})
