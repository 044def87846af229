"""The terms that a recipe's `losses` may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.skeletons import Skeleton
from pose3d_training.learning.bone_terms import BoneRatios, MeanBones, SteadyBones
from pose3d_training.learning.critics import DescriptorCritic, PoseCritic, VideoCritic
from pose3d_training.learning.loss_term import JointTerm, LossTerm
from pose3d_training.learning.order_terms import OrdinalDepth, PairwiseRanking
from pose3d_training.learning.projection_terms import Reprojection, Trajectory, WeakPerspective
from pose3d_training.learning.projector import Projector
from pose3d_training.learning.right_view import RightView

TERMS: Mapping[str, type[LossTerm]] = MappingProxyType(
    {
        "joints": JointTerm,
        "bone_ratios": BoneRatios,
        "mean_bones": MeanBones,
        "ordinal": OrdinalDepth,
        "ranking": PairwiseRanking,
        "reprojection": Reprojection,
        "steady_bones": SteadyBones,
        "trajectory": Trajectory,
        "projector": Projector,
        "right_view": RightView,
        "weak_perspective": WeakPerspective,
        "pose_critic": PoseCritic,
        "descriptor_critic": DescriptorCritic,
        "video_critic": VideoCritic,
    }
)
"""Name in recipes → term."""

DEFAULT_LOSSES: Mapping[str, float] = MappingProxyType({"joints": 10.0})
"""Of a recipe without `losses`: full supervision."""


def make_terms(names: Mapping[str, object], input_skeleton: Skeleton, skeleton: Skeleton) -> dict[str, LossTerm]:
    """The terms of a recipe's losses by name. Raises ConfigError for a name that is unknown."""
    unknown = [name for name in names if name not in TERMS]
    if unknown:
        raise ConfigError(
            "recipe key losses",
            expected="names of " + ", ".join(TERMS),
            got=shown(unknown[0]),
            fix="Correct the name.",
        )
    return {name: TERMS[name](input_skeleton, skeleton) for name in names}
