"""Whole graphs: cut to outputs, weights folded, the batch free."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from pose3d_ros.engines.tflite.sparse_tensor import SparseLevel, Sparsity
from pose3d_ros.engines.tflite.tflite_conversion import onnx_of_tflite
from pose3d_ros.errors import EngineError

from .conftest import OperationText, TensorText, TfliteWriter

# A 1x1 convolution that swaps two channels; its only stored values lie off the diagonal.
SWAP = Sparsity(
    (
        SparseLevel(2),
        SparseLevel(1),
        SparseLevel(1),
        SparseLevel(segments=np.array([0, 1, 2]), indices=np.array([1, 0])),
    ),
    (0, 1, 2, 3),
    (),
)
SHAPE = (1, 3, 4, 2)


def _swapping(unknown: str = "SOFTMAX") -> bytes:
    tensors = [
        TensorText("in", SHAPE),
        TensorText("stored", (2, 1, 1, 2), np.ones(2, np.float16), SWAP),
        TensorText("whole", (2, 1, 1, 2)),
        TensorText("kernel", (2, 1, 1, 2)),
        TensorText("swapped", SHAPE),
        TensorText("other", SHAPE),
    ]
    operations = [
        OperationText("DENSIFY", (1,), 2),
        OperationText("DEQUANTIZE", (2,), 3),
        OperationText("CONV_2D", (0, 3), 4, {"StrideH": 1, "StrideW": 1}),
        OperationText(unknown, (4,), 5),
    ]
    return TfliteWriter().write(tensors, operations, [0], [4, 5])


def test_sparse_halves_become_weights_and_a_batch_is_its_images() -> None:
    model = onnx_of_tflite(_swapping(), "swap.tflite", ["image"], {"swapped": "maps"})
    assert [node.op_type for node in model.graph.node] == ["Conv"]  # the rest is folded, or behind the output
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(1).normal(size=(3, 2, 3, 4)).astype(np.float32)
    (maps,) = session.run(["maps"], {"image": images})
    np.testing.assert_array_equal(maps, images[:, ::-1])


def test_an_unknown_operator_is_refused_only_where_it_is_needed() -> None:
    with pytest.raises(EngineError, match=r"SOFTMAX \(other\) of swap.tflite: expected one of the operators ADD"):
        onnx_of_tflite(_swapping(), "swap.tflite", ["image"], {"other": "maps"})


def test_another_model_is_refused_by_its_outputs() -> None:
    with pytest.raises(EngineError, match="expected the outputs Identity, got swapped, other"):
        onnx_of_tflite(_swapping(), "swap.tflite", ["image"], {"Identity": "maps"})


def test_a_kernel_that_does_not_fit_is_an_error_of_the_file() -> None:
    tensors = [TensorText("in", SHAPE), TensorText("k", (2, 1, 1, 3), np.ones((2, 1, 1, 3), np.float32))]
    tensors.append(TensorText("out", SHAPE))
    operation = OperationText("CONV_2D", (0, 1), 2, {"StrideH": 1, "StrideW": 1})
    content = TfliteWriter().write(tensors, [operation], [0], [2])
    with pytest.raises(EngineError, match=r"CONV_2D \(out\) of odd.tflite: expected 3 channels, got 2"):
        onnx_of_tflite(content, "odd.tflite", ["image"], {"out": "maps"})


@pytest.mark.parametrize(("size", "order"), [((6, 8), ["Conv", "Resize"]), ((2, 2), ["Resize", "Conv"])])
def test_maps_are_convolved_where_they_are_small(size: tuple[int, int], order: list[str]) -> None:
    kernel = np.arange(6, dtype=np.float32).reshape(3, 1, 1, 2) - 2.0
    tensors = [
        TensorText("in", (1, 3, 4, 2)),
        TensorText("size", (2,), np.array(size, np.int32)),
        TensorText("resized", (1, *size, 2)),
        TensorText("kernel", (3, 1, 1, 2), kernel),
        TensorText("bias", (3,), np.array([1.0, -1.0, 0.5], np.float32)),
        TensorText("out", (1, *size, 3)),
    ]
    operations = [
        OperationText("RESIZE_BILINEAR", (0, 1), 2, {"HalfPixelCenters": 1}),
        OperationText("CONV_2D", (2, 3, 4), 5, {"StrideH": 1, "StrideW": 1}),
    ]
    content = TfliteWriter().write(tensors, operations, [0], [2, 5])
    images = np.random.default_rng(2).normal(size=(2, 2, 3, 4)).astype(np.float32)

    def run(*outputs: str) -> list[npt.NDArray[np.float32]]:
        model = onnx_of_tflite(content, "maps.tflite", ["image"], {name: name for name in outputs})
        ordered = [node.op_type for node in model.graph.node]
        assert ordered == (order if len(outputs) == 1 else ["Resize", "Conv"])
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        answer: list[npt.NDArray[np.float32]] = session.run(list(outputs), {"image": images})
        return answer

    np.testing.assert_allclose(run("out")[0], run("out", "resized")[0], atol=1e-5)
