"""Predictions on a dataset, joined frame by frame and matched: what the figures of a protocol are computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import CameraError, InputError
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, GroundTruthSequence
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.metrics.splits import groups_of
from pose3d_ros.evaluation.protocols.person_matching import Matching
from pose3d_ros.evaluation.recording.groups import GroupsOf
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import People, Session, SessionFrame
from pose3d_ros.evaluation.recording.summary import Summary, summarize
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton

_MOST_IDS = 1_000_000
"""Of a sequence: ids of people of different sequences must differ."""


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """What was found in a dataset's frames. people: by stamp of the frame; None for one that was not processed.

    camera: of the predictions, for datasets without one. how, model, problems: see `Session`.
    """

    people: Mapping[int, People | None]
    model: str = ""
    how: str = "predicted frame by frame"
    camera: Camera | None = None
    smoothed: Mapping[int, People | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Scored:
    """A dataset's frames with what was found, all in one skeleton. sequence_of: index of each frame's sequence."""

    session: Session
    pairs: tuple[Pair, ...]
    summary: Summary
    sequences: tuple[GroundTruthSequence, ...]
    sequence_of: tuple[int, ...]

    def by_sequence(self) -> list[list[tuple[Person | None, Person]]]:
        """(found or None, ground truth) of the people of each sequence."""
        found = {(pair.frame, pair.ground_truth.track_id): pair.raw for pair in self.pairs}
        rows: list[list[tuple[Person | None, Person]]] = [[] for _ in self.sequences]
        for index, frame in enumerate(self.session.frames):
            for person in frame.ground_truth:
                rows[self.sequence_of[index]].append((found.get((index, person.track_id)), person))
        return rows


def score(
    found: FoundPeople, dataset: Dataset, skeleton: Skeleton, joints: Sequence[str], matching: Matching
) -> Scored:
    """Join, match and summarize. joints: those of the skeleton that count.

    Raises InputError when nothing was found for any frame, CameraError when no camera is known.
    """
    session, sequence_of = _session(found, dataset, skeleton, frozenset(joints))
    pairs: list[Pair] = []
    for index, frame in enumerate(session.frames):
        predicted, smoothed = detected(frame.raw or ()), {p.track_id: p for p in frame.smoothed or ()}
        camera = dataset.sequences[sequence_of[index]].camera or session.camera
        for i, j in matching(predicted, frame.ground_truth, camera.width_px):
            person = predicted[i]
            pairs.append(Pair(index, frame.ground_truth[j], person, smoothed.get(person.track_id)))
    summary = summarize(session, pairs, _groups(dataset.sequences, sequence_of))
    return Scored(session, tuple(pairs), summary, dataset.sequences, sequence_of)


def _session(
    found: FoundPeople, dataset: Dataset, skeleton: Skeleton, joints: frozenset[str]
) -> tuple[Session, tuple[int, ...]]:
    frames, sequence_of = [], []
    counted = np.array([name in joints for name in skeleton.joints])
    for number, sequence in enumerate(dataset.sequences):
        for frame in sequence.frames:
            people = tuple(_ground_truth(person, skeleton, counted, number) for person in frame.people)
            raw, smoothed = (_converted(one.get(frame.stamp_ns), skeleton) for one in (found.people, found.smoothed))
            frames.append(SessionFrame(frame.stamp_ns, people, raw, smoothed))
            sequence_of.append(number)
    if all(frame.raw is None for frame in frames):
        raise InputError(
            f"predictions on {dataset.path}",
            expected=f"people of its {len(frames)} frames, by name or stamp",
            got="none of any of them",
            fix=f"Predict its images: `pose3d predict {dataset.path} --output people.jsonl`.",
        )
    camera = next((one.camera for one in dataset.sequences if one.camera is not None), found.camera)
    if camera is None:
        fix = "Predict with --camera or --hfov."
        raise CameraError(f"camera of {dataset.path}", expected="a calibration", got="none", fix=fix)
    session = Session(camera, skeleton, tuple(frames), found.model, how=found.how, problems=found.problems)
    return session, tuple(sequence_of)


def _ground_truth(person: Person, skeleton: Skeleton, counted: npt.NDArray[np.bool_], number: int) -> Person:
    """The person in the protocol's skeleton, joints that don't count lost, under an id that no other sequence has."""
    pose = person.converted(skeleton).pose
    joints = np.where(counted[:, None], pose.joints_cam_m, np.nan)
    return replace(person, track_id=number * _MOST_IDS + person.track_id, pose=replace(pose, joints_cam_m=joints))


def _converted(people: People | None, skeleton: Skeleton) -> People | None:
    return None if people is None else tuple(person.converted(skeleton) for person in people)


def _groups(sequences: Sequence[GroundTruthSequence], sequence_of: Sequence[int]) -> GroupsOf:
    """By distance and so on, and by what the dataset groups its sequences by, where there are several such groups."""
    named = len({sequence.group for sequence in sequences}) > 1

    def group(frame: int, person: Person) -> dict[str, str]:
        sequence = sequences[sequence_of[frame]]
        own = {"sequence": sequence.group} if named else {}
        return {**groups_of(person, sequence.camera, sequence.ground), **own}

    return group
