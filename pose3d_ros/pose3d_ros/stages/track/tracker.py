"""Multi-person tracking through occlusions: one Kalman filter per person, in metres, and a life cycle.

The published pose of a seen person is the measurement itself; the filter only links frames, gives the velocity, and
extrapolates people who are out of sight. Depth from one image is far less certain than direction, so direction and ln
of distance are what is measured. As in ByteTrack (Zhang 2022), weak detections continue tracks but start none.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence

import numpy as np

from pose3d_ros.config.settings import TrackerConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.records import STILL, Person, Pose, TrackState, time_after
from pose3d_ros.stages.association import Pairs, assign, drop_duplicates
from pose3d_ros.stages.track import kalman
from pose3d_ros.stages.track.pair_costs import (
    UNMATCHED,
    image_cost,
    measurement_sigmas,
    pair_cost,
    pair_terms,
    without,
)
from pose3d_ros.stages.track.relinking import CLEAN_FRAMES, note_encounters, relink
from pose3d_ros.stages.track.track import HELD, NEAREST_M, Track, Whereabouts, at_border, predicted_in_image
from pose3d_ros.types import Array

_SPEED_SIGMA_MPS = 1.2
"""Of a person seen for the first time: walking speed."""
_UNSEEN_WALK = 2.0
"""How much more the velocity changes of people who are out of sight: the last readings before are poor."""
_ANCHOR_DECAY_S = 2.0
"""Time constant of the velocity of people among others, who go on as they went more often than hidden ones."""
_MOST_HELD_FRAMES = 10
_POOR, _ALIKE = 20.0, 12.0
"""Cost of a poor fit, and a difference of costs that says little: usual fits cost less than 10."""
_TENTATIVE_S = 0.5
"""A NEW person who is unseen for this long was a false positive."""
_STILL = 1e-3
"""Change of the camera's axes, and of its place in metres, from frame to frame below which it stands still."""
_LEFT_S = 0.6
"""Who is unseen for this long at the image's border has left."""


KnownAs = Callable[[int, Pose, int], Pose]
"""Track id, pose and stamp → the pose with what is known of that person."""


class Tracker:
    """Assigns poses to tracks. `config` may be replaced between frames."""

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self._tracks: list[Track] = []
        self._next_id = 1
        self._stamp_ns: int | None = None
        self._cam2fixed: RigidTransform | None = None
        self._moved_ns: int | None = None

    @property
    def track_ids(self) -> set[int]:
        """Of everyone who is followed, unseen ones too."""
        return {track.track_id for track in self._tracks if track.track_id != HELD}

    def reset(self) -> None:
        """Drop all tracks. Ids go on counting: an id is never used twice."""
        self._tracks = []
        self._stamp_ns = self._cam2fixed = self._moved_ns = None

    def update(
        self,
        poses: Sequence[Pose],
        stamp_ns: int,
        camera: Camera | None = None,
        *,
        jumped: bool = False,
        known_as: KnownAs | None = None,
        cam2fixed: RigidTransform | None = None,
    ) -> tuple[Person, ...]:
        """The people of a frame, by id.

        poses: what was measured, camera frame, metres; those without a finite root are passed over. stamp_ns: time of
        capture. camera: gives unseen people pixels (without one their pixels are NaN) and helps to separate people.
        jumped: whether the image shows another scene than the last; all who were followed are LOST then, as they are
        after a pause of more than max_gap_s and when the clock goes back (see `time_after`). known_as: called with a
        track's id, the pose that was assigned to it and the stamp; gives the pose that counts. cam2fixed: where the
        camera is in a frame that does not move with it; people are followed in that frame then.
        People are NEW until they were seen min_hits times, TRACKED when seen, PREDICTED when not, for predicted_s, and
        LOST once after max_age_s. Who may be someone out of sight is not published before it has shown in a few frames.
        """
        dt_s = self._advance_clock(stamp_ns)
        stamp_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        if dt_s is None:
            dt_s, jumped = 0.0, True
        usable = [p for p in poses if np.isfinite(p.root_cam_m).all() and p.root_cam_m[2] > 0]
        poses = list(drop_duplicates(usable, self.config.duplicate_overlap))
        self._predict(dt_s)
        self._turn(cam2fixed, stamp_ns)
        ended = [self._lost(track, camera) for track in self._tracks if track.track_id != HELD] if jumped else []
        if jumped:
            self._tracks = []
        known_as = known_as or _as_it_is
        pairs = self._associate(poses, stamp_ns, camera)
        for row, column in pairs:
            if self._tracks[row].track_id != HELD:
                poses[column] = known_as(self._tracks[row].track_id, poses[column], stamp_ns)
        before = [copy.copy(track.at) for track in self._tracks]
        self._correct(poses, pairs, stamp_ns)
        matched = {pose for _, pose in pairs}
        note_encounters(self._tracks, before, camera)
        for i, pose in enumerate(poses):
            if i not in matched and pose.detection.score >= self.config.new_track_score:
                self._start(pose, stamp_ns, camera)
        self._tracks = relink(self._tracks, moving=self._is_moving(stamp_ns))
        self._name(stamp_ns, known_as)
        people = [self._person(track, stamp_ns, camera) for track in self._tracks if track.track_id != HELD]
        self._tracks = [t for t in self._tracks if not self._ended(t, stamp_ns, camera)]
        found = (p for p in (*ended, *people) if p is not None)
        return tuple(sorted(found, key=lambda p: p.track_id))

    def _name(self, stamp_ns: int, known_as: KnownAs) -> None:
        """Give ids to those who need not be held back, see `_is_held`."""
        hidden = any(t.track_id != HELD and not t.at.seen for t in self._tracks)
        for track in self._tracks:
            if track.track_id == HELD and track.at.seen and not self._is_held(track, hidden):
                track.track_id, track.clothes_lab = self._next_id, track.at.recent_lab
                self._next_id += 1
                track.at.pose = known_as(track.track_id, track.at.pose, stamp_ns)

    def _is_held(self, track: Track, hidden: bool) -> bool:
        """Whether it shows in a few frames more who a person is: someone hidden, or someone new."""
        if track.hits >= CLEAN_FRAMES:
            return (track.waits or not track.at.clean) and track.hits < _MOST_HELD_FRAMES
        return self._stamp_ns != STILL and hidden

    def _advance_clock(self, stamp_ns: int) -> float | None:
        """Seconds since the last frame, 0 for the first one; None after a pause, and when the clock went back."""
        last_ns, now_ns = self._stamp_ns, time_after(self._stamp_ns, stamp_ns)
        self._stamp_ns = stamp_ns if now_ns is None else now_ns
        dt_s = (self._stamp_ns - (self._stamp_ns if last_ns is None else last_ns)) * 1e-9
        return dt_s if now_ns is not None and dt_s <= self.config.max_gap_s else None

    def _predict(self, dt_s: float) -> None:
        # Someone seen in the last frame goes on as they went; someone who was not may have stopped.
        unseen = np.array([not t.at.seen for t in self._tracks], dtype=np.bool_)
        walk = np.where(unseen, _UNSEEN_WALK, 1.0) * self.config.velocity_change_mps
        _advance([t.at for t in self._tracks], dt_s, np.where(unseen, self.config.velocity_decay_s, np.inf), walk)
        anchors = [t.anchor for t in self._tracks if t.anchor is not None]
        usual = np.full(len(anchors), self.config.velocity_change_mps)
        _advance(anchors, dt_s, np.full(len(anchors), _ANCHOR_DECAY_S), usual)
        for track in self._tracks:
            track.at.seen_before, track.at.seen = track.at.seen, False

    def _is_moving(self, stamp_ns: int) -> bool:
        """Whether people may have come into view, or left it, by the camera's own motion."""
        return self._moved_ns is not None and (stamp_ns - self._moved_ns) * 1e-9 <= self.config.max_age_s

    def _turn(self, cam2fixed: RigidTransform | None, stamp_ns: int) -> None:
        """Into the camera's frame of now."""
        before, self._cam2fixed = self._cam2fixed, cam2fixed
        if before is None or cam2fixed is None:
            return
        before2now = cam2fixed.inverse().after(before)
        if not np.allclose(before2now.rotation, np.eye(3), atol=_STILL) or (
            np.linalg.norm(before2now.translation_m) > _STILL
        ):
            self._moved_ns = stamp_ns
        for track in self._tracks:
            for place in (track.at, track.anchor):
                if place is not None:
                    place.turn(before2now)

    def _associate(self, poses: Sequence[Pose], stamp_ns: int, camera: Camera | None) -> Pairs:
        """Pairs (track, pose): by all cues, then by position in the image alone."""
        if not self._tracks or not poses:
            return []
        age_s = np.array([t.age_s(stamp_ns) for t in self._tracks])
        terms = pair_terms(self._tracks, poses, age_s, self.config, camera)
        cost = pair_cost(terms, self._tracks, poses, age_s, self.config)
        pairs = assign(cost, UNMATCHED)
        unclear = _unclear(cost, pairs)
        pairs = [pair for pair in pairs if pair[1] not in unclear]
        if len(pairs) == min(cost.shape):
            return pairs
        # A root depth that is far off, as of someone half out of the image, must not cost an identity.
        rest = without(image_cost(terms, age_s), pairs)
        rest[:, sorted(unclear)] = np.inf
        return pairs + assign(rest, 1.0)

    def _correct(self, poses: Sequence[Pose], pairs: Pairs, stamp_ns: int) -> None:
        if not pairs:
            return
        direction, log = measurement_sigmas(poses, self.config)
        places = [self._tracks[row].at for row, _ in pairs]
        filters = np.array([at.mean for at in places]), np.array([at.covariance for at in places])
        squared, _ = kalman.innovations(*filters, np.array([p.root_cam_m for p in poses]), direction, log)
        # A pose outside the gate (matched in the image) counts for less the further out it is.
        doubts = np.sqrt(np.maximum(squared / self.config.gate_sigmas**2, 1.0))
        for i, (row, j) in enumerate(pairs):
            doubt = float(doubts[i, j])
            places[i].see(poses[j], stamp_ns, doubt * direction[j], doubt * log[j])
            self._tracks[row].hits += 1

    def _start(self, pose: Pose, stamp_ns: int, camera: Camera | None) -> None:
        direction_sigma, log_sigma = (float(sigma[0]) for sigma in measurement_sigmas([pose], self.config))
        mean, covariance = kalman.initial(pose.root_cam_m, direction_sigma, log_sigma, _SPEED_SIGMA_MPS)
        entered = at_border(pose.detection.box_xyxy_px, camera)
        at = Whereabouts(mean, covariance, pose, mean[:3].copy(), stamp_ns, entered=entered)
        self._tracks.append(Track(HELD, at))

    def _ended(self, track: Track, stamp_ns: int, camera: Camera | None) -> bool:
        if track.at.seen:
            return False
        patience_s = self.config.max_age_s
        if track.hits < self.config.min_hits or track.track_id == HELD:
            patience_s = min(patience_s, _TENTATIVE_S)
        elif not self._is_moving(stamp_ns) and track.age_s(stamp_ns) > _LEFT_S and _at_border_now(track.at, camera):
            patience_s = min(patience_s, _LEFT_S)
        lens = np.linalg.norm(track.at.mean[:3]) if self._cam2fixed is not None else track.at.mean[2]
        return track.age_s(stamp_ns) > patience_s or bool(lens < NEAREST_M)

    def _person(self, track: Track, stamp_ns: int, camera: Camera | None) -> Person | None:
        """What is published of a track in this frame, if anything."""
        at, velocity = track.at, track.at.mean[3:].copy()
        confirmed = track.hits >= self.config.min_hits
        if at.seen:
            state = TrackState.TRACKED if confirmed else TrackState.NEW
            return Person(track.track_id, state, at.pose, velocity, at.pose.detection.score)
        if self._ended(track, stamp_ns, camera):
            return self._lost(track, camera)
        if not confirmed or track.age_s(stamp_ns) > self.config.predicted_s:
            return None
        left = math.exp(-track.age_s(stamp_ns) / self.config.velocity_decay_s)
        score = at.pose.detection.score * left
        return Person(track.track_id, TrackState.PREDICTED, at.extrapolated_pose(camera), velocity, score)

    def _lost(self, track: Track, camera: Camera | None) -> Person:
        at = track.at
        return Person(track.track_id, TrackState.LOST, at.extrapolated_pose(camera), at.mean[3:].copy(), 0.0)


def _unclear(cost: Array, pairs: Pairs) -> set[int]:
    """Indices of poses that fit no one well, and more than one person about equally: better no pose than a wrong id."""
    matched = {row for row, _ in pairs}
    unclear = set()
    for row, column in pairs:
        others = [cost[i, column] for i in range(len(cost)) if i not in matched]
        if cost[row, column] > _POOR and others and min(others) < cost[row, column] + _ALIKE:
            unclear.add(column)
    return unclear


def _advance(places: Sequence[Whereabouts], dt_s: float, decay_s: Array, walk_mps: Array) -> None:
    if not places:
        return
    filters = np.array([at.mean for at in places]), np.array([at.covariance for at in places])
    for at, mean, covariance in zip(places, *kalman.predict(*filters, dt_s, decay_s, walk_mps), strict=True):
        at.mean, at.covariance = mean, covariance


def _at_border_now(at: Whereabouts, camera: Camera | None) -> bool:
    """Whether someone out of sight was last seen at the image's border, or is expected there or beyond."""
    (box,), _ = predicted_in_image([at], camera)
    return at_border(at.pose.detection.box_xyxy_px, camera) or at_border(box, camera)


def _as_it_is(track_id: int, pose: Pose, stamp_ns: int) -> Pose:
    return pose
