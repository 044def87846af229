"""Depth as from a stereo camera: noise by distance, holes at edges and in what one camera does not see."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("moderngl")

from sample_recording.stereo_depth import STEP_PX, stereo_depth_mm

FOCAL_PX = 532.0


def plane(depth_m: float, width_px: int = 320) -> np.ndarray:  # type: ignore[type-arg]
    return np.full((240, width_px), depth_m, dtype=np.float32)


def test_noise_grows_with_the_square_of_the_distance() -> None:
    rng = np.random.default_rng(0)
    deviations_mm = {}
    for depth_m in (2.0, 4.0):
        found = stereo_depth_mm(plane(depth_m), FOCAL_PX, rng)
        assert found.shape == (60, 80)
        assert found.dtype == np.uint16
        assert (found > 0).all()
        assert np.median(found) == pytest.approx(1000 * depth_m, rel=0.01)
        deviations_mm[depth_m] = float(found.std())
    assert deviations_mm[4.0] == pytest.approx(0.08 / (FOCAL_PX * 0.05) * 16 * 1000, rel=0.2)
    assert deviations_mm[4.0] / deviations_mm[2.0] == pytest.approx(4.0, rel=0.2)


def test_what_is_left_of_something_near_is_hidden_from_the_other_camera() -> None:
    scene = plane(6.0)
    scene[:, 160:240] = 1.0
    found = stereo_depth_mm(scene, FOCAL_PX, np.random.default_rng(0))
    hidden_px = FOCAL_PX * 0.05 * (1 / 1.0 - 1 / 6.0) / STEP_PX
    holes = (found == 0).mean(axis=0)
    first = 160 // STEP_PX
    assert (holes[first - int(hidden_px) : first] == 1.0).all()
    assert holes[: first - int(hidden_px) - 1].max() == 0.0
    assert holes[240 // STEP_PX :].max() == 0.0  # on its right both cameras see the wall


def test_edges_are_holes_or_between_both_depths() -> None:
    scene = plane(3.0)
    scene[118:] = 2.0  # within a depth pixel
    found = stereo_depth_mm(scene, FOCAL_PX, np.random.default_rng(0))[118 // STEP_PX]
    assert 0.5 < (found == 0).mean() < 0.9
    assert ((found[found > 0] > 1900) & (found[found > 0] < 3150)).all()


@pytest.mark.parametrize("depth_m", [0.2, 12.0, np.inf])
def test_too_near_and_too_far_are_holes(depth_m: float) -> None:
    found = stereo_depth_mm(plane(depth_m), FOCAL_PX, np.random.default_rng(0))
    assert (found == 0).all()
