"""A TFLite model as an ONNX model, cut to the outputs that are used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import ModelProto

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
