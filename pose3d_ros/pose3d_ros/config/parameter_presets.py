"""Presets: the values of parameters that are not given. A value that is given always wins."""

from __future__ import annotations

from collections.abc import Mapping

from pose3d_ros.config.parameter_table import Value

_PRESETS: Mapping[str, Mapping[str, Value]] = {
    "full": {},
    "light": {"engines": "auto-light", "threads": 1, "detector.interval_s": 0.3},
}
"""What each value costs and saves: docs/tensorrt.md; `python benchmarks/light_preset.py` measures it."""

OF_PRESETS = frozenset(name for values in _PRESETS.values() for name in values)
"""The parameters that some preset sets."""


def preset_values(preset: object) -> Mapping[str, Value]:
    """The values of a preset, by the parameters' names."""
    return _PRESETS[str(preset)]
