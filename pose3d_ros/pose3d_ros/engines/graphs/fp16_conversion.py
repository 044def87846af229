"""FP16 written into an ONNX graph, for strongly typed TensorRT networks (10 and 11), where the graph decides each type.

What leads to a convolution over images, the backbone and the heads, becomes float16. Everything behind the last such
convolution stays float32: softmax over heat maps and the expectations under it, exp, sigmoid, pooled features and the
fully connected layers on them, depth and refinement. A softmax over 64³ bins has probabilities below FP16's normal
range, and FP16 steps by 2 mm at 3 m. The border is found by structure, never by names, so it is there in imported
networks too. A graph without such a convolution, as the temporal smoother, stays float32 as a whole: its inputs are
positions in metres whose noise it exists to remove, and it is too small for FP16 to save time.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pose3d_ros.engines.graphs.onnx_graph import head_nodes, read_float_graph, refused_graph, write_graph

_LARGEST = float(np.finfo(np.float16).max)


def half_graph(source: Path, target: Path) -> None:
    """Write `source` to `target` with backbone and heads in float16; inputs and outputs stay float32.

    A graph without a convolution over images is written as it is, in float32.
    Raises EngineError for a file that `read_float_graph` refuses and for a weight that float16 can't hold; `target` is
    then left as it was.
    """
    model = read_float_graph(source)
    head = head_nodes(model)
    if head:
        _require_range(source, model, head)
        model = _joined(model, _converted(source, model, head))
    write_graph(model, target)


def _converted(path: Path, model: ModelProto, head: Sequence[NodeProto]) -> ModelProto:
    """The head as a float16 graph of its own, with casts at float32 inputs and outputs."""
    graph = model.graph
    names = {n.name for n in head}
    read = {name for n in head for name in n.input}
    wanted = {name for n in graph.node if n.name not in names for name in n.input} | {v.name for v in graph.output}
    infos = {v.name: v for v in (*graph.value_info, *graph.output)}
    border = [name for n in head for name in n.output if name and name in wanted]
    if unknown := [name for name in border if name not in infos]:
        raise refused_graph(path, "operators of ONNX, whose types are known", f"a tensor {unknown[0]} of unknown type")
    weights = [t for t in graph.initializer if t.name in read]
    inputs = [v for v in graph.input if v.name in read]
    part = helper.make_graph(list(head), "head", inputs, [infos[name] for name in border], weights)
    _rename_weights(part, wanted)
    whole = helper.make_model(part, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    # Imported here, since importing this package of the runtime adds its folder to sys.path.
    convert = importlib.import_module("onnxruntime.transformers.float16").convert_float_to_float16
    sort = importlib.import_module("onnxruntime.transformers.onnx_model").OnnxModel.graph_topological_sort
    # Not its node_block_list: between two blocked nodes it casts to float16 and back, and so rounds the tail as well.
    half: ModelProto = convert(whole, keep_io_types=True)
    sort(half.graph)  # the converter appends its casts at the end
    return half


def _joined(model: ModelProto, half: ModelProto) -> ModelProto:
    """The graph with its head replaced by the converted one."""
    joined = ModelProto()
    joined.CopyFrom(model)
    graph = joined.graph
    made = {name for n in half.graph.node for name in n.output}
    tail = [n for n in model.graph.node if not made & set(n.output)]
    read = {name for n in tail for name in n.input}
    weights = [*half.graph.initializer, *(t for t in model.graph.initializer if t.name in read)]
    for field in ("node", "initializer", "value_info"):
        graph.ClearField(field)
    graph.node.extend([*half.graph.node, *tail])
    graph.initializer.extend(weights)
    return joined


def _rename_weights(part: GraphProto, taken: set[str]) -> None:
    """Give the head's weights that the tail uses too names of their own: they will differ in type."""
    new = {t.name: f"{t.name}/half" for t in part.initializer if t.name in taken}
    for tensor in part.initializer:
        tensor.name = new.get(tensor.name, tensor.name)
    for node in part.node:
        node.input[:] = [new.get(name, name) for name in node.input]


def _require_range(path: Path, model: ModelProto, head: Sequence[NodeProto]) -> None:
    read = {name for n in head for name in n.input}
    for tensor in model.graph.initializer:
        if tensor.name in read and tensor.data_type == TensorProto.FLOAT:
            largest = float(np.max(np.abs(numpy_helper.to_array(tensor)), initial=0.0))
            if not largest <= _LARGEST:  # NaN fails too
                raise refused_graph(path, f"weights within ±{_LARGEST:.0f}", f"{largest:g} in {tensor.name}")
