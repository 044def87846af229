"""A net's configuration from keys and shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pose3d_training.importing.checkpoint_shapes import ROOTNET, OfficialWeights
from pose3d_training.nets.mppe_nets import RootNet


@pytest.mark.parametrize(
    "name", ["resnet10w8", "resnet18", "resnet34w48x256", "resnet50", "resnet101", "resnet152", "resnet50w8x16"]
)
def test_the_backbone_is_found_from_keys_and_shapes(name: str) -> None:
    with torch.device("meta"):
        state = RootNet(name).state_dict()
    assert OfficialWeights(ROOTNET, Path("a"), state).backbone() == name
