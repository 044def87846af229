from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pose3d_ros.config.parameter_presets import OF_PRESETS
from pose3d_ros.config.settings import (
    FORMER_NAMES,
    PARAMETERS,
    DetectorConfig,
    NodeConfig,
    PipelineConfig,
    TrackerConfig,
    parameter_file,
    parameters_of,
)
from pose3d_ros.errors import ConfigError

YAML = Path(__file__).parents[2] / "config" / "pose3d.yaml"


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """ROS reads nested mappings as dotted names."""
    found: dict[str, object] = {}
    for name, value in tree.items():
        found.update(flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value})
    return found


def test_parameter_file_is_written_from_the_table() -> None:
    assert YAML.read_text(encoding="utf-8") == parameter_file()


@pytest.mark.parametrize("node", ["pose_node", "smoother_node"])
def test_parameter_file_sets_every_parameter_of_each_node_to_its_default(node: str) -> None:
    text = YAML.read_text(encoding="utf-8")
    bare = flat(yaml.safe_load(text)[f"/**/{node}"]["ros__parameters"])
    table = parameters_of(node)
    assert set(bare) == {p.name for p in table} - (OF_PRESETS if node == "pose_node" else set())
    tree = yaml.safe_load(
        re.sub(r"^( +)# (\w+: \S+)$", r"\1\2", text, flags=re.MULTILINE)
    )  # what presets set is commented
    values = flat(tree[f"/**/{node}"]["ros__parameters"])
    assert values == {p.name: p.default for p in parameters_of(node)}
    assert {n: type(v) for n, v in values.items()} == {p.name: p.type for p in parameters_of(node)}
    assert NodeConfig.from_parameters(values) == NodeConfig()


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_complete(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter.name == name
    assert parameter.nodes
    assert parameter.description.endswith(".")
    assert parameter.check(parameter.default) == parameter.default
    if parameter.type in (int, float):
        assert parameter.limits is not None
        assert parameter.limits[0] < parameter.limits[1]


def test_values_are_assigned_to_their_groups() -> None:
    values = {"threads": 2, "detector.max_people": 4, "tracker.max_age_s": 3, "skeleton": "coco17", "queue_size": 5}
    config = NodeConfig.from_parameters(values)
    assert config.pipeline.engine.threads == 2
    assert config.pipeline.detector == DetectorConfig(max_people=4)
    assert config.pipeline.tracker.max_age_s == 3.0
    assert isinstance(config.pipeline.tracker.max_age_s, float)
    assert config.pipeline.skeleton == config.output.skeleton == "coco17"
    assert config.input.queue_size == 5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"detector.nms": 0.5}, "detector.nms_iou"),
        ({"detector.nms_iou": 1.5}, "float from 0 to 1"),
        ({"detector.nms_iou": float("nan")}, "nan"),
        ({"detector.nms_iou": "0.5"}, "str"),
        ({"detector.nms_iou": True}, "bool"),
        ({"detector.max_people": 2.0}, "integer from 1 to 100"),
        ({"detector.max_people": 0}, "max_people"),
        ({"autostart": 1}, "bool"),
        ({"backend": "cuda"}, "onnxruntime"),
        ({"skeleton": "h36m"}, "h36m17"),
        ({"queue_size": -1}, "queue_size"),
    ],
)
def test_wrong_value_is_an_error_that_names_the_expected_one(values: dict[str, object], message: str) -> None:
    for reader in (PipelineConfig.from_parameters, NodeConfig.from_parameters):
        with pytest.raises(ConfigError, match=message):
            reader(values)


def test_groups_check_their_values() -> None:
    with pytest.raises(ConfigError, match="min_hits"):
        TrackerConfig(min_hits=0)
    with pytest.raises(ConfigError, match="skeleton"):
        PipelineConfig(skeleton="unknown")


def test_former_name_of_a_parameter_is_still_read() -> None:
    assert set(FORMER_NAMES.values()) <= set(PARAMETERS)
    assert NodeConfig.from_parameters({"silence_warning_s": 7.0}).lifecycle.watchdog_timeout_s == 7.0


def test_parameter_has_the_unit_that_its_name_ends_in() -> None:
    units = {
        name: PARAMETERS[name].unit for name in ("tracker.max_age_s", "fallback_hfov_deg", "queue_size", "engines")
    }
    assert units == {"tracker.max_age_s": "s", "fallback_hfov_deg": "deg", "queue_size": "", "engines": ""}
    assert PARAMETERS["tracker.velocity_change_mps"].expected == "float from 0.05 to 20 m/s"
