"""Normal equations of bundle adjustment: banded for points, few other unknowns."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.sparse import csr_matrix

from pose3d_ros.types import Array

_LEAST_CURVATURE = 1e-9


class BundleEquations:
    """A matrix of normal equations: banded for points, which only depend on those of the person at times that are near.

    The other unknowns, of cameras before the points and of bones behind them, are eliminated by a Schur complement.
    ends: of the persons' numbers among the points' coordinates.
    """

    def __init__(self, matrix: csr_matrix, before: int, ends: npt.NDArray[np.intp]) -> None:
        entries, points = matrix.tocoo(), int(ends[-1])
        count = matrix.shape[0] - points
        rows, columns = ((index - before) % matrix.shape[0] for index in (entries.row, entries.col))
        lower = (rows < points) & (columns <= rows)
        offset = rows[lower] - columns[lower]
        self._band = np.zeros((int(offset.max(initial=0)) + 1, points))
        self._band[offset, columns[lower]] = entries.data[lower]
        self._border, self._corner = np.zeros((points, count)), np.zeros((count, count))
        aside = (rows < points) & (columns >= points)
        self._border[rows[aside], columns[aside] - points] = entries.data[aside]
        beyond = (rows >= points) & (columns >= points)
        self._corner[rows[beyond] - points, columns[beyond] - points] = entries.data[beyond]
        self._before, self._points = before, points
        spans = [slice(first, end) for first, end in pairwise([0, *ends.tolist()]) if end > first]
        self._spans = [(span, np.nonzero(self._border[span].any(axis=0))[0]) for span in spans]

    def solved(self, gradient: Array, damping: float) -> Array:
        """The step (N,) for a gradient (N,), both in the order of the unknowns."""
        wanted = np.roll(gradient, -self._before)
        corner, rest = self._corner.copy(), wanted[self._points :].copy()
        corner[np.diag_indices_from(corner)] *= 1.0 + damping
        corner[np.diag_indices_from(corner)] += _LEAST_CURVATURE
        across = []
        for span, columns in self._spans:
            band, border = self._band[:, span].copy(), self._border[span][:, columns]
            band[0] += damping * band[0] + _LEAST_CURVATURE
            factor = cholesky_banded(band, overwrite_ab=True, lower=True, check_finite=False)
            right = np.concatenate([border, wanted[span, None]], axis=1)
            solved = cho_solve_banded((factor, True), right, overwrite_b=True, check_finite=False)
            corner[np.ix_(columns, columns)] -= border.T @ solved[:, :-1]
            rest[columns] -= border.T @ solved[:, -1]
            across.append(solved)
        rest = np.asarray(np.linalg.solve(corner, rest), dtype=np.float64)
        moved = [
            solved[:, -1] - solved[:, :-1] @ rest[columns]
            for solved, (_, columns) in zip(across, self._spans, strict=True)
        ]
        return np.roll(np.concatenate([*moved, rest]), self._before)
