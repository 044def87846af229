"""People of your own recordings as samples for lifters: 2D joints as a chain sees them, 3D labels where there are some.

A recording is a bag with images, camera_info and, for labels, ground truth, which may be triangulated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch.utils.data import IterableDataset

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.recording.bag_recording import ground_truth_of
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import Frame, Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.lift.lift_features import PersonView, person_view
from pose3d_ros.types import Array
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.learning.weak_samples import WeakLiftSample
from pose3d_training.tasks.datasets import worker_rng
from pose3d_training.tasks.lifting_samples import LiftSample

_MIX_SEED, _HIDDEN_SEED = 6151, 3079
_HIDDEN_COPIES = 3
"""Of all frames, each with other joints hidden: making views of people anew for each sample would take longer."""
_GAP_NS = 300_000_000
"""A longer gap ends a track: windows have a steady rate."""
_MATCHED = 0.15
"""Mean distance in the image, as a share of the person's height, within which a person seen is a labeled one."""
_LEAST_HEIGHT_PX = 40.0
_LEAST_JOINTS = 6
_SEEN = (TrackState.NEW, TrackState.TRACKED)
_MIRROR = np.array([-1.0, 1.0, 1.0])
_VIEWS = (-1.0, -0.5, 0.5, 1.0)
"""Where second views are, as shares of `second_view_deg`."""

Sample = TypeVar("Sample", bound=LiftSample)


class RecordedSamples(ABC):
    """People of recordings, drawn one at a time."""

    @abstractmethod
    def drawn(self, rng: np.random.Generator, like: LiftSample | None) -> LiftSample:
        """A sample of the kind of `like`, whose fields it keeps where a recording says nothing."""


class MixedSamples(IterableDataset[LiftSample]):
    """Samples of which a share is of recordings. made: None for recordings alone."""

    def __init__(
        self, made: IterableDataset[Sample] | None, recorded: RecordedSamples, share: float, seed: int
    ) -> None:
        self.made, self.recorded, self.share, self.seed = made, recorded, share, seed

    def __iter__(self) -> Iterator[LiftSample]:
        rng = worker_rng(self.seed + _MIX_SEED)
        while self.made is None:
            yield self.recorded.drawn(rng, None)
        for sample in self.made:
            yield self.recorded.drawn(rng, sample) if rng.random() < self.share else sample


class RecordedPeople(RecordedSamples):
    """Windows of tracks, half of them mirrored, for lifters of persons.

    frames: of a window; shorter tracks are played to and fro. labeled: only windows with a label, for samples that
    cannot be without. second_view_deg: if above 0, labeled windows are also drawn as cameras see them that are moved
    around the person by so much, or by half of it, to either side (`RecordedTrack.from_beside`). hidden_share: of the
    samples, with joints hidden as image nets lose them, since labels of several views are of joints that were seen, and
    a net has to know of others, too. Raises InputError where the recordings have no such window.
    """

    def __init__(
        self,
        tracks: Sequence[RecordedTrack],
        input_skeleton: Skeleton,
        skeleton: Skeleton,
        frames: int,
        *,
        labeled: bool,
        second_view_deg: float = 0.0,
        hidden_share: float = 0.0,
    ) -> None:
        self.tracks, self.frames, self.root, self.hidden_share = tracks, frames, skeleton.root, hidden_share
        self.starts = [(t, first) for t, track in enumerate(tracks) for first in self._firsts(track, labeled)]
        if not self.starts:
            raise InputError(
                "recordings",
                expected="people with 3D labels on /ground_truth/people" if labeled else "people whom the chain sees",
                got=f"none in {len(tracks)} tracks",
                fix="Label the recordings first (docs/improve.md), or give the recipe `losses`.",
            )
        self.offsets = np.cumsum([0, *(len(track.scores) for track in tracks)])
        skeletons = input_skeleton, skeleton
        self.sides = [*self._sides(tracks, *skeletons)]
        for angle_deg in (part * second_view_deg for part in _VIEWS if second_view_deg > 0):
            self.sides += self._sides([track.from_beside(angle_deg, *skeletons) for track in tracks], *skeletons)
        self.hidden: list[_Frames] = []
        rng = np.random.default_rng(_HIDDEN_SEED)
        for _ in range(_HIDDEN_COPIES if hidden_share > 0 else 0):
            self.hidden += self._sides([track.hidden(frames, input_skeleton, rng) for track in tracks], *skeletons)

    def _sides(
        self, tracks: Sequence[RecordedTrack], input_skeleton: Skeleton, skeleton: Skeleton
    ) -> tuple[_Frames, _Frames]:
        """All frames as they are, and mirrored."""
        keypoints, scores, joints = (
            np.concatenate([getattr(track, name) for track in tracks])
            for name in ("keypoints", "scores", "joints_cam_m")
        )
        seen, flipped = list(input_skeleton.flip_order), list(skeleton.flip_order)
        mirrored = (keypoints * _MIRROR[:2])[:, seen], scores[:, seen], (joints * _MIRROR)[:, flipped]
        return _Frames.of(keypoints, scores, joints, self.root), _Frames.of(*mirrored, self.root)

    def _rows(self, track: RecordedTrack, first: int) -> npt.NDArray[np.intp]:
        last = len(track.scores) - 1
        played = first + np.arange(self.frames)
        rows: npt.NDArray[np.intp] = last - np.abs(played % max(2 * last, 1) - last)
        return rows

    def _firsts(self, track: RecordedTrack, labeled: bool) -> Iterable[int]:
        firsts = range(max(1, len(track.scores) - self.frames + 1))
        return (i for i in firsts if not labeled or self._has_root(track.joints_cam_m[self._rows(track, i)]))

    def _has_root(self, joints: Array) -> bool:
        return bool(np.isfinite(joints[:, self.root]).all())

    def drawn(self, rng: np.random.Generator, like: LiftSample | None) -> LiftSample:
        """See `RecordedSamples`."""
        number, first = self.starts[int(rng.integers(len(self.starts)))]
        rows = self.offsets[number] + self._rows(self.tracks[number], first)
        labeled = bool(np.isfinite(self.sides[0].root_m[rows]).all())
        among = self.sides if labeled else self.sides[:2]
        if self.hidden and rng.random() < self.hidden_share:
            among = self.hidden
        frames = among[int(rng.integers(len(among)))]
        features, target = frames.view.features[rows], frames.target_m[rows]
        if not isinstance(like, WeakLiftSample):
            return LiftSample(features, target)
        fields = frames.root_m, frames.view.center, frames.view.spread, frames.view.cam_from_person
        root_m, center, spread, cam_from_person = (value[rows].astype(np.float32) for value in fields)
        return replace(
            like, features=features, target_m=target, labeled=np.array(np.isfinite(root_m).all(), np.float32),
            root_m=np.nan_to_num(root_m), center=center, spread=spread, cam_from_person=cam_from_person,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Frames:
    """All frames of all tracks. target_m (N, J, 3): from the root; root_m (N, 3); both in the person's frame."""

    view: PersonView
    target_m: npt.NDArray[np.float32]
    root_m: Array

    @classmethod
    def of(cls, keypoints: Array, scores: Array, joints_cam_m: Array, root: int) -> _Frames:
        view = person_view(keypoints, scores)
        turned = joints_cam_m @ view.cam_from_person
        return cls(view, (turned - turned[:, [root]]).astype(np.float32), turned[:, root])


def recorded_tracks(
    bags: Sequence[Path], engines: str, input_skeleton: Skeleton, skeleton: Skeleton
) -> list[RecordedTrack]:
    """Run a chain on recordings. engines: as `open_pipeline` takes it. Raises our errors for what can't be read."""
    config = PipelineConfig(skeleton=input_skeleton.name)
    found: list[RecordedTrack] = []
    with open_pipeline(engines, config=config, smooth=False) as pipeline:
        for bag in bags:
            found += _tracks_of(bag, pipeline, skeleton)
            pipeline.reset()
    return found


def _tracks_of(bag: Path, pipeline: Pipeline, skeleton: Skeleton) -> list[RecordedTrack]:
    labels = ground_truth_of(bag)
    rows: dict[int, list[tuple[int, Array, Array, Array]]] = {}
    for frame in RecordedFrames(bag):
        if isinstance(frame, Frame):
            known = labels.get(frame.stamp_ns)
            people = () if known is None else tuple(person.converted(skeleton) for person in known.people)
            for seen in (person for person in pipeline(frame).people if person.state in _SEEN):
                rays = frame.camera.rays(seen.pose.joints_img_px)[..., :2]
                label = label_of(seen, people, frame.camera)
                joints = np.full((len(skeleton), 3), np.nan) if label is None else label.pose.joints_cam_m
                rows.setdefault(seen.track_id, []).append((frame.stamp_ns, rays, seen.pose.scores, joints))
    return [track for of_one in rows.values() for track in _without_gaps(of_one)]


def _without_gaps(rows: list[tuple[int, Array, Array, Array]]) -> Iterator[RecordedTrack]:
    cuts = [i for i, (before, after) in enumerate(pairwise(rows), 1) if after[0] - before[0] > _GAP_NS]
    for first, end in pairwise([0, *cuts, len(rows)]):
        _, keypoints, scores, joints = zip(*rows[first:end], strict=True)
        yield RecordedTrack(np.array(keypoints), np.array(scores), np.array(joints))


def label_of(seen: Person, people: Sequence[Person], camera: Camera) -> Person | None:
    """Which of the labeled people a person who was seen is, by where their joints are in the image."""
    apart = []
    for person in people:
        own, names = person.pose.skeleton, seen.pose.skeleton.index_of
        common = [(names[name], j) for j, name in enumerate(own.joints) if name in names]
        first, second = (list(column) for column in zip(*common, strict=True))
        pixels = camera.project(person.pose.joints_cam_m)
        away = np.linalg.norm(seen.pose.joints_img_px[first] - pixels[second], axis=1)
        away = away[np.isfinite(away)]
        if len(away) >= _LEAST_JOINTS:
            height_px = max(float(np.nanmax(pixels[:, 1]) - np.nanmin(pixels[:, 1])), _LEAST_HEIGHT_PX)
            apart.append((float(away.mean()) / height_px, person.track_id, person))
    nearest = min(apart, key=lambda one: one[:2], default=None)
    return nearest[2] if nearest is not None and nearest[0] < _MATCHED else None
