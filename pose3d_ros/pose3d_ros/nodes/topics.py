"""Topics: their quality of service, the parameters that override it (`qos_overrides.…`), message classes by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from pose3d_ros.errors import ConfigError

_PREFIX = "qos_overrides"
_POLICIES: Mapping[str, type[IntEnum] | None] = {
    "history": HistoryPolicy,
    "depth": None,
    "reliability": ReliabilityPolicy,
    "durability": DurabilityPolicy,
}


def image_qos(reliability: str, depth: int) -> QoSProfile:
    """For images. reliability: `best_effort` (as SensorDataQoS) or `reliable`."""
    return topic_qos(depth, reliable=reliability == "reliable")


def result_qos() -> QoSProfile:
    """For people and markers: reliable, the last ten."""
    return topic_qos(10)


def latched_qos() -> QoSProfile:
    """For what is published once and must reach late subscribers too."""
    return topic_qos(1, latched=True)


def topic_qos(depth: int, *, reliable: bool = True, latched: bool = False) -> QoSProfile:
    """The last `depth` messages; latched: transient local."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def advertise(node: Node, kind: Any, topic: str, qos: QoSProfile) -> Any:
    """A publisher, of the user's quality of service where parameters name one. Raises ConfigError for a wrong one."""
    return node.create_publisher(kind, topic, _overridden(node, topic, "publisher", qos))


def subscribe(node: Node, kind: Any, topic: str, callback: Callable[..., None], qos: QoSProfile, **options: Any) -> Any:
    """A subscription, of the user's quality of service where parameters name one. Raises ConfigError for a wrong one.

    options: others of rclpy's `create_subscription`.
    """
    return node.create_subscription(kind, topic, callback, _overridden(node, topic, "subscription", qos), **options)


def is_overridden(node: Node, topic: str, policy: str) -> bool:
    """Whether the user gave this policy of a subscription."""
    return node.has_parameter(_parameter_name(node, topic, "subscription", policy))


def ignored_overrides(node: Node) -> list[str]:
    """A line for each override that concerns no topic of the node, or a policy that can't be overridden."""
    ours = {*_names(node.publishers, "publisher"), *_names(node.subscriptions, "subscription")}
    topics = " ".join(sorted(f"{topic}.{entity}" for topic, entity in ours))
    lines = []
    for name in node.get_parameters_by_prefix(_PREFIX):
        topic, entity, policy = (*name.rsplit(".", 2), "", "")[:3]
        if (topic, entity) not in ours and not any(topic == known for known, _ in ours):
            lines.append(f"parameter {_PREFIX}.{name} has no effect: expected one of {topics}")
        elif (topic, entity) in ours and policy not in _POLICIES:
            lines.append(f"parameter {_PREFIX}.{name} has no effect: expected one of {', '.join(_POLICIES)}")
    return lines


def _names(entities: Iterable[Any], entity: str) -> list[tuple[str, str]]:
    return [(one.topic_name, entity) for one in entities]


def _parameter_name(node: Node, topic: str, entity: str, policy: str) -> str:
    return f"{_PREFIX}.{node.resolve_topic_name(topic)}.{entity}.{policy}"


def _overridden(node: Node, topic: str, entity: str, qos: QoSProfile) -> QoSProfile:
    """With the policies that the user gave.

    Not by rclpy's QoSOverridingOptions: they declare what was not given as well, read-only, and a subscription that is
    made again gets what the first one had.
    """
    for policy, choices in _POLICIES.items():
        name = _parameter_name(node, topic, entity, policy)
        if node.has_parameter(name):
            setattr(qos, policy, _override(name, node.get_parameter(name).value, choices))
    return qos


def _override(name: str, value: object, choices: type[IntEnum] | None) -> object:
    if choices is None:
        if type(value) is int and value > 0:
            return value
        expected = "an integer above 0"
    else:
        known = {choice.name.lower(): choice for choice in choices if choice.name != "UNKNOWN"}
        if isinstance(value, str) and value.lower() in known:
            return known[value.lower()]
        expected = f"one of {', '.join(known)}"
    raise ConfigError(f"parameter {name}", expected=expected, got=repr(value), fix="Correct it, or leave it out.")


def message_class(msgtype: str) -> Any | None:
    """The class of e.g. `sensor_msgs/msg/Image`; None for a type that is not installed."""
    package, _, name = msgtype.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None


def split_topics(text: str) -> tuple[str, ...]:
    """The topics of a parameter that lists them with commas or spaces between."""
    return tuple(text.replace(",", " ").split())
