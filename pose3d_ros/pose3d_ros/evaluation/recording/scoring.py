"""Who was found, how far off they are and how they move: the parts that the summary and the report are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import match_people
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array

# A pause longer than this many usual intervals ends a run of consecutive frames.
_RUN_GAP = 1.5
_MIN_RUN = 4
_DETECTED = (TrackState.NEW, TrackState.TRACKED)


@dataclass(frozen=True, eq=False)
class Pair:
    """A ground-truth person and who was found for it. smoothed: the same id in people_smoothed, if there."""

    frame: int
    truth: Person
    raw: Person
    smoothed: Person | None


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors over N pairs. relative_mm, aligned_mm: (N, J) joint distances, relative to each pose's own root and
    after similarity Procrustes. coverage: share of the truth's joints that have coordinates.
    """

    relative_mm: Array
    aligned_mm: Array
    root: metrics.RootError
    coverage: float

    @property
    def mpjpe_mm(self) -> float:
        """Mean over the joints of all poses."""
        return metrics.mean(self.relative_mm)

    @property
    def pa_mpjpe_mm(self) -> float:
        """The same after Procrustes."""
        return metrics.mean(self.aligned_mm)


@dataclass(frozen=True, eq=False)
class TrackedRun:
    """Consecutive frames of one TRACKED person: stamps_ns (T,), joints_cam_m (T, J, 3), T ≥ 4."""

    track_id: int
    stamps_ns: npt.NDArray[np.int64]
    joints_cam_m: Array


def detected(people: People) -> People:
    """Those seen in the frame itself: NEW or TRACKED. PREDICTED people are no detections."""
    return tuple(p for p in people if p.state in _DETECTED)


def match_session(session: Session) -> tuple[Pair, ...]:
    """All matched people of a session, in time order; only detected people take part."""
    pairs: list[Pair] = []
    last_id: dict[int, int] = {}
    for index, frame in enumerate(session.frames):
        found = detected(frame.raw or ())
        smoothed = {person.track_id: person for person in frame.smoothed or ()}
        kept = [
            (i, j)
            for i, p in enumerate(found)
            for j, t in enumerate(frame.truth)
            if last_id.get(t.track_id) == p.track_id
        ]
        for match in match_people([p.pose for p in found], [p.pose for p in frame.truth], kept):
            person = found[match.predicted]
            last_id[frame.truth[match.truth].track_id] = person.track_id
            pairs.append(Pair(index, frame.truth[match.truth], person, smoothed.get(person.track_id)))
    return tuple(pairs)


def errors_of(pairs: Sequence[tuple[Person, Person]]) -> Errors:
    """The errors of pairs (found, truth), all in one skeleton."""
    if not pairs:
        nothing = np.empty((0, 0))
        return Errors(nothing, nothing, metrics.RootError(*[math.nan] * 4), math.nan)
    found, truth = (np.array([pair[side].pose.joints_cam_m for pair in pairs]) for side in (0, 1))
    found_root, truth_root = (np.array([pair[side].pose.root_cam_m for pair in pairs]) for side in (0, 1))
    relative = metrics.joint_errors_mm(found - found_root[:, None], truth - truth_root[:, None])
    aligned = metrics.aligned_errors_mm(found, truth)
    return Errors(relative, aligned, metrics.mrpe(found_root, truth_root), metrics.joint_coverage(found, truth))


def jitter_of(session: Session, people: Sequence[People | None]) -> float:
    """Mean third derivative, m/s³, of the camera-space joints over all `tracked_runs`."""
    runs = tracked_runs(session, people)
    values = [metrics.third_derivatives_mps3(run.joints_cam_m, run.stamps_ns).ravel() for run in runs]
    return metrics.mean(np.concatenate(values)) if values else math.nan


def tracked_runs(session: Session, people: Sequence[People | None]) -> Iterator[TrackedRun]:
    """The runs of people (one entry a frame of the session, None where there is no result).

    A run ends where the person is not TRACKED, where a result is missing, and at a pause of more than 1.5 usual
    intervals.
    """
    stamps = [frame.stamp_ns for frame in session.frames]
    longest_ns = _RUN_GAP * float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
    going: dict[int, list[tuple[int, Array]]] = {}
    for stamp, present in zip(stamps, people, strict=True):
        tracked = {p.track_id: p.pose.joints_cam_m for p in present or () if p.state == TrackState.TRACKED}
        for track_id in list(going):
            if track_id not in tracked or stamp - going[track_id][-1][0] > longest_ns:
                yield from _long_enough(track_id, going.pop(track_id))
        for track_id, joints in tracked.items():
            going.setdefault(track_id, []).append((stamp, joints))
    for track_id, samples in going.items():
        yield from _long_enough(track_id, samples)


def _long_enough(track_id: int, samples: list[tuple[int, Array]]) -> Iterator[TrackedRun]:
    if len(samples) >= _MIN_RUN:
        stamps = np.array([stamp for stamp, _ in samples], dtype=np.int64)
        yield TrackedRun(track_id, stamps, np.array([joints for _, joints in samples]))
