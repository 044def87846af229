"""The classical baseline: sparse shapes fitted to 2D joints, without a net."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from learning_bench import Case, LearningBench

from pose3d_ros.skeletons import convert, get_skeleton
from pose3d_training.learning.shape_basis import fit_shapes, learn_basis
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks.lifting_check import lift_error

_SHAPES, _POSES = 32, 4000


def _convex(bench: LearningBench, seed: int) -> Mapping[str, float]:
    people, seen, skeleton = bench.people(frames=1), get_skeleton("coco17"), get_skeleton("muco21")
    poses = np.concatenate([track[::7] for track in bench.tracks])[:, [SYNTH_JOINTS.index(j) for j in skeleton.joints]]
    basis = learn_basis(poses[np.random.default_rng(seed).choice(len(poses), _POSES)], _SHAPES, seed=seed)
    features = people.features[:, 0].astype(np.float64)
    known = np.where(features[..., 2:] > 0, features, np.nan)
    keypoints = convert(known, seen, skeleton)
    found = fit_shapes(keypoints[..., :2], np.nan_to_num(keypoints[..., 2]), basis)[:, None]
    guess = np.broadcast_to(people.target_m.mean(axis=(0, 1)), people.target_m.shape)
    errors = (lift_error(pose, people.target_m, skeleton.root) for pose in (guess, found))
    return dict(zip(("the mean pose", "convex fit"), (error.pa_mpjpe_mm for error in errors), strict=True))


CASES = (Case("convex", "Zhou 2015", "How far does a fit of shapes get without training?", "mm PA-MPJPE", _convex),)
