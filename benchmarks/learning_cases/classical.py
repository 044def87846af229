"""The classical baseline: sparse shapes fitted to 2D joints, without a net."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from learning_bench import Case, LearningBench

from pose3d_ros.geometry import similarity_align
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.learning.loss_term import common_joints
from pose3d_training.learning.shape_basis import fit_shapes, learn_basis
from pose3d_training.synthetic.body import SYNTH_JOINTS

_SHAPES, _POSES = 32, 4000
_SEEN, _SKELETON = get_skeleton("coco17"), get_skeleton("muco21")
_FROM_SEEN, _FROM_SKELETON = (rows.double().numpy() for rows in common_joints(_SEEN, _SKELETON))


def _convex(bench: LearningBench, seed: int) -> Mapping[str, float]:
    """On the joints that 2D nets give, pelvis and thorax among them."""
    order = [SYNTH_JOINTS.index(name) for name in _SKELETON.joints]
    poses = _FROM_SKELETON @ np.concatenate([track[::7] for track in bench.tracks])[:, order]
    basis = learn_basis(poses[np.random.default_rng(seed).choice(len(poses), _POSES)], _SHAPES, seed=seed)
    figures: dict[str, float] = {}
    for kind, noisy in (("exact 2D", False), ("noisy 2D", True)):
        people = bench.people(frames=1, noisy=noisy)
        true = _FROM_SKELETON @ people.target_m[:, 0]
        guess = np.broadcast_to(true.mean(axis=0), true.shape)
        found = fit_shapes(*_keypoints(people.features[:, 0].astype(np.float64)), basis)
        figures |= {f"the mean pose, {kind}": _pa_mm(guess, true), f"convex fit, {kind}": _pa_mm(found, true)}
    return figures


def _keypoints(features: Array) -> tuple[Array, Array]:
    scores, unknown = features[..., 2], (features[..., 2] <= 0).astype(np.float64)
    weights = (scores @ _FROM_SEEN.T) * ((unknown @ _FROM_SEEN.T) == 0)
    return _FROM_SEEN @ features[..., :2], weights


def _pa_mm(found: Array, true_m: Array) -> float:
    return float(1000 * np.linalg.norm(similarity_align(found, true_m) - true_m, axis=-1).mean())


CASES = (Case("convex", "Zhou 2015", "How far does a fit of shapes get without training?", "mm PA-MPJPE", _convex),)
