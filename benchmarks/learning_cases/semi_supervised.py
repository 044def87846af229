"""Losses that need 2D joints, or their order in depth, where 3D labels are withheld."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from learning_bench import Case, LearningBench
from torch import nn

from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

_SHARE = 0.02
"""Of the motions on their bodies are labeled."""
_JOINTS: Mapping[str, object] = {"joints": 10.0}
_CLOSE_M = 0.1


def _mpjpe(bench: LearningBench, case: str, losses: Mapping[str, object], seed: int) -> Mapping[str, float]:
    people, nets = bench.people(), _nets(bench, case, losses, seed)
    return {arm: bench.error(net, people).mpjpe_mm for arm, net in nets.items()}


def _nets(bench: LearningBench, case: str, losses: Mapping[str, object], seed: int) -> dict[str, nn.Module]:
    """Without the losses, which is one net for all cases, and with them."""
    without = bench.train("one_motion", "labels", seed, losses=_JOINTS, labeled_share=_SHARE)
    return {
        "without": without,
        "with": bench.train(case, "with", seed, losses={**_JOINTS, **losses}, labeled_share=_SHARE),
    }


def _depth_mm(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """2D joints of all; depths of half of the motions, as in Zhou's training, and of one."""
    people, figures = bench.people(), {}
    for said, share in (("half of the depths", 0.5), ("depths of one motion", _SHARE)):
        for arm, losses in ((said, {}), (f"{said} and bone ratios", {"bone_ratios": 1.0})):
            used = {**_JOINTS, "reprojection": 1.0, **losses}
            net = bench.train("bone_ratios", arm.replace(" ", "_"), seed, losses=used, labeled_share=share)
            found, root = bench.joints_m(net, people), get_skeleton("muco21").root
            figures[arm] = float(1000 * np.abs((found - found[..., [root], :] - people.target_m)[..., 2]).mean())
    return figures


def _order(bench: LearningBench, seed: int, case: str, losses: Mapping[str, object]) -> Mapping[str, float]:
    people, nets = bench.people(), _nets(bench, case, losses, seed)
    return {arm: _order_accuracy(bench.joints_m(net, people), people.target_m) for arm, net in nets.items()}


def _order_accuracy(found_m: Array, true_m: Array) -> float:
    """Share of the pairs of joints at least 10 cm apart in depth that are in the right order, percent."""
    first, second = np.triu_indices(true_m.shape[-2], 1)
    behind, true = (z[..., second] - z[..., first] for z in (found_m[..., 2], true_m[..., 2]))
    clear = np.abs(true) >= _CLOSE_M
    return float(100 * (np.sign(behind) == np.sign(true))[clear].mean())


def _semi(name: str, paper: str, question: str, losses: Mapping[str, object]) -> Case:
    def run(bench: LearningBench, seed: int) -> Mapping[str, float]:
        return _mpjpe(bench, name, losses, seed)

    return Case(name, paper, question, "mm MPJPE", run)


CASES = (
    Case(
        "bone_ratios",
        "Zhou 2017",
        "Do bone ratios lower the depth error where depths are hidden?",
        "mm in depth",
        _depth_mm,
    ),
    _semi(
        "reprojection", "Martinez 2017 and 2D labels", "Do 2D joints of unlabeled people help?", {"reprojection": 0.3}
    ),
    _semi(
        "trajectory",
        "Pavllo 2019",
        "Do back-projection from a trajectory net and mean bone lengths help?",
        {"trajectory": 1.0, "mean_bones": 1.0},
    ),
    Case(
        "ordinal",
        "Pavlakos 2018",
        "Does the order in depth of unlabeled people help?",
        "% of pairs in order",
        partial(_order, case="ordinal", losses={"ordinal": 0.3}),
    ),
    Case(
        "ranking",
        "Wang 2018 (DRPose3D)",
        "Does ranking raise the accuracy of the order?",
        "% of pairs in order",
        partial(_order, case="ranking", losses={"ranking": 0.5}),
    ),
)
