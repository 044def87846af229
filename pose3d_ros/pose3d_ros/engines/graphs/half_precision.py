"""The precision of an engine on a GPU, and its graph with FP16 written into it; needs onnx only for the latter."""

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


def allows_tf32(entry: ManifestEntry, wanted: bool) -> bool:
    """Whether a GPU may round the products of an entry's engine to TF32.

    TF32 has FP16's ten bits of mantissa: too few for joints in metres, whose noise a smoother is there to remove. On
    an H200 it moved the smoother's outputs by 3e-3.
    """
    return wanted and not IMAGE_ROLES.isdisjoint(entry.roles)


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
