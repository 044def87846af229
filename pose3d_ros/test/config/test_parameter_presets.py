"""A preset gives values to what nobody gave one."""

from __future__ import annotations

import pytest

from pose3d_ros.config.parameter_presets import OF_PRESETS, preset_values
from pose3d_ros.config.settings import PARAMETERS, NodeConfig, PipelineConfig
from pose3d_ros.errors import ConfigError


@pytest.mark.parametrize("preset", PARAMETERS["preset"].choices)
def test_values_of_presets_are_values_of_parameters_that_pose_node_has(preset: str) -> None:
    for name, value in preset_values(preset).items():
        assert PARAMETERS[name].check(value) == value
        assert "pose_node" in PARAMETERS[name].nodes
        assert name in OF_PRESETS


def test_full_is_what_the_parameters_are_by_themselves() -> None:
    assert NodeConfig.from_parameters({"preset": "full"}) == NodeConfig.from_parameters({}) == NodeConfig()


def test_light_sets_what_is_not_given_and_nothing_else() -> None:
    light = PipelineConfig.from_parameters({"preset": "light", "threads": 0})
    assert (light.engine.engines, light.engine.threads, light.detector.interval_s) == ("auto-light", 0, 0.3)
    given = {"preset": "light", "engines": "embedded", "detector.interval_s": 0.1}  # at their defaults, but given
    config = PipelineConfig.from_parameters(given)
    assert (config.engine.engines, config.engine.threads, config.detector.interval_s) == ("embedded", 1, 0.1)
    assert light.tracker == PipelineConfig().tracker


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="light"):
        PipelineConfig.from_parameters({"preset": "lite"})
