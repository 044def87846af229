"""Quality of service of the topics, and the parameters that override it (`qos_overrides.…`)."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions


def image_qos(reliability: str, depth: int) -> QoSProfile:
    """For images. reliability: `best_effort` (as SensorDataQoS) or `reliable`."""
    policies = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=policies[reliability],
        durability=DurabilityPolicy.VOLATILE,
    )


def result_qos() -> QoSProfile:
    """For people and markers: reliable, the last ten."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=10,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


def latched_qos() -> QoSProfile:
    """For what is said once and must reach late listeners too."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )


def overridable() -> QoSOverridingOptions:
    """History, depth and reliability may be set by parameters."""
    return QoSOverridingOptions.with_default_policies()
