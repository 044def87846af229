"""The metrics of a session's ground-truth people by distance, visibility, truncation and posture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import errors_of, recall
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.records import Person

GroupsOf = Callable[[int, Person], Mapping[str, str]]
"""Index of the frame, ground-truth person → kind of group → the person's group."""


@dataclass(frozen=True)
class GroupMetrics:
    """The metrics of the ground-truth people of one group. See the summary's definitions."""

    people: int
    recall: float
    joint_coverage: float
    mpjpe_mm: float
    pa_mpjpe_mm: float
    pa_mpjpe_rigid_mm: float
    mpjpe_abs_mm: float
    mrpe_mm: float
    pck_150mm: float
    pck_abs_150mm: float


def group_metrics(session: Session, pairs: Sequence[Pair], groups_of: GroupsOf) -> dict[str, dict[str, GroupMetrics]]:
    """Kind of group → its groups, in order of their names, → their metrics."""
    found = {(pair.frame, pair.ground_truth.track_id): pair for pair in pairs}
    members: dict[str, dict[str, list[Pair | None]]] = defaultdict(lambda: defaultdict(list))
    for index, frame in enumerate(session.frames):
        for person in frame.ground_truth:
            for kind, name in groups_of(index, person).items():
                members[kind][name].append(found.get((index, person.track_id)))
    return {
        kind: {name: _metrics(named[name]) for name in sorted(named, key=_order)} for kind, named in members.items()
    }


def _metrics(members: Sequence[Pair | None]) -> GroupMetrics:
    errors = errors_of([(pair.raw, pair.ground_truth) for pair in members if pair is not None])
    return GroupMetrics(
        people=len(members),
        recall=recall([pair is not None for pair in members]),
        joint_coverage=errors.coverage,
        mpjpe_mm=errors.mpjpe_mm,
        pa_mpjpe_mm=errors.pa_mpjpe_mm,
        pa_mpjpe_rigid_mm=errors.pa_mpjpe_rigid_mm,
        mpjpe_abs_mm=metrics.mean(errors.absolute_mm),
        mrpe_mm=errors.root.mean_mm,
        pck_150mm=metrics.pck3d(errors.relative_mm),
        pck_abs_150mm=metrics.pck3d(errors.absolute_mm),
    )


def _order(name: str) -> tuple[int, str]:
    """2–3 m before 10–20 m, below 30% before 30–50% before 90% or more."""
    digits = name.partition("–")[0].partition(" ")[0].removesuffix("%")
    return (int(digits), name) if digits.isdecimal() else (-1, name)
