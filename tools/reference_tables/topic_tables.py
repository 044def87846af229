"""Topics and services of the nodes, as these advertise them when everything is switched on."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from pose3d_ros.nodes.fitted_subscription import FittedSubscription
from pose3d_ros.nodes.managed import ManagedNode
from reference_tables.executable_table import Executable, executables
from reference_tables.markdown_table import table
from reference_tables.parameter_tables import groups

NAMESPACE = "/reference"
SETTINGS: dict[str, object] = {
    "engines": "embedded",
    "backend": "onnxruntime",
    "build_engines": False,
    "work_without_subscribers": True,
    "publish_overlay": True,
    "publish_poses": True,
    "depth_topic": "depth_topic/image",
    "imu_topic": "imu_topic",
    "camera_height_m": 1.0,
    "clock_hz": 10.0,
    "topics": "topics",
}
"""What switches topics on that are off by default. Topics that need a package that is not among the wheels are not
here; the page names them beside the tables."""
POSE = {"translation": [0.0, 0.0, 0.0], "rotation": [0.0, 0.0, 0.0, 1.0]}
CAMERAS = ("front", "rear")
"""Of fusion_node, which needs two."""
LABELS = {
    **{f"{camera}/people": "`people` of each camera" for camera in CAMERAS},
    **{f"{camera}/camera_info": "`camera_info` of each camera" for camera in CAMERAS},
    "depth_topic/image": "of `depth_topic`",
    "depth_topic/camera_info": "`camera_info` beside `depth_topic`",
    "imu_topic": "of `imu_topic`",
}
WHEN = {
    "image_raw": "while there is work; with `image_transport` compressed `image_raw/compressed`, a CompressedImage",
    "overlay": "with `publish_overlay`",
    "poses": "with `publish_poses`",
    "poses_smoothed": "with `publish_poses`",
    "poses_fused": "with `publish_poses`",
    "markers": "with `publish_markers`",
    "markers_smoothed": "with `publish_markers`",
    "markers_fused": "with `publish_markers`",
    "skeleton": "once, when the node is configured",
    "skeleton_smoothed": "once, when people come",
    "skeleton_fused": "once, when people come",
    "/clock": "with `clock_hz`",
    "/diagnostics": "every second",
    "~/enable": "false: stop processing, publish one empty result, remove the markers",
    "~/pause": "true pauses",
}
"""Topic → when, where that is not always; service → what it does."""
ELSEWHERE = {"hri_bridge": "It needs hri_msgs, which is not among the wheels: [REP-155](messages.md#rep-155)."}
"""Node whose topics are not read, and where they are told."""
_OF_RCLPY = ("/rosout", "/parameter_events", "/tf", "/tf_static")
_START_S = 60.0


@dataclass(frozen=True)
class Endpoint:
    """A publisher, subscription or service."""

    name: str
    kind: str
    type: str
    qos: str = ""


def topic_tables() -> str:
    """A heading and a table for each node that has topics or services of its own."""
    sections = []
    for one in executables():
        if one.node is None:
            continue
        if one.name in ELSEWHERE:
            sections.append(f"### {one.name}\n\n{ELSEWHERE[one.name]}\n")
            continue
        found = sorted(endpoints(one), key=lambda each: (("in", "out", "service").index(each.kind), each.name))
        rows = ((LABELS.get(e.name, f"`{e.name}`"), e.kind, e.type, e.qos, WHEN.get(e.name, "")) for e in found)
        text = table(("topic or service", "", "type", "quality of service", ""), list(dict.fromkeys(rows)))
        sections.append(f"### {one.name}\n\n" + (text or "None of its own.\n"))
    return "\n".join(sections)


def endpoints(executable: Executable) -> list[Endpoint]:
    """Those of a node in a graph of its own, as it works."""
    fitted: set[str] = set()
    with _running(executable, fitted) as node:
        name = node.get_fully_qualified_name()
        found = [
            Endpoint(
                _short(one.topic_name, name), kind, _type(one.msg_type), _qos(one, fitted=one.topic_name in fitted)
            )
            for kind, entities in (("out", node.publishers), ("in", node.subscriptions))
            for one in entities
        ]
        found += [Endpoint(_short(one.service_name, name), "service", _type(one.srv_type)) for one in node.services]
    own = (one for one in found if one.name not in _OF_RCLPY and not _is_of_every_node(one))
    return list(dict.fromkeys(own))


@contextmanager
def _running(executable: Executable, fitted: set[str]) -> Iterator[Any]:
    """The node, active where it is managed. fitted: gets the full names of topics whose publishers it follows."""
    begun = FittedSubscription.__init__

    def begin(self: FittedSubscription, *args: Any, **options: Any) -> None:
        begun(self, *args, **options)
        fitted.add(self.topic)

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=random.randint(10, 99))
    names = {p.name for group in groups() for p in group.parameters().values() if executable.name in p.nodes}
    given = [Parameter(name, value=value) for name, value in SETTINGS.items() if name in names]
    with TemporaryDirectory() as folder, mock.patch.object(FittedSubscription, "__init__", begin):
        make: Any = executable.node
        given += _of_cameras(Path(folder, "extrinsics.yaml")) if "fusion.cameras" in names else []
        node = make(namespace=NAMESPACE, parameter_overrides=given, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        try:
            if isinstance(node, ManagedNode):
                node.autostart()
                until_s = time.monotonic() + _START_S
                while not node._working and time.monotonic() < until_s:
                    executor.spin_once(timeout_sec=0.05)
            yield node
        finally:
            executor.shutdown()
            node.destroy_node()
            rclpy.shutdown(context=context)


def _of_cameras(extrinsics: Path) -> list[Any]:
    """What tells fusion_node of its cameras, with their poses in a file."""
    extrinsics.write_text(json.dumps({"extrinsics": dict.fromkeys(CAMERAS, POSE)}), encoding="utf-8")
    told = {"fusion.cameras": ", ".join(CAMERAS), "fusion.extrinsics": str(extrinsics), "target_frame": "map"}
    return [Parameter(name, value=value) for name, value in told.items()]


def _short(name: str, node: str) -> str:
    """As the code names it: relative, private or absolute."""
    for prefix, sign in ((f"{node}/", "~/"), (f"{NAMESPACE}/", "")):
        if name.startswith(prefix):
            return sign + name.removeprefix(prefix)
    return name


def _type(kind: Any) -> str:
    return f"{kind.__module__.partition('.')[0]}/{kind.__name__}"


def _qos(entity: Any, fitted: bool) -> str:
    profile = entity.qos_profile
    reliability = "reliable" if profile.reliability == ReliabilityPolicy.RELIABLE else "best effort"
    latched = ", transient local" if profile.durability == DurabilityPolicy.TRANSIENT_LOCAL else ""
    return f"{'as its publishers' if fitted else reliability + latched}, depth {profile.depth}"


def _is_of_every_node(endpoint: Endpoint) -> bool:
    package = endpoint.type.partition("/")[0]
    return package in ("rcl_interfaces", "lifecycle_msgs", "type_description_interfaces")
