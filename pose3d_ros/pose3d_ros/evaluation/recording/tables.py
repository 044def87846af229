"""A scored session as three tables of plain numbers: ground-truth people by frame, detected people, frames."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.recording.scoring import Pair, consecutive_runs
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.records import Person
from pose3d_ros.types import Array

NOBODY = -1
"""In place of an id: of a ground-truth person who was not found, and of a detection without a ground-truth person."""


@dataclass(frozen=True)
class PersonRow:
    """A ground-truth person in one frame, and what was found for it; NaN where there is nothing to measure.

    visible: share of the body that the image shows. track: the id it was matched with. switched: whether that is
    another one than the last time. joints: how many both have, over which the errors are means; so are those of
    the smoothed pose over joints_smoothed. root_error: signed, found minus ground truth, in camera space. The
    acceleration errors are of the frame in the middle of three.
    """

    stamp_ns: int
    person: int
    visible: float
    root_x_m: float
    root_y_m: float
    root_z_m: float
    track: int = NOBODY
    switched: bool = False
    joints: int = 0
    mpjpe_mm: float = math.nan
    n_mpjpe_mm: float = math.nan
    pa_mpjpe_mm: float = math.nan
    pck_150mm: float = math.nan
    auc: float = math.nan
    root_error_x_mm: float = math.nan
    root_error_y_mm: float = math.nan
    root_error_z_mm: float = math.nan
    acceleration_error_mm: float = math.nan
    joints_smoothed: int = 0
    mpjpe_smoothed_mm: float = math.nan
    n_mpjpe_smoothed_mm: float = math.nan
    pa_mpjpe_smoothed_mm: float = math.nan
    mrpe_smoothed_mm: float = math.nan
    acceleration_error_smoothed_mm: float = math.nan

    @property
    def found(self) -> bool:
        """Whether it was matched to a detected person."""
        return self.track != NOBODY

    @property
    def mrpe_mm(self) -> float:
        """Distance of the found root from the ground truth's."""
        return math.hypot(self.root_error_x_mm, self.root_error_y_mm, self.root_error_z_mm)

    @property
    def distance_m(self) -> float:
        """Of the ground truth's root from the camera."""
        return math.hypot(self.root_x_m, self.root_y_m, self.root_z_m)


@dataclass(frozen=True)
class DetectionRow:
    """A detected person in one frame. person: the ground-truth person it was matched with, -1 without.

    sigma_m: standard deviation that it states for its distance.
    """

    stamp_ns: int
    track: int
    score: float
    root_x_m: float
    root_y_m: float
    root_z_m: float
    sigma_m: float
    person: int = NOBODY

    @property
    def matched(self) -> bool:
        """Whether there is a ground-truth person for it."""
        return self.person != NOBODY


@dataclass(frozen=True)
class FrameRow:
    """An image of the recording: whether there were results for it, their latency, and how many people."""

    stamp_ns: int
    processed: bool
    latency_ms: float
    ground_truth: int
    detected: int
    matched: int


@dataclass(frozen=True)
class Tables:
    """The tables of one session, in time order."""

    people: tuple[PersonRow, ...]
    detections: tuple[DetectionRow, ...]
    frames: tuple[FrameRow, ...]


def tables_of(session: Session, pairs: Sequence[Pair]) -> Tables:
    """The tables of a session and its `match_session`."""
    return Tables(_people(session, pairs), _detections(session, pairs), _frames(session, pairs))


def _people(session: Session, pairs: Sequence[Pair]) -> tuple[PersonRow, ...]:
    found = _found(session, pairs)
    rows, last = [], dict[int, int]()
    for index, frame in enumerate(session.frames):
        for person in frame.ground_truth:
            values = found.get((index, person.track_id), {})
            track = int(values.get("track", NOBODY))
            switched = track != NOBODY and last.get(person.track_id, track) != track
            if track != NOBODY:
                last[person.track_id] = track
            x, y, z = (float(v) for v in person.pose.root_cam_m)
            row = PersonRow(frame.stamp_ns, person.track_id, person.score, x, y, z, track, switched)
            counts = {name: int(values.get(name, 0)) for name in ("joints", "joints_smoothed")}
            errors: dict[str, Any] = {k: v for k, v in values.items() if k != "track"} | counts
            rows.append(replace(row, **errors))
    return tuple(rows)


def _found(session: Session, pairs: Sequence[Pair]) -> Mapping[tuple[int, int], dict[str, float]]:
    """(frame, ground-truth id) → the fields of a PersonRow that a match gives."""
    found = {(p.frame, p.ground_truth.track_id): {"track": float(p.raw.track_id)} for p in pairs}
    smoothed = [(p.frame, p.smoothed, p.ground_truth) for p in pairs if p.smoothed is not None]
    for suffix, matched in (("", [(p.frame, p.raw, p.ground_truth) for p in pairs]), ("_smoothed", smoothed)):
        for (frame, _, ground_truth), values in zip(matched, _errors([m[1:] for m in matched]), strict=True):
            chosen = _of_raw(values) if not suffix else _of_smoothed(values)
            found[frame, ground_truth.track_id].update(chosen)
        for key, error_mm in _acceleration_errors_mm(session, matched).items():
            found[key][f"acceleration_error{suffix}_mm"] = error_mm
    return found


def _of_raw(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if name != "mrpe_mm"}


def _of_smoothed(values: Mapping[str, float]) -> dict[str, float]:
    smoothed = {f"{name}_smoothed_mm": values[f"{name}_mm"] for name in ("mpjpe", "n_mpjpe", "pa_mpjpe", "mrpe")}
    return {**smoothed, "joints_smoothed": values["joints"]}


def _errors(pairs: Sequence[tuple[Person, Person]]) -> list[dict[str, float]]:
    """The errors of each pair (found, ground truth), under the names of a PersonRow."""
    if not pairs:
        return []
    found, truth = (np.array([pair[side].pose.joints_cam_m for pair in pairs]) for side in (0, 1))
    found_root, root = (np.array([pair[side].pose.root_cam_m for pair in pairs]) for side in (0, 1))
    relative = found - found_root[:, None], truth - root[:, None]
    errors_mm = metrics.joint_errors_mm(*relative)
    scaled, aligned = metrics.scaled_errors_mm(*relative), metrics.aligned_errors_mm(found, truth)
    away_mm = (found_root - root) * metrics.MM_PER_M
    below = [_share_below(errors_mm, threshold) for threshold in metrics.AUC_THRESHOLDS_MM]
    auc = np.mean(below, axis=0)
    return [
        {
            "joints": float(np.isfinite(errors_mm[i]).sum()),
            "mpjpe_mm": metrics.mean(errors_mm[i]),
            "n_mpjpe_mm": metrics.mean(scaled[i]),
            "pa_mpjpe_mm": metrics.mean(aligned[i]),
            "pck_150mm": float(_share_below(errors_mm[i : i + 1], metrics.PCK_THRESHOLD_MM)[0]),
            "auc": float(auc[i]),
            "root_error_x_mm": float(away_mm[i, 0]),
            "root_error_y_mm": float(away_mm[i, 1]),
            "root_error_z_mm": float(away_mm[i, 2]),
            "mrpe_mm": float(np.linalg.norm(away_mm[i])),
        }
        for i in range(len(pairs))
    ]


def _share_below(errors_mm: Array, threshold_mm: float) -> Array:
    """Share (N,) of the joints (N, J) of each pose that are nearer; NaN for one without joints."""
    count = np.isfinite(errors_mm).sum(axis=-1)
    near = (errors_mm < threshold_mm).sum(axis=-1)
    share: Array = np.divide(near, count, out=np.full(len(errors_mm), np.nan), where=count > 0)
    return share


def _acceleration_errors_mm(
    session: Session, matched: Sequence[tuple[int, Person, Person]]
) -> dict[tuple[int, int], float]:
    """(frame, ground-truth id) → mean acceleration error of the joints, over the runs that `motion_errors` takes."""
    index_of = {frame.stamp_ns: i for i, frame in enumerate(session.frames)}
    frames: list[dict[tuple[int, int], Array]] = [{} for _ in session.frames]
    for index, found, truth in matched:
        relative = [p.pose.joints_cam_m - p.pose.root_cam_m for p in (found, truth)]
        frames[index][truth.track_id, found.track_id] = np.stack(relative)
    errors_mm = {}
    for (person, _), stamps_ns, run in consecutive_runs(session, frames):
        for stamp_ns, joints in zip(stamps_ns[1:-1], metrics.motion_errors_mm(run[:, 0], run[:, 1], 2), strict=False):
            errors_mm[index_of[int(stamp_ns)], person] = metrics.mean(joints)
    return errors_mm


def _detections(session: Session, pairs: Sequence[Pair]) -> tuple[DetectionRow, ...]:
    person_of = {(p.frame, p.raw.track_id): p.ground_truth.track_id for p in pairs}
    return tuple(
        DetectionRow(
            frame.stamp_ns,
            person.track_id,
            person.score,
            float(person.pose.root_cam_m[0]),
            float(person.pose.root_cam_m[1]),
            float(person.pose.root_cam_m[2]),
            person.pose.root_sigma_m,
            person_of.get((index, person.track_id), NOBODY),
        )
        for index, frame in enumerate(session.frames)
        for person in detected(frame.raw or ())
    )


def _frames(session: Session, pairs: Sequence[Pair]) -> tuple[FrameRow, ...]:
    matched = np.bincount([p.frame for p in pairs], minlength=len(session.frames))
    return tuple(
        FrameRow(
            frame.stamp_ns,
            frame.raw is not None,
            math.nan if frame.latency_ms is None else frame.latency_ms,
            len(frame.ground_truth),
            len(detected(frame.raw or ())),
            int(matched[index]),
        )
        for index, frame in enumerate(session.frames)
    )
