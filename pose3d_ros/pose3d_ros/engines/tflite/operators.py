"""What adds the nodes of each TFLite operator to an ONNX graph; tensorflow/lite/schema/schema.fbs has the options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tflite

from pose3d_ros.engines.tflite.onnx_builder import MAP_RANK, TO_FIRST, TO_LAST, Array, OnnxBuilder
from pose3d_ros.engines.tflite.tflite_graph import TfliteOperation


def _convolution(to: OnnxBuilder, op: TfliteOperation) -> None:
    options = _read(op, tflite.Conv2DOptions)
    kernel = to.constant(op, 1)  # (O, kh, kw, C)
    _convolve(to, op, options, kernel.transpose(TO_FIRST), 1)


def _depthwise_convolution(to: OnnxBuilder, op: TfliteOperation) -> None:
    options = _read(op, tflite.DepthwiseConv2DOptions)
    kernel = to.constant(op, 1)  # (1, kh, kw, C · multiplier)
    _convolve(to, op, options, kernel.transpose(3, 0, 1, 2), to.shape(op.inputs[0])[3])


def _convolve(to: OnnxBuilder, op: TfliteOperation, options: Any, kernel: Array, groups: int) -> None:
    if kernel.shape[1] * groups != to.shape(op.inputs[0])[3]:
        raise to.refused(op, f"{kernel.shape[1] * groups} channels", f"{to.shape(op.inputs[0])[3]}")
    strides = (options.StrideH(), options.StrideW())
    dilations = (options.DilationHFactor(), options.DilationWFactor())
    inputs = [to.input(op, 0), to.weight(op, "kernel", kernel)]
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        inputs.append(to.weight(op, "bias", to.constant(op, 2)))
    to.add(
        op,
        "Conv",
        inputs,
        activation=options.FusedActivationFunction(),
        kernel_shape=kernel.shape[2:],
        strides=strides,
        dilations=dilations,
        group=groups,
        pads=_pads(to, op, options.Padding(), kernel.shape[2:], strides, dilations),
    )


def _max_pool(to: OnnxBuilder, op: TfliteOperation) -> None:
    options = _read(op, tflite.Pool2DOptions)
    kernel = (options.FilterHeight(), options.FilterWidth())
    strides = (options.StrideH(), options.StrideW())
    pads = _pads(to, op, options.Padding(), kernel, strides, (1, 1))
    activation = options.FusedActivationFunction()
    to.add(op, "MaxPool", [to.input(op, 0)], activation=activation, kernel_shape=kernel, strides=strides, pads=pads)


def _pads(
    to: OnnxBuilder,
    op: TfliteOperation,
    padding: int,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """Of the rows and columns that SAME adds, an odd one lies behind."""
    if padding == tflite.Padding.VALID:
        return [0, 0, 0, 0]
    sizes = to.shape(op.inputs[0])[1:3]
    before, after = [], []
    for size, length, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        steps = -(-size // stride)
        total = max((steps - 1) * stride + (length - 1) * dilation + 1 - size, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after


def _addition(to: OnnxBuilder, op: TfliteOperation) -> None:
    to.add(
        op, "Add", [to.input(op, 0), to.input(op, 1)], activation=_read(op, tflite.AddOptions).FusedActivationFunction()
    )


def _pad(to: OnnxBuilder, op: TfliteOperation) -> None:
    pads = to.constant(op, 1)
    if len(pads) == MAP_RANK:
        pads = pads[list(TO_FIRST)]
    to.add(op, "Pad", [to.input(op, 0), to.weight(op, "pads", pads.T.reshape(-1).astype(np.int64))])


def _resize_bilinear(to: OnnxBuilder, op: TfliteOperation) -> None:
    options = _read(op, tflite.ResizeBilinearOptions)
    before, after = to.shape(op.inputs[0])[1:3], to.constant(op, 1)
    scales = np.array([1, 1, *(after / np.array(before))], np.float32)
    if (np.floor(before * scales[2:]) != after).any():
        raise to.refused(op, "sizes whose ratio float32 holds", f"{before} to {tuple(after)}")
    from_edges = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    mode = "align_corners" if options.AlignCorners() else from_edges
    inputs = [to.input(op, 0), "", to.weight(op, "scales", scales)]
    to.add(op, "Resize", inputs, mode="linear", coordinate_transformation_mode=mode)


def _depth_to_space(to: OnnxBuilder, op: TfliteOperation) -> None:
    size = _read(op, tflite.DepthToSpaceOptions).BlockSize()
    to.add(op, "DepthToSpace", [to.input(op, 0)], blocksize=size, mode="DCR")


def _reshape(to: OnnxBuilder, op: TfliteOperation) -> None:
    """A map's values lie channels last in the file: its axes go there before, and back after."""
    before, after = to.shape(op.inputs[0]), to.shape(op.outputs[0])
    if before[:1] != (1,) or after[:1] != (1,):
        raise to.refused(op, "a first axis of 1, the batch, before and after", f"{before} to {after}")
    source = to.input(op, 0)
    if len(before) == MAP_RANK:
        source = to.add_before(op, "Transpose", [source], "last", perm=TO_LAST)
    shape = to.weight(op, "shape", np.array([0, *after[1:]], np.int64))  # 0: as it is, the batch
    if len(after) == MAP_RANK:
        source = to.add_before(op, "Reshape", [source, shape], "map")
        to.add(op, "Transpose", [source], perm=TO_FIRST)
    else:
        to.add(op, "Reshape", [source, shape])


def _concatenation(to: OnnxBuilder, op: TfliteOperation) -> None:
    options = _read(op, tflite.ConcatenationOptions)
    rank = len(to.shape(op.outputs[0]))
    axis = options.Axis() % rank
    if rank == MAP_RANK:
        axis = TO_FIRST.index(axis)
    inputs = [to.input(op, i) for i in range(len(op.inputs))]
    to.add(op, "Concat", inputs, activation=options.FusedActivationFunction(), axis=axis)


def _logistic(to: OnnxBuilder, op: TfliteOperation) -> None:
    to.add(op, "Sigmoid", [to.input(op, 0)])


def _dequantize(to: OnnxBuilder, op: TfliteOperation) -> None:
    value = to.constant(op, 0)
    if value.dtype != np.float16:
        raise to.refused(op, "weights in float16", str(value.dtype))
    to.set_constant(op, value.astype(np.float32))


def _densify(to: OnnxBuilder, op: TfliteOperation) -> None:
    to.set_constant(op, to.constant(op, 0))  # dense since it was read


OPERATORS: Mapping[str, Callable[[OnnxBuilder, TfliteOperation], None]] = {
    "ADD": _addition,
    "CONCATENATION": _concatenation,
    "CONV_2D": _convolution,
    "DENSIFY": _densify,
    "DEPTH_TO_SPACE": _depth_to_space,
    "DEPTHWISE_CONV_2D": _depthwise_convolution,
    "DEQUANTIZE": _dequantize,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _max_pool,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resize_bilinear,
}
"""TFLite's name of an operator → what adds its nodes."""


def _read(op: TfliteOperation, kind: type) -> Any:
    """The operation's options; the defaults where the file has none."""
    options: Any = kind()
    if op.options is not None:
        options.Init(op.options.Bytes, op.options.Pos)
    return options
