"""A TFLite model as an ONNX model, cut to the outputs that are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.tflite.onnx_builder import OnnxBuilder
from pose3d_ros.engines.tflite.operators import OPERATORS
from pose3d_ros.engines.tflite.tflite_graph import TfliteGraph, TfliteOperation, read_tflite
from pose3d_ros.errors import EngineError

_DAMAGED = (ValueError, IndexError, KeyError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError)
_FIX = "Get the file again."


def onnx_of_tflite(content: bytes, name: str, inputs: Sequence[str], outputs: Mapping[str, str]) -> ModelProto:
    """The part of a TFLite model that some of its outputs need, in ONNX (opset 17).

    Parameters
    ----------
    content : bytes
        The .tflite file.
    name : str
        What messages call it.
    inputs : sequence of str
        New names of its inputs, in order.
    outputs : mapping of str to str
        Name of an output in the file → new name.

    Returns
    -------
    onnx.ModelProto
        Images and maps are (N, C, H, W), N any; all tensors float32.

    Raises
    ------
    EngineError
        For bytes that are no such model, an operator, or a use of one, that is not known here, and other inputs or
        outputs.
    """
    graph = read_tflite(content, name)
    with library_errors(f"model {name}", expected="a whole TFLite model", fix=_FIX, kinds=_DAMAGED):
        chosen = _chosen(graph, name, outputs)
        builder = OnnxBuilder(graph, name, dict(zip(graph.inputs, inputs, strict=True)), chosen)
        for operation in _needed(graph, set(chosen)):
            if operation.kind not in OPERATORS:
                raise builder.refused(operation, "one of the operators " + ", ".join(OPERATORS), operation.kind)
            OPERATORS[operation.kind](builder, operation)
        model = builder.model()
        _enlarge_last(model)
        onnx.checker.check_model(model, full_check=True)
    return model


def _chosen(graph: TfliteGraph, name: str, outputs: Mapping[str, str]) -> dict[int, str]:
    known = {graph.tensors[number].name: number for number in graph.outputs}
    if not set(outputs) <= set(known):
        raise EngineError(
            f"model {name}",
            expected=f"the outputs {', '.join(outputs)}",
            got=", ".join(known),
            fix="Give one of MediaPipe's pose models.",
        )
    return {known[old]: new for old, new in outputs.items()}


def _needed(graph: TfliteGraph, wanted: set[int]) -> list[TfliteOperation]:
    """The operations that these tensors depend on, in order."""
    needed = []
    for operation in reversed(graph.operations):
        if not wanted.isdisjoint(operation.outputs):
            needed.append(operation)
            wanted |= set(operation.inputs)
    return needed[::-1]


def _enlarge_last(model: ModelProto) -> None:
    """Convolutions by 1x1 come before the bilinear enlargement of what they read: the same values at a quarter of it.

    Both are linear, and an enlarged pixel's weights add up to 1, so a bias stays as well.
    """
    nodes = model.graph.node
    makers = {name: i for i, node in enumerate(nodes) for name in node.output}
    uses = Counter([*(name for node in nodes for name in node.input), *(output.name for output in model.graph.output)])
    scales = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for i, node in enumerate(nodes):
        at = makers.get(node.input[0]) if _is_pointwise(node) else None
        if (
            at is None
            or nodes[at].op_type != "Resize"
            or uses[node.input[0]] > 1
            or scales[nodes[at].input[2]].min() < 1
        ):
            continue
        convolution, enlargement = NodeProto(), NodeProto()
        convolution.CopyFrom(node)
        enlargement.CopyFrom(nodes[at])
        convolution.input[0], convolution.output[0] = enlargement.input[0], f"{node.output[0]}/small"
        enlargement.input[0], enlargement.output[0] = convolution.output[0], node.output[0]
        nodes[at].CopyFrom(convolution)
        nodes[i].CopyFrom(enlargement)


def _is_pointwise(node: NodeProto) -> bool:
    wanted = {"kernel_shape": [1, 1], "strides": [1, 1], "pads": [0, 0, 0, 0]}
    return node.op_type == "Conv" and all(list(a.ints) == wanted.get(a.name, list(a.ints)) for a in node.attribute)
