"""Which engines are in half precision on a GPU, and what that needs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pose3d_ros.engines import ManifestEntry
from pose3d_ros.engines.graphs.half_precision import precision_of, write_half
from pose3d_ros.errors import EngineError

Make = Callable[..., ManifestEntry]


@pytest.mark.parametrize(
    ("roles", "wanted", "precision"),
    [
        (("smoother",), "auto", "fp32"),
        (("lifter",), "fp16", "fp32"),
        (("detector",), "auto", "fp16"),
        (("root", "pose"), "int8", "int8"),
        (("root",), "fp32", "fp32"),
    ],
)
def test_only_image_nets_are_rounded(make_entry: Make, roles: tuple[str, ...], wanted: str, precision: str) -> None:
    assert precision_of(make_entry(roles=roles), wanted) == precision


def test_half_precision_needs_onnx(make_entry: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pose3d_ros.engines.graphs.fp16_conversion", None)
    with pytest.raises(EngineError, match="pip install onnx"):
        write_half(make_entry(), make_entry().file, tmp_path / "half.onnx")
