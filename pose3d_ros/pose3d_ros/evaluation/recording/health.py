"""What the nodes said about themselves while they ran, from the diagnostics in a bag."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader

_DIAGNOSTICS_TYPE = "diagnostic_msgs/msg/DiagnosticArray"
_UNIT = " [ms]"
_STAGES = ("detect", "pose", "smooth")
_DELAY = "delay [frames]"


@dataclass(frozen=True)
class Health:
    """backend: what ran the engines, "" when unknown. engine_ms: stage → mean milliseconds a frame."""

    backend: str = ""
    engine_ms: dict[str, float] = field(default_factory=dict)
    delay_frames: int = 0


def read_health(path: Path) -> Health:
    """The means over a bag's diagnostics; an empty Health for a bag without them."""
    with BagReader(path) as bag:
        statuses = [
            {str(v.key): str(v.value) for v in status.values}
            for topic in bag.topics_of((_DIAGNOSTICS_TYPE,))
            for _, message in bag.messages(topic)
            for status in message.status
        ]
    return health_of(statuses)


def health_of(statuses: list[dict[str, str]]) -> Health:
    """The means over statuses, each a second of one node as key → value (`pose [ms]`, `backend`, …)."""
    times_ms: dict[str, list[float]] = defaultdict(list)
    backend, delay_frames = "", 0
    for values in statuses:
        backend = values.get("backend", "").partition(" (")[0] or backend
        delay_frames = int(values.get(_DELAY, delay_frames))
        for stage in _STAGES:
            if stage + _UNIT in values:
                times_ms[stage].append(float(values[stage + _UNIT]))
    means = {stage: sum(values) / len(values) for stage, values in times_ms.items()}
    return Health(backend, means, delay_frames)
