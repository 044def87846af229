"""Each operator gives what TFLite's would: values worked by hand, or by loops over its definition."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import tflite

from pose3d_ros.engines.tflite.tflite_conversion import onnx_of_tflite
from pose3d_ros.errors import EngineError

Array = npt.NDArray[Any]
SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
RELU, RELU6, TANH = (getattr(tflite.ActivationFunctionType, name) for name in ("RELU", "RELU6", "TANH"))


def _run(content: bytes, image: Array) -> Array:
    """The converted graph's output, of a map channels last as in the file."""
    model = onnx_of_tflite(content, "tiny.tflite", ["image"], {"out": "result"})
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = image.transpose(0, 3, 1, 2) if image.ndim == 4 else image
    result: Array = session.run(["result"], {"image": np.ascontiguousarray(feed)})[0]
    return result.transpose(0, 2, 3, 1) if result.ndim == 4 else result


def _image(*shape: int) -> Array:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _windows(image: Array, kernel: Sequence[int], stride: int, padding: int, dilation: int, fill: float) -> Array:
    """(rows, columns, kh, kw, C) of an image (H, W, C): where a kernel lies. SAME adds an odd row behind."""
    height, width, _ = image.shape
    spans = [(k - 1) * dilation + 1 for k in kernel]
    if padding == SAME:
        steps = [-(-size // stride) for size in (height, width)]
        totals = [max((n - 1) * stride + s - size, 0) for n, s, size in zip(steps, spans, (height, width), strict=True)]
    else:
        steps = [(size - s) // stride + 1 for size, s in zip((height, width), spans, strict=True)]
        totals = [0, 0]
    pads = [(t // 2, t - t // 2) for t in totals]
    padded = np.pad(image, [*pads, (0, 0)], constant_values=fill)
    found = np.empty((*steps, *kernel, image.shape[2]), np.float32)
    for i, j in itertools.product(*map(range, steps)):
        rows, columns = (slice(n * stride, n * stride + s, dilation) for n, s in zip((i, j), spans, strict=True))
        found[i, j] = padded[rows, columns]
    return found


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [((3, 3), 2, 1), ((2, 5), 1, 1), ((3, 3), 1, 2)])
def test_convolutions(
    one_operation: Callable[..., bytes], padding: int, kernel: tuple[int, int], stride: int, dilation: int
) -> None:
    image, weights, bias = _image(1, 8, 6, 3), _image(4, *kernel, 3), _image(4)
    windows = _windows(image[0], kernel, stride, padding, dilation, 0.0)
    wanted = np.einsum("ijhwc,ohwc->ijo", windows, weights) + bias
    options = {"Padding": padding, "StrideH": stride, "StrideW": stride}
    options |= {"DilationHFactor": dilation, "DilationWFactor": dilation}
    content = one_operation("CONV_2D", image.shape, [weights, bias], (1, *wanted.shape), **options)
    np.testing.assert_allclose(_run(content, image)[0], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolutions(one_operation: Callable[..., bytes], multiplier: int) -> None:
    image, weights, bias = _image(1, 6, 6, 3), _image(1, 3, 3, 3 * multiplier), _image(3 * multiplier)
    windows = _windows(image[0], (3, 3), 2, SAME, 1, 0.0)
    wanted = np.einsum("ijhwc,hwcm->ijcm", windows, weights.reshape(3, 3, 3, multiplier)).reshape(3, 3, -1) + bias
    options = {"Padding": SAME, "StrideH": 2, "StrideW": 2, "DepthMultiplier": multiplier}
    content = one_operation("DEPTHWISE_CONV_2D", image.shape, [weights, bias], (1, *wanted.shape), **options)
    np.testing.assert_allclose(_run(content, image)[0], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("activation", "bounds"), [(RELU, (0, np.inf)), (RELU6, (0, 6))])
def test_fused_activations(one_operation: Callable[..., bytes], activation: int, bounds: tuple[float, float]) -> None:
    image, weights = 9 * _image(1, 4, 4, 2), np.eye(2, dtype=np.float32).reshape(2, 1, 1, 2)
    options = {"Padding": VALID, "StrideH": 1, "StrideW": 1, "FusedActivationFunction": activation}
    content = one_operation("CONV_2D", image.shape, [weights], image.shape, **options)
    np.testing.assert_allclose(_run(content, image), image.clip(*bounds))


@pytest.mark.parametrize("padding", [SAME, VALID])
def test_max_pool(one_operation: Callable[..., bytes], padding: int) -> None:
    image = _image(1, 7, 6, 2)
    wanted = _windows(image[0], (2, 2), 2, padding, 1, -np.inf).max((2, 3))
    options = {"Padding": padding, "StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
    content = one_operation("MAX_POOL_2D", image.shape, [], (1, *wanted.shape), **options)
    np.testing.assert_array_equal(_run(content, image)[0], wanted)


@pytest.mark.parametrize("constant", [_image(3), _image(1, 4, 5, 3), _image(1, 1, 1, 1)])
def test_addition_spreads_constants_over_the_last_axes(one_operation: Callable[..., bytes], constant: Array) -> None:
    image = _image(1, 4, 5, 3)
    found = _run(one_operation("ADD", image.shape, [constant], image.shape), image)
    np.testing.assert_array_equal(found, image + constant)


def test_padding_counts_axes_as_in_the_file(one_operation: Callable[..., bytes]) -> None:
    image = _image(1, 2, 3, 2)
    pads = np.array([[0, 0], [0, 1], [2, 0], [0, 3]], np.int32)
    found = _run(one_operation("PAD", image.shape, [pads], (1, 3, 5, 5)), image)
    np.testing.assert_array_equal(found, np.pad(image, pads))


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({"HalfPixelCenters": 1}, [0.0, 1.0, 3.0, 4.0]),  # at -0.25, 0.25, 0.75 and 1.25 of the two
        ({}, [0.0, 2.0, 4.0, 4.0]),  # at 0, 0.5, 1, 1.5
        ({"AlignCorners": 1}, [0.0, 4 / 3, 8 / 3, 4.0]),  # at thirds
    ],
)
def test_bilinear_resize_by_its_three_kinds_of_coordinates(
    one_operation: Callable[..., bytes], options: dict[str, int], row: list[float]
) -> None:
    image = np.array([0, 4, 0, 4], np.float32).reshape(1, 2, 2, 1)
    content = one_operation("RESIZE_BILINEAR", image.shape, [np.array([2, 4], np.int32)], (1, 2, 4, 1), **options)
    np.testing.assert_allclose(_run(content, image)[0, :, :, 0], [row, row], rtol=1e-6)


def test_depth_to_space_fills_blocks_row_by_row(one_operation: Callable[..., bytes]) -> None:
    image = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    found = _run(one_operation("DEPTH_TO_SPACE", image.shape, [], (1, 2, 2, 2), BlockSize=2), image)
    assert found.tolist() == [[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]


@pytest.mark.parametrize(
    ("before", "after"), [((1, 2, 3, 4), (1, 6, 4)), ((1, 6, 4), (1, 2, 3, 4)), ((1, 8), (1, 2, 4))]
)
def test_reshape_keeps_the_order_of_the_file(
    one_operation: Callable[..., bytes], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    image = _image(*before)
    content = one_operation("RESHAPE", before, [np.array(after, np.int32)], after)
    np.testing.assert_array_equal(_run(content, image), image.reshape(after))
    twice = np.concatenate([image, -image])  # the batch is free
    np.testing.assert_array_equal(_run(content, twice), twice.reshape(2, *after[1:]))


@pytest.mark.parametrize("axis", [3, -1])
def test_concatenation_of_channels(one_operation: Callable[..., bytes], axis: int) -> None:
    image, more = _image(1, 2, 3, 2), _image(1, 2, 3, 1)
    found = _run(one_operation("CONCATENATION", image.shape, [more], (1, 2, 3, 3), Axis=axis), image)
    np.testing.assert_array_equal(found, np.concatenate([image, more], axis=3))


def test_logistic(one_operation: Callable[..., bytes]) -> None:
    image = np.array([[0.0, np.log(3.0)]], np.float32)
    np.testing.assert_allclose(_run(one_operation("LOGISTIC", (1, 2), [], (1, 2)), image), [[0.5, 0.75]], rtol=1e-6)


def test_what_has_no_counterpart_is_refused_with_its_place(one_operation: Callable[..., bytes]) -> None:
    flat, weights = (1, 4, 4, 2), _image(2, 1, 1, 2)
    refused = {
        r"SOFTMAX \(out\) of tiny.tflite: expected one of the operators ADD, .*, got SOFTMAX": one_operation(
            "SOFTMAX", flat, [], flat
        ),
        r"CONV_2D \(out\) .* NONE, RELU or RELU6, got number 4": one_operation(
            "CONV_2D", flat, [weights], flat, FusedActivationFunction=TANH, StrideH=1, StrideW=1
        ),
        r"RESHAPE .* a first axis of 1": one_operation("RESHAPE", (2, 4), [np.array([4, 2], np.int32)], (4, 2)),
        r"DEQUANTIZE .* constant values as input 0, got computed": one_operation("DEQUANTIZE", (1, 4), [], (1, 4)),
    }
    for message, content in refused.items():
        with pytest.raises(EngineError, match=message):
            onnx_of_tflite(content, "tiny.tflite", ["image"], {"out": "result"})
