"""The losses of root_pose that a recipe's `losses` may name, and the weights of those that it always has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from pose3d_ros.errors import ConfigError, shown
from pose3d_training.learning.bone_terms import BoneRatios, MeanBones
from pose3d_training.learning.image_terms import ImageTerm, OfPhotographs, RootCoordinates
from pose3d_training.learning.location_terms import IntermediateTerm, LocationMapTerm
from pose3d_training.learning.order_terms import OrdinalDepth, PairwiseRanking
from pose3d_training.nets.root_pose_net import RootPoseNet

DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"coordinates": 0.5, "maps": 1.0, "root": 0.3, "score": 0.3, "depth": 1.0}
)
"""Of the losses of every root_pose; `depth` multiplies the depths' part of coordinates and maps."""

IMAGE_TERMS: Mapping[str, Callable[[RootPoseNet], ImageTerm]] = MappingProxyType(
    {
        "bone_ratios": lambda net: OfPhotographs(net, BoneRatios),
        "mean_bones": lambda net: OfPhotographs(net, MeanBones),
        "ordinal": lambda net: OfPhotographs(net, OrdinalDepth),
        "ranking": lambda net: OfPhotographs(net, PairwiseRanking),
        "root_coordinates": RootCoordinates,
        "location_maps": LocationMapTerm,
        "intermediate": IntermediateTerm,
    }
)
"""Name in recipes → what makes the term."""


def make_image_terms(names: Mapping[str, object], net: RootPoseNet) -> nn.ModuleDict:
    """The terms of a recipe's losses by name. Raises ConfigError for a name that is unknown."""
    unknown = [name for name in names if name not in {**IMAGE_TERMS, **DEFAULT_WEIGHTS}]
    if unknown:
        raise ConfigError(
            "recipe key losses",
            expected="names of " + ", ".join((*DEFAULT_WEIGHTS, *IMAGE_TERMS)),
            got=shown(unknown[0]),
            fix="Correct the name.",
        )
    return nn.ModuleDict({name: IMAGE_TERMS[name](net) for name in names if name in IMAGE_TERMS})
