"""Normal equations of bundle adjustment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from pose3d_training.multiview.bundle_equations import BundleEquations


@pytest.mark.parametrize("before", [0, 6])
def test_is_the_solution_of_the_whole_system(before: int) -> None:
    """Cameras, two people of 12 and 9 coordinates whose bands are 4 wide, and two bones, one of each person."""
    rng = np.random.default_rng(before)
    people, bones = (12, 9), 2
    points = slice(before, before + sum(people))
    slope = np.zeros((200, before + sum(people) + bones))
    slope[:, :before] = rng.normal(size=(200, before))
    for row in range(200):
        person = row % 2
        first = int(rng.integers(people[person] - 4)) + people[0] * person
        slope[row, before + first : before + first + 5] = rng.normal(size=5)
        slope[row, points.stop + person] = rng.normal()
    matrix, gradient = slope.T @ slope, rng.normal(size=slope.shape[1])
    damped = matrix + 0.01 * np.diag(np.diag(matrix))
    found = BundleEquations(csr_matrix(matrix), before, np.cumsum(people)).solved(gradient, 0.01)
    assert found == pytest.approx(np.linalg.solve(damped, gradient), rel=1e-6)
