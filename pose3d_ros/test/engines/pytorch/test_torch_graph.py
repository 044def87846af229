"""Graphs that PyTorch's operators do not run, and what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from onnx import TensorProto

from pose3d_ros.engines.pytorch.torch_graph import TorchGraph
from pose3d_ros.errors import EngineError

from .one_node import Node, floats, ints, write_graph

ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def test_all_unknown_operators_are_named_at_once(tmp_path: Path) -> None:
    nodes: list[Node] = [("NonZero", ["x"], ["a"], {}), ("Det", ["x"], ["b"], {}), ("Relu", ["x"], ["y"], {})]
    with pytest.raises(EngineError, match=r"net\.onnx: expected operators that PyTorch runs here, got Det, NonZero\."):
        TorchGraph(write_graph(tmp_path / "net.onnx", nodes))


def test_a_shape_that_depends_on_data_is_refused(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("ReduceMax", ["x"], ["most"], {"keepdims": 0}),
        ("Cast", ["most"], ["count"], {"to": INT}),
        ("Unsqueeze", ["count", "first"], ["counts"], {}),
        ("Expand", ["first", "counts"], ["y"], {}),
        ("Tile", ["first", "counts"], ["z"], {}),
    ]
    path = write_graph(tmp_path / "net.onnx", nodes, {"first": ints(0)}, {"y": (INT, 1)})
    with pytest.raises(
        EngineError, match=r"on data: counts in Expand_3 \(Expand\), counts in Tile_4 \(Tile\)\. Export"
    ):
        TorchGraph(path)


def test_a_node_that_fails_is_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "net.onnx", [("MatMul", ["x", "weight"], ["y"], {})], {"weight": floats(5, 2)})
    with pytest.raises(
        EngineError, match=r"node MatMul_0 \(MatMul\) of net\.onnx: expected a run without an error, got"
    ):
        TorchGraph(path)({"x": torch.zeros(1, 3, 6, 8)})


@pytest.mark.parametrize(
    "feeds",
    [
        {},
        {"x": torch.zeros(1, 3, 6, 8), "z": torch.zeros(1)},
        {"x": torch.zeros(1, 3, 6)},
        {"x": torch.zeros(1, 3, 6, 8, dtype=torch.float16)},
        {"x": torch.zeros(1, 3, 6, 8, device="meta")},
    ],
)
def test_feeds_that_do_not_fit_are_refused(tmp_path: Path, feeds: dict[str, torch.Tensor]) -> None:
    graph = TorchGraph(write_graph(tmp_path / "net.onnx", [("Relu", ["x"], ["y"], {})]))
    with pytest.raises(EngineError, match=r"inputs of net\.onnx: expected x: float32 \(n, c, h, w\) on cpu, got"):
        graph(feeds)


def test_a_fixed_length_is_checked() -> None:
    graph = TorchGraph(ENGINES / "root_pose.onnx")
    with pytest.raises(EngineError, match=r"got image: float32 \(1, 3, 64, 64\) on cpu; k_m: float32 \(1,\) on cpu"):
        graph({"image": torch.zeros(1, 3, 64, 64), "k_m": torch.zeros(1)})


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "net.onnx", [("Relu", ["x"], ["y"], {})])
    with pytest.raises(EngineError, match="device toaster: expected one that torch has"):
        TorchGraph(path, device="toaster")


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_graph(tmp_path / "net.onnx", [("Relu", ["x"], ["y"], {})])
    monkeypatch.delitem(sys.modules, "pose3d_ros.engines.graphs.plain_graph")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(EngineError, match="pip install onnx"):
        TorchGraph(path)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a graph")
    with pytest.raises(EngineError, match="expected a valid ONNX graph"):
        TorchGraph(tmp_path / "broken.onnx")
