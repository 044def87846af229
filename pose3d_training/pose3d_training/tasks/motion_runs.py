"""What the package's own chains say of rendered people in motion: the smoother's training takes windows of it.

Errors of image nets depend on the motion: legs swing less than they do, left and right are exchanged for a moment.
No made-up noise has that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.motion import FPS

_STRIDES = (1, 2, 2, 3, 4)
"""Every so manieth frame is taken: 30 to 7.5 frames/s."""
_SPEEDS = (0.8, 1.25)
_SIZES = (0.4, 1.1)
"""Of the errors: the nets read real people better than rendered ones."""
_MIRRORED = [SYNTH_JOINTS.index({"L_": "R_", "R_": "L_"}.get(n[:2], n[:2]) + n[2:]) for n in SYNTH_JOINTS]
_PELVIS = SYNTH_JOINTS.index("Pelvis")


@dataclass(frozen=True, eq=False)
class MotionRun:
    """One person as a chain followed it through T frames.

    frames (T,): their numbers at FPS, some may lack. measured_m, true_m (T, 27, 3): in SYNTH_JOINTS' order in the
    camera's optical frame, NaN for joints that were not found.
    """

    frames: npt.NDArray[np.int64]
    measured_m: Array
    true_m: Array


def save_runs(runs: Sequence[MotionRun], path: Path) -> None:
    """As .npz."""
    np.savez_compressed(
        path,
        first=np.cumsum([0] + [len(run.frames) for run in runs]),
        frames=np.concatenate([run.frames for run in runs]),
        measured_m=np.concatenate([run.measured_m for run in runs]).astype(np.float32),
        true_m=np.concatenate([run.true_m for run in runs]).astype(np.float32),
    )


def load_runs(path: Path) -> list[MotionRun]:
    """From a file of `save_runs`. Raises InputError for another file."""
    try:
        with np.load(path) as file:
            first, *parts = (file[name] for name in ("first", "frames", "measured_m", "true_m"))
    except (OSError, KeyError, ValueError) as error:
        fix = "Make it by python -m pose3d_training.tasks.motion_rendering."
        raise InputError(
            str(path), expected="runs of the chains on rendered motions", got=str(error), fix=fix
        ) from None
    cut = [np.split(part, first[1:-1]) for part in parts]
    return [
        MotionRun(frames, measured.astype(np.float64), true.astype(np.float64))
        for frames, measured, true in zip(*cut, strict=True)
    ]


def measured_window(
    runs: Sequence[MotionRun], frames: int, rng: np.random.Generator
) -> tuple[Array, Array, npt.NDArray[np.float64]]:
    """A window of a random run: true and measured joints (T, 27, 3), and the time before each frame (T,), seconds.

    At 7.5 to 30 frames/s, faster and slower, mirrored or not, played to and fro if short; the errors of poses, which
    are what the smoother removes, larger and smaller than measured.
    """
    run = runs[int(rng.integers(len(runs)))]
    last, stride = len(run.frames) - 1, int(rng.choice(_STRIDES))
    played = int(rng.integers(2 * last)) + stride * np.arange(frames)
    rows = last - np.abs(played % (2 * last) - last)
    true, measured = run.true_m[rows], run.measured_m[rows]
    passed = np.abs(np.diff(run.frames[rows], prepend=run.frames[rows[0]] - stride)).clip(1)
    dt_s = passed / FPS / rng.uniform(*_SPEEDS)
    root, true_root = measured[:, [_PELVIS]], true[:, [_PELVIS]]
    error = measured - root - (true - true_root)
    measured = root + (true - true_root) + rng.uniform(*_SIZES) * error
    if rng.random() < 0.5:
        true, measured = (joints[:, _MIRRORED] * [-1.0, 1.0, 1.0] for joints in (true, measured))
    return true, measured, dt_s
