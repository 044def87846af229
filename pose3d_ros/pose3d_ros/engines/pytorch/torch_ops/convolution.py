"""Convolutions and matrix products of ONNX in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, from_function
from pose3d_ros.engines.pytorch.torch_ops.windows import Window, padded

_CONVOLVE: dict[int, Callable[..., Tensor]] = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}
_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    3: functional.conv_transpose1d,
    4: functional.conv_transpose2d,
    5: functional.conv_transpose3d,
}
"""Axes of the input → PyTorch's function."""


def _convolution(call: Call) -> Tensor:
    x, weight = call[0], call[1]
    convolve = _of_rank(call, _CONVOLVE, x)
    window = Window.of(call, tuple(weight.shape[2:]), tuple(x.shape[2:]))
    pads = window.begins
    if not window.symmetric:
        x, pads = padded(x, window.begins, window.ends), (0,) * len(pads)
    return convolve(x, weight, call.get(2), window.strides, pads, window.dilations, call.integer("group", 1))


def _transposed_convolution(call: Call) -> Tensor:
    x, weight = call[0], call[1]
    convolve = _of_rank(call, _TRANSPOSED, x)
    extra = call.integers("output_padding", (0,) * (x.ndim - 2))
    window = _output_window(call, x, weight, extra)
    group = call.integer("group", 1)
    even = window.symmetric and min(window.begins) >= 0
    pads = window.begins if even else (0,) * len(window.begins)
    y = convolve(x, weight, call.get(2), window.strides, pads, extra, group, window.dilations)
    # Padding cuts the result here.
    return y if even else padded(y, tuple(-n for n in window.begins), tuple(-n for n in window.ends))


def _output_window(call: Call, x: Tensor, weight: Tensor, extra: tuple[int, ...]) -> Window:
    """The window, padded so that the output has the length the node asks for; ConvTranspose in Operators.md."""
    lengths = tuple(x.shape[2:])
    mode = call.text("auto_pad", "NOTSET")
    plain = Window.of(call, tuple(weight.shape[2:]), lengths)
    if not call.given("output_shape") and mode in ("NOTSET", "VALID"):
        return plain
    same = tuple(n * stride for n, stride in zip(lengths, plain.strides, strict=True))
    wanted = call.integers("output_shape", same)[-len(lengths) :]
    parts = zip(lengths, plain.strides, extra, plain.spans, wanted, strict=True)
    totals = [(n - 1) * stride + more + span - want for n, stride, more, span, want in parts]
    return plain.padded([max(n, 0) for n in totals], upper=mode == "SAME_UPPER")


def _of_rank(call: Call, functions: dict[int, Callable[..., Tensor]], x: Tensor) -> Callable[..., Tensor]:
    if x.ndim not in functions:
        raise call.refused("an input with one to three spatial axes", f"{tuple(x.shape)}")
    return functions[x.ndim]


def _gemm(call: Call) -> Tensor:
    a = call[0].T if call.integer("transA", 0) else call[0]
    b = call[1].T if call.integer("transB", 0) else call[1]
    alpha, beta, c = call.number("alpha", 1.0), call.number("beta", 1.0), call.get(2)
    if not a.is_floating_point():
        alpha, beta = int(alpha), int(beta)
    return alpha * (a @ b) if c is None else torch.addmm(c, a, b, alpha=alpha, beta=beta)


def _einsum(call: Call) -> Tensor:
    return torch.einsum(call.text("equation", ""), *call.all())


OPERATORS: dict[str, Operator] = {
    "Conv": Operator(_convolution),
    "ConvTranspose": Operator(_transposed_convolution),
    "Gemm": Operator(_gemm),
    "MatMul": from_function(torch.matmul),
    "Einsum": Operator(_einsum),
}
