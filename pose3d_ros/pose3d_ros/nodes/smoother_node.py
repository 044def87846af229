"""`smoother_node`: people in, people smoothed over time out, as a managed node."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pose3d_msgs.msg import Person3DArray

from pose3d_ros.bags.message_records import stamp_ns
from pose3d_ros.config.settings import NodeConfig, PipelineConfig
from pose3d_ros.engines.engine_set import EngineSet
from pose3d_ros.nodes.conversion import PeopleInfo, TrackNumbers, read_people
from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.local_topics import LinkedSubscription
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.scene_source import SceneSource
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.nodes.timing import latency_ms
from pose3d_ros.nodes.work import Work
from pose3d_ros.pipeline import open_smoother
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.roots.root_stage import floor_of
from pose3d_ros.stages.smooth.chosen_smoother import ChosenSmoother

_Opener = Callable[[PipelineConfig], tuple[ChosenSmoother, EngineSet]]
_QUEUE = 10
_LONGEST_WAIT = 64
"""Messages that are kept until people come out: more than the longest lookahead, also after one that failed."""


class SmootherNode(ManagedNode):
    """Publishes people smoothed over time, with markers and skeleton, from people.

    Subscribes `people`; publishes `people_smoothed`, `markers_smoothed`, `skeleton_smoothed` and `/diagnostics`;
    offers `~/enable`. opener: opens the smoother of a configuration; `open_smoother` unless given.
    """

    def __init__(self, *, opener: _Opener | None = None, **node_options: Any) -> None:
        def work(node: ManagedNode) -> SmootherWork:
            config = node.config.pipeline
            return SmootherWork(node, *(opener(config) if opener else open_smoother(config, node.get_logger().info)))

        super().__init__("smoother_node", work, **node_options)


class _Waiting(NamedTuple):
    """A message until its people come out, and its ids by their numbers: newer ones may not have all of them."""

    time_ns: int
    message: Person3DArray
    names: Mapping[int, str]


class SmootherWork(Work):
    """See `Work`. A frame takes a millisecond or two, so it is smoothed in the subscription's callback.

    That is called in the thread of a pose_node of the same process, where there is one.
    """

    def __init__(self, node: ManagedNode, smoother: ChosenSmoother, engines: EngineSet) -> None:
        self._smoother, self._local = smoother, node.local
        self._lock = threading.RLock()  # of all that concerns a frame
        self._linked: LinkedSubscription | None = None
        output = PeopleOutput(node, "_smoothed", node.config.output, node.board, node.local)
        topic = node.resolve_topic_name("people")
        super().__init__(node, engines, output, topic=topic, hint="Is pose_node running?")
        self._numbers = TrackNumbers()
        self._waiting: deque[_Waiting] = deque(maxlen=_LONGEST_WAIT)
        self._scene = SceneSource(node, node.board, node.config.pipeline.scene, tf_wait_s=0.0)
        self._read_name, self._skeleton = "", smoother.skeleton
        if self._skeleton is not None:
            output.publish_skeleton(self._shown(self._skeleton))

    def start(self) -> None:
        """Subscribe to people."""
        with self._lock:
            super().start()

    def stop(self) -> None:
        """Unsubscribe; no result is published after this returned."""
        with self._lock:
            super().stop()

    def publish_empty(self) -> None:
        """See `Work.publish_empty`."""
        with self._lock:
            super().publish_empty()

    def close(self) -> None:
        """Close the engine, destroy publishers; stopped before."""
        super().close()
        self._scene.close()
        self._board.show_warnings("skeleton", ())
        self._engines.close()

    def reconfigure(self, config: NodeConfig) -> None:
        """Apply changed tunable parameters. Raises ConfigError for a smoothing method that is not there."""
        with self._lock:
            self._smoother.config = config.pipeline.smoother
            super().reconfigure(config)
            self._scene.scene = config.pipeline.scene
            self._read_name = ""

    def values(self) -> dict[str, str]:
        """As `Work.values`, with what smooths, and its delay."""
        with self._lock:
            return {
                **super().values(),
                "people come by": "memory" if self._linked is not None and self._linked.in_memory else "DDS",
                "method": self._smoother.method_for(self._skeleton),
                "delay [frames]": str(self._smoother.delay_frames),
            }

    def _shown(self, arrived: Skeleton) -> Skeleton:
        """The skeleton to publish people of that one in."""
        name = self._config.output.skeleton
        return get_skeleton(name) if name else arrived

    def _note_skeleton(self, name: str) -> None:
        """Warn of people in a skeleton that can't be smoothed, until they come in another one."""
        if name != self._read_name:
            self._skeleton = get_skeleton(name)
            problem = self._smoother.why_unsmoothed(self._skeleton)
            self._board.show_warnings("skeleton", () if problem is None else (problem,))
            self._read_name = name

    def _subscribe(self) -> LinkedSubscription:
        self._linked = LinkedSubscription(self._local, self._topic, self._on_people, self._subscribe_by_dds)
        return self._linked

    def _subscribe_by_dds(self) -> FittedSubscription:
        return FittedSubscription(self._node, Person3DArray, self._topic, self._on_people, depth=_QUEUE)

    def _remedy(self) -> str:
        return "pose_node gets no image, is inactive or disabled, or its people are lost: see its diagnostics."

    def _slowed(self) -> str:
        return "pose_node has slowed down, by its max_rate_hz or for lack of time, or its camera: see its diagnostics."

    def _reset(self) -> None:
        self._smoother.reset()
        self._waiting.clear()

    def _waiting_for(self, time_ns: int | None) -> _Waiting | None:
        """The message whose people came out of the smoother, None while it waits; earlier ones are dropped."""
        while time_ns is not None and self._waiting:
            waiting = self._waiting.popleft()
            if waiting.time_ns == time_ns:
                return waiting
        return None

    def _on_people(self, message: Person3DArray) -> None:
        with self._lock:
            if self._subscription is not None:
                self._smooth(message)

    def _smooth(self, message: Person3DArray) -> None:
        arrived_s = time.monotonic()
        self._count_arrival()
        time_ns = self._time_of(message.header, arrived_s)
        if time_ns is None:
            return
        with self._reporting():
            people = read_people(message, self._numbers)
            self._note_skeleton(message.skeleton)
            ground = self._scene.ground(message.header) or floor_of(self._config.pipeline.scene)
            self._waiting.append(_Waiting(time_ns, message, self._numbers.names))
            smoothed = self._smoother.update(people, time_ns, ground=ground)
            of_them = self._waiting_for(self._smoother.stamp_ns)
            if of_them is None:
                return
            message = of_them.message
            here_ms = (time.monotonic() - arrived_s) * 1e3
            now_ns = self._node.get_clock().now().nanoseconds
            latency = latency_ms(now_ns, stamp_ns(message.header), message.latency_ms + here_ms)
            smoothed_by = self._smoother.model_for(self._skeleton)
            model = " + ".join(name for name in (message.model, smoothed_by) if name)
            info = PeopleInfo(self._shown(get_skeleton(message.skeleton)), model, message.calibrated, latency)
            shown = [person.converted(info.skeleton) for person in smoothed]
            self._output.publish(message.header, shown, info, of_them.names.__getitem__)
            self._times.add({"smooth": here_ms, "capture to publish": latency})


def main(args: list[str] | None = None) -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(SmootherNode, args))


if __name__ == "__main__":
    main()
