"""An ONNX graph as TensorRT's parser sees it: its inputs and outputs, and a layer for each node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from .versions import Release

NUMPY_NAMES: Mapping[str, str] = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "UINT8": "uint8",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
}
"""NumPy's name of each DataType that has one."""


@dataclass(frozen=True)
class GraphTensor:
    """A tensor. dims: -1 for a dynamic axis. dtype: the DataType's name. onnx_dtype: NumPy's name in the ONNX graph."""

    name: str
    dims: tuple[int, ...]
    dtype: str
    onnx_dtype: str

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The type of its elements in memory."""
        return np.dtype(NUMPY_NAMES[self.dtype])


@dataclass(frozen=True)
class GraphLayer:
    """A node. kind: the LayerType's name. inputs: names of tensors."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[GraphTensor, ...]


@dataclass(frozen=True)
class Graph:
    """A parsed graph and the bytes that it came from. narrowed: whether 64-bit tensors became 32-bit ones."""

    onnx: bytes
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    layers: tuple[GraphLayer, ...]
    narrowed: bool


class GraphError(Exception):
    """The graph can't be parsed. code: the parser's ErrorCode."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code


_SUPPORTED = frozenset(
    """
Abs Acos Add And ArgMax ArgMin Asin Atan AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape
Conv ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor
Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample HardSigmoid
HardSwish Identity InstanceNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool
Mean Min Mod Mul Neg Not OneHot Or PRelu Pad Pow QuantizeLinear Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND
Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh
ThresholdedRelu Tile TopK Transpose Unsqueeze Upsample Where Xor
""".split()
)
"""Operators that onnx/onnx-tensorrt imports in every version, but for those whose output's shape depends on data
(NonMaxSuppression, NonZero): the runtime can't size their outputs."""
_SINCE_8_6 = frozenset({"LayerNormalization", "GroupNormalization"})
_KINDS = {"Softmax": "SOFTMAX", "LogSoftmax": "SOFTMAX", "Conv": "CONVOLUTION"}
"""The LayerType of the operators that the package tells apart; all others are ELEMENTWISE here."""

_DTYPES: dict[int, tuple[str, str]] = {
    TensorProto.FLOAT: ("FLOAT", "float32"),
    TensorProto.FLOAT16: ("HALF", "float16"),
    TensorProto.INT8: ("INT8", "int8"),
    TensorProto.UINT8: ("UINT8", "uint8"),
    TensorProto.INT32: ("INT32", "int32"),
    TensorProto.INT64: ("INT64", "int64"),
    TensorProto.BOOL: ("BOOL", "bool"),
    TensorProto.DOUBLE: ("FLOAT", "float64"),
}


def read_graph(data: bytes, release: Release) -> Graph:
    """The graph in these bytes. Raises GraphError when they are no valid graph, or one that TensorRT can't parse."""
    model = _load(data)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = _tensors((value for value in model.graph.input if value.name not in weights), release)
    outputs = _tensors(model.graph.output, release)
    inner = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.value_info}
    known = {tensor.name: tensor for tensor in (*inputs, *outputs)}
    layers = tuple(_layer(node, inner, known, release) for node in model.graph.node)
    narrowed = any(t.onnx_dtype == "int64" and t.dtype == "INT32" for t in (*inputs, *outputs))
    return Graph(data, inputs, outputs, layers, narrowed)


def _load(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf's errors and the checker's share no base class of their own
        raise GraphError("MODEL_DESERIALIZE_FAILED", f"Failed to parse ONNX model: {error}") from error
    return model


def _tensors(values: Iterable[onnx.ValueInfoProto], release: Release) -> tuple[GraphTensor, ...]:
    return tuple(_tensor(value, release) for value in values)


def _tensor(value: onnx.ValueInfoProto, release: Release) -> GraphTensor:
    kind = value.type.tensor_type
    if kind.elem_type not in _DTYPES:
        name = TensorProto.DataType.Name(kind.elem_type)
        raise GraphError("UNSUPPORTED_GRAPH", f"{value.name} has the unsupported type {name}")
    dtype, onnx_dtype = _DTYPES[kind.elem_type]
    if dtype == "INT64" and not release.has_int64:
        dtype = "INT32"
    dims = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim)
    return GraphTensor(value.name, dims, dtype, onnx_dtype)


def _layer(
    node: onnx.NodeProto,
    inner: dict[str, onnx.ValueInfoProto],
    known: dict[str, GraphTensor],
    release: Release,
) -> GraphLayer:
    name = node.name or f"node_of_{node.output[0]}"
    if node.op_type not in (_SUPPORTED if release.number < (8, 6) else _SUPPORTED | _SINCE_8_6):
        problem = f"No importer registered for op: {node.op_type}"
        raise GraphError("UNSUPPORTED_NODE", problem)
    for output in node.output:
        if output and output not in known:
            known[output] = _tensor(inner[output], release) if output in inner else _unknown(output)
    outputs = tuple(known[output] for output in node.output if output)
    return GraphLayer(name, _KINDS.get(node.op_type, "ELEMENTWISE"), tuple(node.input), outputs)


def _unknown(name: str) -> GraphTensor:
    return GraphTensor(name, (), "FLOAT", "float32")
