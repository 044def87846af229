"""The commands that the package pose3d_training adds to `pose3d`, found by its entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType

from pose3d_ros.errors import ConfigError

GROUP = "pose3d.extensions"

TRAINING_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "train": "train one of the nets from a recipe",
        "synth": "render people and backgrounds, and preview the training data",
        "triangulate": "turn recordings of several cameras into recordings with ground truth",
    }
)
"""Commands that the training package brings, and what they do."""


def has_extension(name: str) -> bool:
    """Whether an installed package brings this part."""
    return bool(entry_points(group=GROUP, name=name))


def extension(name: str) -> ModuleType:
    """The module that an installed package registers under this name.

    Raises ConfigError where none does.
    """
    for found in entry_points(group=GROUP, name=name):
        module: ModuleType = found.load()
        return module
    raise ConfigError(
        f"extension {name}",
        expected="the package pose3d_training",
        got="an installation without it",
        fix="Put pose3d_training into the workspace and run colcon build, or pip install ./pose3d_training.",
    )
