"""Pools of ONNX in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator
from pose3d_ros.engines.pytorch.torch_ops.windows import Window, padded

_MAX: dict[int, Callable[..., Tensor]] = {
    3: functional.max_pool1d,
    4: functional.max_pool2d,
    5: functional.max_pool3d,
}
_AVERAGE: dict[int, Callable[..., Tensor]] = {
    3: functional.avg_pool1d,
    4: functional.avg_pool2d,
    5: functional.avg_pool3d,
}
_CONVOLVE: dict[int, Callable[..., Tensor]] = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}
"""Axes of the input → PyTorch's function."""


def _max_pool(call: Call) -> Tensor:
    if call.wants(1):
        raise call.refused("the greatest values alone", "a second output, Indices")
    x, ceil = call[0], _ceil(call)
    window = _window(call, x)
    pads = window.begins
    if not _as_pytorch_pads(window):
        lowest = float("-inf") if x.is_floating_point() else torch.iinfo(x.dtype).min
        x, pads, ceil = padded(x, window.begins, _reach(window, x, ceil), lowest), (0,) * len(pads), False
    return _MAX[x.ndim](x, window.kernel, window.strides, pads, window.dilations, ceil)


def _average_pool(call: Call) -> Tensor:
    x, ceil = call[0], _ceil(call)
    window, with_pads = _window(call, x), bool(call.integer("count_include_pad", 0))
    if _as_pytorch_pads(window) and set(window.dilations) == {1}:
        return _AVERAGE[x.ndim](x, window.kernel, window.strides, window.begins, ceil, with_pads)
    ends = _reach(window, x, ceil)
    cells = x.new_ones(1, 1, *x.shape[2:])
    if with_pads:  # those that the node asks for count, not those behind, which the last window reaches in ceil mode
        cells = padded(cells, window.begins, window.ends, 1.0)
        rest = tuple(reach - end for reach, end in zip(ends, window.ends, strict=True))
        cells = padded(cells, (0,) * len(rest), rest)
    else:
        cells = padded(cells, window.begins, ends)
    return _window_means(padded(x, window.begins, ends), window) / _window_means(cells, window)


def _window_means(x: Tensor, window: Window) -> Tensor:
    """Means under the window, padding and all, each channel by itself."""
    each = x.reshape(-1, 1, *x.shape[2:])
    weight = x.new_full((1, 1, *window.kernel), 1 / math.prod(window.kernel))
    means = _CONVOLVE[x.ndim](each, weight, None, window.strides, 0, window.dilations)
    return means.reshape(*x.shape[:2], *means.shape[2:])


def _reach(window: Window, x: Tensor, ceil: bool) -> tuple[int, ...]:
    """Padding at the ends with which the last window ends where the input does."""
    lengths = tuple(x.shape[2:])
    parts = zip(window.places(lengths, ceil=ceil), window.strides, window.spans, lengths, window.begins, strict=True)
    return tuple((places - 1) * stride + span - n - begin for places, stride, span, n, begin in parts)


def _as_pytorch_pads(window: Window) -> bool:
    """PyTorch pads both sides alike, by half a kernel at the most."""
    return window.symmetric and all(2 * n <= k for n, k in zip(window.begins, window.kernel, strict=True))


def _window(call: Call, x: Tensor) -> Window:
    if x.ndim not in _MAX:
        raise call.refused("an input with one to three spatial axes", f"{tuple(x.shape)}")
    return Window.of(call, call.integers("kernel_shape"), tuple(x.shape[2:]))


def _ceil(call: Call) -> bool:
    """Without explicit padding the number of windows follows from the lengths alone."""
    return bool(call.integer("ceil_mode", 0)) and call.text("auto_pad", "NOTSET") == "NOTSET"


def _global_average(call: Call) -> Tensor:
    x = call[0]
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


def _global_max(call: Call) -> Tensor:
    x = call[0]
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


OPERATORS: dict[str, Operator] = {
    "MaxPool": Operator(_max_pool),
    "AveragePool": Operator(_average_pool),
    "GlobalAveragePool": Operator(_global_average),
    "GlobalMaxPool": Operator(_global_max),
}
