"""People of several calibrated cameras as one set of people in a common frame, with identities that last.

Who is one person is decided anew for each set of views, from the evidence of the last second (`pair_evidence.py`),
one-to-one for each camera, with an advantage for those who were one before; the fused track goes with its members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.records import LATE_NS, Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.association import assign
from pose3d_ros.stages.multiview.body_fusion import FusedBody, fuse_body
from pose3d_ros.stages.multiview.camera_view import BodyRays, CameraView, bodies_of
from pose3d_ros.stages.multiview.extrinsics_check import Disagreement, ExtrinsicsCheck
from pose3d_ros.stages.multiview.fused_track import FusedTrack, RangeErrors
from pose3d_ros.stages.multiview.pair_evidence import Key, PairEvidence
from pose3d_ros.types import Array

GATE = 45.0
"""Mean cost from which on two people are not one."""
_STAYS_ONE = 15.0
"""By how much those who were one before are preferred."""
_HANDOVER_GATE = 16.0
"""Squared Mahalanobis distance (3 degrees of freedom: 99.9%) at which someone new may be a person out of sight."""
_VOTE = 1e6

Cluster = list[BodyRays]


@dataclass(frozen=True)
class FusionTimes:
    """predicted_s: how long someone whom no camera sees is extrapolated. max_age_s: and how long known again."""

    predicted_s: float = 1.0
    max_age_s: float = 3.5


@dataclass(frozen=True, eq=False)
class FusedPeople:
    """The people at a time.

    Attributes
    ----------
    time_ns : int
        That time.
    people : tuple of Person
        In the common frame, by track id; they are in no image, so they have neither pixels nor box.
    shared : int
        How many of them several cameras see.
    """

    time_ns: int
    people: tuple[Person, ...]
    shared: int


class CameraFusion:
    """Fuses views of several cameras; give them in the order of time."""

    def __init__(self, times: FusionTimes | None = None) -> None:
        self.times = times or FusionTimes()
        self._next = 1
        self.reset()

    def reset(self) -> None:
        """Forget all; numbers go on."""
        self._tracks: dict[int, FusedTrack] = {}
        self._owners: dict[Key, int] = {}
        self._evidence, self._errors = PairEvidence(), RangeErrors()
        self._check = ExtrinsicsCheck()
        self._last_ns: int | None = None

    def update(self, views: Sequence[CameraView], time_ns: int, skeleton: Skeleton) -> FusedPeople:
        """The people at a time, from each camera's latest view of about that time, which is moved to it.

        skeleton: in which they come out. A time more than a second before the last one starts afresh.
        """
        if self._last_ns is not None and time_ns < self._last_ns - LATE_NS:
            self.reset()
        self._last_ns = time_ns = max(time_ns, self._last_ns or time_ns)
        bodies = [
            body.moved((time_ns - view.stamp_ns) * 1e-9, self._velocity_of(body))
            for view in views
            for body in bodies_of(view, skeleton)
        ]
        seen = [body for body in bodies if body.is_seen]
        self._evidence.update(seen, time_ns)
        clusters = self._clusters(seen)
        for track in self._tracks.values():
            track.predict(time_ns, is_seen=track.seen_ns == track.at_ns)
        corrected = [[self._errors.corrected(one[0])] if len(one) == 1 else one for one in clusters]
        fused = [fuse_body(cluster) for cluster in corrected]
        owners = self._tracks_of(clusters, fused)
        seen_now = [
            self._take(clusters[at], body, owners.get(at), time_ns, skeleton).number for at, body in enumerate(fused)
        ]
        people = [self._tracks[number].person for number in seen_now]
        people += self._unseen(bodies, seen_now, time_ns, skeleton)
        self._check.note(clusters, views, time_ns)
        shared = sum(len(cluster) > 1 for cluster in clusters)
        return FusedPeople(time_ns, tuple(sorted(people, key=lambda person: person.track_id)), shared)

    def disagreements(self) -> tuple[Disagreement, ...]:
        """Cameras whose poses in the common frame seem wrong."""
        return self._check.disagreements()

    def _velocity_of(self, body: BodyRays) -> Array:
        track = self._tracks.get(self._owners.get(body.key, 0))
        return body.velocity_mps if track is None or track.views < 2 else track.mean[3:]

    def _clusters(self, seen: Sequence[BodyRays]) -> list[Cluster]:
        """Who is one person, camera by camera."""
        clusters: list[Cluster] = []
        for name in sorted({body.key[0] for body in seen}):
            new = [body for body in seen if body.key[0] == name]
            cost = np.array([[self._cluster_cost(cluster, body) for body in new] for cluster in clusters])
            pairs = assign(cost.reshape(len(clusters), len(new)), GATE)
            for at, column in pairs:
                clusters[at].append(new[column])
            taken = {column for _, column in pairs}
            clusters += [[body] for column, body in enumerate(new) if column not in taken]
        return clusters

    def _cluster_cost(self, cluster: Cluster, body: BodyRays) -> float:
        owner = self._owners.get(body.key)
        costs = [
            self._evidence.cost(member.key, body.key)
            - (_STAYS_ONE if owner is not None and self._owners.get(member.key) == owner else 0.0)
            for member in cluster
        ]
        return sum(costs) / len(costs)

    def _tracks_of(self, clusters: Sequence[Cluster], fused: Sequence[FusedBody]) -> dict[int, FusedTrack]:
        """The track of each cluster by its place: that of its members, the older first; else one out of sight."""
        votes = [Counter(self._owners.get(body.key) for body in cluster) for cluster in clusters]
        owners: dict[int, FusedTrack] = {}
        for track in self._tracks.values():
            free = [at for at in range(len(clusters)) if at not in owners and votes[at][track.number]]
            if free:
                owners[min(free, key=lambda at: _rank(track, votes[at][track.number], fused[at]))] = track
        kept = {track.number for track in owners.values()}
        lost = [track for track in self._tracks.values() if track.number not in kept]
        free = [at for at in range(len(clusters)) if at not in owners]
        cost = [[track.cost(fused[at].root_m, fused[at].root_covariance_m2) for at in free] for track in lost]
        for row, column in assign(np.array(cost).reshape(len(lost), len(free)), _HANDOVER_GATE):
            owners[free[column]] = lost[row]
        return owners

    def _take(
        self, cluster: Cluster, body: FusedBody, track: FusedTrack | None, time_ns: int, skeleton: Skeleton
    ) -> FusedTrack:
        """Note what a cluster says of its track, or of a new one; returns the track."""
        if len(cluster) > 1:
            for member, correction_m in zip(cluster, body.corrections_m.tolist(), strict=True):
                self._errors.note(member, correction_m, time_ns)
        if track is None:
            velocity = np.mean([member.velocity_mps for member in cluster], axis=0)
            person = _person(self._next, cluster, body, velocity, skeleton)
            track = self._tracks[self._next] = FusedTrack.begun(self._next, body, velocity, time_ns, person)
            self._next += 1
        track.update(body, len(cluster))
        velocity = cluster[0].velocity_mps if len(cluster) == 1 else track.mean[3:].copy()
        track.person = _person(track.number, cluster, body, velocity, skeleton)
        self._owners.update({member.key: track.number for member in cluster})
        return track

    def _unseen(
        self, bodies: Sequence[BodyRays], seen: Collection[int], time_ns: int, skeleton: Skeleton
    ) -> list[Person]:
        """Who is in no image, as far as cameras or velocity say where; each who is given up once as LOST."""
        people = []
        for track in [track for track in self._tracks.values() if track.number not in seen]:
            age_s = (time_ns - track.seen_ns) * 1e-9
            said = [body for body in bodies if self._owners.get(body.key) == track.number and not body.is_seen]
            if age_s > self.times.max_age_s:
                people.append(replace(track.person, state=TrackState.LOST, score=0.0))
                del self._tracks[track.number]
            elif said:
                body = self._errors.corrected(said[0])
                person = _person(track.number, [body], fuse_body([body]), body.velocity_mps, skeleton)
                people.append(replace(person, state=TrackState.PREDICTED))
            elif age_s <= self.times.predicted_s:
                people.append(_extrapolated(track))
        self._owners = {key: number for key, number in self._owners.items() if number in self._tracks}
        return people


def _rank(track: FusedTrack, votes: int, body: FusedBody) -> float:
    return track.cost(body.root_m, body.root_covariance_m2) - _VOTE * votes


def _person(number: int, cluster: Cluster, body: FusedBody, velocity_mps: Array, skeleton: Skeleton) -> Person:
    """The record of a fused person; it is in no image, so it has neither pixels nor box."""
    poses = [member.person.pose for member in cluster]
    score = max(member.person.score for member in cluster)
    solvers = poses[0].root_solvers if len(cluster) == 1 else ("triangulated",)
    pose = Pose(
        body.root_m,
        body.joints_m,
        np.full((len(skeleton), 2), np.nan),
        body.scores,
        skeleton,
        Detection(np.full(4, np.nan), score),
        root_covariance_m2=body.root_covariance_m2,
        root_solvers=solvers,
    )
    sure = any(member.person.state == TrackState.TRACKED for member in cluster)
    return Person(number, TrackState.TRACKED if sure else TrackState.NEW, pose, velocity_mps, score)


def _extrapolated(track: FusedTrack) -> Person:
    """A person whom no camera sees or says anything of, moved along."""
    before = track.person
    moved_m = track.mean[:3] - before.pose.root_cam_m
    pose = replace(
        before.pose,
        root_cam_m=track.mean[:3].copy(),
        joints_cam_m=before.pose.joints_cam_m + moved_m,
        root_covariance_m2=track.covariance[:3, :3].copy(),
    )
    track.person = replace(before, state=TrackState.PREDICTED, pose=pose, velocity_cam_mps=track.mean[3:].copy())
    return track.person
