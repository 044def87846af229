"""Predictions and ground truth, joined frame by frame into a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from pose3d_ros.errors import CameraError, InputError, SkeletonError
from pose3d_ros.evaluation.recording.bag_recording import no_ground_truth, time_order
from pose3d_ros.evaluation.recording.predictions import PredictedFrame, Predictions, read_predictions
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice
from pose3d_ros.evaluation.recording.recorded_truth import Truth, read_truth
from pose3d_ros.evaluation.recording.session import People, Session, SessionFrame
from pose3d_ros.skeletons import Skeleton, convert

_MOST_PEOPLE = 1_000_000


def session_of_files(predictions: Path, truth: Path, choice: RecordingChoice = ANY_RECORDING) -> Session:
    """The session of a file of predictions and the ground truth, or the recording, that they belong to.

    Raises our errors for files that can't be read or do not belong together.
    """
    return join(read_predictions(predictions), read_truth(truth, choice))


def join(predictions: Predictions, truth: Truth) -> Session:
    """Predictions and ground truth of the same stamps, or of the same names where they have none in common.

    All people are converted to the skeleton of the predictions. Frames that the ground truth does not know are not
    scored; those without a prediction count as frames in which no one was found. Raises InputError when no prediction
    belongs to any frame, SkeletonError when no joint is in both.
    """
    problems = [*truth.problems, *predictions.problems]
    if predictions.are_stills:  # their people have nothing to do with each other
        apart = {stamp: _apart(people, at) for at, (stamp, people) in enumerate(truth.people.items())}
        truth = replace(truth, people=apart)
    found = predictions_by_frame(predictions, truth, problems)
    stamps = truth.stamps_ns if truth.is_of_images else time_order((*truth.stamps_ns, *found))
    failed = {frame.stamp_ns for frame in found.values() if frame.raw is None}
    frames = tuple(
        _joined(stamp, found.get(stamp), truth.people.get(stamp), predictions.skeleton)
        for stamp in stamps
        if stamp not in failed
    )
    _check_skeletons(frames, truth, predictions)
    problems += _remarks(frames, truth, found)
    camera = truth.camera or predictions.camera
    if camera is None:
        fix = "Name the recording with its camera_info as ground truth, or give --camera or --hfov."
        raise CameraError(f"camera of {truth.path}", expected="camera_info", got="none", fix=fix)
    health = predictions.health
    return Session(
        camera,
        predictions.skeleton,
        frames,
        model=predictions.model,
        backend=health.backend,
        engine_ms=health.engine_ms,
        delay_frames=health.delay_frames,
        how=predictions.how,
        has_ground_truth=bool(truth.people),
        problems=tuple(problems),
    )


def predictions_by_frame(predictions: Predictions, truth: Truth, problems: list[str]) -> dict[int, PredictedFrame]:
    """The predictions by the stamp of their frame in the ground truth."""
    found: dict[int, PredictedFrame] = {}
    for frame in predictions.frames:
        found.setdefault(frame.stamp_ns, frame)
    repeated = len(predictions.frames) - len(found)
    if repeated:
        problems.append(f"{predictions.path}: {repeated} frames have the stamp of an earlier one, which counts")
    are_stills = predictions.are_stills or truth.are_stills
    if not are_stills and set(found) & set(truth.stamps_ns):
        return found
    named = _stamps_by_name(truth.names)
    by_name = {named[key]: frame for frame in predictions.frames if (key := _name_in(frame.name, named)) is not None}
    if by_name:
        return {stamp: replace(frame, stamp_ns=stamp) for stamp, frame in by_name.items()}
    raise _unrelated(predictions, truth)


def _unrelated(predictions: Predictions, truth: Truth) -> InputError:
    """The error of predictions of which none belongs to any frame, with the ranges of both."""
    if predictions.are_stills:
        expected, got = _names(tuple(truth.names)), _names(tuple(frame.name for frame in predictions.frames))
    else:
        expected, got = _span(truth.stamps_ns), _span(tuple(frame.stamp_ns for frame in predictions.frames))
    fix = "Score predictions with the recording they were made from, played without changing its stamps."
    return InputError(
        f"predictions {predictions.path}", expected=f"frames of {truth.path}, {expected}", got=got, fix=fix
    )


def _names(names: tuple[str, ...]) -> str:
    return f"{len(names)} named {', '.join(names[:2])}{' and so on' if len(names) > 2 else ''}"


def _apart(people: People, frame: int) -> People:
    """People under ids that no other frame has."""
    return tuple(replace(person, track_id=frame * _MOST_PEOPLE + at) for at, person in enumerate(people, 1))


def _span(stamps_ns: tuple[int, ...]) -> str:
    if not stamps_ns:
        return "none"
    return f"{len(stamps_ns)} stamped {min(stamps_ns)} to {max(stamps_ns)} ns"


def _stamps_by_name(names: Mapping[str, int]) -> dict[str, int]:
    """Stamps by name, and by the last part of the name where that belongs to one frame only."""
    short: dict[str, list[int]] = {}
    for name, stamp in names.items():
        short.setdefault(PurePath(name).name, []).append(stamp)
    return {**{name: stamps[0] for name, stamps in short.items() if len(stamps) == 1}, **names}


def _name_in(name: str, named: Mapping[str, int]) -> str | None:
    return next((key for key in (name, PurePath(name).name) if key in named), None)


def _joined(stamp_ns: int, found: PredictedFrame | None, truth: People | None, skeleton: Skeleton) -> SessionFrame:
    def converted(people: People | None) -> People | None:
        return None if people is None else tuple(person.converted(skeleton) for person in people)

    people = converted(truth) or ()
    if found is None:
        return SessionFrame(stamp_ns, people, None, None, is_annotated=truth is not None)
    raw, smoothed = converted(found.raw), converted(found.smoothed)
    times = found.received_ns, found.latency_ms
    return SessionFrame(stamp_ns, people, raw, smoothed, *times, is_annotated=truth is not None)


def _check_skeletons(frames: tuple[SessionFrame, ...], truth: Truth, predictions: Predictions) -> None:
    """Raise SkeletonError where people of the ground truth have none of the predictions' joints."""
    one = next((person for people in truth.people.values() for person in people), None)
    if one is None or not np.isfinite(one.pose.joints_cam_m).any():
        return  # no people, or boxes only
    source = one.pose.skeleton
    shared = np.isfinite(convert(np.zeros((len(source), 1)), source, predictions.skeleton)).any(axis=-1)
    if not shared.any():
        raise SkeletonError(
            f"predictions {predictions.path}",
            expected=f"joints of {source.name}, the skeleton of {truth.path}",
            got=f"none of them in {predictions.skeleton.name}",
            fix="Predict with --skeleton, one that has its joints.",
        )


def _remarks(frames: tuple[SessionFrame, ...], truth: Truth, found: Mapping[int, PredictedFrame]) -> list[str]:
    """What the user should know of how well both fit."""
    missing = sum(frame.raw is None for frame in frames)
    remarks = [f"{missing} of {len(frames)} frames have no prediction and count as without people"] if missing else []
    if not truth.people:
        return [*remarks, no_ground_truth(truth.path)]
    unknown = sum(not frame.is_annotated for frame in frames)
    remarks += [f"{unknown} of {len(frames)} frames have no ground truth and are not scored"] if unknown else []
    outside = len(set(found) - set(truth.stamps_ns)) if truth.is_of_images else 0
    if outside:
        remarks.append(f"{outside} of {len(found)} predictions are of no image of {truth.path} and do not count")
    return remarks
