"""Reductions and sorting of ONNX in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, wrapped_axis

_Axes = tuple[int, ...]
_Reduce = Callable[[Tensor, _Axes, bool], Tensor]
_Each = Callable[[Tensor], Tensor]


def _axes(call: Call, rank: int) -> _Axes:
    """The axes to reduce, an attribute or, newer, an input; none where the node says that none is none."""
    given = call.numbers(1) if call.has(1) else call.integers("axes")
    if given:
        return tuple(wrapped_axis(call, axis, rank) for axis in given)
    return () if call.integer("noop_with_empty_axes", 0) else tuple(range(rank))


def _same(x: Tensor) -> Tensor:
    return x


def _reduction(over: _Reduce, before: _Each = _same, after: _Each = _same) -> Operator:
    def run(call: Call) -> Tensor:
        x = call[0]
        axes = _axes(call, x.ndim)
        each = before(x)
        # PyTorch takes no axes for all of them.
        return after(over(each, axes, bool(call.integer("keepdims", 1))) if axes else each)

    return Operator(run, reads=(1,))


def _sum(x: Tensor, axes: _Axes, keep: bool) -> Tensor:
    return x.sum(axes, keepdim=keep, dtype=x.dtype)


def _mean(x: Tensor, axes: _Axes, keep: bool) -> Tensor:
    if x.is_floating_point():
        return x.mean(axes, keepdim=keep)
    count = torch.Size(x.shape[a] for a in axes).numel()
    return torch.div(_sum(x, axes, keep), count, rounding_mode="trunc")


def _product(x: Tensor, axes: _Axes, keep: bool) -> Tensor:
    for axis in sorted(axes, reverse=True):
        x = x.prod(axis, keepdim=keep, dtype=x.dtype)
    return x


def _greatest(x: Tensor, axes: _Axes, keep: bool) -> Tensor:
    return x.amax(axes, keepdim=keep)


def _least(x: Tensor, axes: _Axes, keep: bool) -> Tensor:
    return x.amin(axes, keepdim=keep)


def _l2(call: Call) -> Tensor:
    """Not a root of squares that are rounded between: float16 overflows at 65504."""
    x = call[0]
    axes = _axes(call, x.ndim)
    keep = bool(call.integer("keepdims", 1))
    return torch.linalg.vector_norm(x, dim=axes, keepdim=keep) if axes else x.abs()


def _log_sum_exp(call: Call) -> Tensor:
    x = call[0]
    axes = _axes(call, x.ndim)
    return torch.logsumexp(x, axes, keepdim=bool(call.integer("keepdims", 1))) if axes else x


def _arg(function: Callable[..., Tensor]) -> Operator:
    def run(call: Call) -> Tensor:
        x, keep = call[0], bool(call.integer("keepdims", 1))
        axis = wrapped_axis(call, call.integer("axis", 0), x.ndim)
        if not call.integer("select_last_index", 0):
            return function(x, axis, keepdim=keep)
        return x.shape[axis] - 1 - function(x.flip(axis), axis, keepdim=keep)

    return Operator(run)


def _top_k(call: Call) -> tuple[Tensor, Tensor]:
    """A stable sort: of equal values ONNX wants the one with the lower index first, which torch.topk does not say."""
    x = call[0]
    axis = wrapped_axis(call, call.integer("axis", -1), x.ndim)
    count = call.integer("k") if call.opset < 10 else call.numbers(1)[0]
    found = torch.sort(x, dim=axis, descending=bool(call.integer("largest", 1)), stable=True)
    return found.values.narrow(axis, 0, count), found.indices.narrow(axis, 0, count)


def _cumulative_sum(call: Call) -> Tensor:
    x = call[0]
    axis = wrapped_axis(call, call.numbers(1)[0], x.ndim)
    backwards = bool(call.integer("reverse", 0))
    total = torch.cumsum(x.flip(axis) if backwards else x, axis, dtype=x.dtype)
    if call.integer("exclusive", 0):
        first = torch.zeros_like(total.narrow(axis, 0, 1))
        total = torch.cat([first, total.narrow(axis, 0, x.shape[axis] - 1)], axis)
    return total.flip(axis) if backwards else total


OPERATORS: dict[str, Operator] = {
    "ReduceSum": _reduction(_sum),
    "ReduceMean": _reduction(_mean),
    "ReduceMax": _reduction(_greatest),
    "ReduceMin": _reduction(_least),
    "ReduceProd": _reduction(_product),
    "ReduceL1": _reduction(_sum, before=torch.abs),
    "ReduceL2": Operator(_l2, reads=(1,)),
    "ReduceSumSquare": _reduction(_sum, before=torch.square),
    "ReduceLogSum": _reduction(_sum, after=torch.log),
    "ReduceLogSumExp": Operator(_log_sum_exp, reads=(1,)),
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
    "TopK": Operator(_top_k, reads=(1,)),
    "CumSum": Operator(_cumulative_sum, reads=(1,)),
}
