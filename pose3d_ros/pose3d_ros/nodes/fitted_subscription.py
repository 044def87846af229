"""A subscription that fits the publishers of its topic, also when they change, and counts what DDS lost."""

from __future__ import annotations

import importlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

from pose3d_ros.nodes.topics import is_overridden, subscribe, topic_qos

# For so long both the old and the new subscription receive: what comes before a publisher knows the new one, the old
# one brings. Publishers know a subscription within some 0.1 s.
_OVERLAP_S = 1.0
_REMEMBERED = 1000  # messages of which a second copy is told


class _Fit(NamedTuple):
    reliable: bool
    latched: bool


class FittedSubscription:
    """Subscribes to a topic; `refit`, called now and then, follows its publishers.

    reliability: `reliable`, `best_effort`, or `auto`: reliable while every publisher is. A best-effort subscription
    loses a large message of which one fragment is lost, and a reliable one gets nothing from a best-effort publisher.
    No message is lost by the change, and none comes twice.
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
        self._former: Any = None
        self._former_until_s = 0.0
        self._sent_ns: deque[int] = deque(maxlen=_REMEMBERED)
        self._fit = self._fitting()
        self._subscription = self._subscribe()

    def refit(self) -> None:
        """Subscribe anew when the publishers have become other ones, of another reliability."""
        fit = self._fitting()
        if self._subscription is not None and fit != self._fit:
            self._end_former()
            self._fit, self._former = fit, self._subscription
            self._former_until_s = time.monotonic() + _OVERLAP_S
            self._subscription = self._subscribe()
        elif time.monotonic() > self._former_until_s:
            self._end_former()

    def unfitting(self) -> bool:
        """Whether publishers are best effort that reliability, as the user gave it, excludes."""
        offers = [info.qos_profile.reliability for info in self._node.get_publishers_info_by_topic(self.topic)]
        asked = self._subscription is not None and self._subscription.qos_profile.reliability
        return asked == ReliabilityPolicy.RELIABLE and ReliabilityPolicy.BEST_EFFORT in offers

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in (self._former, self._subscription):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._former = self._subscription = None

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
        fit = self._fit
        callbacks = {"message_lost": lambda event: self._on_lost(event, fit), "matched": self._on_change}
        if self._reliable is None and not self._overridden:
            callbacks["incompatible_qos"] = self._on_change  # rclpy's own logs publishers that do not fit
        module = _event_module()
        if module.__name__.endswith("qos_event"):
            callbacks.pop("matched", None)  # Humble has no such event
        arguments = (self._node, self._kind, self.topic, self._on_message, qos)
        try:
            events = module.SubscriptionEventCallbacks(**callbacks)
            return subscribe(*arguments, raw=self._raw, event_callbacks=events)
        except module.UnsupportedEventTypeError:  # by this middleware; `refit` is called all the same
            return subscribe(*arguments, raw=self._raw)

    def _end_former(self) -> None:
        if self._former is None:
            return
        handle = self._former.handle
        with handle:  # as rclpy's executor does
            while (taken := handle.take_message(self._kind, self._raw)) is not None:
                self._on_message(*taken)
        self._node.destroy_subscription(self._former)
        self._former = None

    def _on_message(self, message: Any, info: Mapping[str, Any]) -> None:
        sent_ns = info["source_timestamp"]
        if not sent_ns or sent_ns not in self._sent_ns:
            if self._former is not None or self._latched:  # a new subscription brings what is kept once more
                self._sent_ns.append(sent_ns)
            self._callback(message)

    def _on_lost(self, event: Any, fit: _Fit) -> None:
        if fit == self._fit:  # what the former one loses, the new one brings
            self.lost += event.total_count_change

    def _on_change(self, _: Any) -> None:
        self.refit()


def _event_module() -> Any:
    """Where this rclpy has its event callbacks: Humble's is the second one."""
    try:
        return importlib.import_module("rclpy.event_handler")
    except ImportError:
        return importlib.import_module("rclpy.qos_event")
