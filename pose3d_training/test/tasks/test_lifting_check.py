"""Errors of lifters."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from pose3d_training.tasks.lifting_check import lift_error


def test_lift_errors_by_hand() -> None:
    target = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    # Turned, twice as large and elsewhere: only the root-relative distance sees it.
    turned = 2 * target[:, [1, 2, 0]] + 5
    error = lift_error(turned[None], target[None], root=0)
    assert error.mpjpe_mm == pytest.approx(1000 * np.sqrt(5))  # e.g. (0, 0, 2) for (1, 0, 0)
    assert error.pa_mpjpe_mm == pytest.approx(0, abs=1e-9)
