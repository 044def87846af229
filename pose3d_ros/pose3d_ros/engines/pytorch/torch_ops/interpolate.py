"""How an ONNX Resize is asked for, and PyTorch's own kernels where they give its values.

They keep images in channels_last, which `resize`, that can do every case, does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
"""Axes of the input → PyTorch's name."""

_PYTORCHS_CUBIC_A = -0.75


@dataclass(frozen=True)
class Resized:
    """What becomes of one axis. scale: as given, or length_out / length_in."""

    axis: int
    length_in: int
    length_out: int
    scale: float

    @property
    def changed(self) -> bool:
        return self.length_in != self.length_out or self.scale != 1

    @property
    def exact(self) -> bool:
        """Whether the length is the scale's, not cut off to a whole number."""
        return self.length_in * self.scale == self.length_out


@dataclass(frozen=True)
class Interpolation:
    """Attributes of Resize, named as there. exclude_outside: neighbours that are not there weigh nothing."""

    mode: str
    coordinates: str
    nearest_mode: str
    cubic_a: float
    exclude_outside: bool
    antialias: bool


def interpolated(call: Call, x: Tensor, axes: list[Resized], how: Interpolation) -> Tensor | None:
    """The result of PyTorch's kernel, None where it has none with these values."""
    if x.ndim not in _LINEAR or not x.is_floating_point() or any(a.axis < 2 for a in axes):
        return None
    reduces = how.antialias and any(a.scale < 1 for a in axes)
    if how.mode == "nearest":
        return _nearest(x, axes, how)
    corners = how.coordinates == "align_corners"
    if not (corners or _half_pixel(axes, how)) or (reduces and not _antialiases(x, how)):
        return None
    if how.mode == "cubic" and (x.ndim != 4 or how.exclude_outside or how.cubic_a != _PYTORCHS_CUBIC_A):
        return None
    name = "bicubic" if how.mode == "cubic" else _LINEAR[x.ndim]
    if corners or all(a.exact for a in axes):
        return functional.interpolate(x, _lengths(x, axes), mode=name, align_corners=corners, antialias=reduces)
    return None


def _antialiases(x: Tensor, how: Interpolation) -> bool:
    """Whether PyTorch filters so: it leaves out what is not there (pytorch/pytorch issue 183546)."""
    return x.ndim == 4 and how.mode == "linear" and how.exclude_outside and how.coordinates != "align_corners"


def _nearest(x: Tensor, axes: list[Resized], how: Interpolation) -> Tensor | None:
    """Each value repeated, where all kernels agree on which: with other factors rounding decides."""
    repeats = all(a.exact and a.scale >= 1 and math.log2(a.scale).is_integer() for a in axes)
    floors = how.coordinates == "asymmetric" and how.nearest_mode == "floor"
    rounds = _half_pixel(axes, how) and how.nearest_mode.startswith("round")
    return functional.interpolate(x, _lengths(x, axes)) if repeats and (floors or rounds) else None


def _half_pixel(axes: list[Resized], how: Interpolation) -> bool:
    """Whether the coordinates are those of half_pixel, under whatever name."""
    return (
        how.coordinates == "half_pixel"
        or (how.coordinates == "half_pixel_symmetric" and all(a.exact for a in axes))
        or (how.coordinates == "pytorch_half_pixel" and all(a.length_out > 1 for a in axes))
    )


def _lengths(x: Tensor, axes: list[Resized]) -> list[int]:
    lengths = list(x.shape)
    for a in axes:
        lengths[a.axis] = a.length_out
    return lengths[2:]
