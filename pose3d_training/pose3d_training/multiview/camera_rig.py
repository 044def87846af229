"""Several views of the same people: the cameras' poses, their clocks, and which people are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.multiview.bundle import Motion, Priors, adjust
from pose3d_training.multiview.correspondences import TOLERANCE, correspondences
from pose3d_training.multiview.people_match import Matched
from pose3d_training.multiview.points import triangulated
from pose3d_training.multiview.relative_pose import essential_of, sampson_errors
from pose3d_training.multiview.time_offset import find_offset
from pose3d_training.multiview.view_tracks import Mask, ViewPeople, ViewTrack, person_sizes

LEAST_SCORE = 0.3
_LEAST_SIGMA, _USUAL_SIGMA, _MOST_SIGMA, _LEAST_OF_SIGMA = 0.003, 0.012, 0.05, 30
"""Of 2D joints, as a share of the person's height; how many pairs of a joint tell it."""
_MOST_TIMES = 900
"""Of all people, that cameras are adjusted with."""
_ROUNDS = 2
_NORMAL = 1.4826
"""Standard deviation of a normal distribution over the median absolute value."""
_BONE_OFF = 0.25
_LEAST_COMMON = 30
_LEAST_POSES, _POSE_MOVED = 8, 0.15
"""How many times at which a person's joints are, on the mean, a share of the height from where they were at others."""
IDENTITY = RigidTransform(np.eye(3), np.zeros(3))


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """A person of the first view, and the tracks of the others that are the same: (view, number of track)."""

    track: int
    others: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False)
class Rig:
    """What the people say of the cameras.

    Attributes
    ----------
    cameras : tuple of RigidTransform
        V, from the first camera's frame to each one's; the unit of length is the second camera's distance.
    offsets_s : tuple of float
        V, of the clocks: what a view shows at its time s, the first shows at s + offset.
    people : tuple of SeenPerson
        Who is seen by the first view and another.
    inlier_shares, angles_deg : tuple of float
        V - 1, of joints that are on their epipolar lines, and the median angle between rays.
    joint_sigmas : ndarray
        (J,), standard deviations of 2D joints, as shares of the person's height.
    """

    cameras: tuple[RigidTransform, ...]
    offsets_s: tuple[float, ...]
    people: tuple[SeenPerson, ...]
    inlier_shares: tuple[float, ...]
    angles_deg: tuple[float, ...]
    joint_sigmas: Array

    def sigmas(self, keypoints: Array) -> Array:
        """Standard deviations (V, T, J) of a person's keypoints (V, T, J, 2), NaN of people whose size is unknown."""
        return person_sizes(keypoints)[..., None] * self.joint_sigmas


def find_rig(
    views: Sequence[ViewPeople],
    skeleton: Skeleton,
    offsets_s: Sequence[float] | None = None,
    reach_s: float = 1.0,
    constant_bones: bool = True,
) -> Rig:
    """Find cameras, clocks and people of two views or more from 2D joints alone.

    Parameters
    ----------
    views : sequence of ViewPeople
        V, the first is the frame of everything.
    skeleton : Skeleton
        Of the keypoints.
    offsets_s : sequence of float, optional
        V - 1, about which the offsets are looked for; 0 unless given.
    reach_s : float
        How far from there; 0 takes them as they are.
    constant_bones : bool
        Whether the adjustment knows that bones do not change.

    Returns
    -------
    Rig
        Up to scale.

    Raises
    ------
    InputError
        Where views have too little in common, people move too little, or cameras are too close to each other.
    """
    views = trusted(views)
    if len(views) < 2:
        raise InputError("views", expected="two or more", got=str(len(views)), fix="Name two recordings.")
    starts = list(offsets_s) if offsets_s is not None else [0.0] * (len(views) - 1)
    found = [find_offset(views[0], view, start, reach_s) for view, start in zip(views[1:], starts, strict=True)]
    rig = Rig(
        (IDENTITY, *(matched.pose.first2second for _, matched in found)),
        (0.0, *(offset for offset, _ in found)),
        _people([matched for _, matched in found]),
        tuple(matched.share for _, matched in found),
        tuple(matched.pose.angle_deg for _, matched in found),
        _joint_sigmas(views, found),
    )
    _check_motion(views[0], rig)
    rig = _in_one_scale(rig, views)
    bones = skeleton.edges if constant_bones else ()
    for number in range(_ROUNDS):
        rig = _adjusted(rig, views, skeleton, bones if number == _ROUNDS - 1 else ())
    return rig


def trusted(views: Sequence[ViewPeople]) -> list[ViewPeople]:
    """The views without keypoints of low scores, and without those that jump."""
    return [
        ViewPeople(view.name, tuple(track.trusted(LEAST_SCORE).without_jumps() for track in view.tracks))
        for view in views
    ]


def keypoints_of(rig: Rig, views: Sequence[ViewPeople], person: SeenPerson, times_s: Array | None = None) -> Array:
    """A person's keypoints (V, T, J, 2) in all views, at the times of the first view's track or at others."""
    own = views[0].tracks[person.track]
    at = own.times_s if times_s is None else times_s
    found = np.full((len(views), len(at), *own.keypoints.shape[1:]), np.nan)
    found[0] = own.at(at)
    for view, track in person.others:
        seen = views[view].tracks[track].at(at - rig.offsets_s[view])
        found[view] = np.where(np.isnan(found[view]), seen, found[view])
    return found


def without_odd_bones(points: Array, skeleton: Skeleton) -> Array:
    """Points (T, J, 3) but for those of which most bones are far from their usual length, which are NaN."""
    bones = np.array(skeleton.edges)
    lengths = np.linalg.norm(points[:, bones[:, 0]] - points[:, bones[:, 1]], axis=-1)
    known = np.isfinite(lengths)
    usual = np.array([np.median(one[np.isfinite(one)]) if np.isfinite(one).any() else np.nan for one in lengths.T])
    odd: Mask = known & (np.abs(lengths / usual - 1) > _BONE_OFF)
    wrong, all_bones = np.zeros(points.shape[:2]), np.zeros(points.shape[:2])
    for number, bone in enumerate(bones):
        for joint in bone:
            wrong[:, joint] += odd[:, number]
            all_bones[:, joint] += known[:, number]
    return np.where(((wrong > 0) & (2 * wrong >= all_bones))[..., None], np.nan, points)


def _people(matches: Sequence[Matched]) -> tuple[SeenPerson, ...]:
    tracks = sorted({pair[0] for matched in matches for pair in matched.pairs})
    return tuple(
        SeenPerson(track, tuple((v, b) for v, matched in enumerate(matches, 1) for a, b in matched.pairs if a == track))
        for track in tracks
    )


def _joint_sigmas(views: Sequence[ViewPeople], found: Sequence[tuple[float, Matched]]) -> Array:
    """Of each joint, by the median distance of what two views say of it from the epipolar constraint."""
    count = views[0].tracks[0].keypoints.shape[1]
    joints, off = [], []
    for view, (offset_s, matched) in zip(views[1:], found, strict=True):
        for first, second in matched.pairs:
            pairs = correspondences(views[0].tracks[first], view.tracks[second], offset_s)
            joints.append(np.nonzero(pairs.seen)[1])
            errors = sampson_errors(essential_of(matched.pose.first2second), pairs.first, pairs.second)
            off.append(np.sqrt(2) * TOLERANCE * errors / pairs.tolerance)
    of, away = np.concatenate(joints), np.concatenate(off)
    enough = np.bincount(of, minlength=count) >= _LEAST_OF_SIGMA
    sigmas = [_NORMAL * np.median(away[of == joint]) if enough[joint] else _USUAL_SIGMA for joint in range(count)]
    return np.clip(sigmas, _LEAST_SIGMA, _MOST_SIGMA)


def _check_motion(view: ViewPeople, rig: Rig) -> None:
    """Raise InputError where people hold still: then all images are one."""
    poses = sum(_different_poses(view.tracks[person.track]) for person in rig.people)
    if poses < _LEAST_POSES:
        raise InputError(
            f"people of {view.name}",
            expected=f"{_LEAST_POSES} poses or places that differ, or more",
            got=f"{poses} in the whole recording",
            fix="Let them walk through all of what the cameras see.",
        )


def _different_poses(track: ViewTrack) -> int:
    sizes = person_sizes(track.keypoints)
    kept: list[int] = []
    for at in range(0, len(track.times_s), 3):
        away = np.linalg.norm(track.keypoints[kept] - track.keypoints[at], axis=-1)
        has = np.isfinite(away)
        far = np.where(has, away, 0.0).sum(axis=1) / np.maximum(has.sum(axis=1), 1)
        if np.isfinite(sizes[at]) and (far > _POSE_MOVED * sizes[at]).all():
            kept.append(at)
        if len(kept) >= _LEAST_POSES:
            break
    return len(kept)


def _in_one_scale(rig: Rig, views: Sequence[ViewPeople]) -> Rig:
    """Each further camera at the distance at which people are where the first two have them."""
    cameras = list(rig.cameras[:2])
    for view, camera in enumerate(rig.cameras[2:], 2):
        ratios = []
        for person in rig.people:
            seen = keypoints_of(rig, views, person)
            sigmas = rig.sigmas(seen)
            one = triangulated(rig.cameras[:2], seen[:2], sigmas[:2], optimal=False)[..., 2]
            pair = (IDENTITY, camera), seen[[0, view]], sigmas[[0, view]]
            other = triangulated(*pair, optimal=False)[..., 2]
            ratios.append((one / other)[np.isfinite(one / other)])
        common = np.concatenate(ratios)
        if len(common) < _LEAST_COMMON:
            raise InputError(
                f"people of {views[view].name}",
                expected=f"someone whom {views[0].name} and {views[1].name} see at the same time",
                got=f"{len(common)} such joints",
                fix="Name first the two recordings that see the most of all people.",
            )
        cameras.append(RigidTransform(camera.rotation, camera.translation_m * float(np.median(common))))
    return replace(rig, cameras=tuple(cameras))


def _adjusted(rig: Rig, views: Sequence[ViewPeople], skeleton: Skeleton, bones: Sequence[tuple[int, int]]) -> Rig:
    total = sum(len(views[0].tracks[person.track].times_s) for person in rig.people)
    step = -(-total // _MOST_TIMES)
    motions = []
    for person in rig.people:
        seen = keypoints_of(rig, views, person)[:, ::step]
        sigmas = rig.sigmas(seen)
        points = without_odd_bones(triangulated(rig.cameras, seen, sigmas, optimal=False), skeleton)
        if np.isfinite(points).any():
            motions.append(Motion(seen, sigmas, points, np.full(points.shape[0] - 1, np.nan)))
    if not motions:
        fix = "See that both recordings show the same people at the same time (--offset), and that calibrations fit."
        raise InputError("people", expected="joints on which the views agree", got="none", fix=fix)
    return replace(rig, cameras=adjust(rig.cameras, motions, Priors(bones)).cameras)
