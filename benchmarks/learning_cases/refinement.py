"""Poses refined to their own 2D joints at test time."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from learning_bench import Case, LearningBench

from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.projector import Projector
from pose3d_training.tasks.lifting_check import lift_error


def _projector(bench: LearningBench, seed: int) -> Mapping[str, float]:
    root, figures = get_skeleton("muco21").root, dict[str, float]()
    net = bench.train("projector", "projector", seed, losses={"joints": 10.0, "projector": 0.3})
    term = bench.terms["projector"]
    assert isinstance(term, Projector)
    for kind, noisy in (("exact 2D", False), ("noisy 2D", True)):
        people = bench.people(noisy=noisy)
        features = torch.from_numpy(people.features).float()
        before = torch.from_numpy(bench.joints_m(net, people)).float()
        before = before - before[:, :, [root]]
        for arm, joints in (("before", before), ("after", term.refined(before, features))):
            off = (term.project(joints) - features[..., :2]).norm(dim=-1) * (features[..., 2] > 0)
            figures[f"{arm}, {kind}"] = lift_error(joints.double().numpy(), people.target_m, root).pa_mpjpe_mm
            figures[f"{arm}, {kind}, reprojection in % of the spread"] = float(100 * off.detach().mean())
    return figures


CASES = (
    Case(
        "projector",
        "Wang 2019 (3D pose machines)",
        "Does refining to its own 2D help?",
        "mm PA-MPJPE",
        _projector,
    ),
)
