"""Tiny .tflite files, written byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import pytest
import tflite

from pose3d_ros.engines.tflite.sparse_tensor import Sparsity

TYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int32": "INT32", "int64": "INT64", "int8": "INT8"}
INDICES = {"int32": "Int32Vector", "uint16": "Uint16Vector", "uint8": "Uint8Vector"}


@dataclass(frozen=True)
class TensorText:
    """A tensor to write; values: of a constant one; sparsity: how they lie."""

    name: str
    shape: tuple[int, ...]
    values: npt.NDArray[Any] | None = None
    sparsity: Sparsity | None = None


@dataclass(frozen=True)
class OperationText:
    """An operation to write. options: setters of the table `OPTIONS` of tflite, e.g. {"StrideH": 2}."""

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: dict[str, int] = field(default_factory=dict)


class TfliteWriter:
    """A file under construction."""

    def __init__(self, index_type: str = "int32") -> None:
        self._b = flatbuffers.Builder(0)
        self._index_type = index_type

    def write(
        self,
        tensors: Sequence[TensorText],
        operations: Sequence[OperationText],
        inputs: Sequence[int],
        outputs: Sequence[int],
    ) -> bytes:
        buffers = [self._table("Buffer", Data=self._bytes(b""))]
        written = []
        for tensor in tensors:
            dtype = "float32" if tensor.values is None else tensor.values.dtype.name
            if tensor.values is not None:
                buffers.append(self._table("Buffer", Data=self._bytes(tensor.values.tobytes())))
            written.append(
                self._table(
                    "Tensor",
                    Name=self._b.CreateString(tensor.name),
                    Shape=self._ints(tensor.shape),
                    Type=getattr(tflite.TensorType, TYPES[dtype]),
                    Buffer=0 if tensor.values is None else len(buffers) - 1,
                    Sparsity=None if tensor.sparsity is None else self._sparsity(tensor.sparsity),
                )
            )
        codes = [
            self._table("OperatorCode", DeprecatedBuiltinCode=getattr(tflite.BuiltinOperator, operation.kind))
            for operation in operations
        ]
        done = [self._operation(i, operation) for i, operation in enumerate(operations)]
        graph = self._table(
            "SubGraph",
            Tensors=self._offsets(written),
            Inputs=self._ints(inputs),
            Outputs=self._ints(outputs),
            Operators=self._offsets(done),
        )
        model = self._table(
            "Model",
            Version=3,
            OperatorCodes=self._offsets(codes),
            Subgraphs=self._offsets([graph]),
            Buffers=self._offsets(buffers),
        )
        self._b.Finish(model, b"TFL3")
        return bytes(self._b.Output())

    def _operation(self, code: int, operation: OperationText) -> int:
        kind = OPTIONS.get(operation.kind)
        options = None if kind is None else self._table(kind, **operation.options)
        return self._table(
            "Operator",
            OpcodeIndex=code,
            Inputs=self._ints(operation.inputs),
            Outputs=self._ints([operation.output]),
            BuiltinOptionsType=getattr(tflite.BuiltinOptions, kind or "NONE"),
            BuiltinOptions=options,
        )

    def _sparsity(self, sparsity: Sparsity) -> int:
        levels = []
        for level in sparsity.levels:
            if level.segments is None or level.indices is None:
                levels.append(self._table("DimensionMetadata", Format=0, DenseSize=level.dense_size))
                continue
            vectors = {}
            for name, values in (("ArraySegments", level.segments), ("ArrayIndices", level.indices)):
                kind = INDICES[self._index_type]
                vector = self._b.CreateNumpyVector(np.asarray(values, self._index_type))
                vectors[name] = self._table(kind, Values=vector)
                vectors[f"{name}Type"] = getattr(tflite.SparseIndexVector, kind)
            levels.append(self._table("DimensionMetadata", Format=1, **vectors))
        return self._table(
            "SparsityParameters",
            TraversalOrder=self._ints(sparsity.order),
            BlockMap=self._ints(sparsity.block_map),
            DimMetadata=self._offsets(levels),
        )

    def _table(self, kind: str, **fields: int | None) -> int:
        getattr(tflite, f"{kind}Start")(self._b)
        for name, value in fields.items():
            if value is not None:
                getattr(tflite, f"{kind}Add{name}")(self._b, value)
        return int(getattr(tflite, f"{kind}End")(self._b))

    def _ints(self, values: Sequence[int]) -> int:
        return int(self._b.CreateNumpyVector(np.array(values, np.int32)))

    def _bytes(self, data: bytes) -> int:
        return int(self._b.CreateByteVector(data))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self._b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._b.PrependUOffsetTRelative(offset)
        return int(self._b.EndVector())


OPTIONS = {
    "ADD": "AddOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
}
"""Operator → the table of its options, of those that are read."""


@pytest.fixture
def one_operation() -> Callable[..., bytes]:
    """A file of one operation: of an image of a shape and constants, with an output `out` of a shape."""

    def write(
        kind: str, shape: tuple[int, ...], constants: Sequence[npt.NDArray[Any]], out: tuple[int, ...], **options: int
    ) -> bytes:
        tensors = [TensorText("in", shape)]
        tensors += [TensorText(f"c{i}", values.shape, values) for i, values in enumerate(constants)]
        tensors.append(TensorText("out", out))
        last = len(tensors) - 1
        operation = OperationText(kind, tuple(range(last)), last, options)
        return TfliteWriter().write(tensors, [operation], [0], [last])

    return write
