"""Resize, Upsample and GridSample of ONNX in PyTorch: coordinates and weights as in ONNX's Operators.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, wrapped_axis
from pose3d_ros.engines.pytorch.torch_ops.interpolate import Interpolation, Resized, interpolated

_Tap = tuple[Tensor, Tensor]
"""For each line of a result the line of its source, as a float, and its weight."""

_COORDINATES: dict[str, Callable[[Tensor, Resized], Tensor]] = {
    "half_pixel": lambda x, a: (x + 0.5) / a.scale - 0.5,
    "pytorch_half_pixel": lambda x, a: (x + 0.5) / a.scale - 0.5 if a.length_out > 1 else torch.zeros_like(x),
    "half_pixel_symmetric": lambda x, a: (
        a.length_in / 2 * (1 - a.length_out / (a.scale * a.length_in)) + (x + 0.5) / a.scale - 0.5
    ),
    "align_corners": lambda x, a: x * (a.length_in - 1) / max(a.length_out - 1, 1),
    "asymmetric": lambda x, a: x / a.scale,
    "tf_half_pixel_for_nn": lambda x, a: (x + 0.5) / a.scale,
}
_NEAREST: dict[str, Callable[[Tensor], Tensor]] = {
    "round_prefer_floor": lambda x: torch.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: torch.floor(x + 0.5),
    "floor": torch.floor,
    "ceil": torch.ceil,
}


def _resize(call: Call) -> Tensor:
    x, how = call[0], _interpolation(call)
    axes = [a for a in _axes(call, x) if a.changed]
    if not axes:
        return x
    done = interpolated(call, x, axes, how)
    if done is not None:
        return done
    if how.antialias and how.mode != "nearest" and any(a.scale < 1 for a in axes):
        expected = "antialias 0, or of an image with mode linear, half_pixel and exclude_outside 1"
        raise call.refused(expected, f"antialias 1, mode {how.mode}")
    kind = x.dtype
    for axis in axes:
        x = _resized(x, axis, how)
    return x.to(kind)


def _interpolation(call: Call) -> Interpolation:
    """Upsample and the Resize of opset 10 know one kind of coordinates only."""
    old = call.opset < 11 or call.node.op == "Upsample"
    how = Interpolation(
        mode=call.text("mode", "nearest"),
        coordinates="asymmetric" if old else call.text("coordinate_transformation_mode", "half_pixel"),
        nearest_mode="floor" if old else call.text("nearest_mode", "round_prefer_floor"),
        cubic_a=call.number("cubic_coeff_a", -0.75),
        exclude_outside=bool(call.integer("exclude_outside", 0)),
        antialias=bool(call.integer("antialias", 0)),
    )
    _require(call, how.mode, ("nearest", "linear", "cubic"))
    _require(call, how.coordinates, _COORDINATES)
    _require(call, how.nearest_mode, _NEAREST)
    _require(call, call.text("keep_aspect_ratio_policy", "stretch"), ("stretch",))
    return how


def _require(call: Call, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise call.refused(" or ".join(known), name)


def _axes(call: Call, x: Tensor) -> list[Resized]:
    """The axes that the node names, by `sizes` or by `scales`."""
    named = [wrapped_axis(call, a, x.ndim) for a in call.integers("axes", tuple(range(x.ndim)))]
    if call.opset >= 11 and call.has(3) and (sizes := call.numbers(3)):
        return [Resized(a, x.shape[a], n, n / x.shape[a]) for a, n in zip(named, sizes, strict=True)]
    scales = _scales(call)
    # The product is in float32, as ONNX Runtime's: 10 · 0.7 is 7.
    lengths = [int(np.float32(x.shape[a]) * np.float32(s)) for a, s in zip(named, scales, strict=True)]
    return [Resized(a, x.shape[a], n, s) for a, n, s in zip(named, lengths, scales, strict=True)]


def _scales(call: Call) -> tuple[float, ...]:
    given = call.node.attributes.get("scales")  # of opset 7's Upsample
    if isinstance(given, tuple):
        return tuple(float(s) for s in given)
    index = 2 if call.opset >= 11 and call.node.op == "Resize" else 1
    return tuple(float(s) for s in call.read(index).tolist())


def _resized(x: Tensor, axis: Resized, how: Interpolation) -> Tensor:
    places = torch.arange(axis.length_out, dtype=torch.float32, device=x.device)
    source = _COORDINATES[how.coordinates](places, axis)
    if how.mode == "nearest":
        return _lines(x, axis, _NEAREST[how.nearest_mode](source))
    taps = _linear(source, axis) if how.mode == "linear" else _cubic(source, axis, how)
    along = (-1, *(1,) * (x.ndim - axis.axis - 1))
    parts = [_lines(x, axis, index) * weight.reshape(along) for index, weight in taps]
    return torch.stack(parts).sum(0)


def _lines(x: Tensor, axis: Resized, index: Tensor) -> Tensor:
    return x.index_select(axis.axis, index.clamp(0, axis.length_in - 1).long())


def _linear(source: Tensor, axis: Resized) -> Iterator[_Tap]:
    inside = source.clamp(0, axis.length_in - 1)
    first = inside.floor()
    yield first, 1 - (inside - first)
    yield first + 1, inside - first


def _cubic(source: Tensor, axis: Resized, how: Interpolation) -> list[_Tap]:
    """Keys 1981, Cubic convolution interpolation, eq. 4."""
    first = source.floor() - 1
    indices = [first + i for i in range(4)]
    weights = [_cubic_weight((source - i).abs(), how.cubic_a) for i in indices]
    if how.exclude_outside:
        weights = [w * ((i >= 0) & (i < axis.length_in)) for i, w in zip(indices, weights, strict=True)]
        total = torch.stack(weights).sum(0)
        weights = [w / total for w in weights]
    return list(zip(indices, weights, strict=True))


def _cubic_weight(distance: Tensor, a: float) -> Tensor:
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, far)


def _grid_sample(call: Call) -> Tensor:
    """Opset 20 names the modes linear and cubic."""
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(call.text("mode", "bilinear"), call.text("mode", "bilinear"))
    corners = bool(call.integer("align_corners", 0))
    return functional.grid_sample(call[0], call[1], mode, call.text("padding_mode", "zeros"), corners)


OPERATORS: dict[str, Operator] = {
    "Resize": Operator(_resize, reads=(1, 2, 3)),
    "Upsample": Operator(_resize, reads=(1,)),
    "GridSample": Operator(_grid_sample),
}
