from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.motion import FPS
from pose3d_training.tasks.motion_runs import MotionRun, load_runs, measured_window, save_runs

PELVIS, LEFT, RIGHT = (SYNTH_JOINTS.index(name) for name in ("Pelvis", "L_Wrist", "R_Wrist"))


def run(frames: int = 50, seed: int = 0) -> MotionRun:
    """A person who moves to the right by 2 cm a frame, with an error of 10 cm of the left wrist, without the right."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(-0.5, 0.5, (1, len(SYNTH_JOINTS), 3)) + [0, 0, 4]
    numbers = np.delete(np.arange(frames + 1), 20).astype(np.int64)  # one frame lacks
    true = body + 0.02 * numbers[:, None, None] * [1.0, 0, 0]
    measured = true * 1.05
    measured[:, LEFT, 1] += 0.1
    measured[:, RIGHT] = np.nan
    return MotionRun(numbers, measured, true)


def from_root(joints: Array, joint: int) -> Array:
    return np.asarray(joints[:, joint] - joints[:, PELVIS])


def test_runs_come_back_from_their_file(tmp_path: Path) -> None:
    runs = [run(30, 1), run(50, 2)]
    save_runs(runs, tmp_path / "runs.npz")
    for before, after in zip(runs, load_runs(tmp_path / "runs.npz"), strict=True):
        np.testing.assert_array_equal(after.frames, before.frames)
        np.testing.assert_allclose(after.measured_m, before.measured_m, atol=1e-6)
        np.testing.assert_allclose(after.true_m, before.true_m, atol=1e-6)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("no arrays")
    for name in ("other.npz", "text.npz", "missing.npz"):
        with pytest.raises(InputError, match="motion_rendering"):
            load_runs(tmp_path / name)


def test_windows_have_the_errors_larger_or_smaller_and_sometimes_the_mirror_image() -> None:
    rng, sides, sizes = np.random.default_rng(0), [], []
    for _ in range(60):
        true, measured, _ = measured_window([run()], 72, rng)
        assert true.shape == measured.shape == (72, len(SYNTH_JOINTS), 3)
        assert np.isfinite(true).all()
        seen, lost = (LEFT, RIGHT) if np.isnan(measured[0, RIGHT, 0]) else (RIGHT, LEFT)
        sides.append(seen)
        assert np.isnan(measured[:, lost]).all()
        error = from_root(measured, seen) - from_root(true, seen)
        np.testing.assert_allclose(error, np.broadcast_to(error[:1], error.shape), atol=1e-9)
        full = 0.05 * np.abs(from_root(run().true_m, LEFT)[0]) + [0, 0.1, 0]
        sizes.append(np.abs(error[0, 0]) / np.abs(full[0]))
    assert set(sides) == {LEFT, RIGHT}
    assert 0.4 <= min(sizes) < 0.6
    assert 0.9 < max(sizes) <= 1.1


def test_windows_have_the_time_that_passed_between_their_frames() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        true, _, dt_s = measured_window([run()], 30, rng)
        moved_m = np.abs(np.diff(true[:, PELVIS, 0]))
        assert (dt_s > 0.02).all()
        turned = moved_m < 1e-6  # at an end, where it is played back
        speed = moved_m / 0.02 / FPS / dt_s[1:]
        assert (turned | ((speed > 0.79) & (speed < 1.26))).all()
        assert np.isin(np.rint(moved_m / 0.02), range(6)).all()
