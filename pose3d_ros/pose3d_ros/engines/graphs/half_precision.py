"""An engine's graph with FP16 written into it, for the backends that compute what the graph's types say."""

from __future__ import annotations

import importlib
from pathlib import Path

from pose3d_ros.engines.spec.entry import IMAGE_ROLES, ManifestEntry
from pose3d_ros.errors import EngineError


def precision_of(entry: ManifestEntry, wanted: str) -> str:
    """The arithmetic of an entry's engine on a GPU.

    That of nets which read joints is always fp32: they are small, and rounding would be jitter.
    """
    if IMAGE_ROLES.isdisjoint(entry.roles):
        return "fp32"
    return "fp16" if wanted == "auto" else wanted


def write_half(entry: ManifestEntry, source: Path, target: Path) -> None:
    """Write the graph `source` of an entry to `target` in FP16, see `graphs.half`.

    Raises EngineError without the package onnx, and for a graph that can't be converted.
    """
    try:
        half = importlib.import_module("pose3d_ros.engines.graphs.fp16_conversion")
    except ImportError as error:
        raise EngineError(
            f"engine {entry.name} in fp16",
            expected="the Python package onnx",
            got=str(error),
            fix="Install it (pip install onnx), or set precision to fp32.",
        ) from error
    half.half_graph(source, target)
