"""Bundle adjustment of cameras and people: reprojection, bones of constant length, limbs that do not jump.

B. Triggs et al., Bundle Adjustment: A Modern Synthesis, 2000. The first
camera is the frame of everything; the second camera's distance from it is the unit of length, so it stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array
from pose3d_training.multiview.bundle_equations import BundleEquations
from pose3d_training.multiview.relative_pose import skew
from pose3d_training.multiview.view_tracks import Mask

_GAUGE = 1e3
"""Weight of the second camera's place along the baseline, which nothing else holds."""
_LEAST_DEPTH = 1e-3
_STEPS, _TRIES, _ENOUGH = 40, 10, 1e-4
_DAMPING, _DAMP_MORE = 1e-4, 4.0

Rows = npt.NDArray[np.intp]
_Entries = tuple[npt.NDArray[Any], ...]
"""Rows, columns and values of a sparse matrix."""


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's joints over T times as views see them.

    Attributes
    ----------
    keypoints : ndarray
        (V, T, J, 2) float64 on the planes z = 1; NaN where a view does not have a joint.
    sigmas : ndarray
        (V, T, J) float64, standard deviations of keypoints.
    points : ndarray
        (T, J, 3) float64, in the first camera's frame; NaN for joints that take no part.
    steps_s : ndarray
        (T - 1,) float64, times between the T; NaN where one time does not follow the other.
    """

    keypoints: Array
    sigmas: Array
    points: Array
    steps_s: Array


@dataclass(frozen=True)
class Priors:
    """What is known of bodies besides their images.

    bones: pairs of joints whose distance does not change. bone_sigma: standard deviation of the
    lengths, as a share. acceleration: standard deviation, in units of length per s²; infinite for none. It draws people
    towards the cameras that see them, so it is for cameras that are known.
    """

    bones: Sequence[tuple[int, int]] = ()
    bone_sigma: float = 0.03
    acceleration: float = float("inf")


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Cameras (first camera's frame to theirs) and each motion's points (T, J, 3) after the adjustment."""

    cameras: tuple[RigidTransform, ...]
    points: tuple[Array, ...]
    lengths: tuple[Array, ...]


def adjust(
    cameras: Sequence[RigidTransform], motions: Sequence[Motion], priors: Priors, *, move_cameras: bool = True
) -> Adjusted:
    """Move cameras and points to where they fit the keypoints best.

    Parameters
    ----------
    cameras : sequence of RigidTransform
        V, from the first camera's frame to each one's; the first is the identity.
    motions : sequence of Motion
        People.
    priors : Priors
        Of their bones and accelerations.
    move_cameras : bool
        Whether cameras take part, or people only.

    Returns
    -------
    Adjusted
        NaN points stay NaN.
    """
    problem = _Problem(tuple(cameras), tuple(motions), priors, move_cameras)
    return problem.unpacked(_least(problem))


def _least(problem: _Problem) -> Array:
    """The unknowns with the least soft L1 cost: Levenberg–Marquardt with reweighted residuals.

    Its steps are solved directly. SciPy's `least_squares` has only LSMR for sparse problems, which takes thousands of
    iterations for each step here, as cameras and points can move together at almost no cost.
    """
    at, damping = problem.start(), _DAMPING
    residuals = problem.residuals(at)
    cost = problem.cost(residuals)
    for _ in range(_STEPS):
        slope = problem.jacobian(at)
        weighted = slope.T.multiply(problem.weights(residuals)).tocsr()
        gradient = weighted @ residuals
        normal = BundleEquations(weighted @ slope, problem.of_cameras, problem.ends)
        before = cost
        for _ in range(_TRIES):
            moved = at - normal.solved(gradient, damping)
            tried = problem.residuals(moved)
            damping *= _DAMP_MORE
            if problem.cost(tried) < cost:
                at, residuals, cost, damping = moved, tried, problem.cost(tried), damping / _DAMP_MORE**2
                break
        if before - cost < _ENOUGH * before:
            break
    return at


@dataclass(eq=False)
class _Part:
    """Where a motion's unknowns are, and its residuals. rows: (T, J), of points among all; -1 for none."""

    rows: Rows
    pairs: Rows
    """(B, 3): bone residuals' points, and which length."""
    triples: Rows
    """(A, 3): points of one joint at three times."""
    steps: Array
    """(A, 2): times between these."""


@dataclass(eq=False)
class _Problem:
    """Unknowns: rotation vectors and translations of all cameras but the first, points, bones' lengths."""

    cameras: tuple[RigidTransform, ...]
    motions: tuple[Motion, ...]
    priors: Priors
    moves: bool
    parts: list[_Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.of_cameras = 6 * (len(self.cameras) - 1) if self.moves else 0
        bones = np.array(self.priors.bones, dtype=np.intp).reshape(-1, 2)
        count = 0
        points, seen_by, seen, at, sigmas = [], [], [], [], []
        for number, motion in enumerate(self.motions):
            known = np.isfinite(motion.points).all(axis=-1)
            rows = np.where(known, np.cumsum(known).reshape(known.shape) - 1 + count, -1)
            count += int(known.sum())
            points.append(motion.points[known])
            views, times, joints = np.nonzero(np.isfinite(motion.keypoints).all(axis=-1) & known & (motion.sigmas > 0))
            seen_by.append(views)
            seen.append(rows[times, joints])
            at.append(motion.keypoints[views, times, joints])
            sigmas.append(motion.sigmas[views, times, joints])
            self.parts.append(_part(rows, bones, number * len(bones), motion.steps_s, self.priors))
        self.points = np.concatenate(points)
        self.ends = 3 * np.cumsum([len(one) for one in points])
        self.views, self.seen = np.concatenate(seen_by), np.concatenate(seen)
        self.at, self.sigmas = np.concatenate(at), np.concatenate(sigmas)[:, None]
        self.pairs = np.concatenate([part.pairs for part in self.parts])
        self.triples = np.concatenate([part.triples for part in self.parts])
        steps = np.concatenate([part.steps for part in self.parts])
        # Second difference over unequal steps, as an acceleration, over its deviation.
        before, after = steps[:, 0], steps[:, 1]
        mean = (before + after) / 2
        first, last = 1 / (before * mean), 1 / (after * mean)
        self.curvature = np.stack([first, -first - last, last], axis=-1) / self.priors.acceleration
        self.bones = len(bones)
        self.turns = np.stack([camera.rotation for camera in self.cameras])
        self.moved = np.stack([camera.translation_m for camera in self.cameras])
        self._along = self.moved[1] / np.linalg.norm(self.moved[1])

    def start(self) -> Array:
        lengths = self._bone_lengths(self.points)
        middle = np.ones(self.bones * len(self.motions))
        for one in np.unique(self.pairs[:, 2]):
            middle[one] = np.median(lengths[self.pairs[:, 2] == one])
        cameras = np.concatenate([np.zeros((len(self.cameras) - 1, 3)), self.moved[1:]], axis=1).ravel()
        return np.concatenate([cameras[: self.of_cameras], self.points.ravel(), middle])

    def unpacked(self, unknowns: Array) -> Adjusted:
        turns, moved, points, lengths = self._split(unknowns)
        unit = np.linalg.norm(self.moved[1]) / np.linalg.norm(moved[1]) if self.moves else 1.0
        cameras = tuple(RigidTransform(turn, unit * move) for turn, move in zip(turns, moved, strict=True))
        padded = np.concatenate([unit * points, np.full((1, 3), np.nan)])
        by_person = (unit * lengths).reshape(len(self.motions), -1)
        return Adjusted(cameras, tuple(padded[part.rows] for part in self.parts), tuple(by_person))

    def residuals(self, unknowns: Array) -> Array:
        turns, moved, points, lengths = self._split(unknowns)
        seen = self._in_views(turns, moved, points)[0]
        image = (seen[:, :2] / np.maximum(seen[:, 2:], _LEAST_DEPTH) - self.at) / self.sigmas
        bones = (self._bone_lengths(points) / lengths[self.pairs[:, 2]] - 1) / self.priors.bone_sigma
        jumps = np.einsum("ai,aik->ak", self.curvature, points[self.triples])
        parts = [image.ravel(), bones, jumps.ravel()]
        if self.moves:
            parts.append(_GAUGE * (moved[1:2] - self.moved[1:2]) @ self._along)
        return np.concatenate(parts)

    def cost(self, residuals: Array) -> float:
        """Soft L1, so that outliers hardly pull; the gauge is none."""
        squares = residuals**2
        robust = 2.0 * (np.sqrt(1.0 + squares) - 1.0)
        return float(np.where(self._is_gauge(residuals), squares, robust).sum())

    def weights(self, residuals: Array) -> Array:
        """Of least squares with the slope of the cost."""
        return np.where(self._is_gauge(residuals), 1.0, 1.0 / np.sqrt(1.0 + residuals**2))

    def _is_gauge(self, residuals: Array) -> Mask:
        return np.asarray(np.arange(len(residuals)) >= len(residuals) - int(self.moves))

    def jacobian(self, unknowns: Array) -> csr_matrix:
        turns, moved, points, lengths = self._split(unknowns)
        entries = [*self._of_images(turns, moved, points), *self._of_bones(points, lengths), *self._of_jumps()]
        count = 2 * len(self.at) + len(self.pairs) + 3 * len(self.triples)
        if self.moves:
            entries.append(_entries(np.full(3, count), np.arange(3, 6), _GAUGE * self._along))
            count += 1
        rows, columns, values = (np.concatenate([one[i] for one in entries]) for i in range(3))
        return csr_matrix((values, (rows, columns)), shape=(count, len(unknowns)))

    def _split(self, unknowns: Array) -> tuple[Array, Array, Array, Array]:
        turns, moved = self.turns, self.moved
        if self.moves:
            changes = unknowns[: self.of_cameras].reshape(-1, 6)
            turns = np.concatenate([turns[:1], Rotation.from_rotvec(changes[:, :3]).as_matrix() @ turns[1:]])
            moved = np.concatenate([moved[:1], changes[:, 3:]])
        end = self.of_cameras + self.points.size
        return turns, moved, unknowns[self.of_cameras : end].reshape(-1, 3), unknowns[end:]

    def _in_views(self, turns: Array, moved: Array, points: Array) -> tuple[Array, Array]:
        turned = np.einsum("nij,nj->ni", turns[self.views], points[self.seen])
        return turned + moved[self.views], turned

    def _bone_lengths(self, points: Array) -> Array:
        return np.asarray(np.linalg.norm(points[self.pairs[:, 0]] - points[self.pairs[:, 1]], axis=1))

    def _of_images(self, turns: Array, moved: Array, points: Array) -> list[_Entries]:
        seen, turned = self._in_views(turns, moved, points)
        depth = np.maximum(seen[:, 2], _LEAST_DEPTH)
        flat = np.zeros((len(seen), 2, 3))
        flat[:, 0, 0] = flat[:, 1, 1] = 1 / depth
        flat[:, :, 2] = -seen[:, :2] / depth[:, None] ** 2
        flat /= self.sigmas[..., None]
        rows = 2 * np.arange(len(seen))[:, None, None] + np.array([[0], [1]])
        columns = self.of_cameras + 3 * self.seen[:, None, None] + np.arange(3)
        entries = [_entries(rows, columns, flat @ turns[self.views])]
        if self.moves:
            other = self.views > 0
            of_camera = np.concatenate([-flat[other] @ skew(turned[other]), flat[other]], axis=2)
            columns = 6 * (self.views[other, None, None] - 1) + np.arange(6)
            entries.append(_entries(rows[other], columns, of_camera))
        return entries

    def _of_bones(self, points: Array, lengths: Array) -> list[_Entries]:
        apart = points[self.pairs[:, 0]] - points[self.pairs[:, 1]]
        norms = np.linalg.norm(apart, axis=1, keepdims=True)
        usual = lengths[self.pairs[:, [2]]] * self.priors.bone_sigma
        slope = apart / np.maximum(norms, 1e-9) / usual
        rows = 2 * len(self.at) + np.arange(len(self.pairs))[:, None]
        first, second = (self.of_cameras + 3 * self.pairs[:, [i]] + np.arange(3) for i in (0, 1))
        columns = self.of_cameras + self.points.size + self.pairs[:, [2]]
        of_length = -norms / usual / lengths[self.pairs[:, [2]]]
        return [_entries(rows, first, slope), _entries(rows, second, -slope), _entries(rows, columns, of_length)]

    def _of_jumps(self) -> list[_Entries]:
        first_row = 2 * len(self.at) + len(self.pairs)
        rows = first_row + 3 * np.arange(len(self.triples))[:, None, None] + np.arange(3)[:, None]
        columns = self.of_cameras + 3 * self.triples[:, None, :] + np.arange(3)[:, None]
        return [_entries(rows, columns, self.curvature[:, None, :])]


def _entries(rows: Rows, columns: Rows, values: Array) -> _Entries:
    return tuple(np.ravel(one) for one in np.broadcast_arrays(rows, columns, values))


def _part(rows: Rows, bones: Rows, first_length: int, steps_s: Array, priors: Priors) -> _Part:
    lengths = np.broadcast_to(first_length + np.arange(len(bones)), (len(rows), len(bones)))
    pairs = np.stack([rows[:, bones[:, 0]], rows[:, bones[:, 1]], lengths], axis=-1).reshape(-1, 3)
    if not np.isfinite(priors.acceleration) or len(rows) < 3:
        return _Part(rows, pairs[(pairs[:, :2] >= 0).all(axis=1)], np.empty((0, 3), np.intp), np.empty((0, 2)))
    triples = np.stack([rows[:-2], rows[1:-1], rows[2:]], axis=-1)
    steps = np.stack([steps_s[:-1], steps_s[1:]], axis=-1)
    used: Mask = (triples.min(axis=-1) >= 0) & np.isfinite(steps.sum(axis=-1, keepdims=True))
    of_each = np.broadcast_to(steps[:, None], (*triples.shape[:2], 2))
    return _Part(rows, pairs[(pairs[:, :2] >= 0).all(axis=1)], triples[used], of_each[used])
