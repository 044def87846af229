"""Read, split and write ONNX graphs, for the conversions of their precision."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, numpy_helper

from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.spec.graph_file import read_graph
from pose3d_ros.errors import EngineError

_FIX = "Start from the float32 file as it was exported."
_HALVES = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
_QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger"})
_LARGEST_HALF = float(np.finfo(np.float16).max)
_MIN_STORED = 16
"""Numbers in a tensor from which on half of their bytes are worth a node."""
_SUBGRAPHS = frozenset({onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS})


def read_float_graph(path: Path) -> ModelProto:
    """The float32 graph of a file: types inferred, nodes named apart, constants among the initializers.

    Weights that are stored in float16, and cast before they are used, are float32 in it.

    Raises EngineError for a file that is no valid graph, holds subgraphs, is in half precision, is quantized or has a
    weight that is not a number.
    """
    model = load_graph(path)
    with library_errors(f"graph {path}", expected="a valid ONNX graph", fix=_FIX):
        onnx.checker.check_model(model, full_check=True)
        model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    _widen_weights(graph)
    if any(a.type in _SUBGRAPHS for n in graph.node for a in n.attribute):
        raise refused_graph(path, "a graph without subgraphs", "a loop or a branch")
    if set(element_types(graph).values()) & _HALVES:
        raise refused_graph(path, "a float32 graph", "one that is in half precision already")
    if any(n.op_type in _QUANTISED for n in graph.node):
        raise refused_graph(path, "a float32 graph", "one that is quantized already")
    _lift_constants(graph)
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and np.isnan(numpy_helper.to_array(tensor)).any():
            raise refused_graph(path, "numbers for weights", f"NaN in {tensor.name}")
    _name_apart(graph)
    return model


def load_graph(path: Path) -> ModelProto:
    """The graph of a file, as it is. Raises EngineError as `graph_file.read_graph`."""
    content = read_graph(path)
    with library_errors(f"graph {path}", expected="a valid ONNX graph", fix=_FIX):
        return onnx.load_model_from_string(content)


def write_graph(model: ModelProto, path: Path) -> None:
    """Check the graph and put it in place of `path` in one step. Raises EngineError for a graph that is not valid."""
    with library_errors(f"graph {path}", expected="a graph that converts", fix=_FIX):
        onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as directory:
        whole = Path(directory) / path.name
        onnx.save(model, str(whole))
        os.replace(whole, path)


def write_widened(source: Path, target: Path) -> bool:
    """Write a graph with float32 weights where `source` stores them in float16. Returns whether it does."""
    model = load_graph(source)
    if not _widen_weights(model.graph):
        return False
    write_graph(model, target)
    return True


def head_nodes(model: ModelProto) -> list[NodeProto]:
    """Every node that is a convolution over images or that one depends on, in the graph's order; may be none."""
    return with_ancestors(model.graph, image_convolutions(model.graph))


def image_convolutions(graph: GraphProto) -> list[NodeProto]:
    """Convolutions with 2D or 3D kernels whose result is more than one cell.

    RootNet's last layer, a 1x1 convolution of pooled features, is a fully connected one and does not count.
    """
    rank = {t.name: len(t.dims) for t in graph.initializer}
    infos = {v.name: v for v in (*graph.value_info, *graph.output)}
    convolutions = [n for n in graph.node if n.op_type in ("Conv", "ConvTranspose") and rank.get(n.input[1], 4) >= 4]
    return [n for n in convolutions if _cells(infos.get(n.output[0])) != 1]


def with_ancestors(graph: GraphProto, nodes: Iterable[NodeProto]) -> list[NodeProto]:
    """The nodes and all that they depend on, in the graph's order."""
    producers = {name: node for node in graph.node for name in node.output if name}
    found: set[str] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [producers[name] for name in node.input if name in producers]
    return [node for node in graph.node if node.name in found]


def element_types(graph: GraphProto) -> dict[str, int]:
    """Element type of each tensor whose type is known, by name."""
    infos = (*graph.input, *graph.output, *graph.value_info)
    return {v.name: v.type.tensor_type.elem_type for v in infos} | {t.name: t.data_type for t in graph.initializer}


def refused_graph(path: Path, expected: str, got: str) -> EngineError:
    """The error about a graph that a conversion can't take."""
    return EngineError(f"graph {path}", expected=expected, got=got, fix=_FIX)


def store_halves(model: ModelProto) -> ModelProto:
    """The same graph with its weights stored in float16, and a Cast behind each, which runtimes do once, at loading.

    Weights beyond float16's range stay as they are.
    """
    stored = ModelProto()
    stored.CopyFrom(model)
    graph, casts = stored.graph, []
    for tensor in [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and _is_large(t)]:
        values, name = numpy_helper.to_array(tensor), tensor.name
        if np.abs(values).max() <= _LARGEST_HALF:
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}/half"], [name], name=name, to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return stored


def _is_large(tensor: TensorProto) -> bool:
    """Whether it is worth a node: a layer's weights, no operator's arguments."""
    return int(np.prod(tensor.dims)) >= _MIN_STORED


def _widen_weights(graph: GraphProto) -> bool:
    """Undo `store_halves`. Returns whether there was anything to undo."""
    halves = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT16}
    casts = [n for n in graph.node if n.op_type == "Cast" and n.input[0] in halves]
    for node in casts:
        values = numpy_helper.to_array(halves[node.input[0]])
        if node.attribute[0].i == TensorProto.FLOAT:
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), node.output[0]))
            graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    for name in halves.keys() - read:
        graph.initializer.remove(halves[name])
    widened = {node.output[0] for node in casts}
    for info in [v for v in graph.value_info if v.name in widened]:
        graph.value_info.remove(info)
    return bool(casts)


def _lift_constants(graph: GraphProto) -> None:
    """Turn Constant nodes into initializers.

    TensorRT wants some arguments, Resize's scales for one, as initializers, and only those are left in float32 where
    the operator demands it.
    """
    for node in [n for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"]:
        tensor = graph.initializer.add()
        tensor.CopyFrom(node.attribute[0].t)
        tensor.name = node.output[0]
        graph.node.remove(node)
    constant = {t.name for t in graph.initializer}
    for info in [v for v in graph.input if v.name in constant]:
        graph.input.remove(info)  # as files before IR version 4 list their weights


def _name_apart(graph: GraphProto) -> None:
    """Give each node that has no name, or another's, one of its own."""
    used = Counter(n.name for n in graph.node)
    for i, node in enumerate(graph.node):
        if not node.name or used[node.name] > 1:
            node.name = f"{node.name}/{node.op_type}/{i}"


def _cells(info: ValueInfoProto | None) -> int | None:
    """Product of the dimensions behind batch and channels, None if one is not fixed."""
    dims = [] if info is None else list(info.type.tensor_type.shape.dim)[2:]
    if not dims or not all(d.HasField("dim_value") for d in dims):
        return None
    return int(np.prod([d.dim_value for d in dims]))
