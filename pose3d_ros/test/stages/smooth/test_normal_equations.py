from __future__ import annotations

import numpy as np

from pose3d_ros.stages.smooth.normal_equations import NormalEquations


def test_solution_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    targets, jacobian, values = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 5, 3, 3)), rng.normal(size=(2, 5))
    scale = rng.normal(size=(2, 3, 3, 3))
    equations = NormalEquations(2, 3)
    equations.draw(targets, np.swapaxes(scale, -1, -2) @ scale)
    before = equations.copy()
    equations.add(jacobian, values)
    for i in range(2):
        rows = np.zeros((9, 9))
        for point in range(3):
            rows[3 * point : 3 * point + 3, 3 * point : 3 * point + 3] = scale[i, point]
        wanted = np.concatenate((rows @ targets[i].ravel(), values[i]))
        expected = np.linalg.lstsq(np.vstack((rows, jacobian[i].reshape(5, 9))), wanted, rcond=None)[0]
        np.testing.assert_allclose(equations.solve()[i].ravel(), expected, atol=1e-9)
    np.testing.assert_allclose(before.solve(), targets, atol=1e-9)  # the copy is one
