"""`fusion_node`: people of several calibrated cameras in, one set of people in a common frame out, a managed node."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rclpy.clock import Clock, ClockType  # type: ignore[attr-defined]  # where every rclpy has it
from rclpy.time import Time
from std_msgs.msg import Header

from pose3d_ros.config.output_settings import OutputConfig
from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.extrinsics_file import read_extrinsics
from pose3d_ros.nodes.conversion import PeopleInfo, PersonNames
from pose3d_ros.nodes.fused_camera import CameraPlaces, FusedCamera, ReceivedView
from pose3d_ros.nodes.managed import ManagedNode
from pose3d_ros.nodes.output import PeopleOutput
from pose3d_ros.nodes.problems import Level
from pose3d_ros.nodes.spin import run_node
from pose3d_ros.nodes.tf_frames import TfFrames
from pose3d_ros.nodes.timing import Watchdog, latency_ms
from pose3d_ros.nodes.work import NodeWork
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.multiview.camera_fusion import CameraFusion, FusionTimes
from pose3d_ros.stages.multiview.extrinsics_check import Disagreement
from pose3d_ros.stages.multiview.frame_sets import FrameSet, FrameSets

_OVERDUE_PERIOD_S = 0.02
_DISAGREEMENT = "camera poses"


class FusionNode(ManagedNode):
    """Publishes the people of several cameras as one set of people in a common frame, with markers and skeleton.

    Subscribes `people` and `camera_info` in the namespace of each camera; publishes `people_fused`, `markers_fused`,
    `skeleton_fused` and `/diagnostics`; offers `~/enable`.
    """

    def __init__(self, **node_options: Any) -> None:
        self.names = PersonNames()
        super().__init__("fusion_node", lambda node: FusionWork(node, self.names), **node_options)


class FusionWork(NodeWork):
    """See `NodeWork`. Views come on the cameras' own threads where TF places them, so that fusion has a lock.

    names: of the node's people, those of earlier lives included.
    """

    def __init__(self, node: ManagedNode, names: PersonNames) -> None:
        config, fusion = node.config, node.config.fusion
        places = _places(node)
        output = PeopleOutput(node, "_fused", _own(config.output), node.board, seen_by_camera=False)
        super().__init__(node, output)
        self._lock = threading.Lock()
        self._names, self._places = names, places
        names.begin(config.output.id_tag)
        self._sets = FrameSets(fusion.window_s, fusion.max_wait_s)
        self._fusion = CameraFusion(FusionTimes(fusion.predicted_s, fusion.max_age_s))
        self._received: dict[str, ReceivedView] = {}
        self._skeleton: Skeleton | None = get_skeleton(config.output.skeleton) if config.output.skeleton else None
        self._shared = 0
        self._cameras = [
            FusedCamera(node, node.board, name, fusion, places, self._on_view, self._reporting) for name in fusion.names
        ]
        timeout_s = config.lifecycle.watchdog_timeout_s
        self._watchdogs = {camera.name: Watchdog(timeout_s, time.monotonic) for camera in self._cameras}
        self._timer: Any = None

    def start(self) -> None:
        """Subscribe to all cameras."""
        for camera in self._cameras:
            camera.start()
            self._watchdogs[camera.name].start()
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = self._node.create_timer(_OVERDUE_PERIOD_S, self._on_timer, clock=steady)

    def stop(self) -> None:
        """Unsubscribe; no result is published after this returned."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
        for camera in self._cameras:
            camera.stop()
            self._watchdogs[camera.name].stop()
        self._output.discard()

    def close(self) -> None:
        """End the cameras' threads, destroy publishers; stopped before."""
        for group in ("watchdog", "publishers"):
            self._board.show_warnings(group, ())
        for camera in self._cameras:
            camera.close()
            self._board.clear(f"input rate of {camera.topic}")
        if self._places.frames is not None:
            self._places.frames.close()
        self._board.clear(_DISAGREEMENT)
        self._output.close()

    def reconfigure(self, config: NodeConfig) -> None:
        """Apply changed tunable parameters."""
        self._config = config
        self._output.reconfigure(_own(config.output))

    def poll(self) -> None:
        """Follow the inputs' publishers."""
        for camera in self._cameras:
            camera.poll()

    def check(self) -> None:
        """Look for problems with the cameras; called every second."""
        silent = [camera for camera in self._cameras if self._watchdogs[camera.name].expired()]
        self._board.show_warnings("watchdog", [self._why_silent(camera) for camera in silent])
        self._board.show_warnings("publishers", [line for c in self._cameras for line in self._rivals_on(c.topic)])
        for camera in self._cameras:
            slow = camera.rate.slow(self._config.lifecycle.min_input_hz, camera.lost)
            is_slow = slow is not None and camera not in silent and self._timer is not None
            self._show_rate(f"input rate of {camera.topic}", camera.topic, slow if is_slow else None)
        with self._lock:
            found = self._fusion.disagreements()
        if found:
            self._board.report(_DISAGREEMENT, Level.WARN, " ".join(map(_in_words, found)))
        else:
            self._board.clear(_DISAGREEMENT)

    def values(self) -> dict[str, str]:
        """What diagnostics show besides the problems; called every second."""
        shown = {"target_frame": self._places.common_frame, "output [Hz]": f"{self._out.rate_hz():.1f}"}
        for camera in self._cameras:
            shown[f"input {camera.name} [Hz]"] = f"{camera.meter.rate_hz():.1f}"
            shown[f"camera_info {camera.name}"] = str(camera.has_camera)
            shown[f"lost {camera.name}"] = str(camera.lost)
            counts = sorted(camera.stamps.counts.items())
            shown.update({f"{kind} {camera.name} [messages]": str(count) for kind, count in counts})
        shown["people in several cameras"] = str(self._shared)
        shown.update({f"{name} [ms]": f"{value:.1f}" for name, value in self._times.take_means_ms().items()})
        return shown

    @property
    def input_count(self) -> int:
        """How many messages with people came."""
        return sum(camera.meter.total for camera in self._cameras)

    def _on_view(self, received: ReceivedView) -> None:
        self._watchdogs[received.view.camera_name].start()
        with self._lock:
            self._received[received.view.camera_name] = received
            for done in self._sets.add(received.view, time.monotonic()):
                self._fuse(done)

    def _on_timer(self) -> None:
        with self._reporting(), self._lock:
            for done in self._sets.overdue(time.monotonic()):
                self._fuse(done)

    def _fuse(self, done: FrameSet) -> None:
        """Fuse and publish a set of views, under the lock."""
        start_s = time.monotonic()
        received = [self._received[view.camera_name] for view in done.views]
        skeleton = self._skeleton_of(done)
        fused = self._fusion.update(done.views, done.time_ns, skeleton)
        self._shared = fused.shared
        people = self._names.renumbered(fused.people)
        header = Header(stamp=Time(nanoseconds=fused.time_ns).to_msg(), frame_id=self._places.common_frame)
        now_ns, now_s = self._node.get_clock().now().nanoseconds, time.monotonic()
        newest_s = max((one.arrived_s for one in received), default=now_s)
        latency = latency_ms(now_ns, fused.time_ns, (now_s - newest_s) * 1e3)
        model = " + ".join(dict.fromkeys(one.model for one in received if one.model))
        info = PeopleInfo(skeleton, model, all(one.calibrated for one in received), latency)
        self._output.publish(header, people, info, self._names.name_of)
        self._times.add({"fuse": (now_s - start_s) * 1e3, "capture to publish": latency})

    def _skeleton_of(self, done: FrameSet) -> Skeleton:
        """That of the parameter, else of the first people that came."""
        if self._skeleton is None:
            first = [person.pose.skeleton for view in done.views for person in view.people]
            if not first:
                return get_skeleton("muco21")
            self._skeleton = first[0]
        return self._skeleton

    def _reset(self) -> None:
        with self._lock:
            self._sets.reset()
            self._fusion.reset()
            self._received.clear()
        for camera in self._cameras:
            camera.stamps.reset()

    def _remedy(self) -> str:
        return "pose_node gets no image there, is inactive or disabled: see its diagnostics."

    def _slowed(self) -> str:
        return "pose_node has slowed down there, or its camera: see its diagnostics."

    def _why_silent(self, camera: FusedCamera) -> str:
        if not self._node.count_publishers(camera.topic):
            return f"no publisher on {camera.topic}. Is pose_node running in the namespace {camera.name}?"
        if not camera.has_camera:
            fix = "Publish it, or set fusion.camera_info_topic."
            return f"no camera_info on {camera.info_topic}: people of {camera.name} are left out. {fix}"
        return f"no people of {camera.topic} can be used: either it is idle, or {self._remedy()}"


def _own(config: OutputConfig) -> OutputConfig:
    """What the publishers need to know: people are in target_frame already."""
    return replace(config, target_frame="")


def _places(node: ManagedNode) -> CameraPlaces:
    """Where the cameras are. Raises ConfigError for parameters, a file or an installation that can't say it."""
    fusion, output = node.config.fusion, node.config.output
    names = fusion.names
    if not output.target_frame:
        raise ConfigError(
            "parameter target_frame",
            expected="the frame that all cameras are known in, such as map or base_link",
            got="none",
            fix="Name it; with fusion.extrinsics it may be any name.",
        )
    if fusion.extrinsics:
        return CameraPlaces(output.target_frame, 0.0, fixed=read_extrinsics(fusion.extrinsics, names))
    frames, latest = TfFrames(node), output.tf_on_timeout == "latest"
    return CameraPlaces(output.target_frame, output.tf_timeout_s, frames, takes_latest=latest)


def _in_words(found: Disagreement) -> str:
    size = f"at least {found.distance_m * 100:.0f} cm ({found.angle_deg:.1f} degrees) apart"
    fix = "One of their poses in target_frame, or its calibration, is wrong: measure them again."
    return f"{found.one} and {found.other} have the same people {size}, for long. {fix}"


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until Ctrl-C."""
    sys.exit(run_node(FusionNode, None if args is None else list(args)))


if __name__ == "__main__":
    main()
