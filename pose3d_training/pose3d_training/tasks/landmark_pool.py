"""Bodies in poses of everyday life, from which samples for lifters of landmarks are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic.body import BodyShape
from pose3d_training.synthetic.body_points import BODY_POINTS, body_points_m
from pose3d_training.synthetic.clothes import Outfit
from pose3d_training.synthetic.everyday_poses import everyday_pose
from pose3d_training.synthetic.figure import Figure, dress

POSES_PER_BODY = 40
_BODIES_PER_POSE = 3
"""A pose is put on other bodies too, which costs a hundredth of making one."""
_TOGETHER = 20
"""Bodies that are kept at a time."""
_SMALL_CHILDREN = 0.06
"""Share of bodies aged 2 to 8, beside the older children of `BodyShape.random`."""
_PELVIS = BODY_POINTS.index("Pelvis")


def make_pool(assets: Path, clips: tuple[str, ...], bodies: range) -> Array:
    """Points (M, 31, 3) of BODY_POINTS, y up, the pelvis at the origin, of bodies of those seeds."""
    made = []
    for start in range(0, len(bodies), _TOGETHER):
        seeds = bodies[start : start + _TOGETHER]
        figures = [_bare(assets, seed) for seed in seeds]
        for seed, figure in zip(seeds, figures, strict=True):
            rng = np.random.default_rng([seed, 9])
            for _ in range(POSES_PER_BODY):
                turned = everyday_pose(assets, clips, figure, rng).turned
                others = rng.choice(len(figures), _BODIES_PER_POSE - 1)
                for owner in (figure, *(figures[int(i)] for i in others)):
                    points = body_points_m(owner, turned)
                    made.append(points - points[_PELVIS])
    return np.stack(made)


def _bare(assets: Path, seed: int) -> Figure:
    """A body without clothes, which take most of the time to make."""
    rng = np.random.default_rng([seed, 8])
    shape = BodyShape.random(seed)
    if rng.random() < _SMALL_CHILDREN:
        values = vars(shape) | {"age": float(rng.uniform(0.04, 0.16))}
        shape = BodyShape(**values)
    return dress(assets, shape, Outfit("", "", "", ""), seed)
