"""An ONNX graph that grows by the operations of a TFLite graph: its nodes, weights and tensors' names.

Maps, tensors of four axes, are channels last there and channels first here; the first axis is the batch, of any length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from pose3d_ros.engines.tflite.tflite_graph import TfliteGraph, TfliteOperation
from pose3d_ros.errors import EngineError

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
"""Transpositions of a map's axes to channels first, and to channels last."""
MAP_RANK = 4
_OPSET, _IR_VERSION = 17, 8
_BOUNDS: Mapping[int, Mapping[str, float]] = {
    tflite.ActivationFunctionType.RELU: {},
    tflite.ActivationFunctionType.RELU6: {"min": 0.0, "max": 6.0},
}
"""Number of a fused activation → the bounds of a Clip; without any it is a Relu."""

Array = npt.NDArray[Any]


class OnnxBuilder:
    """The graph so far.

    name: what messages call the model. inputs, outputs: numbers of tensors → names in ONNX.
    """

    def __init__(self, graph: TfliteGraph, name: str, inputs: Mapping[int, str], outputs: Mapping[int, str]) -> None:
        self._tensors, self._name = graph.tensors, name
        self._inputs, self._outputs = inputs, outputs
        self._names = {i: f"t{i}" for i in range(len(graph.tensors))} | {**inputs, **outputs}
        self._constants = {i: t.constant for i, t in enumerate(graph.tensors) if t.constant is not None}
        self._nodes: list[NodeProto] = []
        self._weights: dict[str, Array] = {}

    def model(self) -> ModelProto:
        """What was added, as a model of these inputs and outputs."""
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [self._info(tensor) for tensor in self._inputs],
            [self._info(tensor) for tensor in self._outputs],
            [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in self._weights.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The tensor's shape in the file."""
        return self._tensors[tensor].shape

    def constant(self, operation: TfliteOperation, position: int) -> Array:
        """An input's values. Raises EngineError where it is computed."""
        tensor = operation.inputs[position]
        if tensor not in self._constants:
            raise self.refused(operation, f"constant values as input {position}", "computed ones")
        return self._constants[tensor]

    def set_constant(self, operation: TfliteOperation, values: Array) -> None:
        """The operation's output always has these values: it needs no node."""
        self._constants[operation.outputs[0]] = values

    def input(self, operation: TfliteOperation, position: int) -> str:
        """Name of an input in ONNX; constant values become a weight, in a map's order beside maps."""
        tensor = operation.inputs[position]
        if tensor in self._constants:
            values = self._constants[tensor]
            if len(self.shape(operation.outputs[0])) == MAP_RANK:
                values = values.reshape((1,) * (MAP_RANK - values.ndim) + values.shape).transpose(TO_FIRST)
            self._weights[self._names[tensor]] = values
        return self._names[tensor]

    def weight(self, operation: TfliteOperation, label: str, values: Array) -> str:
        """Add an operation's weight. Returns its name."""
        name = f"{self._names[operation.outputs[0]]}/{label}"
        self._weights[name] = values
        return name

    def add(
        self, operation: TfliteOperation, kind: str, inputs: Sequence[str], *, activation: int = 0, **attributes: Any
    ) -> None:
        """Add the node that gives the operation's output, and the activation that is fused with it.

        Raises EngineError for an activation that is not known here.
        """
        output = self._names[operation.outputs[0]]
        if activation == tflite.ActivationFunctionType.NONE:
            self._add(kind, inputs, output, attributes)
            return
        if activation not in _BOUNDS:
            raise self.refused(operation, "a fused activation NONE, RELU or RELU6", f"number {activation}")
        linear = self.add_before(operation, kind, inputs, "linear", **attributes)
        bounds = [self.weight(operation, key, np.array(v, np.float32)) for key, v in _BOUNDS[activation].items()]
        self._add("Clip" if bounds else "Relu", [linear, *bounds], output, {})

    def add_before(
        self, operation: TfliteOperation, kind: str, inputs: Sequence[str], label: str, **attributes: Any
    ) -> str:
        """Add a node whose result the operation itself needs. Returns the result's name."""
        output = f"{self._names[operation.outputs[0]]}/{label}"
        self._add(kind, inputs, output, attributes)
        return output

    def refused(self, operation: TfliteOperation, expected: str, got: str) -> EngineError:
        """The error about an operation that has no counterpart here."""
        where = self._tensors[operation.outputs[0]].name
        fix = (
            "Only MediaPipe's pose models are read; convert others to ONNX with another tool, and `pose3d import` them."
        )
        return EngineError(f"{operation.kind} ({where}) of {self._name}", expected=expected, got=got, fix=fix)

    def _add(self, kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Any]) -> None:
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))

    def _info(self, tensor: int) -> ValueInfoProto:
        shape = self.shape(tensor)
        if len(shape) == MAP_RANK:
            shape = tuple(shape[axis] for axis in TO_FIRST)
        return helper.make_tensor_value_info(self._names[tensor], TensorProto.FLOAT, ["batch", *shape[1:]])
