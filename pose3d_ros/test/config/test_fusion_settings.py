"""Names of cameras."""

from __future__ import annotations

import pytest

from pose3d_ros.config.fusion_settings import FusionConfig
from pose3d_ros.errors import ConfigError


def test_names_of_cameras() -> None:
    assert FusionConfig(cameras="front, /robot/rear/ ,").names == ("front", "robot/rear")


@pytest.mark.parametrize("cameras", ["", "front", "front, front", "/front/, front"])
def test_fewer_than_two_cameras(cameras: str) -> None:
    with pytest.raises(ConfigError, match="two or more namespaces"):
        assert FusionConfig(cameras=cameras).names
