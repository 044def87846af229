"""Residuals of the kinematic fit and their Jacobians: rays of the image, bones, limits, the floor.

A person's points are the root, absolute, and then the J joints from the root: joint j is at points[0] + points[1 + j].
Each function gives a Jacobian (N, R, 1 + J, 3) and values (N, R) for `NormalEquations.add`; weights are 0 where a
residual does not count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.stages.smooth.body_model import LEAST_ANGLE_RAD, BodyModel
from pose3d_ros.types import Array

Mask = npt.NDArray[np.bool_]
Rows = tuple[Array, Array]

_RAY = 0.02
"""Standard deviation of a joint's ray, as a share of its distance."""
_LIMIT_M = 0.01
_CONTACT_MPS = 0.3
"""Standard deviation of the speed of a foot that stands, as far as one can tell that it does."""
_SLOW_MPS, _NEAR_M, _SINKING_M = 0.4, 0.06, 0.02
"""Speed and height over where it would stand below which a foot stands; how far it may sink."""
_LEAST_M, _NEAREST_M = 1e-6, 0.05


def ray_rows(slopes: Array, axes: Array, distances_m: Array, present: Mask) -> Rows:
    """E_proj: joints lie on their rays, at a distance that is not in question here.

    Along the rays the image says how far away people of these bones are, which is the root solvers' to weigh.
    slopes (N, J, 2): x/z and y/z of the joints' rays; axes (N, 3, 3): of the person's ray, the last along it;
    distances_m (N, J): of the joints along that; present (N, J).
    """
    people, joints = present.shape
    ray = np.concatenate((slopes, np.ones((people, joints, 1))), axis=-1) @ np.swapaxes(axes, 1, 2)
    counts = present & (ray[..., 2] > 0) & (distances_m > _NEAREST_M)
    weight = np.where(counts, 1.0 / (_RAY * np.where(counts, distances_m, 1.0)), 0.0)
    across = ray[..., :2] * (distances_m / np.where(counts, ray[..., 2], 1.0))[..., None]
    rows = weight[..., None, None] * axes[:, None, :2]
    jacobian = np.zeros((people, joints, 2, 1 + joints, 3))
    at = np.arange(joints)
    jacobian[:, :, :, 0] = rows
    jacobian[:, at, :, 1 + at] = np.swapaxes(rows, 0, 1)
    values = weight[..., None] * np.where(counts[..., None], across, 0.0)
    return jacobian.reshape(people, 2 * joints, 1 + joints, 3), values.reshape(people, 2 * joints)


def bone_rows(model: BodyModel, points_m: Array, lengths_m: Array, seen: Mask) -> Rows:
    """Bones of known lengths, and knees and elbows that bend no further than they go.

    points_m (N, 1 + J, 3): where the lengths are linearized. lengths_m (N, B): 0 where not known. seen (N, 1 + J).
    """
    bent = model.hinge_bones
    first_m, second_m = lengths_m[:, bent[:, 0]], lengths_m[:, bent[:, 1]]
    least_m = np.sqrt(first_m**2 + second_m**2 - 2 * first_m * second_m * np.cos(LEAST_ANGLE_RAD))
    pairs = 1 + np.concatenate((model.bones, model.hinges))
    wanted_m = np.concatenate((lengths_m, least_m), axis=1)
    apart_m = points_m[:, pairs[:, 1]] - points_m[:, pairs[:, 0]]
    distance_m = np.linalg.norm(apart_m, axis=-1)
    sigmas_m = np.concatenate((model.sigmas_m, np.full(len(bent), _LIMIT_M)))
    counts = seen[:, pairs[:, 0]] & seen[:, pairs[:, 1]] & (wanted_m > 0)
    counts[:, len(model.bones) :] &= (distance_m < wanted_m)[:, len(model.bones) :] & (first_m > 0) & (second_m > 0)
    weight = counts / sigmas_m
    row = apart_m * (weight / np.maximum(distance_m, _LEAST_M))[..., None]
    jacobian = np.zeros((*row.shape[:2], *points_m.shape[1:]))
    at = np.arange(len(pairs))
    jacobian[:, at, pairs[:, 1]], jacobian[:, at, pairs[:, 0]] = row, -row
    return jacobian, wanted_m * weight


def floor_rows(
    model: BodyModel, ground: GroundPlane, before_m: Array, ahead_m: Array, speeds_mps: Array, dt_s: Array, seen: Mask
) -> Rows:
    """Feet that are slow and near the floor do not slide, and none sinks.

    before_m, ahead_m (N, 1 + J, 3): the points of the frame before, and where they are expected now. speeds_mps (N, F):
    of the feet. dt_s (N,): since the frame before. seen (N, 1 + J): in the frame before, too.
    """
    feet = 1 + model.feet
    height_m = ground.heights_m(ahead_m[:, :1] + ahead_m[:, feet]) - model.feet_m
    stands = _soft(height_m, _NEAR_M) * _soft(speeds_mps, _SLOW_MPS) * seen[:, feet]
    weights = np.stack(
        [np.sqrt(stands) / (_CONTACT_MPS * dt_s[:, None])] * 2 + [((height_m < 0) & seen[:, feet]) / _SINKING_M], -1
    )
    axes = np.stack([*_along_floor(ground.up_cam), ground.up_cam])
    jacobian = np.zeros((len(ahead_m), len(feet), 3, *ahead_m.shape[1:]))
    rows = weights[..., None] * axes
    jacobian[:, :, :, 0] = rows
    for i, foot in enumerate(feet):
        jacobian[:, i, :, foot] = rows[:, i]
    wanted = (before_m[:, :1] + before_m[:, feet]) @ axes.T
    wanted[..., 2] = model.feet_m - ground.height_m
    people = len(ahead_m)
    return jacobian.reshape(people, -1, *ahead_m.shape[1:]), (weights * wanted).reshape(people, -1)


def _soft(value: Array, limit: float) -> Array:
    """1 for values well below a limit, 0 well above it."""
    return np.asarray(1.0 / (1.0 + np.exp(np.clip((value - limit) / (0.25 * limit), -50.0, 50.0))))


def _along_floor(up: Array) -> tuple[Array, Array]:
    """Two directions at right angles to each other in the floor."""
    axis = np.eye(3)[int(np.argmin(np.abs(up)))]
    first = np.cross(up, axis)
    first = first / np.linalg.norm(first)
    return first, np.cross(up, first)
