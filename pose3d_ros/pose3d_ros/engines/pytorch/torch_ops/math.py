"""Elementwise operators of ONNX in PyTorch: arithmetic, comparison, logic, types. Names as in ONNX's Operators.md."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, from_function

_ELEMENT_TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    4: torch.uint16,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    12: torch.uint32,
    13: torch.uint64,
    16: torch.bfloat16,
}
"""TensorProto.DataType of onnx.proto → PyTorch's."""


def element_type(call: Call, attribute: str) -> torch.dtype:
    """The dtype that an attribute names. Raises EngineError for one that PyTorch lacks."""
    number = call.integer(attribute)
    if number not in _ELEMENT_TYPES:
        raise call.refused("a type of numbers that PyTorch has", f"{attribute} {number}")
    return _ELEMENT_TYPES[number]


def _divided(a: Tensor, b: Tensor) -> Tensor:
    return a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _mod(call: Call) -> Tensor:
    """With fmod the sign of the dividend, as C has it, else of the divisor, as Python has it."""
    return (torch.fmod if call.integer("fmod", 0) else torch.remainder)(call[0], call[1])


def _power(call: Call) -> Tensor:
    base, known = call[0], call.known(1)
    # With a number PyTorch multiplies squares and cubes; with a tensor it takes logarithms.
    power = torch.pow(base, known.item() if known is not None and known.numel() == 1 and known.ndim == 0 else call[1])
    return power.to(base.dtype)


def _clip(call: Call) -> Tensor:
    x = call[0]
    if call.opset < 11:
        lowest, highest = torch.finfo(x.dtype).min, torch.finfo(x.dtype).max
        return torch.clamp(x, call.number("min", lowest), call.number("max", highest))
    if all(call.known(i) is not None or not call.has(i) for i in (1, 2)):
        low, high = (None if (known := call.known(i)) is None else known.item() for i in (1, 2))
        return x if low is None and high is None else torch.clamp(x, low, high)
    return torch.clamp(x, call.get(1), call.get(2))


def _folded(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """An operator of any number of inputs."""
    return Operator(lambda call: reduce(function, call.all()))


def _mean(call: Call) -> Tensor:
    return reduce(torch.add, call.all()) / len(call.node.inputs)


def _cast(call: Call) -> Tensor:
    return call[0].to(element_type(call, "to"))


def _cast_like(call: Call) -> Tensor:
    return call[0].to(call[1].dtype)


def _is_inf(call: Call) -> Tensor:
    x = call[0]
    negative, positive = call.integer("detect_negative", 1), call.integer("detect_positive", 1)
    return (torch.isposinf(x) & bool(positive)) | (torch.isneginf(x) & bool(negative))


_SAME_NAME = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor IsNaN Log Neg Reciprocal Round Sign Sin Sinh "
    "Sqrt Tan Where"
).split()
"""Round is to even on ties in both."""

_RENAMED: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": _divided,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
    "Not": torch.logical_not,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "BitwiseNot": torch.bitwise_not,
}

OPERATORS: dict[str, Operator] = {
    **{name: from_function(getattr(torch, name.lower())) for name in _SAME_NAME},
    **{name: from_function(function) for name, function in _RENAMED.items()},
    "Max": _folded(torch.maximum),
    "Min": _folded(torch.minimum),
    "Sum": _folded(torch.add),
    "Mean": Operator(_mean),
    "Mod": Operator(_mod),
    "Pow": Operator(_power),
    "Clip": Operator(_clip),
    "Cast": Operator(_cast),
    "CastLike": Operator(_cast_like),
    "IsInf": Operator(_is_inf),
}
