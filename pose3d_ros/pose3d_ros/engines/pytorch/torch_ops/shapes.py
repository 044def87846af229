"""Operators of ONNX that make and change shapes, in PyTorch. Where values decide a shape they are read on the host."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, wrapped_axis


def _shape(call: Call) -> Tensor:
    lengths = list(call[0].shape)
    # Python's slices clamp and count from the end as the operator does.
    stop = call.integer("end") if call.given("end") else len(lengths)
    return torch.tensor(lengths[call.integer("start", 0) : stop], dtype=torch.int64)


def _size(call: Call) -> Tensor:
    return torch.tensor(call[0].numel())


def _reshape(call: Call) -> Tensor:
    x, wanted = call[0], call.numbers(1)
    if not call.integer("allowzero", 0):
        wanted = tuple(x.shape[i] if n == 0 else n for i, n in enumerate(wanted))
    return x.reshape(wanted)


def _flatten(call: Call) -> Tensor:
    x, axis = call[0], call.integer("axis", 1)
    axis = axis if axis >= 0 else axis + x.ndim
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def _squeeze(call: Call) -> Tensor:
    x, axes = call[0], _listed_axes(call)
    if axes is None:
        return x.squeeze()
    gone = {wrapped_axis(call, a, x.ndim) for a in axes}
    if any(x.shape[a] != 1 for a in gone):
        raise call.refused(f"axes {sorted(gone)} of length 1", f"{tuple(x.shape)}")
    return x.reshape([n for i, n in enumerate(x.shape) if i not in gone])


def _unsqueeze(call: Call) -> Tensor:
    x, axes = call[0], _listed_axes(call) or ()
    rank = x.ndim + len(axes)
    for axis in sorted(wrapped_axis(call, a, rank) for a in axes):
        x = x.unsqueeze(axis)
    return x


def _listed_axes(call: Call) -> tuple[int, ...] | None:
    """An attribute before opset 13, then an input."""
    if call.has(1):
        return call.numbers(1)
    return call.integers("axes") if call.given("axes") else None


def _transpose(call: Call) -> Tensor:
    x = call[0]
    return x.permute(call.integers("perm", tuple(reversed(range(x.ndim)))))


def _concat(call: Call) -> Tensor:
    parts = call.all()
    return torch.cat(parts, wrapped_axis(call, call.integer("axis"), parts[0].ndim))


def _split(call: Call) -> tuple[Tensor, ...]:
    x = call[0]
    axis = wrapped_axis(call, call.integer("axis", 0), x.ndim)
    lengths = call.numbers(1) if call.has(1) else call.integers("split")
    if not lengths:
        count = call.integer("num_outputs", len(call.node.outputs))
        each = -(-x.shape[axis] // count)
        lengths = (each,) * (count - 1) + (x.shape[axis] - each * (count - 1),)
    return torch.split_with_sizes(x, lengths, axis)


def _slice(call: Call) -> Tensor:
    x = call[0]
    names = enumerate(("starts", "ends", "axes", "steps"), start=1)
    given = [call.numbers(i) if call.has(i) else call.integers(name) for i, name in names]  # attributes before opset 10
    starts, ends, axes, steps = given
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis = wrapped_axis(call, axes[i] if axes else i, x.ndim)
        x = _sliced(x, axis, range(x.shape[axis])[slice(start, end, steps[i] if steps else 1)])
    return x


def _sliced(x: Tensor, axis: int, places: range) -> Tensor:
    """The places along the axis; PyTorch's own slices only go forwards."""
    if not places:
        return x.narrow(axis, 0, 0)
    forwards = places if places.step > 0 else places[::-1]
    x = x[(slice(None),) * axis + (slice(forwards.start, forwards.stop, forwards.step),)]
    return x if forwards is places else x.flip(axis)


def _expand(call: Call) -> Tensor:
    """Both ways: where the wanted length is 1 the input's stays."""
    x, wanted = call[0], call.numbers(1)
    rank = max(x.ndim, len(wanted))
    pairs = zip((1,) * (rank - x.ndim) + tuple(x.shape), (1,) * (rank - len(wanted)) + wanted, strict=True)
    return x.expand([own if length == 1 else length for own, length in pairs])


def _tile(call: Call) -> Tensor:
    return call[0].repeat(call.numbers(1))


def _constant_of_shape(call: Call) -> Tensor:
    value = call.tensor("value")
    value = torch.zeros(1) if value is None else value
    return torch.full(call.numbers(0), value.item(), dtype=value.dtype)


def _range(call: Call) -> Tensor:
    start, limit, delta = (call.read(i) for i in range(3))
    count = max(math.ceil((limit.item() - start.item()) / delta.item()), 0)
    return start + delta * torch.arange(count, dtype=start.dtype)


def _identity(call: Call) -> Tensor:
    return call[0]


def _dropout(call: Call) -> Tensor | tuple[Tensor, ...]:
    """Of a graph that is not trained: everything passes. The mask is of bool since opset 10."""
    x = call[0]
    return (x, torch.ones_like(x, dtype=torch.bool)) if call.wants(1) else x


def _depth_to_space(call: Call) -> Tensor:
    x, block = call[0], call.integer("blocksize")
    n, channels, height, width = x.shape
    depth = channels // block**2
    if call.text("mode", "DCR") == "DCR":
        blocks = x.reshape(n, block, block, depth, height, width).permute(0, 3, 4, 1, 5, 2)
    else:
        blocks = x.reshape(n, depth, block, block, height, width).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, depth, height * block, width * block)


def _space_to_depth(call: Call) -> Tensor:
    x, block = call[0], call.integer("blocksize")
    n, channels, height, width = x.shape
    blocks = x.reshape(n, channels, height // block, block, width // block, block).permute(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, channels * block**2, height // block, width // block)


OPERATORS: dict[str, Operator] = {
    "Shape": Operator(_shape),
    "Size": Operator(_size),
    "Reshape": Operator(_reshape, reads=(1,)),
    "Flatten": Operator(_flatten),
    "Squeeze": Operator(_squeeze, reads=(1,)),
    "Unsqueeze": Operator(_unsqueeze, reads=(1,)),
    "Transpose": Operator(_transpose),
    "Concat": Operator(_concat),
    "Split": Operator(_split, reads=(1,)),
    "Slice": Operator(_slice, reads=(1, 2, 3, 4)),
    "Expand": Operator(_expand, reads=(1,)),
    "Tile": Operator(_tile, reads=(1,)),
    "ConstantOfShape": Operator(_constant_of_shape, reads=(0,)),
    "Range": Operator(_range, reads=(0, 1, 2)),
    "Identity": Operator(_identity),
    "Dropout": Operator(_dropout),
    "DepthToSpace": Operator(_depth_to_space),
    "SpaceToDepth": Operator(_space_to_depth),
}
