"""Activations and softmax of ONNX in PyTorch. Formulas and defaults from ONNX's Operators.md."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pose3d_ros.engines.pytorch.torch_ops.base import Call, Operator, from_function, wrapped_axis

_SELU_ALPHA = 1.67326319217681884765625
_SELU_GAMMA = 1.05070102214813232421875


def _leaky_relu(call: Call) -> Tensor:
    return functional.leaky_relu(call[0], call.number("alpha", 0.01))


def _prelu(call: Call) -> Tensor:
    x = call[0]
    return torch.where(x < 0, x * call[1], x)


def _elu(call: Call) -> Tensor:
    return functional.elu(call[0], call.number("alpha", 1.0))


def _celu(call: Call) -> Tensor:
    return functional.celu(call[0], call.number("alpha", 1.0))


def _selu(call: Call) -> Tensor:
    return call.number("gamma", _SELU_GAMMA) * functional.elu(call[0], call.number("alpha", _SELU_ALPHA))


def _gelu(call: Call) -> Tensor:
    return functional.gelu(call[0], approximate=call.text("approximate", "none"))


def _hard_sigmoid(call: Call) -> Tensor:
    return torch.clamp(call.number("alpha", 0.2) * call[0] + call.number("beta", 0.5), 0.0, 1.0)


def _thresholded_relu(call: Call) -> Tensor:
    x = call[0]
    return torch.where(x > call.number("alpha", 1.0), x, torch.zeros_like(x))


def _swish(call: Call) -> Tensor:
    x = call[0]
    return x * torch.sigmoid(call.number("alpha", 1.0) * x)


def _softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    def run(call: Call) -> Tensor:
        x = call[0]
        if call.opset >= 13:
            return function(x, wrapped_axis(call, call.integer("axis", -1), x.ndim))
        # Before opset 13 over the axis and all behind it, as if they were one.
        axis = wrapped_axis(call, call.integer("axis", 1), x.ndim)
        return function(x.flatten(axis), axis).reshape(x.shape)

    return Operator(run)


OPERATORS: dict[str, Operator] = {
    "Relu": from_function(torch.relu),
    "Sigmoid": from_function(torch.sigmoid),
    "Tanh": from_function(torch.tanh),
    "Softplus": from_function(functional.softplus),
    "Softsign": from_function(functional.softsign),
    "Mish": from_function(functional.mish),
    "HardSwish": from_function(functional.hardswish),
    "HardSigmoid": Operator(_hard_sigmoid),
    "LeakyRelu": Operator(_leaky_relu),
    "PRelu": Operator(_prelu),
    "Elu": Operator(_elu),
    "Celu": Operator(_celu),
    "Selu": Operator(_selu),
    "Gelu": Operator(_gelu),
    "Swish": Operator(_swish),
    "ThresholdedRelu": Operator(_thresholded_relu),
    "Softmax": _softmax(torch.softmax),
    "LogSoftmax": _softmax(torch.log_softmax),
}
