"""Kinematic fit of people over time, after VNect (Mehta 2017, eq. 2): E_IK + E_proj + E_smooth + E_depth.

Unknown are a person's joints, not the angles between them, which leaves the problem well conditioned. Least squares of

- E_IK: the measured joints from the root; bones keep the lengths that were seen over time, and knees and elbows bend no
  further than they go (`body_model`);
- E_proj: the joints' rays, across only: the distance is for the root solvers to weigh;
- E_smooth: where the joints are expected at their velocity, with the weight that makes the linear part a critically
  damped α-β filter (Benedict and Bordner 1962), slower along the ray, where nets err more;
- E_depth: the measured distance of the root, weakly, by the standard deviation that comes with it;
- on a known floor: feet that stand do not slide, and none sinks;

by two steps of Gauss and Newton, all people at once. What comes out is drawn to the fit at the fit's velocity, so that
it has no steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.smooth.body_model import BodyModel, body_model
from pose3d_ros.stages.smooth.kinematic_terms import bone_rows, floor_rows, ray_rows
from pose3d_ros.stages.smooth.normal_equations import NormalEquations
from pose3d_ros.stages.smooth.person_smoother import RememberingSmoother, is_measured, moved_person
from pose3d_ros.stages.smooth.smooth_features import NOMINAL_DT_S, cam2ray
from pose3d_ros.types import Array

Mask = npt.NDArray[np.bool_]
Axes = tuple[float, float, float]

_ROOT_S, _JOINTS_S = (0.08, 0.08, 0.3), (0.07, 0.07, 0.1)
"""Time constants of the filter across the ray and along it; these and those below by motions that were not held out."""
_DRAWN_ROOT_S, _DRAWN_S = (0.04, 0.04, 0.04), (0.05, 0.05, 0.05)
"""Time constants of drawing what comes out to the fit."""
_FRAMES, _DRAWN_FRAMES, _LONGEST_DT_S = 1.5, 1.2, 0.1
"""Least of the joints' constants in frames of up to that long, so that a slow camera's people are smoothed, too."""
_STEADY_S, _LENGTHS_S = 0.3, 3.0
"""How long a velocity lasts by itself; over what time the lengths of bones are averaged."""
_ROOT_M, _JOINTS_M = 0.02, (0.03, 0.03, 0.08)
"""Standard deviations of what is measured: the root across its ray; joints from the root, across and along."""
_DEPTH, _CHANGING = 0.08, 0.15
"""The root's along its ray, as a share of its depth, where none comes with it; how much of it changes within a stride,
all that standing feet may correct."""
_STEEPEST = 10.0
"""x/z of a ray: beyond it a projection tells nothing."""
_LEAST_M = 0.002
"""Of a standard deviation and of a depth."""
_SAME_M = 1e-6
_PINNED = 1e6
_STEPS = 2
_MOST_CHANGE = 0.15
"""Of a bone's length from what is known of it: more is an outlier."""


@dataclass(frozen=True, eq=False)
class _Body:
    """What is kept of a person, or, with an axis (N, …) in front, of several: M = 1 + J points as in `kinematic_terms`.

    fitted_m, fitted_mps (M, 3): points and velocities of the fit; free_m, free_mps (M, 3): of the filter without bones
    and floor; shown_m (M, 3): as they came out. seen (M,): whether they ever were. lengths_m, known_s (B,): of the
    bones, and over what time. stamp_ns: of the last frame.
    """

    fitted_m: Array
    fitted_mps: Array
    free_m: Array
    free_mps: Array
    shown_m: Array
    seen: Mask
    lengths_m: Array
    known_s: Array
    stamp_ns: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Measured:
    """N people of one skeleton. points_m (N, M, 3), 0 where not valid (N, M). cam2ray (N, 3, 3).

    slopes (N, J, 2): x/z and y/z of the joints' rays, 0 where not on_ray (N, J). sigma_m (N,): of the roots' distances.
    pinned (N, M): the root joint, where it is the root. is_new, dt_s (N,): without a past, and the time since.
    """

    points_m: Array
    valid: Mask
    cam2ray: Array
    slopes: Array
    on_ray: Mask
    sigma_m: Array
    pinned: Mask
    is_new: Mask
    dt_s: Array


class KinematicSmoother(RememberingSmoother[tuple[str, _Body]]):
    """A `PersonSmoother`, see the module. Without a camera the rays are those of the measured joints."""

    def update(
        self,
        people: Sequence[Person],
        stamp_ns: int,
        camera: Camera | None = None,
        ground: GroundPlane | None = None,
    ) -> tuple[Person, ...]:
        """See `PersonSmoother`."""
        now_ns = self._memory.begin_frame(people, stamp_ns, self.config.max_gap_s)
        measured = [i for i, person in enumerate(people) if is_measured(person)]
        fitted = list(people)
        for name in sorted({people[i].pose.skeleton.name for i in measured}):
            mine = [i for i in measured if people[i].pose.skeleton.name == name]
            for i, points_m in zip(mine, self._fit([people[i] for i in mine], now_ns, camera, ground), strict=True):
                fitted[i] = _placed(people[i], points_m, camera)
        return tuple(fitted)

    def _fit(self, people: Sequence[Person], now_ns: int, camera: Camera | None, ground: GroundPlane | None) -> Array:
        """Points (N, M, 3) of people of one skeleton, as they come out."""
        skeleton = people[0].pose.skeleton
        model, nobody = body_model(skeleton), _nobody(skeleton)
        kept = [self._memory.get(person.track_id) for person in people]
        pasts = [past[1] if past is not None and past[0] == skeleton.name else nobody for past in kept]
        before = _stacked(pasts)
        is_new = np.array([past is nobody for past in pasts])
        dt_s = np.where(is_new, NOMINAL_DT_S, np.maximum((now_ns - before.stamp_ns) * 1e-9, 1e-3))
        measured = _measured(people, camera, is_new, dt_s)
        body = _fitted(model, measured, before, ground)
        for i, person in enumerate(people):
            own = {field.name: getattr(body, field.name)[i] for field in fields(body)}
            self._memory.put(person.track_id, (skeleton.name, replace(_Body(**own), stamp_ns=np.array(now_ns))))
        return body.shown_m


def _nobody(skeleton: Skeleton) -> _Body:
    points, bones = np.zeros((1 + len(skeleton), 3)), np.zeros(len(body_model(skeleton).bones))
    seen = np.zeros(1 + len(skeleton), dtype=bool)
    return _Body(points, points, points, points, points, seen, bones, bones, np.array(0))


def _stacked(bodies: Sequence[_Body]) -> _Body:
    return _Body(*(np.stack([getattr(body, field.name) for body in bodies]) for field in fields(_Body)))


def _measured(people: Sequence[Person], camera: Camera | None, is_new: Mask, dt_s: Array) -> _Measured:
    poses, root_at = [person.pose for person in people], people[0].pose.skeleton.root
    root_m, joints_m = np.array([p.root_cam_m for p in poses]), np.array([p.joints_cam_m for p in poses])
    there = np.asarray(np.isfinite(joints_m).all(axis=-1))
    relative_m = np.where(there[..., None], joints_m - root_m[:, None], 0.0)
    pixels = np.array([p.joints_img_px for p in poses])
    on_ray = there & (np.isfinite(pixels).all(axis=-1) if camera is not None else joints_m[..., 2] > 0)
    ahead_m = np.where(on_ray[..., None], joints_m, [0.0, 0.0, 1.0])
    if camera is not None:
        ahead_m = camera.rays(np.where(on_ray[..., None], pixels, 0.0))
    with np.errstate(all="ignore"):
        slopes = ahead_m[..., :2] / ahead_m[..., 2:]
        on_ray &= (np.abs(slopes) < _STEEPEST).all(axis=-1)
    sigma_m = np.array([p.root_sigma_m for p in poses])
    valid = np.concatenate((np.ones_like(there[:, :1]), there), axis=1)
    pinned = np.zeros_like(valid)
    pinned[:, 1 + root_at] = there[:, root_at] & (np.abs(relative_m[:, root_at]).max(axis=-1) < _SAME_M)
    return _Measured(
        np.concatenate((root_m[:, None], relative_m), axis=1),
        valid,
        cam2ray(root_m),
        np.where(on_ray[..., None], slopes, 0.0),
        on_ray,
        np.maximum(np.where(np.isfinite(sigma_m), sigma_m, _DEPTH * root_m[:, 2]), _LEAST_M),
        pinned,
        is_new,
        dt_s,
    )


def _fitted(model: BodyModel, now: _Measured, before: _Body, ground: GroundPlane | None) -> _Body:
    fresh, dt_s = now.valid & ~before.seen, now.dt_s[:, None, None]
    alpha, beta = _gains(now)
    ahead_m, mps = _expected(before.fitted_m, before.fitted_mps, now, fresh)
    free_ahead_m, free_mps = _expected(before.free_m, before.free_mps, now, fresh)
    surprise = np.where(now.valid[..., None], now.points_m - free_ahead_m, 0.0)
    free_m = free_ahead_m + _along_axes(surprise, alpha, now)
    free_mps = _fading(free_mps + _along_axes(surprise, beta, now) / dt_s, now)
    seen = before.seen | now.valid
    lengths_m, known_s = _lengths(model, free_m, before, now)
    equations = _equations(now, ahead_m, alpha, fresh, seen)
    if ground is not None and len(model.feet):
        speeds_mps = np.linalg.norm(free_mps[:, :1] + free_mps[:, 1 + model.feet], axis=-1)
        equations.add(*floor_rows(model, ground, before.fitted_m, ahead_m, speeds_mps, now.dt_s, before.seen))
    points_m = equations.solve()
    for _ in range(_STEPS if len(model.bones) else 0):
        rigid = equations.copy()
        rigid.add(*bone_rows(model, points_m, lengths_m, seen))
        points_m = rigid.solve()
    moved = np.where(now.valid[..., None], points_m - ahead_m, 0.0)
    mps = _fading(mps + _along_axes(moved, beta / alpha, now) / dt_s, now)
    shown_m = _drawn(points_m, mps, before, now, fresh)
    return _Body(points_m, mps, free_m, free_mps, shown_m, seen, lengths_m, known_s, before.stamp_ns)


def _gains(now: _Measured) -> tuple[Array, Array]:
    """Gains of position and velocity (N, M, 3) of a critically damped filter, along the axes of the rays."""
    keep = np.exp(-now.dt_s[:, None, None] / _constants_s(_ROOT_S, _JOINTS_S, _FRAMES, now))
    return 1 - keep**2, (1 - keep) ** 2


def _constants_s(root_s: Axes, joints_s: Axes, frames: float, now: _Measured) -> Array:
    """Time constants (N, M, 3) of each person's points; those of joints no shorter than that many frames."""
    least_s = frames * np.minimum(now.dt_s, _LONGEST_DT_S)[:, None, None]
    root, joints = np.broadcast_to(root_s, (len(least_s), 1, 3)), np.maximum(joints_s, least_s)
    return np.concatenate((root, np.repeat(joints, now.points_m.shape[1] - 1, axis=1)), axis=1)


def _expected(points_m: Array, mps: Array, now: _Measured, fresh: Mask) -> tuple[Array, Array]:
    """Where points (N, M, 3) are expected and their velocities; those seen for the first time where they are."""
    first = fresh[..., None]
    return np.where(first, now.points_m, points_m + mps * now.dt_s[:, None, None]), np.where(first, 0.0, mps)


def _along_axes(vectors: Array, gains: Array, now: _Measured) -> Array:
    """Vectors (N, M, 3) times gains along the axes of their person's ray."""
    return np.asarray((vectors @ np.swapaxes(now.cam2ray, 1, 2) * gains) @ now.cam2ray)


def _fading(mps: Array, now: _Measured) -> Array:
    return np.asarray(mps * np.exp(-now.dt_s / _STEADY_S)[:, None, None])


def _equations(now: _Measured, ahead_m: Array, alpha: Array, fresh: Mask, seen: Mask) -> NormalEquations:
    """E_IK, E_depth, E_smooth and E_proj: all that is linear and needs no floor."""
    people, points = now.valid.shape
    measured = np.empty((people, points, 3))
    measured[:, 1:] = np.power(_JOINTS_M, -2)
    measured[:, 0] = np.stack([np.full(people, _ROOT_M**-2)] * 2 + [(_CHANGING * now.sigma_m) ** -2], axis=-1)
    smooth = np.where(fresh[..., None], 0.0, measured * (1 - alpha) / alpha)
    measured *= now.valid[..., None]
    measured += np.where(seen & ~now.pinned, 0.0, _PINNED)[..., None]  # who was never seen stays at the root
    equations = NormalEquations(people, points)
    equations.draw(now.points_m, _turned(measured, now))
    equations.draw(ahead_m, _turned(smooth, now))
    along_m = ((now.points_m[:, 1:] + ahead_m[:, :1]) @ np.swapaxes(now.cam2ray, 1, 2))[..., 2]
    equations.add(*ray_rows(now.slopes, now.cam2ray, along_m, now.on_ray))
    return equations


def _turned(precisions: Array, now: _Measured) -> Array:
    """Precisions (N, M, 3) along the axes of the rays as matrices (N, M, 3, 3) in the camera's frame."""
    axes = now.cam2ray[:, None]
    return np.asarray(np.swapaxes(axes, 2, 3) @ (precisions[..., None] * axes))


def _lengths(model: BodyModel, points_m: Array, before: _Body, now: _Measured) -> tuple[Array, Array]:
    """Lengths of the bones (N, B), a person's sides alike, and over what time they are known, seconds.

    A running mean over `_LENGTHS_S` in which a step of more than `_MOST_CHANGE` counts as one of that.
    """
    ends = 1 + model.bones
    both = now.valid[:, ends[:, 0]] & now.valid[:, ends[:, 1]]
    own_m = np.where(both, np.linalg.norm(points_m[:, ends[:, 0]] - points_m[:, ends[:, 1]], axis=-1), np.nan)
    pair = np.stack([own_m, own_m[:, model.twins]])
    count = np.isfinite(pair).sum(axis=0)
    found_m = np.nansum(pair, axis=0) / np.maximum(count, 1)
    dt_s, known = now.dt_s[:, None], before.known_s > 0
    known_s = before.known_s + np.where(count > 0, dt_s, 0.0)
    most_m = _MOST_CHANGE * before.lengths_m
    step_m = np.clip(found_m - before.lengths_m, -most_m, most_m) * dt_s / np.clip(known_s, 1e-3, _LENGTHS_S)
    lengths_m = np.where(known, before.lengths_m + step_m, found_m)
    return np.where(count > 0, lengths_m, before.lengths_m), known_s


def _drawn(points_m: Array, mps: Array, before: _Body, now: _Measured, fresh: Mask) -> Array:
    """What came out before, moved on at the fit's velocities and towards the fit."""
    constants_s = _constants_s(_DRAWN_ROOT_S, _DRAWN_S, _DRAWN_FRAMES, now)
    carried_m = before.shown_m + mps * now.dt_s[:, None, None]
    share = 1 - np.exp(-now.dt_s[:, None, None] / constants_s)
    return np.where(fresh[..., None], points_m, carried_m + share * (points_m - carried_m))


def _placed(person: Person, points_m: Array, camera: Camera | None) -> Person:
    pose, root_m = person.pose, points_m[0]
    joints_m = np.where(np.isfinite(pose.joints_cam_m), root_m + points_m[1:], np.nan)
    return moved_person(person, root_m, joints_m, camera)
