"""Critics: training without any 3D label, and critics beside a few labels or over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from learning_bench import RECIPE, Case, LearningBench

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.tasks.lifting_check import lift_error

_ROOT = 14
"""Pelvis of muco21."""
_REPNET: dict[str, Any] = {
    "architecture": "repnet", "input_skeleton": "h36m17", "skeleton": "h36m17", "channels": 256, "blocks": 3,
    "batch_size": 64, "learning_rate": 1e-4,
}  # fmt: skip
_REPNET_RECIPE = replace(RECIPE, **_REPNET)


def _repnet(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """The critic sees poses of other people before other cameras; the net sees 2D joints alone.

    As in the paper with exact 2D joints and a camera that is learned, and as users have it: joints as a 2D model sees
    them, through a known camera.
    """
    figures = {}
    for arm, term, noisy in (
        ("weak perspective, exact 2D", "weak_perspective", False),
        ("known camera, noisy 2D", "reprojection", True),
    ):
        people = bench.people(noisy=noisy, recipe=_REPNET_RECIPE)
        guess = np.broadcast_to(people.target_m.mean(axis=(0, 1)), people.target_m.shape)
        losses = {"pose_critic": 1.0, term: 1.0}
        net = bench.train("repnet", term, seed, noisy, losses=losses, steps=8000, **_REPNET)
        root = get_skeleton(_REPNET_RECIPE.skeleton).root
        figures[f"the mean pose, {arm.split(', ')[1]}"] = lift_error(guess, people.target_m, root).pa_mpjpe_mm
        figures[arm] = bench.error(net, people, _REPNET_RECIPE).pa_mpjpe_mm
    return figures


def _wild(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """No label and no pair: what a critic with descriptors adds to 2D joints."""
    people, figures = bench.people(recipe=_REPNET_RECIPE), {}
    for arm, losses in (("2D joints alone", {}), ("and the critic", {"descriptor_critic": 1.0})):
        used = {"reprojection": 1.0, **losses}
        net = bench.train("descriptor_critic", arm.replace(" ", "_"), seed, losses=used, steps=4000, **_REPNET)
        figures[arm] = bench.error(net, people, _REPNET_RECIPE).pa_mpjpe_mm
    return figures


def _video(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, errors, accelerations = bench.people(frames=16), {}, {}
    for arm, losses in (("without", {"joints": 10.0}), ("with", {"joints": 10.0, "video_critic": 1.0})):
        net = bench.train("video_critic", arm, seed, losses=losses, window_frames=8, batch_size=48, steps=2000)
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
        "What does a critic with geometric descriptors add where there is no 3D label?",
        "mm PA-MPJPE",
        _wild,
    ),
    Case(
        "video_critic",
        "video_gan_absolute",
        "Does a critic over time lower the acceleration error at equal MPJPE?",
        "mm/frame²",
        _video,
    ),
)
