"""The ONNX parser and the network that it fills: tensors, and layers whose precision weakly typed versions may set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from .binding import Api, Binding, Dims
from .device_memory import Checked, MisuseError

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
"""The LayerType of the operators that the package distinguishes; all others are ELEMENTWISE here."""
_DTYPES: Mapping[int, tuple[str, str]] = {
    TensorProto.FLOAT: ("FLOAT", "float32"),
    TensorProto.FLOAT16: ("HALF", "float16"),
    TensorProto.INT8: ("INT8", "int8"),
    TensorProto.UINT8: ("UINT8", "uint8"),
    TensorProto.INT32: ("INT32", "int32"),
    TensorProto.INT64: ("INT64", "int64"),
    TensorProto.BOOL: ("BOOL", "bool"),
}


class GraphError(Exception):
    """The graph can't be parsed."""

    def desc(self) -> str:
        return str(self)


@dataclass(frozen=True)
class ITensor:
    """A tensor. dims: -1 for a dynamic axis. dtype: a DataType. onnx_dtype: NumPy's name of its type in the graph."""

    name: str
    dims: tuple[int, ...]
    dtype: Any
    onnx_dtype: str

    @property
    def shape(self) -> Dims:
        return Dims(self.dims)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The type of its elements in memory."""
        return np.dtype(dict(_DTYPES.values())[self.dtype.name])


class ILayer(Binding):
    """A layer: one node. Its inputs are tensors only, weights are its own."""

    def __init__(self, network: INetworkDefinition, node: onnx.NodeProto, inputs: list[ITensor]) -> None:
        super().__init__(network._api, network._logger)
        self._network, self._node, self._inputs = network, node, inputs
        self._outputs: list[ITensor] = []
        self._pinned: set[str] = set()

    @property
    def type(self) -> Any:
        return self._api.member("LayerType", _KINDS.get(self._node.op_type, "ELEMENTWISE"))

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]

    def _pin(self, dtype: Any) -> None:
        self._api.require("ILayer.precision", dtype, "DataType")
        if self._network._strong:
            raise MisuseError("ILayer.precision", "the network is strongly typed; its types come from the graph")
        self._pinned.add(dtype.name)

    precision = property(None, _pin)

    def set_output_type(self, index: int, dtype: Any) -> None:
        if self._outputs[index].dtype.name not in ("FLOAT", "HALF"):
            raise MisuseError("ILayer.set_output_type", f"output {index} has no floating type")
        self._pin(dtype)


class INetworkDefinition(Binding):
    """What the parser fills. Empty until then."""

    def __init__(self, api: Api, logger: Any, *, explicit_batch: bool, strong: bool) -> None:
        super().__init__(api, logger)
        self._explicit_batch, self._strong = explicit_batch, strong
        self._onnx = b""
        self._inputs: list[ITensor] = []
        self._outputs: list[ITensor] = []
        self._layers: list[ILayer] = []

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_layer(self, index: int) -> ILayer:
        return self._layers[index]

    def _fill(self, data: bytes) -> None:
        """Read a graph. Raises GraphError when it is not valid, or one that TensorRT can't parse."""
        try:
            model = onnx.load_model_from_string(data)
            onnx.checker.check_model(model)
        except Exception as error:  # protobuf's errors and the checker's share no base class of their own
            raise GraphError(f"Failed to parse ONNX model: {error}") from error
        weights = {tensor.name for tensor in model.graph.initializer}
        self._onnx = data
        self._inputs = [self._tensor(value) for value in model.graph.input if value.name not in weights]
        self._outputs = [self._tensor(value) for value in model.graph.output]
        inner = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.value_info}
        known = {tensor.name: tensor for tensor in (*self._inputs, *self._outputs)}
        for node in model.graph.node:
            if node.op_type not in _SUPPORTED | (_SINCE_8_6 if self._api.release.number >= (8, 6) else set()):
                raise GraphError(f"No importer registered for op: {node.op_type}")
            layer = ILayer(self, node, [known[name] for name in node.input if name in known])
            for name in filter(None, node.output):
                unknown = ITensor(name, (), self._api.member("DataType", "FLOAT"), "float32")
                known.setdefault(name, self._tensor(inner[name]) if name in inner else unknown)
                layer._outputs.append(known[name])
            self._layers.append(layer)

    def _tensor(self, value: onnx.ValueInfoProto) -> ITensor:
        kind = value.type.tensor_type
        if kind.elem_type not in _DTYPES:
            raise GraphError(f"{value.name} has the unsupported type {TensorProto.DataType.Name(kind.elem_type)}")
        dtype, onnx_dtype = _DTYPES[kind.elem_type]
        if dtype not in self._api.release.enums["DataType"]:
            dtype = "INT32"  # the parser narrows int64 where the version lacks it
        dims = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim)
        return ITensor(value.name, dims, self._api.member("DataType", dtype), onnx_dtype)


class OnnxParser(Binding):
    """Fills a network from an ONNX graph: it answers False and holds the error, it never raises for a bad graph."""

    def __init__(self, api: Api, network: INetworkDefinition, logger: Any) -> None:
        super().__init__(api, logger)
        self._network = network
        self._errors: list[GraphError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> GraphError:
        return self._errors[index]

    def parse(self, model: bytes) -> Checked:
        try:
            if self._api.faults.parse_fails:
                raise GraphError("an injected fault")
            if not self._network._explicit_batch:
                raise GraphError("the network must have an explicit batch dimension")
            self._network._fill(model)
        except GraphError as error:
            self._errors.append(error)
        return self._answer("OnnxParser.parse", str(self._errors[-1]) if self._errors else None)
