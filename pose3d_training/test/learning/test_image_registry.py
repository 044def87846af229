"""The names of root_pose's losses."""

from __future__ import annotations

import pytest

from pose3d_ros.errors import ConfigError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.learning.image_registry import DEFAULT_WEIGHTS, IMAGE_TERMS, make_image_terms
from pose3d_training.nets.root_pose_net import RootPoseNet


def net() -> RootPoseNet:
    return RootPoseNet("resnet10w8", get_skeleton("muco21"), 64)


def test_every_name_makes_a_term_and_own_losses_make_none() -> None:
    assert list(make_image_terms({**IMAGE_TERMS, **DEFAULT_WEIGHTS}, net())) == list(IMAGE_TERMS)


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"coordinates, .*bone_ratios.*, got 'joints'"):
        make_image_terms({"joints": 1.0}, net())
