"""People that were found, read from a file: JSON lines, or a bag that the nodes' people were recorded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import BagPeople
from pose3d_ros.bags.message_types import PEOPLE_TYPE
from pose3d_ros.bags.people_lines import SUFFIXES as PEOPLE_SUFFIXES
from pose3d_ros.bags.people_lines import read_people_lines
from pose3d_ros.bags.topic_choice import GROUND_TRUTH
from pose3d_ros.errors import BagError, InputError, Pose3DError
from pose3d_ros.evaluation.recording.bag_recording import by_stamp
from pose3d_ros.evaluation.recording.recorded_truth import are_stills, stamps_of_lines
from pose3d_ros.evaluation.recording.session import Health, People, read_health
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.skeletons import Skeleton

RAW, SMOOTHED = "people", "people_smoothed"
"""Ends of the names of their topics."""


@dataclass(frozen=True, eq=False)
class PredictedFrame:
    """raw: None for a frame that could not be used. smoothed: None without a smoother. Times: None when not live."""

    name: str
    stamp_ns: int
    raw: People | None
    smoothed: People | None = None
    received_ns: int | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, eq=False)
class Predictions:
    """The people of a file, frame by frame. how: a sentence on how they were made.

    are_stills: whether the frames are independent photographs, by their stamps, which are all the same.
    """

    path: Path
    skeleton: Skeleton
    frames: tuple[PredictedFrame, ...]
    model: str
    camera: Camera | None
    how: str
    health: Health = field(default_factory=Health)
    problems: tuple[str, ...] = ()
    are_stills: bool = False


def read_predictions(path: Path) -> Predictions:
    """Read people.jsonl or a bag. Raises InputError or BagError for a file without people."""
    return _of_lines(path) if path.suffix in PEOPLE_SUFFIXES else _of_bag(path)


def _of_lines(path: Path) -> Predictions:
    lines = list(read_people_lines(path))
    usable = [line for line in lines if line.skeleton is not None]
    if not usable or usable[0].skeleton is None:
        fix = "See whether the models ran: a frame without people has a line too."
        got = f"{len(lines)} lines without one"
        raise InputError(f"predictions {path}", expected="frames that were processed", got=got, fix=fix)
    frames = tuple(
        PredictedFrame(str(line.name), stamp, line.people, line.smoothed)
        for line, stamp in zip(lines, stamps_of_lines(lines), strict=True)
    )
    errors = [f"frame {line.name}: {line.error}" for line in lines if line.people is None]
    camera = next((line.camera for line in usable if line.camera is not None), None)
    how = "predicted frame by frame without ROS"
    return Predictions(
        path,
        usable[0].skeleton,
        frames,
        usable[0].model,
        camera,
        how,
        problems=tuple(errors),
        are_stills=are_stills(lines),
    )


def _of_bag(path: Path) -> Predictions:
    problems: list[str] = []
    with BagReader(path) as bag:
        topics = [t for t in bag.topics_of((PEOPLE_TYPE,)) if GROUND_TRUTH not in t]
        raw, smoothed = ([t for t in topics if t.endswith(name)] for name in (RAW, SMOOTHED))
        if len(raw) != 1 or len(smoothed) > 1:
            raise BagError(
                f"predictions {path}",
                expected=f"one topic {RAW} of type {PEOPLE_TYPE}",
                got=", ".join(map(str, bag.topics.values())) or "an empty bag",
                fix="Record the topics people and people_smoothed of one pose_node.",
            )
        found = by_stamp(bag.people(raw[0]), raw[0], problems.append)
        after = by_stamp(bag.people(smoothed[0]), smoothed[0]) if smoothed else {}
        camera = _camera(bag)
        problems += bag.problems
    if not found:
        fix = "See whether the nodes were running."
        raise BagError(f"predictions {path}", expected="people", got="no message", fix=fix)
    health = read_health(path)
    first = next(iter(found.values()))
    model = next(iter((after or found).values())).model
    is_live = bool(health.backend) or any(message.latency_ms > 0 for message in found.values())
    how = "played through the running nodes and recorded" if is_live else "predicted frame by frame without ROS"
    frames = tuple(_frame(message, after, is_live=is_live) for message in found.values())
    return Predictions(path, first.skeleton, frames, model, camera, how, health, tuple(problems))


def _frame(message: BagPeople, smoothed: Mapping[int, BagPeople], *, is_live: bool) -> PredictedFrame:
    stamp = message.stamp_ns
    frame = PredictedFrame(str(stamp), stamp, message.people, smoothed[stamp].people if stamp in smoothed else None)
    return replace(frame, received_ns=message.received_ns, latency_ms=message.latency_ms) if is_live else frame


def _camera(bag: BagReader) -> Camera | None:
    """That of a camera_info beside the people, if there is a usable one."""
    try:
        return next((found.camera for found in bag.cameras()), None)
    except Pose3DError:
        return None
