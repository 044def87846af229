"""Views of a second camera that is not there, made in 2D."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from learning_bench import RECIPE, Case, LearningBench

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.recorded_track import RecordedTrack
from pose3d_training.synthetic.motion import FPS
from pose3d_training.tasks.lifting_noise import detect
from pose3d_training.tasks.lifting_samples import LiftSamples, placed

_JOINTS: Mapping[str, object] = {"joints": 10.0}
_AS_LARGE = 234
"""Channels of a residual lifter with as many parameters as the stereo lifter (0.25 M)."""
_RECORDINGS = 6
"""Of the motions on their bodies."""
_ARMS: Mapping[str, Mapping[str, Any]] = {
    "residual": {"architecture": "residual", "losses": _JOINTS},
    "residual, as large": {"architecture": "residual", "losses": _JOINTS, "channels": _AS_LARGE},
    "stereo, right view not learned": {"architecture": "stereo", "losses": _JOINTS},
    "stereo": {"architecture": "stereo", "losses": {**_JOINTS, "right_view": 1.0}},
}


def _stereo(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """With 2D joints as a model sees them, and with exact ones as in the paper, in training and in the measurement."""
    figures = dict[str, float]()
    for noisy, given in ((True, ""), (False, ", exact 2D")):
        people = bench.people(noisy=noisy)
        for arm, changes in _ARMS.items():
            folder = (arm + given).replace(", ", "_").replace(" ", "_")
            net = bench.train("stereo", folder, seed, noisy, **changes)
            figures[arm + given] = bench.error(net, people).mpjpe_mm
    return figures


def _recordings(bench: LearningBench, seed: int) -> list[RecordedTrack]:
    """Labeled motions of one person each, before one camera each, as a 2D net sees them."""
    rng = np.random.default_rng(seed)
    coco, muco = get_skeleton(RECIPE.input_skeleton), get_skeleton(RECIPE.skeleton)
    samples, found = LiftSamples(bench.tracks, coco, muco, 1, seed), []
    for at in rng.choice(len(bench.tracks), _RECORDINGS, replace=False):
        joints = placed(bench.tracks[at][None], rng)
        seen = joints[:, :, samples.seen_order]
        made = detect(seen[..., :2] / seen[..., 2:], coco, np.array([float(FPS)]), rng)
        found.append(RecordedTrack(made.keypoints[0], made.scores[0], joints[0][:, samples.order]))
    return found


def _from_beside(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, recorded, figures = bench.people(), _recordings(bench, seed), {}
    for arm, angle_deg in (("recorded views", 0.0), ("and from 30° beside", 30.0), ("and from 60° beside", 60.0)):
        net = bench.train_recorded("from_beside", f"{angle_deg:g}", seed, recorded, second_view_deg=angle_deg)
        figures[arm] = bench.error(net, people).mpjpe_mm
    return figures


CASES = (
    Case(
        "stereo",
        "Wang 2019 (in the wild)",
        "Does a lifter gain from a second view that it synthesizes first?",
        "mm MPJPE",
        _stereo,
    ),
    Case(
        "from_beside",
        "Wang 2019 (in the wild)",
        "Do recordings teach more if their people are seen from cameras beside as well?",
        "mm MPJPE",
        _from_beside,
    ),
)
