"""Videos alone: of most motions there are 2D joints over time, and no 3D label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from learning_bench import Case, LearningBench

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

_SHARE = 0.02
"""Of the motions on their bodies are labeled."""
_FEW: Mapping[str, object] = {"joints": 10.0}
_SEEN: Mapping[str, object] = {**_FEW, "reprojection": 1.0}
_ARMS: Mapping[str, Mapping[str, object]] = {
    "labels alone": _FEW,
    "and 2D joints": _SEEN,
    "and steady bones": {**_SEEN, "steady_bones": 3.0, "mean_bones": 1.0},
}


def _run(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """A lifter of single frames, which windows of 8 frames train."""
    people, errors, changes = bench.people(frames=16), dict[str, float](), dict[str, float]()
    for arm, losses in _ARMS.items():
        folder = arm.replace(" ", "_")
        net = bench.train("videos", folder, seed, losses=losses, labeled_share=_SHARE, window_frames=8, batch_size=64)
        errors[arm] = bench.error(net, people).mpjpe_mm
        changes[f"{arm}, change of bones in mm over 16 frames"] = bone_change_mm(bench.joints_m(net, people))
    return {**errors, **changes}


def bone_change_mm(joints_m: Array) -> float:
    """Standard deviation of a bone's length over the frames of (P, T, J, 3), a mean over people and bones."""
    parents, children = (list(ends) for ends in zip(*get_skeleton("muco21").edges, strict=True))
    lengths = np.linalg.norm(joints_m[:, :, children] - joints_m[:, :, parents], axis=-1)
    return float(1000 * lengths.std(axis=1).mean())


CASES = (
    Case(
        "videos",
        "Pavllo 2019, steady bones",
        "Do videos without labels help, by their 2D joints and by bones that stay the same?",
        "mm MPJPE",
        _run,
    ),
)
