"""Critics: training without any 3D label, and critics beside a few labels or over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from learning_bench import Case, LearningBench

from pose3d_ros.types import Array
from pose3d_training.tasks.lifting_check import lift_error

_ROOT = 14
"""Pelvis of muco21."""


def _repnet(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """The critic sees poses of other people before other cameras; the net sees 2D joints alone."""
    people = bench.people()
    guess = np.broadcast_to(people.target_m.mean(axis=(0, 1)), people.target_m.shape)
    losses = {"pose_critic": 1.0, "weak_perspective": [[0.0, 1.0], [1.0, 10.0]]}
    net = bench.train("repnet", "no_labels", seed, losses=losses, steps=6000, batch_size=64, learning_rate=5e-4)
    without = lift_error(guess, people.target_m, _ROOT).pa_mpjpe_mm
    return {"the mean pose": without, "critic and reprojection": bench.error(net, people).pa_mpjpe_mm}


def _wild(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, figures = bench.people(), {}
    few = {"joints": 10.0, "reprojection": 0.3}
    for arm, losses in (("without", few), ("with", {**few, "descriptor_critic": 0.02})):
        net = bench.train("descriptor_critic", arm, seed, losses=losses, labeled_share=0.02)
        figures[arm] = bench.error(net, people).mpjpe_mm
    return figures


def _video(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, errors, accelerations = bench.people(frames=16), {}, {}
    for arm, losses in (("without", {"joints": 10.0}), ("with", {"joints": 10.0, "video_critic": 0.02})):
        net = bench.train("video_critic", arm, seed, losses=losses, window_frames=8, batch_size=64)
        found = bench.joints_m(net, people)
        accelerations[arm] = _acceleration_mm(found - found[..., [_ROOT], :], people.target_m)
        errors[f"{arm}, MPJPE in mm"] = bench.error(net, people).mpjpe_mm
    return {**accelerations, **errors}


def _acceleration_mm(found_m: Array, true_m: Array) -> float:
    return float(1000 * np.linalg.norm(np.diff(found_m - true_m, n=2, axis=1), axis=-1).mean())


CASES = (
    Case("repnet", "Wandt 2019 (RepNet)", "What is reached without any 3D label?", "mm PA-MPJPE", _repnet),
    Case(
        "descriptor_critic",
        "Yang 2018",
        "Does a critic with geometric descriptors help a few labels?",
        "mm MPJPE",
        _wild,
    ),
    Case(
        "video_critic",
        "video_gan_absolute",
        "Does a critic over time lower the acceleration error?",
        "mm/frame²",
        _video,
    ),
)
