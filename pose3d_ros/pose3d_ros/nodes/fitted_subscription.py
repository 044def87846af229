"""A subscription that fits the publishers of its topic, also when they change, and counts what DDS lost."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from pose3d_ros.nodes.topics import is_overridden, subscribe, topic_qos


class _Fit(NamedTuple):
    reliable: bool
    latched: bool


class FittedSubscription:
    """Subscribes to a topic; `refit`, called now and then, follows its publishers.

    reliability: `reliable`, `best_effort`, or `auto`: reliable while every publisher is. A best-effort subscription
    loses a large message of which one fragment is lost, and a reliable one gets nothing from a best-effort publisher.
    latched: ask for what was published before, while every publisher keeps it. depth: of the queue in DDS. raw: hand on
    messages as bytes. lost: how many messages DDS knows to have lost. Raises ConfigError for a wrong override.
    """

    def __init__(
        self,
        node: Node,
        kind: Any,
        topic: str,
        callback: Callable[[Any], None],
        *,
        depth: int,
        reliability: str = "auto",
        latched: bool = False,
        raw: bool = False,
    ) -> None:
        self._node, self._kind, self._callback, self._raw = node, kind, callback, raw
        self.topic = node.resolve_topic_name(topic)
        self._depth = depth
        self._reliable = None if reliability == "auto" else reliability == "reliable"
        self._latched = latched
        self._overridden = is_overridden(node, topic, "reliability")
        self.lost = 0
        self._fit = self._fitting()
        self._subscription = self._subscribe()

    def refit(self) -> None:
        """Subscribe anew when the publishers have become other ones, of another reliability."""
        fit = self._fitting()
        if self._subscription is not None and fit != self._fit:
            self._node.destroy_subscription(self._subscription)
            self._fit = fit
            self._subscription = self._subscribe()

    def unfitting(self) -> bool:
        """Whether publishers are best effort that reliability, as the user gave it, excludes."""
        offers = [info.qos_profile.reliability for info in self._node.get_publishers_info_by_topic(self.topic)]
        asked = self._subscription is not None and self._subscription.qos_profile.reliability
        return asked == ReliabilityPolicy.RELIABLE and ReliabilityPolicy.BEST_EFFORT in offers

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _fitting(self) -> _Fit:
        """Best effort and volatile, which fit every publisher, while there is none."""
        offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(self.topic)]
        all_reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
        all_latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        reliable = self._reliable
        if reliable is None:
            reliable = bool(offers) and all_reliable
        return _Fit(reliable, self._latched and bool(offers) and all_latched)

    def _subscribe(self) -> Any:
        qos = topic_qos(self._depth, reliable=self._fit.reliable, latched=self._fit.latched)
        callbacks = {"message_lost": self._on_lost, "matched": self._on_change}
        if self._reliable is None and not self._overridden:
            callbacks["incompatible_qos"] = self._on_change  # rclpy's own logs publishers that do not fit
        module = _event_module()
        if module.__name__.endswith("qos_event"):
            callbacks.pop("matched", None)  # Humble has no such event
        arguments = (self._node, self._kind, self.topic, self._callback, qos)
        try:
            events = module.SubscriptionEventCallbacks(**callbacks)
            return subscribe(*arguments, raw=self._raw, event_callbacks=events)
        except module.UnsupportedEventTypeError:  # by this middleware; `refit` is called all the same
            return subscribe(*arguments, raw=self._raw)

    def _on_lost(self, event: Any) -> None:
        self.lost += event.total_count_change

    def _on_change(self, _: Any) -> None:
        self.refit()


def _event_module() -> Any:
    """Where this rclpy has its event callbacks: Humble's is the second one."""
    try:
        return importlib.import_module("rclpy.event_handler")
    except ImportError:
        return importlib.import_module("rclpy.qos_event")
