"""ONNX files as plain records: names, types, attributes, constants; what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from pose3d_ros.engines import OnnxEngine, TensorSpec
from pose3d_ros.engines.graphs.plain_graph import PlainNode, read_plain_graph
from pose3d_ros.errors import EngineError

ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
FLOAT = TensorProto.FLOAT


def _info(name: str, shape: Sequence[int | str | None], kind: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _write(
    path: Path,
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto] = (),
    outputs: Sequence[ValueInfoProto] = (),
    *,
    weights: Sequence[TensorProto] = (),
    opset: int = 17,
    ir_version: int = 8,
) -> Path:
    """By default from x (batch, 3) to y (batch, 3)."""
    pair: list[int | str | None] = ["batch", 3]
    graph = helper.make_graph(
        list(nodes), "net", list(inputs or [_info("x", pair)]), list(outputs or [_info("y", pair)]), list(weights)
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=ir_version), str(path))
    return path


def test_nodes_and_their_attributes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("LeakyRelu", ["x"], ["a"], name="bend", alpha=0.25),
        helper.make_node("Clip", ["a", "", "top"], ["b"]),
        helper.make_node("Transpose", ["b"], ["c"], perm=[0, 1]),
        helper.make_node("Gelu", ["c"], ["y"], approximate="tanh"),
    ]
    top = numpy_helper.from_array(np.array(2, dtype=np.float32), "top")
    graph = read_plain_graph(_write(tmp_path / "net.onnx", nodes, weights=[top], opset=20))
    assert graph.opset == 20
    assert graph.inputs == (TensorSpec("x", ("batch", 3), "float32"),)
    assert graph.outputs == (TensorSpec("y", ("batch", 3), "float32"),)
    assert graph.nodes == (
        PlainNode("bend", "LeakyRelu", ("x",), ("a",), {"alpha": 0.25}),
        PlainNode("→ b", "Clip", ("a", "", "top"), ("b",), {}),
        PlainNode("→ c", "Transpose", ("b",), ("c",), {"perm": (0, 1)}),
        PlainNode("→ y", "Gelu", ("c",), ("y",), {"approximate": "tanh"}),
    )
    assert graph.initializers["top"].dtype == np.float32
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.nodes[0].op = "Relu"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"value": numpy_helper.from_array(np.array([[1, 2]], dtype=np.int8))}, np.array([[1, 2]], dtype=np.int8)),
        ({"value_int": 7}, np.array(7, dtype=np.int64)),
        ({"value_ints": [7, 8]}, np.array([7, 8], dtype=np.int64)),
        ({"value_float": 0.5}, np.array(0.5, dtype=np.float32)),
        ({"value_floats": [0.5]}, np.array([0.5], dtype=np.float32)),
    ],
)
def test_constants_are_initializers(tmp_path: Path, attribute: dict[str, Any], value: np.ndarray[Any, Any]) -> None:
    nodes = [helper.make_node("Constant", [], ["c"], **attribute), helper.make_node("Relu", ["x"], ["y"])]
    graph = read_plain_graph(_write(tmp_path / "net.onnx", nodes))
    assert [n.op for n in graph.nodes] == ["Relu"]
    assert (graph.initializers["c"].dtype, graph.initializers["c"].tolist()) == (value.dtype, value.tolist())


@pytest.mark.parametrize("name", ["root_pose", "detector", "smoother"])
def test_the_signature_is_that_of_onnxruntimes_backend(name: str) -> None:
    path = ENGINES / f"{name}.onnx"
    graph = read_plain_graph(path)
    with OnnxEngine(path, threads=1) as engine:
        assert (graph.inputs, graph.outputs) == (engine.inputs, engine.outputs)


def test_axes_without_names_and_types_are_those_of_onnxruntimes_backend(tmp_path: Path) -> None:
    inputs = [_info("x", [None, 3]), _info("n", [None], TensorProto.INT64), _info("h", [2], TensorProto.FLOAT16)]
    outputs = [_info("y", [None, None]), _info("m", [None], TensorProto.INT64), _info("k", [2], TensorProto.FLOAT16)]
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in (("x", "y"), ("h", "k"))]
    path = _write(tmp_path / "net.onnx", [*nodes, helper.make_node("Abs", ["n"], ["m"])], inputs, outputs)
    graph = read_plain_graph(path)
    assert graph.inputs[0] == TensorSpec("x", ("x_axis0", 3), "float32")
    assert [s.dtype for s in graph.outputs] == ["float32", "int64", "float16"]
    with OnnxEngine(path, threads=1) as engine:
        assert (graph.inputs, graph.outputs) == (engine.inputs, engine.outputs)


def test_weights_that_an_old_file_lists_as_inputs_are_none(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.ones(3, dtype=np.float32), "w")
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    inputs = [_info("x", ["batch", 3]), _info("w", [3])]
    graph = read_plain_graph(_write(tmp_path / "net.onnx", nodes, inputs, weights=[weight], ir_version=3))
    assert [s.name for s in graph.inputs] == ["x"]


def test_weights_in_a_file_beside_it_are_read(tmp_path: Path) -> None:
    weight = np.arange(3, dtype=np.float32)
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    path = _write(tmp_path / "net.onnx", nodes, weights=[numpy_helper.from_array(weight, "w")])
    onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True, location="net.bin", size_threshold=0)
    assert (tmp_path / "net.bin").stat().st_size == 12
    np.testing.assert_array_equal(read_plain_graph(path).initializers["w"], weight)
    (tmp_path / "net.bin").unlink()
    with pytest.raises(EngineError, match="expected a valid ONNX graph"):
        read_plain_graph(path)


def _foreign(path: Path) -> None:
    _write(path, [helper.make_node("Warp", ["x"], ["y"], domain="com.example")])


def _branch(path: Path) -> None:
    inner = [helper.make_graph([helper.make_node("Relu", ["x"], [n])], n, [], [_info(n, ["batch", 3])]) for n in "ab"]
    yes = numpy_helper.from_array(np.array(True), "yes")
    _write(path, [helper.make_node("If", ["yes"], ["y"], then_branch=inner[0], else_branch=inner[1])], weights=[yes])


def _old(path: Path) -> None:
    _write(path, [helper.make_node("Relu", ["x"], ["y"])], opset=6)


def _words(path: Path) -> None:
    _write(path, [helper.make_node("Constant", [], ["c"], value_string="a"), helper.make_node("Relu", ["x"], ["y"])])


def _brain_floats(path: Path) -> None:
    kind = TensorProto.BFLOAT16
    _write(path, [helper.make_node("Relu", ["x"], ["y"])], [_info("x", [1], kind)], [_info("y", [1], kind)])


def _unsorted(path: Path) -> None:
    _write(path, [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Relu", ["x"], ["a"])])


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "expected an ONNX file, got no such file. Check the path in the manifest"),
        (lambda path: path.write_bytes(b"not a graph"), "expected a valid ONNX graph, got Unable to parse"),
        (_unsorted, "expected a valid ONNX graph, got Nodes in a graph must be topologically sorted"),
        (_foreign, "expected operators of ONNX, got Warp of com.example. Export it with standard operators"),
        (_branch, "expected a graph without loops and branches, got If"),
        (_old, "expected opset 7 or newer, got 6"),
        (_words, "expected constants that are tensors of numbers, got value_string in c"),
        (_brain_floats, "expected tensors of numbers that NumPy has, got bfloat16 for x"),
    ],
)
def test_what_can_not_be_read_says_so(tmp_path: Path, write: Callable[[Path], Any], message: str) -> None:
    write(tmp_path / "net.onnx")
    with pytest.raises(EngineError, match=message):
        read_plain_graph(tmp_path / "net.onnx")
