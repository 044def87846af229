"""Normalisations of ONNX in PyTorch, and its linear quantisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, wrapped_axis
from pose3d_ros.engines.pytorch.torch_ops.math import element_type

_EPSILON = 1e-5


def _batch_norm(call: Call) -> Tensor:
    if call.integer("training_mode", 0) or call.integer("spatial", 1) != 1:
        raise call.refused("statistics of each channel that are fixed", "training_mode or spatial = 0")
    x = call[0]
    scale, shift, mean, variance = (call[i] for i in (1, 2, 3, 4))
    # A float16 graph may keep some of these in float32, which PyTorch does not mix.
    kind = torch.promote_types(x.dtype, torch.promote_types(scale.dtype, variance.dtype))
    mean, variance, scale, shift = (t.to(kind) for t in (mean, variance, scale, shift))
    epsilon = call.number("epsilon", _EPSILON)
    return functional.batch_norm(x.to(kind), mean, variance, scale, shift, eps=epsilon).to(x.dtype)


def _instance_norm(call: Call) -> Tensor:
    return functional.instance_norm(
        call[0], weight=call[1], bias=call[2], eps=call.number("epsilon", _EPSILON), use_input_stats=True
    )


def _layer_norm(call: Call) -> Tensor | tuple[Tensor, ...]:
    x, scale, bias = call[0], call[1], call.get(2)
    epsilon = call.number("epsilon", _EPSILON)
    axis = wrapped_axis(call, call.integer("axis", -1), x.ndim)
    shape = tuple(x.shape[axis:])
    if not call.wants(1) and not call.wants(2) and scale.shape == shape and (bias is None or bias.shape == shape):
        return functional.layer_norm(x, shape, scale, bias, epsilon)
    single = x.float()
    axes = tuple(range(axis, x.ndim))
    mean = single.mean(axes, keepdim=True)
    inverse = torch.rsqrt((single - mean).square().mean(axes, keepdim=True) + epsilon)
    y = ((single - mean) * inverse).to(x.dtype) * scale
    return (y if bias is None else y + bias), mean, inverse


def _group_norm(call: Call) -> Tensor:
    return functional.group_norm(
        call[0], call.integer("num_groups"), call[1], call[2], call.number("epsilon", _EPSILON)
    )


def _lp_norm(call: Call) -> Tensor:
    x, p = call[0], call.integer("p", 2)
    axis = wrapped_axis(call, call.integer("axis", -1), x.ndim)
    norm: Tensor = torch.linalg.vector_norm(x, p, dim=axis, keepdim=True)
    return x / norm


def _along(call: Call, x: Tensor, values: Tensor) -> Tensor:
    """A value for the tensor or for each slice of an axis, in a shape that broadcasts."""
    if call.integer("block_size", 0):
        raise call.refused("a scale for the tensor or each slice of an axis", "one for each block")
    if values.numel() == 1:
        return values.reshape(())
    axis = wrapped_axis(call, call.integer("axis", 1), x.ndim)
    return values.reshape(-1, *(1,) * (x.ndim - axis - 1))


def _quantize(call: Call) -> Tensor:
    x, zero = call[0], call.get(2)
    kind = torch.uint8 if zero is None else zero.dtype
    if zero is None and call.integer("output_dtype", 0):
        kind = element_type(call, "output_dtype")
    limits = torch.iinfo(kind)
    steps = torch.round(x.float() / _along(call, x, call[1]).float())
    if zero is not None:
        steps = steps + _along(call, x, zero).float()
    return steps.clamp(limits.min, limits.max).to(kind)


def _dequantize(call: Call) -> Tensor:
    x, scale, zero = call[0], call[1], call.get(2)
    kind = element_type(call, "output_dtype") if call.integer("output_dtype", 0) else scale.dtype
    if x.dtype != torch.int32 and zero is not None:
        x = x.to(torch.int32) - _along(call, x, zero).to(torch.int32)
    return (x.to(torch.float32) * _along(call, x, scale).float()).to(kind)


OPERATORS: dict[str, Operator] = {
    "BatchNormalization": Operator(_batch_norm),
    "InstanceNormalization": Operator(_instance_norm),
    "LayerNormalization": Operator(_layer_norm),
    "GroupNormalization": Operator(_group_norm),
    "LpNormalization": Operator(_lp_norm),
    "QuantizeLinear": Operator(_quantize),
    "DequantizeLinear": Operator(_dequantize),
}
