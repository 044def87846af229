"""hri_msgs and tf2_msgs for the tests: the real packages where they are installed, else stand-ins of their fields."""

from __future__ import annotations

import importlib
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from std_msgs.msg import Header

from pose3d_ros.nodes.hri_bridge import HriBridge
from pose3d_ros.nodes.topics import advertise


@dataclass
class IdsList:
    """As hri_msgs/IdsList."""

    header: Header = field(default_factory=Header)
    ids: list[str] = field(default_factory=list)


@dataclass
class NormalizedRegionOfInterest2D:
    """As hri_msgs/NormalizedRegionOfInterest2D."""

    header: Header = field(default_factory=Header)
    xmin: float = 0.0
    ymin: float = 0.0
    xmax: float = 0.0
    ymax: float = 0.0
    c: float = 0.0


def _points() -> list[Any]:
    return [SimpleNamespace(x=0.0, y=0.0, c=0.0) for _ in range(18)]


@dataclass
class Skeleton2D:
    """As hri_msgs/Skeleton2D."""

    header: Header = field(default_factory=Header)
    skeleton: list[Any] = field(default_factory=_points)


@dataclass
class TFMessage:
    """As tf2_msgs/TFMessage."""

    transforms: list[TransformStamped] = field(default_factory=list)


_STAND_INS = {"hri_msgs.msg": (IdsList, NormalizedRegionOfInterest2D, Skeleton2D), "tf2_msgs.msg": (TFMessage,)}


class _Publisher:
    """Keeps what it is told to publish; publishes it as well where its type is a real one. qos: as it was asked for."""

    def __init__(self, topic: str, qos: Any, real: Any, sent: list[Any]) -> None:
        self.topic_name, self.qos, self.real, self.sent = topic, qos, real, sent
        self.destroyed = False

    def publish(self, message: Any) -> None:
        assert not self.destroyed, f"{self.topic_name} is destroyed"
        self.sent.append(message)
        if self.real is not None:
            self.real.publish(message)

    def get_subscription_count(self) -> int:
        return 0 if self.real is None else int(self.real.get_subscription_count())

    def wait_for_all_acked(self, timeout: Any) -> bool:
        return self.real is None or bool(self.real.wait_for_all_acked(timeout))


class HriRig:
    """Records what the bridge publishes. publishers: those of each topic, in their order, destroyed ones too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.publishers: dict[str, list[_Publisher]] = defaultdict(list)
        for name, kinds in _STAND_INS.items():
            try:
                importlib.import_module(name)
            except ImportError:
                made = ModuleType(name)
                for kind in kinds:
                    setattr(made, kind.__name__, kind)
                monkeypatch.setitem(sys.modules, name, made)
        for module in ("hri_bridge", "hri_bodies"):
            monkeypatch.setattr(f"pose3d_ros.nodes.{module}.advertise", self._advertise)
        monkeypatch.setattr(HriBridge, "destroy_publisher", _destroy)

    def sent(self, topic: str) -> list[Any]:
        """All that was published on a topic."""
        return [message for publisher in self.publishers[topic] for message in publisher.sent]

    def body(self, name: str, topic: str) -> list[Any]:
        """All that was published on a topic of a body."""
        return self.sent(f"/humans/bodies/{name}/{topic}")

    def _advertise(self, node: Any, kind: Any, topic: str, qos: Any) -> _Publisher:
        real = None if kind.__module__ == __name__ else advertise(node, kind, topic, qos)
        made = _Publisher(topic, qos, real, [])
        self.publishers[topic].append(made)
        return made


def _destroy(node: Node, publisher: Any) -> bool:
    """As Node.destroy_publisher, of the rig's publishers too."""
    if isinstance(publisher, _Publisher):
        publisher.destroyed = True
        publisher = publisher.real
    return publisher is None or Node.destroy_publisher(node, publisher)
