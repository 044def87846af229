"""ONNX graphs at fixed input shapes, for what runs them without shape arithmetic: nothing that only counts is left."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper

from pose3d_ros.engines.failures import failure
from pose3d_ros.engines.graphs.onnx_graph import element_types, refused_graph
from pose3d_ros.engines.spec.graph_file import read_graph

_ONLY_FATAL = 4


def write_fixed(source: Path, target: Path, shapes: Mapping[str, tuple[int, ...]], sha256: str | None = None) -> None:
    """Write `source` to `target` with these shapes of its inputs, by name, and all that follows from them folded.

    sha256: what `source` must have, if given.

    ONNX Runtime's own tools do it. Afterwards, as onnx2torch wants it, Clip has both of its bounds, DepthToSpace is a
    reshape, a transpose and a reshape, and each output comes from a node of its own. Raises EngineError for a graph
    that does not take the shapes.
    """
    content = read_graph(source, sha256)
    try:
        model = _folded(onnx.load_model_from_string(content), shapes, target)
    except Exception as error:  # those of ONNX Runtime, onnx and protobuf share no base class
        raise refused_graph(source, f"a graph for inputs of {dict(shapes)}", failure(error).got) from error
    _bound_clips(model.graph)
    _rewrite_depth_to_space(model.graph)
    _name_outputs(model.graph)
    used = {node.domain for node in model.graph.node}
    for opset in [o for o in model.opset_import if o.domain and o.domain not in used]:
        model.opset_import.remove(opset)  # the optimizer names every domain it knows
    onnx.save(model, str(target))


def _folded(model: ModelProto, shapes: Mapping[str, tuple[int, ...]], target: Path) -> ModelProto:
    runtime = importlib.import_module("onnxruntime")
    tools = importlib.import_module("onnxruntime.tools.onnx_model_utils")
    for name, shape in shapes.items():
        tools.make_input_shape_fixed(model.graph, name, shape)
    tools.fix_output_shapes(model)
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = _ONLY_FATAL
    runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    folded: ModelProto = onnx.shape_inference.infer_shapes(onnx.load(str(target)))
    return folded


def _bound_clips(graph: GraphProto) -> None:
    """Give each Clip the bounds that it lacks: the range of its type."""
    types = element_types(graph)
    for node in (n for n in graph.node if n.op_type == "Clip"):
        bounds = [*node.input[1:], "", ""][:2]
        if all(bounds):
            continue
        dtype = helper.tensor_dtype_to_np_dtype(types[node.output[0]])
        range_ = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(dtype)
        for i, (limit, name) in enumerate(((range_.min, "min"), (range_.max, "max"))):
            if not bounds[i]:
                bounds[i] = f"{node.output[0]}/{name}"
                graph.initializer.append(numpy_helper.from_array(np.array(limit, dtype), bounds[i]))
        node.input[:] = [node.input[0], *bounds]


def _name_outputs(graph: GraphProto) -> None:
    """Copy each output from the tensor that was it: another output of that tensor's node may not be one."""
    names = {output.name: f"{output.name}/value" for output in graph.output}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    graph.node.extend(helper.make_node("Identity", [names[o.name]], [o.name], name=o.name) for o in graph.output)


def _rewrite_depth_to_space(graph: GraphProto) -> None:
    """DepthToSpace → Reshape, Transpose, Reshape, as its specification in ONNX defines it for both modes."""
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*graph.value_info, *graph.input)}
    nodes: list[NodeProto] = []
    for node in graph.node:
        nodes += _depth_to_space(graph, node, shapes[node.input[0]]) if node.op_type == "DepthToSpace" else [node]
    del graph.node[:]
    graph.node.extend(nodes)


def _depth_to_space(graph: GraphProto, node: NodeProto, shape: list[int]) -> Iterator[NodeProto]:
    attributes: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    n, c, h, w = shape
    b, out = attributes["blocksize"], node.output[0]
    by_columns = attributes.get("mode", b"DCR") == b"DCR"
    parts = [n, b, b, c // b**2, h, w] if by_columns else [n, c // b**2, b, b, h, w]
    order = [0, 3, 4, 1, 5, 2] if by_columns else [0, 1, 4, 2, 5, 3]
    for name, sizes in ((f"{out}/parts", parts), (f"{out}/shape", [n, c // b**2, h * b, w * b])):
        graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), name))
    yield helper.make_node("Reshape", [node.input[0], f"{out}/parts"], [f"{out}/split"], name=f"{out}/split")
    yield helper.make_node("Transpose", [f"{out}/split"], [f"{out}/moved"], name=f"{out}/moved", perm=order)
    yield helper.make_node("Reshape", [f"{out}/moved", f"{out}/shape"], [out], name=f"{out}/joined")
