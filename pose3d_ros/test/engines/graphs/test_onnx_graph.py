"""Graphs that a conversion of their precision refuses, in words, and what it leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines.graphs.fp16_conversion import half_graph
from pose3d_ros.errors import EngineError

from .conftest import KERNEL, SHAPE, conv, write_graph


def _branch(path: Path) -> None:
    then = helper.make_graph([helper.make_node("Exp", ["image"], ["a"])], "then", [], [_info("a")])
    otherwise = helper.make_graph([helper.make_node("Abs", ["image"], ["b"])], "else", [], [_info("b")])
    node = helper.make_node("If", ["yes"], ["answer"], then_branch=then, else_branch=otherwise)
    write_graph(path, [node], {})
    model = onnx.load(str(path))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    onnx.save(model, str(path))


def _info(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)


def _half_already(path: Path) -> None:
    write_graph(path, [conv("image", "answer")], {"kernel": KERNEL})
    half_graph(path, path)


def _quantized_already(path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["image", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["answer"]),
    ]
    weights: dict[str, npt.NDArray[Any]] = {"scale": np.array(0.1, np.float32), "zero": np.array(0, np.int8)}
    write_graph(path, nodes, weights)


def _foreign(path: Path) -> None:
    nodes = [
        helper.make_node("Warp", ["image"], ["warped"], domain="com.example"),
        conv("warped", "maps"),
        helper.make_node("Add", ["maps", "warped"], ["answer"]),
    ]
    write_graph(path, nodes, {"kernel": KERNEL})
    model = onnx.load(str(path))
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    onnx.save(model, str(path))


def _weight(value: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_graph(path, [conv("image", "answer")], {"kernel": KERNEL * value})

    return write


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b"not a graph"), "expected an ONNX graph, got another file, or a damaged one"),
        (lambda path: None, "expected an ONNX file, got no such file or folder"),
        (_branch, "expected a graph without subgraphs, got a loop or a branch"),
        (_half_already, "expected a float32 graph, got one that is in half precision already"),
        (_quantized_already, "expected a float32 graph, got one that is quantized already"),
        (_foreign, "expected operators of ONNX, whose types are known, got a tensor warped of unknown type"),
        (_weight(1e5), "expected weights within ±65504, got 100000 in kernel"),
        (_weight(float("nan")), "expected numbers for weights, got NaN in kernel"),
    ],
    ids=["damaged", "missing", "branch", "half", "quantized", "foreign", "large", "nan"],
)
def test_graph_that_cannot_be_converted_is_refused_and_the_old_file_kept(
    tmp_path: Path, write: Callable[[Path], None], message: str
) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    write(source)
    target.write_bytes(b"the engine before")
    with pytest.raises(EngineError, match=message):
        half_graph(source, target)
    assert target.read_bytes() == b"the engine before"
    assert {p.name for p in tmp_path.iterdir()} <= {"net.onnx", "half.onnx"}
