"""What is scored and shown: the frames of a recording, each with the ground truth and what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.numbers import number_in, whole_in
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton

_DIAGNOSTICS_TYPE = "diagnostic_msgs/msg/DiagnosticArray"
_UNIT = " [ms]"
_STAGES = ("detect", "pose", "smooth")
_DELAY = "delay [frames]"

People = tuple[Person, ...]


@dataclass(frozen=True, eq=False)
class SessionFrame:
    """One image of the recording. raw, smoothed: what was found in it, None when it was not processed.

    received_ns: when the people arrived, latency_ms: from the image's stamp to their publication; None as above, and
    where the results are not of a live run. is_annotated: whether the ground truth knows this frame; without people it
    says that no one is there. Others are not scored.
    """

    stamp_ns: int
    ground_truth: People
    raw: People | None
    smoothed: People | None
    received_ns: int | None = None
    latency_ms: float | None = None
    is_annotated: bool = True

    @property
    def scored(self) -> People:
        """The people that are compared with the ground truth: those seen in this frame, none if it is not known."""
        return detected(self.raw or ()) if self.is_annotated else ()


@dataclass(frozen=True, eq=False)
class Session:
    """A recording and its results, all poses in one skeleton and the camera's optical frame.

    engine_ms: stage → mean milliseconds per frame. how: a sentence on how the results were made.
    has_ground_truth: whether the recording has ground truth at all. problems: images that
    could not be used, and a recording that was cut off.
    """

    camera: Camera
    skeleton: Skeleton
    frames: tuple[SessionFrame, ...]
    model: str = ""
    backend: str = ""
    engine_ms: Mapping[str, float] = field(default_factory=dict)
    delay_frames: int = 0
    how: str = ""
    has_ground_truth: bool = True
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """backend: what ran the engines, "" when unknown. engine_ms: stage → mean milliseconds per frame."""

    backend: str = ""
    engine_ms: dict[str, float] = field(default_factory=dict)
    delay_frames: int = 0


def read_health(path: Path) -> Health:
    """The means over the diagnostics in a bag; an empty Health for a bag without them."""
    with BagReader(path) as bag:
        topics = bag.topics_of((_DIAGNOSTICS_TYPE,))
        statuses = [status for topic in topics for message in bag.records(topic, _statuses) for status in message]
    return health_of(statuses)


def _statuses(_: int, message: Any) -> list[dict[str, str]]:
    return [{str(v.key): str(v.value) for v in status.values} for status in message.status]


def health_of(statuses: Sequence[Mapping[str, str]]) -> Health:
    """The means over statuses, each a second of one node as key → value (`pose [ms]`, `backend`, …)."""
    times_ms: dict[str, list[float]] = defaultdict(list)
    backend, delay_frames = "", 0
    for values in statuses:
        backend = values.get("backend", "").partition(" (")[0] or backend
        delay_frames = whole_in(values.get(_DELAY, "")) or delay_frames
        for stage in _STAGES:
            if (time_ms := number_in(values.get(stage + _UNIT, ""))) is not None:
                times_ms[stage].append(time_ms)
    means = {stage: sum(values) / len(values) for stage, values in times_ms.items()}
    return Health(backend, means, delay_frames)
