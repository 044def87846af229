"""What a .tflite file holds: tensors, constant ones with their values, and operations in the order of their run."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from pose3d_ros.engines.failures import UnfitError, library_errors
from pose3d_ros.engines.tflite.sparse_tensor import SparseLevel, Sparsity, densified
from pose3d_ros.errors import EngineError

IDENTIFIER = b"TFL3"
_FIX = "Get the file again."
_DAMAGED = (struct.error, IndexError, ValueError, TypeError, AttributeError, UnicodeDecodeError, OverflowError)
"""What reading a damaged flatbuffer raises."""
_NAMES = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
_INDEX_VECTORS: dict[int, Callable[[], Any]] = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}


@dataclass(frozen=True)
class TfliteTensor:
    """A tensor of the graph. constant: its values, None for what is computed."""

    name: str
    shape: tuple[int, ...]
    constant: npt.NDArray[Any] | None = None


@dataclass(frozen=True)
class TfliteOperation:
    """One operation.

    kind: TFLite's name of it. inputs, outputs: numbers of tensors, -1 for an absent one. options: a flatbuffer's table.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True)
class TfliteGraph:
    """The only graph of a model; inputs and outputs: tensors' numbers."""

    tensors: tuple[TfliteTensor, ...]
    operations: tuple[TfliteOperation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_tflite(content: bytes, name: str) -> TfliteGraph:
    """Read a model. name: what messages call it.

    Raises EngineError for bytes that are no whole TFLite model of one graph.
    """
    if content[4:8] != IDENTIFIER:
        raise EngineError(
            f"model {name}", expected="a TFLite model", got=f"{len(content)} bytes of another format", fix=_FIX
        )
    with library_errors(f"model {name}", expected="a whole TFLite model", fix=_FIX, kinds=_DAMAGED):
        model = tflite.Model.GetRootAs(content, 0)
        if model.SubgraphsLength() != 1:
            raise UnfitError(f"{model.SubgraphsLength()} graphs in one model")
        graph = model.Subgraphs(0)
        return TfliteGraph(
            tuple(_tensor(model, graph.Tensors(i)) for i in range(graph.TensorsLength())),
            tuple(_operation(model, graph.Operators(i)) for i in range(graph.OperatorsLength())),
            _numbers(graph.InputsAsNumpy()),
            _numbers(graph.OutputsAsNumpy()),
        )


def _tensor(model: Any, tensor: Any) -> TfliteTensor:
    shape = _numbers(tensor.ShapeAsNumpy())
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    # flatbuffers gives 0 for an absent vector.
    constant = None if isinstance(data, int) or not len(data) else _constant(tensor, shape, data)
    return TfliteTensor(tensor.Name().decode(), shape, constant)


def _constant(tensor: Any, shape: tuple[int, ...], data: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    if tensor.Type() not in _DTYPES:
        known = ", ".join(np.dtype(t).name for t in _DTYPES.values())
        raise UnfitError(f"the constant {tensor.Name().decode()} is of another type than {known}")
    values = np.frombuffer(data.tobytes(), _DTYPES[tensor.Type()])
    sparsity = tensor.Sparsity()
    return values.reshape(shape) if sparsity is None else densified(values, shape, _sparsity(sparsity))


def _sparsity(parameters: Any) -> Sparsity:
    levels = [_level(parameters.DimMetadata(i)) for i in range(parameters.DimMetadataLength())]
    return Sparsity(tuple(levels), _numbers(parameters.TraversalOrderAsNumpy()), _numbers(parameters.BlockMapAsNumpy()))


def _level(metadata: Any) -> SparseLevel:
    if metadata.Format() == tflite.DimensionType.DENSE:
        return SparseLevel(dense_size=metadata.DenseSize())
    return SparseLevel(
        segments=_index_vector(metadata.ArraySegmentsType(), metadata.ArraySegments()),
        indices=_index_vector(metadata.ArrayIndicesType(), metadata.ArrayIndices()),
    )


def _index_vector(kind: int, table: Any) -> npt.NDArray[np.int64]:
    vector = _INDEX_VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    values = vector.ValuesAsNumpy()
    return np.zeros(0, np.int64) if isinstance(values, int) else values.astype(np.int64)


def _operation(model: Any, operator: Any) -> TfliteOperation:
    code = model.OperatorCodes(operator.OpcodeIndex())
    number = code.BuiltinCode()
    kind = (code.CustomCode() or b"CUSTOM").decode() if number == tflite.BuiltinOperator.CUSTOM else _NAMES[number]
    return TfliteOperation(
        kind, _numbers(operator.InputsAsNumpy()), _numbers(operator.OutputsAsNumpy()), operator.BuiltinOptions()
    )


def _numbers(vector: Any) -> tuple[int, ...]:
    return () if isinstance(vector, int) else tuple(int(n) for n in vector)
