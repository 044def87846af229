"""Multi-person tracking through occlusions: one Kalman filter per person, in metres, and a life cycle.

The published pose of a seen person is the measurement itself; the filter only links frames, gives the velocity, and
extrapolates people who are out of sight. Depth from one image is far less certain than direction, so measurement noise
is long along the viewing ray. As in ByteTrack (Zhang 2022), weak detections continue tracks but start none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import TrackerConfig
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import Person, Pose, TrackState, time_after
from pose3d_ros.stages.appearance import blended_lab, color_cost
from pose3d_ros.stages.association import Pairs, assign, box_cost, drop_duplicates, image_cost, shape_cost, total_cost
from pose3d_ros.stages.track import kalman
from pose3d_ros.stages.track.track import NEAREST_M, Track, moved_boxes
from pose3d_ros.types import Array

_SPEED_SIGMA_MPS = 1.2
"""Of a person seen for the first time: walking speed."""
_MIN_ACROSS_M = 0.02
_MIN_ALONG = 0.01
"""No single image gives a root's distance better than 1%, whatever the net says."""
_UNMATCHED_MARGIN = 4.0
"""What a true pair costs besides its distance: a usual ln det, shape and box."""
_WEAK_COST = 2.0
"""A weak detection may be a false positive: all else equal, a strong one is preferred."""
_TENTATIVE_COST = 4.0
"""A person who was seen once may be a second reading of one who is followed: who is known goes first (as in SORT and
ByteTrack, where unconfirmed tracks are matched last)."""
_TENTATIVE_S = 0.5
"""A NEW person who is unseen for this long was a false positive."""
_PREDICTED_SHARE = 2 / 3
"""Of max_age_s: who is unseen for longer is known again, but where they are by then is a guess that is not published.

On a video of a street (795 frames) no box that was predicted for more than a second overlapped a person by half.
"""
_IMAGE_MATCH_S = 0.5
"""A box says little about where someone is who is unseen for longer."""
_REAPPEAR_CLOTHES = 3.0
_WALK_MPS = 1.5
_CLOTHES_SHARE = 0.15
"""How much of a frame's colors goes into a track's."""
_HIDDEN_IOU = 0.2


KnownAs = Callable[[int, Pose, int], Pose]
"""Track id, pose and stamp → the pose with what is known of that person."""


class Tracker:
    """Assigns poses to tracks. `config` may be replaced between frames."""

    def __init__(self, config: TrackerConfig | None = None) -> None:
        self.config = config or TrackerConfig()
        self._tracks: list[Track] = []
        self._next_id = 1
        self._stamp_ns: int | None = None

    @property
    def track_ids(self) -> set[int]:
        """Of everyone who is followed, unseen ones too."""
        return {track.track_id for track in self._tracks}

    def reset(self) -> None:
        """Drop all tracks. Ids go on counting: an id is never used twice."""
        self._tracks = []
        self._stamp_ns = None

    def update(
        self,
        poses: Sequence[Pose],
        stamp_ns: int,
        camera: Camera | None = None,
        *,
        jumped: bool = False,
        known_as: KnownAs | None = None,
    ) -> tuple[Person, ...]:
        """The people of a frame, by id.

        poses: what was measured, camera frame, metres; those without a finite root are passed over. stamp_ns: time of
        capture. camera: gives unseen people pixels (without one their pixels are NaN) and helps to separate people.
        jumped: whether the image shows another scene than the last; all who were followed are LOST then, as they are
        after a pause of more than max_gap_s and when the clock goes back (see `time_after`). known_as: called with a
        track's id, the pose that was assigned to it and the stamp; gives the pose that counts.
        People are NEW until they were seen min_hits times, TRACKED when seen, PREDICTED when not, for two thirds of
        max_age_s, and LOST once after all of it.
        """
        dt_s = self._advance_clock(stamp_ns)
        stamp_ns = stamp_ns if self._stamp_ns is None else self._stamp_ns
        if dt_s is None:
            dt_s, jumped = 0.0, True
        usable = [p for p in poses if np.isfinite(p.root_cam_m).all() and p.root_cam_m[2] > 0]
        poses = drop_duplicates(usable, self.config.duplicate_overlap)
        self._predict(dt_s)
        ended = [self._lost(track, camera) for track in self._tracks] if jumped else []
        if jumped:
            self._tracks = []
        pairs = self._associate(poses, stamp_ns, camera)
        known_as = known_as or _as_it_is
        poses = list(poses)
        for row, column in pairs:
            poses[column] = known_as(self._tracks[row].track_id, poses[column], stamp_ns)
        self._correct(poses, pairs, stamp_ns)
        matched = {pose for _, pose in pairs}
        people = [self._person(track, stamp_ns, camera) for track in self._tracks]
        self._tracks = [t for t in self._tracks if not self._ended(t, stamp_ns)]
        fresh = [
            p for i, p in enumerate(poses) if i not in matched and p.detection.score >= self.config.new_track_score
        ]
        fresh = [known_as(self._next_id + i, pose, stamp_ns) for i, pose in enumerate(fresh)]
        people.extend(self._person(self._start(pose, stamp_ns), stamp_ns, camera) for pose in fresh)
        return tuple(p for p in (*ended, *people) if p is not None)

    def _advance_clock(self, stamp_ns: int) -> float | None:
        """Seconds since the last frame, 0 for the first one; None after a pause, and when the clock went back."""
        last_ns, now_ns = self._stamp_ns, time_after(self._stamp_ns, stamp_ns)
        self._stamp_ns = stamp_ns if now_ns is None else now_ns
        dt_s = (self._stamp_ns - (self._stamp_ns if last_ns is None else last_ns)) * 1e-9
        return dt_s if now_ns is not None and dt_s <= self.config.max_gap_s else None

    def _predict(self, dt_s: float) -> None:
        if not self._tracks:
            return
        # Someone seen in the last frame goes on as they went; someone who was not may have stopped.
        unseen = np.array([not t.seen for t in self._tracks])
        decay_s = np.where(unseen, self.config.velocity_decay_s, np.inf)
        means, covariances = kalman.predict(*self._filters(), dt_s, decay_s, self.config.velocity_change_mps)
        for track, mean, covariance in zip(self._tracks, means, covariances, strict=True):
            track.mean, track.covariance = mean, covariance
            track.seen_before, track.seen = track.seen, False

    def _filters(self) -> tuple[Array, Array]:
        return np.array([t.mean for t in self._tracks]), np.array([t.covariance for t in self._tracks])

    def _associate(self, poses: Sequence[Pose], stamp_ns: int, camera: Camera | None) -> Pairs:
        """Pairs (track, pose): by all cues, then by position in the image alone."""
        if not self._tracks or not poses:
            return []
        age_s = np.array([t.age_s(stamp_ns) for t in self._tracks])
        iou, log_height_ratio = self._compare_boxes(poses, camera)
        cost = self._cost(poses, age_s, box_cost(iou, log_height_ratio))
        weak = np.array([p.detection.score < self.config.new_track_score for p in poses])
        tentative = np.array([[t.hits < self.config.min_hits] for t in self._tracks])
        cost = cost + np.where(weak, _WEAK_COST, 0.0) + np.where(tentative, _TENTATIVE_COST, 0.0)
        pairs = assign(cost, self.config.gate_sigmas**2 + _UNMATCHED_MARGIN)
        if len(pairs) == min(cost.shape):
            return pairs
        # A root depth that is far off, as of someone half out of the image, must not cost an identity.
        by_image = image_cost(iou, log_height_ratio, age_s <= _IMAGE_MATCH_S)
        pairs += assign(_without(by_image, pairs), 1.0)
        if len(pairs) == min(cost.shape) or all(track.seen_before for track in self._tracks):
            return pairs
        return pairs + assign(_without(self._reappearance_cost(poses, age_s), pairs), _REAPPEAR_CLOTHES)

    def _reappearance_cost(self, poses: Sequence[Pose], age_s: Array) -> Array:
        """Clothes' cost (T, N) of those who were out of sight and can have walked there; inf for the others.

        A person who turns round behind another one reappears where no motion model expects it.
        """
        seen_m = np.array([t.seen_mean_m for t in self._tracks])
        points = np.array([p.root_cam_m for p in poses])
        along = self.config.depth_sigma * points[:, 2]
        reach = (_WALK_MPS * age_s)[:, None] + 2 * along[None]
        near = np.linalg.norm(points[None] - seen_m[:, None], axis=-1) <= reach
        lost = ~np.array([t.seen_before for t in self._tracks])
        clothes = color_cost(np.array([t.clothes_lab for t in self._tracks]), np.array([p.clothes_lab for p in poses]))
        known = _fully_known([t.clothes_lab for t in self._tracks])[:, None] & _fully_known(
            [p.clothes_lab for p in poses]
        )
        return np.where(near & lost[:, None] & known, clothes, np.inf)

    def _compare_boxes(self, poses: Sequence[Pose], camera: Camera | None) -> tuple[Array, Array]:
        """IoU and log ratio of the heights of every predicted and measured box, (T, N) each."""
        boxes = np.array([t.pose.detection.box_xyxy_px for t in self._tracks])
        if camera is not None:
            roots = np.array([t.pose.root_cam_m for t in self._tracks])
            shifts = np.array([t.mean[:3] - t.seen_mean_m for t in self._tracks])
            boxes = moved_boxes(boxes, roots, roots + shifts, camera)
        measured = np.array([p.detection.box_xyxy_px for p in poses])
        return iou_matrix(boxes, measured), _log_heights(measured)[None, :] - _log_heights(boxes)[:, None]

    def _cost(self, poses: Sequence[Pose], age_s: Array, boxes: Array) -> Array:
        points = np.array([p.root_cam_m for p in poses])
        squared, log_det = kalman.innovations(*self._filters(), points, self._noise_m2(poses))
        before = np.array([t.pose.joints_cam_m - t.pose.root_cam_m for t in self._tracks])
        now = np.array([p.joints_cam_m - p.root_cam_m for p in poses])
        clothes = color_cost(np.array([t.clothes_lab for t in self._tracks]), np.array([p.clothes_lab for p in poses]))
        seen_before = np.array([t.seen_before for t in self._tracks])
        return total_cost(
            squared, log_det, shape_cost(before, now, age_s) + boxes + clothes, seen_before, self.config.gate_sigmas
        )

    def _noise_m2(self, poses: Sequence[Pose]) -> Array:
        points = np.array([p.root_cam_m for p in poses])
        given = np.array([p.root_sigma_m for p in poses])
        distance = np.linalg.norm(points, axis=-1)
        along = np.where(np.isfinite(given), given, self.config.depth_sigma * distance)
        across = np.maximum(self.config.lateral_sigma * distance, _MIN_ACROSS_M)
        return kalman.ray_noise_m2(points, np.maximum(along, _MIN_ALONG * distance), across)

    def _correct(self, poses: Sequence[Pose], pairs: Pairs, stamp_ns: int) -> None:
        if not pairs:
            return
        noise = self._noise_m2(poses)
        clear = _unoccluded(poses)
        for i, j in pairs:
            track, pose = self._tracks[i], poses[j]
            squared, _ = kalman.innovations(
                track.mean[None], track.covariance[None], pose.root_cam_m[None], noise[j : j + 1]
            )
            # A pose outside the gate (matched in the image) counts for less the further out it is.
            doubt = max(1.0, float(squared[0, 0]) / self.config.gate_sigmas**2)
            track.mean, track.covariance = kalman.update(
                track.mean, track.covariance, pose.root_cam_m, doubt * noise[j]
            )
            track.pose, track.seen_ns = pose, stamp_ns
            track.clothes_lab = blended_lab(track.clothes_lab, pose.clothes_lab, _CLOTHES_SHARE * clear[j])
            track.seen_mean_m = track.mean[:3].copy()
            track.hits += 1
            track.seen = True

    def _start(self, pose: Pose, stamp_ns: int) -> Track:
        mean, covariance = kalman.initial(pose.root_cam_m, self._noise_m2([pose])[0], _SPEED_SIGMA_MPS)
        track = Track(self._next_id, mean, covariance, pose, mean[:3].copy(), stamp_ns, pose.clothes_lab)
        self._next_id += 1
        self._tracks.append(track)
        return track

    def _ended(self, track: Track, stamp_ns: int) -> bool:
        if track.seen:
            return False
        patience_s = self.config.max_age_s
        if track.hits < self.config.min_hits:
            patience_s = min(patience_s, _TENTATIVE_S)
        return track.age_s(stamp_ns) > patience_s or bool(track.mean[2] < NEAREST_M)

    def _person(self, track: Track, stamp_ns: int, camera: Camera | None) -> Person | None:
        """The track as it is published in this frame; None for one that is kept unseen: NEW, or for too long."""
        velocity = track.mean[3:].copy()
        confirmed = track.hits >= self.config.min_hits
        if track.seen:
            state = TrackState.TRACKED if confirmed else TrackState.NEW
            return Person(track.track_id, state, track.pose, velocity, track.pose.detection.score)
        if self._ended(track, stamp_ns):
            return self._lost(track, camera)
        if not confirmed or track.age_s(stamp_ns) > _PREDICTED_SHARE * self.config.max_age_s:
            return None
        left = math.exp(-track.age_s(stamp_ns) / self.config.velocity_decay_s)
        score = track.pose.detection.score * left
        return Person(track.track_id, TrackState.PREDICTED, track.extrapolated_pose(camera), velocity, score)

    def _lost(self, track: Track, camera: Camera | None) -> Person:
        return Person(track.track_id, TrackState.LOST, track.extrapolated_pose(camera), track.mean[3:].copy(), 0.0)


def _as_it_is(track_id: int, pose: Pose, stamp_ns: int) -> Pose:
    return pose


def _log_heights(boxes_xyxy_px: Array) -> Array:
    heights_px: Array = np.maximum(boxes_xyxy_px[:, 3] - boxes_xyxy_px[:, 1], 1.0)
    return np.log(heights_px)


def _fully_known(clothes: Sequence[Array]) -> npt.NDArray[np.bool_]:
    return np.array([bool(np.isfinite(c).all()) for c in clothes])


def _unoccluded(poses: Sequence[Pose]) -> Array:
    """1 for each pose (N,) whose box stands free, else 0: among overlapping boxes the colors may be the other's."""
    boxes = np.array([p.detection.box_xyxy_px for p in poses])
    overlap = iou_matrix(boxes, boxes)
    np.fill_diagonal(overlap, 0.0)
    return np.asarray(overlap.max(axis=1) < _HIDDEN_IOU, np.float64)


def _without(cost: Array, pairs: Pairs) -> Array:
    rest: Array = cost.copy()
    for row, column in pairs:
        rest[row] = np.inf
        rest[:, column] = np.inf
    return rest
