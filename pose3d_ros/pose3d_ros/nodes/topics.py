"""Topics: their quality of service, the parameters that override it (`qos_overrides.…`), message classes by name."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


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


def overridable() -> QoSOverridingOptions:
    """History, depth and reliability may be set by parameters."""
    return QoSOverridingOptions.with_default_policies()


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
