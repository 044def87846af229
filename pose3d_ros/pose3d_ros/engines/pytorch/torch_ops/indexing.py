"""Operators of ONNX that select, write and pad by index, in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, wrapped_axis
from pose3d_ros.engines.pytorch.torch_ops.windows import padded

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}
"""ONNX's name → PyTorch's."""


def _from_start(index: Tensor, length: int) -> Tensor:
    """Negative indices count from the end."""
    return torch.where(index < 0, index + length, index).long()


def _gather(call: Call) -> Tensor:
    x, known = call[0], call.known(1)
    axis = wrapped_axis(call, call.integer("axis", 0), x.ndim)
    if known is not None and known.ndim == 0:
        return x.select(axis, int(known.item()))
    index = _from_start(call[1], x.shape[axis])
    return x.index_select(axis, index.reshape(-1)).reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def _gather_elements(call: Call) -> Tensor:
    x = call[0]
    axis = wrapped_axis(call, call.integer("axis", 0), x.ndim)
    return torch.gather(x, axis, _from_start(call[1], x.shape[axis]))


def _rows(index: Tensor, lengths: tuple[int, ...]) -> Tensor:
    """Places given by one number for each axis (…, k) → their numbers (…) in a tensor of these k lengths."""
    rows = torch.zeros_like(index[..., 0], dtype=torch.int64)
    for i, length in enumerate(lengths):
        rows = rows * length + _from_start(index[..., i], length)
    return rows


def _gather_nd(call: Call) -> Tensor:
    x, index, batches = call[0], call[1], call.integer("batch_dims", 0)
    deep = batches + index.shape[-1]
    batch, cells, rest = x.shape[:batches], x.shape[batches:deep], x.shape[deep:]
    rows = _rows(index, tuple(cells)).reshape(math.prod(batch), -1)
    firsts = torch.arange(math.prod(batch), device=x.device).reshape(-1, 1) * math.prod(cells)
    lines = x.reshape(math.prod(batch) * math.prod(cells), *rest).index_select(0, (rows + firsts).reshape(-1))
    return lines.reshape(*index.shape[:-1], *rest)


def _scatter_nd(call: Call) -> Tensor:
    x, index, updates = call[0], call[1], call[2]
    deep = index.shape[-1]
    lines = x.reshape(math.prod(x.shape[:deep]), -1)
    rows = _rows(index, tuple(x.shape[:deep])).reshape(-1)
    return _scattered(call, lines, 0, rows[:, None].expand(-1, lines.shape[1]), updates).reshape(x.shape)


def _scatter_elements(call: Call) -> Tensor:
    x = call[0]
    axis = wrapped_axis(call, call.integer("axis", 0), x.ndim)
    return _scattered(call, x, axis, _from_start(call[1], x.shape[axis]), call[2])


def _scattered(call: Call, x: Tensor, axis: int, index: Tensor, updates: Tensor) -> Tensor:
    name = call.text("reduction", "none")
    updates = updates.reshape(index.shape)
    if name == "none":
        return x.scatter(axis, index, updates)
    if name not in _REDUCTIONS:
        raise call.refused(f"reduction none, {', '.join(_REDUCTIONS)}", name)
    return x.scatter_reduce(axis, index, updates, _REDUCTIONS[name])


def _one_hot(call: Call) -> Tensor:
    index, depth, values = call[0], call.numbers(1)[0], call[2]
    axis = wrapped_axis(call, call.integer("axis", -1), index.ndim + 1)
    classes = torch.arange(depth, device=index.device).reshape(-1, *(1,) * (index.ndim - axis))
    return torch.where(_from_start(index, depth).unsqueeze(axis) == classes, values[1], values[0])


def _trilu(call: Call) -> Tensor:
    diagonal = call.numbers(1)[0] if call.has(1) else 0
    return (torch.triu if call.integer("upper", 1) else torch.tril)(call[0], diagonal)


def _reflected(places: Tensor, length: int) -> Tensor:
    period = max(2 * (length - 1), 1)
    inside = torch.remainder(places, period)
    return torch.minimum(inside, period - inside) if length > 1 else torch.zeros_like(places)


_OUTSIDE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "edge": lambda places, length: places.clamp(0, length - 1),
    "wrap": torch.remainder,
    "reflect": _reflected,
}
"""Mode of Pad → which line stands at a place that may be outside."""


def _pad(call: Call) -> Tensor:
    """Attributes before opset 11; since 18 the pads may be those of some axes."""
    x, mode = call[0], call.text("mode", "constant")
    pads = call.integers("pads") if call.opset < 11 else call.numbers(1)
    axes = [wrapped_axis(call, a, x.ndim) for a in (call.numbers(3) if call.has(3) else range(x.ndim))]
    begins, ends = [0] * x.ndim, [0] * x.ndim
    for axis, begin, end in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        begins[axis], ends[axis] = begin, end
    if mode == "constant":
        return padded(x, tuple(begins), tuple(ends), _fill(call))
    if mode not in _OUTSIDE:
        raise call.refused(f"mode constant, {', '.join(_OUTSIDE)}", mode)
    for axis in (a for a in axes if begins[a] or ends[a]):
        places = torch.arange(-begins[axis], x.shape[axis] + ends[axis], device=x.device)
        x = x.index_select(axis, _OUTSIDE[mode](places, x.shape[axis]))
    return x


def _fill(call: Call) -> float:
    if call.opset < 11:
        return call.number("value", 0.0)
    return call.read(2).item() if call.has(2) else 0.0


OPERATORS: dict[str, Operator] = {
    "Gather": Operator(_gather),
    "GatherElements": Operator(_gather_elements),
    "GatherND": Operator(_gather_nd),
    "ScatterND": Operator(_scatter_nd),
    "ScatterElements": Operator(_scatter_elements),
    "OneHot": Operator(_one_hot, reads=(1,)),
    "Trilu": Operator(_trilu, reads=(1,)),
    "Pad": Operator(_pad, reads=(1, 2, 3)),
}
