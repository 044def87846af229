"""Weighted linear least squares in some points of several people at once."""

from __future__ import annotations

import numpy as np

from pose3d_ros.types import Array


class NormalEquations:
    """Of N people with M points each, from residuals whose Jacobians are given."""

    def __init__(self, people: int, points: int) -> None:
        self._shape = (people, points, 3)
        self._matrix = np.zeros((people, 3 * points, 3 * points))
        self._right = np.zeros((people, 3 * points))

    def draw(self, targets_m: Array, precisions: Array) -> None:
        """Draw each point to a place: targets_m (N, M, 3), with precisions (N, M, 3, 3) of it, in 1/m²."""
        people, points, _ = self._shape
        blocks = self._matrix.reshape(people, points, 3, points, 3)
        at = np.arange(points)
        blocks[:, at, :, at, :] += np.swapaxes(precisions, 0, 1)
        self._right += (precisions @ targets_m[..., None]).reshape(people, -1)

    def add(self, jacobian: Array, values: Array) -> None:
        """Residuals Σ jacobian · points - values, already divided by their standard deviations.

        jacobian (N, R, M, 3), values (N, R).
        """
        people, points, _ = self._shape
        rows = jacobian.reshape(people, -1, 3 * points)
        columns = np.swapaxes(rows, 1, 2)
        self._matrix += columns @ rows
        self._right += (columns @ values[..., None])[..., 0]

    def copy(self) -> NormalEquations:
        """The same equations, to add to."""
        people, points, _ = self._shape
        other = NormalEquations(people, points)
        other._matrix[:], other._right[:] = self._matrix, self._right
        return other

    def solve(self) -> Array:
        """The points (N, M, 3) of least squares. Each point must have been drawn somewhere."""
        return np.asarray(np.linalg.solve(self._matrix, self._right[..., None]).reshape(self._shape))
