"""Labels from two views or more: people in 3D, in metres, at the times of each view's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array
from pose3d_training.multiview.bundle import Motion, Priors, adjust
from pose3d_training.multiview.camera_rig import (
    Rig,
    SeenPerson,
    find_rig,
    keypoints_of,
    trusted,
    without_odd_bones,
)
from pose3d_training.multiview.metric_scale import KnownLength, metres_per_unit
from pose3d_training.multiview.points import triangulated
from pose3d_training.multiview.view_tracks import Mask, ViewPeople, person_sizes

_AT_ONCE = 300
"""Times that are adjusted together."""
_ACCELERATION_MPS2 = 10.0
_LONGEST_GAP_S = 0.15
_LONGEST_FILLED_S = 0.3
"""Between labels of two views, within which a joint that one view has gets one, too."""
_STRAY = 0.06
"""Of the height: how far from such a joint's way a keypoint is wrong."""
_LEAST_VIEWS = 2
_OFF = 4.0
"""Standard deviations of a keypoint from which on its joint has no label."""


@dataclass(frozen=True, eq=False)
class LabeledPerson:
    """One person at the times of one view's images.

    track: number of the track in that view. times_s: (T,), of that view's clock. joints_cam_m: (T, J, 3), in that
    camera's frame, metres; NaN for a joint without a label. person: the same number in all views.
    """

    person: int
    track: int
    times_s: Array
    joints_cam_m: Array


@dataclass(frozen=True, eq=False)
class Labels:
    """What two views or more say together.

    Attributes
    ----------
    first2camera : tuple of RigidTransform
        V, from the first camera's frame to each one's, metres.
    rig : Rig
        Clocks, people, inliers.
    people : tuple of tuple of LabeledPerson
        V, of each view.
    scale : str
        What the metres are from.
    reprojection_px : float
        Median distance of keypoints from their labels, in an image of focal length 1000 px.
    """

    first2camera: tuple[RigidTransform, ...]
    rig: Rig
    people: tuple[tuple[LabeledPerson, ...], ...]
    scale: str
    reprojection_px: float


def labels_of(
    views: Sequence[ViewPeople],
    skeleton: Skeleton,
    known: KnownLength,
    offsets_s: Sequence[float] | None = None,
    reach_s: float = 1.0,
    constant_bones: bool = True,
) -> Labels:
    """Make labels of people whom two views or more see at the same time.

    Parameters
    ----------
    views, skeleton, offsets_s, reach_s, constant_bones
        See `find_rig`.
    known : KnownLength
        What makes the labels metric.

    Returns
    -------
    Labels
        Of all views.

    Raises
    ------
    InputError
        As `find_rig` and `metres_per_unit`.
    """
    known.check()
    rig = find_rig(views, skeleton, offsets_s, reach_s, constant_bones)
    kept = trusted(views)
    seen = [keypoints_of(rig, kept, person) for person in rig.people]
    raw = [without_odd_bones(triangulated(rig.cameras, one, rig.sigmas(one), optimal=False), skeleton) for one in seen]
    unit_m = metres_per_unit(known, raw, skeleton)
    cameras = tuple(RigidTransform(one.rotation, one.translation_m * unit_m) for one in rig.cameras)
    bones = skeleton.edges if constant_bones else ()
    maker = _Maker(rig, kept, skeleton, cameras, bones)
    people = tuple(tuple(maker.people_of(view)) for view in range(len(views)))
    return Labels(cameras, rig, people, known.in_words, 1000.0 * float(np.median(np.concatenate(maker.off))))


class _Maker:
    """Makes labels with cameras that are known. off: distances of keypoints from labels, on the planes z = 1."""

    def __init__(
        self,
        rig: Rig,
        views: Sequence[ViewPeople],
        skeleton: Skeleton,
        cameras: tuple[RigidTransform, ...],
        bones: Sequence[tuple[int, int]],
    ) -> None:
        self._rig, self._views, self._skeleton, self._cameras, self._bones = rig, views, skeleton, cameras, bones
        self._made: dict[tuple[int, bytes], Array] = {}
        self.off: list[Array] = [np.empty(0)]

    def people_of(self, view: int) -> list[LabeledPerson]:
        made = []
        for number, person in enumerate(self._rig.people, 1):
            tracks = [person.track] if view == 0 else [track for of, track in person.others if of == view]
            for track in tracks:
                times_s = self._views[view].tracks[track].times_s
                joints = self._joints(person, times_s + self._rig.offsets_s[view])
                made.append(LabeledPerson(number, track, times_s, self._cameras[view].apply(joints)))
        return made

    def _joints(self, person: SeenPerson, times_s: Array) -> Array:
        """(T, J, 3), in the first camera's frame; made once for views with the same times."""
        key = person.track, np.round(times_s, 6).tobytes()
        if key not in self._made:
            self._made[key] = self._joints_at(person, times_s)
        return self._made[key]

    def _joints_at(self, person: SeenPerson, times_s: Array) -> Array:
        seen = keypoints_of(self._rig, self._views, person, times_s)
        sigmas = self._rig.sigmas(seen)
        points = without_odd_bones(triangulated(self._cameras, seen, sigmas), self._skeleton)
        by_one = np.asarray(np.isfinite(seen).all(axis=-1).any(axis=0))
        by_two = np.asarray(np.isfinite(points).all(axis=-1))
        whole = over_gaps(points, times_s, by_one)
        far = self._off(whole, seen) > _STRAY * person_sizes(seen)[..., None]
        seen = np.where((far & ~by_two)[..., None], np.nan, seen)
        steps_s = np.where(np.diff(times_s) <= _LONGEST_GAP_S, np.diff(times_s), np.nan)
        done = [points[:0]]
        for start in range(0, len(points), _AT_ONCE):
            at = slice(start, start + _AT_ONCE)
            motion = Motion(seen[:, at], sigmas[:, at], whole[at], steps_s[start : start + len(points[at]) - 1])
            done.append(self._adjusted(motion, by_two[at]))
        return np.concatenate(done)

    def _adjusted(self, motion: Motion, by_two: Mask) -> Array:
        """by_two: (T, J), joints on which two views agree; others need one, beside the times before and after."""
        if not np.isfinite(motion.points).any():
            return motion.points
        priors = Priors(self._bones, acceleration=_ACCELERATION_MPS2)
        moved = adjust(self._cameras, [motion], priors, move_cameras=False).points[0]
        off = self._off(moved, motion.keypoints)
        fits = off <= _OFF * motion.sigmas
        kept = fits.sum(axis=0) >= np.where(by_two, _LEAST_VIEWS, 1)
        self.off.append(off[fits & kept])
        return without_odd_bones(np.where(kept[..., None], moved, np.nan), self._skeleton)

    def _off(self, points: Array, keypoints: Array) -> Array:
        """Distances (V, T, J) of keypoints from the projections of points (T, J, 3), on the planes z = 1."""
        seen = np.stack([_projected(camera.apply(points)) for camera in self._cameras])
        return np.asarray(np.linalg.norm(seen - keypoints, axis=-1))


def over_gaps(points: Array, times_s: Array, wanted: Mask) -> Array:
    """Points (T, J, 3) with those that are wanted (T, J) between times that are near, linear between these."""
    whole = points.copy()
    for joint in range(points.shape[1]):
        known = np.nonzero(np.isfinite(points[:, joint]).all(axis=-1))[0]
        lacking = np.nonzero(wanted[:, joint] & ~np.isfinite(points[:, joint]).all(axis=-1))[0]
        after = np.searchsorted(known, lacking)
        between = (after > 0) & (after < len(known))
        lacking, after = lacking[between], after[between]
        first, last = known[after - 1], known[after]
        near = times_s[last] - times_s[first] <= _LONGEST_FILLED_S
        first, last, lacking = first[near], last[near], lacking[near]
        share = ((times_s[lacking] - times_s[first]) / (times_s[last] - times_s[first]))[:, None]
        whole[lacking, joint] = (1 - share) * points[first, joint] + share * points[last, joint]
    return whole


def _projected(points: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(points[..., :2] / np.where(points[..., 2:] > 0, points[..., 2:], np.nan))
