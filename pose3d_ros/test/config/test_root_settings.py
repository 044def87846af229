"""Solvers are named one by one, or all."""

from __future__ import annotations

import pytest

from pose3d_ros.config.root_settings import RootConfig
from pose3d_ros.errors import ConfigError


def test_unknown_solver_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="depth"):
        RootConfig(solvers="similarity,deepth")
    with pytest.raises(ConfigError):
        RootConfig(solvers=" , ")
    assert RootConfig(solvers="ground").uses("ground")
    assert not RootConfig(solvers="ground").uses("depth")
    assert RootConfig().uses("depth")
