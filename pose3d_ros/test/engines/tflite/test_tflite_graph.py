"""What is read of .tflite files, and what of damaged ones."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.engines.tflite.sparse_tensor import SparseLevel, Sparsity
from pose3d_ros.engines.tflite.tflite_graph import read_tflite
from pose3d_ros.errors import EngineError

from .conftest import OperationText, TensorText, TfliteWriter

ROWS = SparseLevel(segments=np.array([0, 2, 2, 3]), indices=np.array([0, 3, 1]))
SPARSE = Sparsity((SparseLevel(3), ROWS), (0, 1), ())


def _sparse_file(index_type: str = "int32", values: int = 3) -> bytes:
    tensors = [
        TensorText("stored", (3, 4), np.arange(5, 5 + values).astype(np.float16), SPARSE),
        TensorText("whole", (3, 4)),
    ]
    return TfliteWriter(index_type).write(tensors, [OperationText("DENSIFY", (0,), 1)], [], [1])


def test_tensors_and_operations_are_read() -> None:
    tensors = [TensorText("in", (1, 2)), TensorText("one", (2,), np.ones(2, np.float32)), TensorText("sum", (1, 2))]
    graph = read_tflite(TfliteWriter().write(tensors, [OperationText("ADD", (0, 1), 2)], [0], [2]), "sum.tflite")
    assert [(tensor.name, tensor.shape, tensor.constant is None) for tensor in graph.tensors] == [
        ("in", (1, 2), True),
        ("one", (2,), False),
        ("sum", (1, 2), True),
    ]
    assert graph.tensors[1].constant is not None
    assert graph.tensors[1].constant.tolist() == [1.0, 1.0]
    (operation,) = graph.operations
    assert (operation.kind, operation.inputs, operation.outputs) == ("ADD", (0, 1), (2,))
    assert (graph.inputs, graph.outputs) == ((0,), (2,))


@pytest.mark.parametrize("index_type", ["int32", "uint16", "uint8"])
def test_sparse_constants_are_dense_with_indices_of_every_width(index_type: str) -> None:
    constant = read_tflite(_sparse_file(index_type), "sparse.tflite").tensors[0].constant
    assert constant is not None
    assert constant.dtype == np.float16
    assert constant.tolist() == [[5, 0, 0, 6], [0, 0, 0, 0], [0, 7, 0, 0]]


def test_sparse_values_that_do_not_fit_are_named() -> None:
    with pytest.raises(
        EngineError, match=r"model sparse\.tflite: expected a whole TFLite model, got 2 values for 3 pl"
    ):
        read_tflite(_sparse_file(values=2), "sparse.tflite")


def test_constants_of_other_types_are_refused_by_name() -> None:
    tensors = [TensorText("weights", (2,), np.ones(2, np.int8)), TensorText("out", (2,))]
    content = TfliteWriter().write(tensors, [OperationText("DEQUANTIZE", (0,), 1)], [], [1])
    with pytest.raises(
        EngineError, match="the constant weights is of another type than float32, float16, int32, int64"
    ):
        read_tflite(content, "int8.tflite")


@pytest.mark.parametrize("content", [b"", b"PK\3\4 a zip", b"<html>not found</html>"])
def test_other_formats_are_refused(content: bytes) -> None:
    with pytest.raises(EngineError, match=f"expected a TFLite model, got {len(content)} bytes of another format"):
        read_tflite(content, "page.tflite")


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    whole = _sparse_file()
    refused = 0
    for length in range(8, len(whole) - 1):
        try:
            read_tflite(whole[:length], "half.tflite")
        except EngineError as error:
            assert str(error).startswith("model half.tflite: expected a whole TFLite model")  # noqa: PT017
            refused += 1
    assert refused > 0.9 * len(whole)  # padding at the end holds nothing
