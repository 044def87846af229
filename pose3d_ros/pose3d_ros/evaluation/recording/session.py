"""What is scored and shown: the frames of a recording, each with the ground truth and what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import BagPeople
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.errors import BagError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.numbers import number_in, whole_in
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton

_GROUND_TRUTH, _RAW, _SMOOTHED = "ground_truth", "people", "people_smoothed"  # parts of topic names
_DIAGNOSTICS_TYPE = "diagnostic_msgs/msg/DiagnosticArray"
_UNIT = " [ms]"
_STAGES = ("detect", "pose", "smooth")
_DELAY = "delay [frames]"

People = tuple[Person, ...]


@dataclass(frozen=True, eq=False)
class SessionFrame:
    """One image of the recording. raw, smoothed: what was found in it, None when it was not processed.

    received_ns: when the people arrived, latency_ms: from the image's stamp to their publication; None as above.
    """

    stamp_ns: int
    ground_truth: People
    raw: People | None
    smoothed: People | None
    received_ns: int | None = None
    latency_ms: float | None = None


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
class Recording:
    """What a sample bag holds besides its images: stamps of these, the camera, ground truth by stamp.

    problems: of the bag, see `BagReader`.
    """

    camera: Camera
    stamps_ns: tuple[int, ...]
    ground_truth: Mapping[int, BagPeople]
    problems: tuple[str, ...] = ()


def read_recording(path: Path) -> Recording:
    """Read a sample bag's stamps, camera and ground truth. Raises BagError without images or camera_info."""
    with BagReader(path) as bag:
        camera = next(bag.cameras(), None)
        stamps_ns = tuple(sorted(set(bag.image_stamps_ns())))
        if camera is None or not stamps_ns:
            raise BagError(
                f"bag {path}",
                expected="at least one image and one camera_info",
                got=f"{len(stamps_ns)} images and {'no' if camera is None else 'a'} camera_info",
                fix="Record both topics.",
            )
        ground_truth: dict[int, BagPeople] = {}
        if bag.topics_of((PEOPLE_TYPE,), f"*{_GROUND_TRUTH}*"):
            ground_truth = by_stamp(bag.people(f"*{_GROUND_TRUTH}*"))
        return Recording(camera.camera, stamps_ns, ground_truth, bag.problems)


def by_stamp(messages: Iterable[BagPeople]) -> dict[int, BagPeople]:
    """Messages by image stamp; of a stamp that repeats (a looped playback) the first counts."""
    found: dict[int, BagPeople] = {}
    for message in messages:
        found.setdefault(message.stamp_ns, message)
    return found


def read_results(path: Path) -> tuple[dict[int, BagPeople], dict[int, BagPeople]]:
    """The raw and the smoothed people of a results bag by stamp; smoothed ones may be missing.

    Raises BagError when it has no topic that ends with "people" beside ground truth.
    """
    with BagReader(path) as bag:
        topics = [t for t in bag.topics_of((PEOPLE_TYPE,)) if _GROUND_TRUTH not in t]
        raw, smoothed = ([t for t in topics if t.endswith(name)] for name in (_RAW, _SMOOTHED))
        if len(raw) != 1:
            raise BagError(
                f"results {path}",
                expected=f"one topic {_RAW} of type {PEOPLE_TYPE}",
                got=", ".join(f"{t.name} ({t.msgtype})" for t in bag.topics.values()) or "an empty bag",
                fix="Record the topics people and people_smoothed.",
            )
        return by_stamp(bag.people(raw[0])), by_stamp(bag.people(smoothed[0])) if smoothed else {}


def join(
    recording: Recording, raw: Mapping[int, BagPeople], smoothed: Mapping[int, BagPeople], skeleton: Skeleton
) -> tuple[SessionFrame, ...]:
    """The recording's frames with the results of their stamps, everything converted to `skeleton`.

    Raises BagError when no result belongs to any image of the recording.
    """
    if raw and not set(raw) & set(recording.stamps_ns):
        raise BagError(
            "results",
            expected="people with the stamps of the recording's images",
            got=f"{len(raw)} results from {min(raw)} ns on, {len(recording.stamps_ns)} images from "
            f"{recording.stamps_ns[0]} ns on",
            fix="Score results with the bag they were made from, played without changing its stamps.",
        )

    def people(messages: Mapping[int, BagPeople], stamp_ns: int) -> People | None:
        message = messages.get(stamp_ns)
        return None if message is None else tuple(person.converted(skeleton) for person in message.people)

    return tuple(
        SessionFrame(
            stamp,
            people(recording.ground_truth, stamp) or (),
            people(raw, stamp),
            people(smoothed, stamp),
            raw[stamp].received_ns if stamp in raw else None,
            raw[stamp].latency_ms if stamp in raw else None,
        )
        for stamp in recording.stamps_ns
    )


def session_from_bags(recording_path: Path, results_path: Path) -> Session:
    """The session of a recording and a bag of results made from it. Raises BagError."""
    recording = read_recording(recording_path)
    raw, smoothed = read_results(results_path)
    if not raw:
        raise BagError(
            f"results {results_path}", expected="people", got="no message", fix="See whether the nodes were running."
        )
    first = next(iter(raw.values()))
    health = read_health(results_path)
    last = next(iter((smoothed or raw).values()))
    return Session(
        recording.camera,
        first.skeleton,
        join(recording, raw, smoothed, first.skeleton),
        model=last.model,
        backend=health.backend,
        engine_ms=health.engine_ms,
        delay_frames=health.delay_frames,
        how="played through the running nodes and recorded",
        has_ground_truth=bool(recording.ground_truth),
        problems=recording.problems,
    )


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
