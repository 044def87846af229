"""A session's matched people, and how people move over time."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.identity import IdentityFrame, IdentityScores, has_trackeval, score_identities
from pose3d_ros.evaluation.metrics.matching import MAX_IMAGE_COST, image_cost, match_people
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array

# A pause longer than this many usual intervals ends a run of consecutive frames.
_RUN_GAP = 1.5
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, eq=False)
class Pair:
    """A ground-truth person and who was found for it. smoothed: the same id in people_smoothed, if there."""

    frame: int
    ground_truth: Person
    raw: Person
    smoothed: Person | None


def match_session(session: Session) -> tuple[Pair, ...]:
    """All matched people of a session, in time order; only detected people take part."""
    pairs: list[Pair] = []
    last_id: dict[int, int] = {}
    for index, frame in enumerate(session.frames):
        found = frame.scored
        smoothed = {person.track_id: person for person in frame.smoothed or ()}
        kept = [
            (i, j)
            for i, p in enumerate(found)
            for j, t in enumerate(frame.ground_truth)
            if last_id.get(t.track_id) == p.track_id
        ]
        for i, j in match_people([p.pose for p in found], [p.pose for p in frame.ground_truth], kept):
            person, ground_truth = found[i], frame.ground_truth[j]
            last_id[ground_truth.track_id] = person.track_id
            pairs.append(Pair(index, ground_truth, person, smoothed.get(person.track_id)))
    return tuple(pairs)


def identities_of(session: Session, pairs: Sequence[Pair]) -> IdentityScores | None:
    """How well identities last, of a session and its matched people; None without ground truth or TrackEval.

    The similarity of a pair is 1 for poses that lie on each other in the image and 0.5 at the limit of matching.
    """
    if not has_trackeval() or not any(frame.ground_truth for frame in session.frames):
        return None
    shape = [(len(frame.ground_truth), len(frame.scored)) for frame in session.frames]
    ids = [
        (tuple(p.track_id for p in frame.ground_truth), tuple(p.track_id for p in frame.scored))
        for frame in session.frames
    ]
    similarity = [np.zeros(size) for size in shape]
    for pair in pairs:
        gt_ids, predicted_ids = ids[pair.frame]
        at = gt_ids.index(pair.ground_truth.track_id), predicted_ids.index(pair.raw.track_id)
        share = image_cost(pair.raw.pose, pair.ground_truth.pose) / MAX_IMAGE_COST
        similarity[pair.frame][at] = max(0.0, 1.0 - 0.5 * share)
    return score_identities(IdentityFrame(*one, matrix) for one, matrix in zip(ids, similarity, strict=True))


def motion_errors(session: Session, pairs: Sequence[tuple[int, Person, Person]]) -> tuple[float, float]:
    """MPJVE, mm/frame, and acceleration error, mm/frame², of pairs (frame, found, ground truth).

    Over the runs of consecutive frames in which one person keeps one id, each pose relative to its own root.
    """
    frames: list[dict[tuple[int, int], Array]] = [{} for _ in session.frames]
    for index, found, ground_truth in pairs:
        relative = [p.pose.joints_cam_m - p.pose.root_cam_m for p in (found, ground_truth)]
        frames[index][ground_truth.track_id, found.track_id] = np.stack(relative)
    runs = [poses for _, _, poses in consecutive_runs(session, frames)]
    mpjve, acceleration = (
        metrics.mean(_joined(metrics.motion_errors_mm(run[:, 0], run[:, 1], order) for run in runs)) for order in (1, 2)
    )
    return mpjve, acceleration


def jitter_of(session: Session, people: Sequence[People | None]) -> float:
    """Mean third derivative, m/s³, of the camera-space joints over runs of frames in which a person is TRACKED.

    people: one entry for each frame of the session, None where there is no result.
    """
    frames = [
        {p.track_id: p.pose.joints_cam_m for p in present or () if p.state == TrackState.TRACKED} for present in people
    ]
    runs = consecutive_runs(session, frames)
    return metrics.mean(_joined(metrics.third_derivatives_mps3(joints, stamps) for _, stamps, joints in runs))


def consecutive_runs(
    session: Session, frames: Sequence[Mapping[Key, Array]]
) -> Iterator[tuple[Key, npt.NDArray[np.int64], Array]]:
    """The key, stamps (T,) and values (T, …) of each key's runs; frames: key → value (…) for each frame of the session.

    A run ends where the key is missing, at a pause of more than 1.5 usual intervals, and where the clock goes back.
    """
    stamps_ns = [frame.stamp_ns for frame in session.frames]
    longest_ns = _RUN_GAP * float(np.median(np.diff(stamps_ns))) if len(stamps_ns) > 1 else 0.0
    running: dict[Key, list[int]] = {}
    ended: list[tuple[Key, list[int]]] = []
    for i, present in enumerate(frames):
        pause = i > 0 and not 0 < stamps_ns[i] - stamps_ns[i - 1] <= longest_ns  # or a clock that was set back
        ended += [(key, running.pop(key)) for key in list(running) if pause or key not in present]
        for key in present:
            running.setdefault(key, []).append(i)
    for key, indices in (*ended, *running.items()):
        yield key, np.array([stamps_ns[i] for i in indices]), np.array([frames[i][key] for i in indices])


def _joined(arrays: Iterator[Array]) -> Array:
    return np.concatenate([np.empty(0), *(array.ravel() for array in arrays)])
