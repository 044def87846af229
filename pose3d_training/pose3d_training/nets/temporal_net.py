"""Dilated temporal convolutions over a person's frames (Pavllo et al. 2019, VideoPose3D, section 3).

`TemporalModel` has the published model's layers, state-dict keys and shapes. `TemporalStep` is the same network, one
frame at a time: each layer keeps its own past, so a frame costs one step whatever the receptive field.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pose3d_ros.errors import EngineError, InputError


class TemporalModel(nn.Module):
    """Frames of joints → frames of joints.

    num_joints_in, in_features: joints and values per joint of a frame. num_joints_out: joints, of 3 values each, that
    come out. filter_widths: odd width of each block's convolution; dilations are the products of the widths before, so
    (3, 3, 3) sees 27 frames. causal: a frame's output depends on it and earlier ones only.
    Raises EngineError for even or missing widths.
    """

    def __init__(
        self,
        num_joints_in: int,
        in_features: int,
        num_joints_out: int,
        filter_widths: Sequence[int],
        *,
        causal: bool = False,
        dropout: float = 0.25,
        channels: int = 1024,
    ) -> None:
        super().__init__()
        _check_widths(filter_widths)
        self.num_joints_in = num_joints_in
        self.in_features = in_features
        self.num_joints_out = num_joints_out
        self.causal = causal
        self.channels = channels
        self.filter_widths = tuple(filter_widths)
        self.dilations = _dilations(self.filter_widths)
        self.drop = nn.Dropout(dropout)
        self.expand_conv = nn.Conv1d(num_joints_in * in_features, channels, self.filter_widths[0], bias=False)
        self.expand_bn = nn.BatchNorm1d(channels)
        self.layers_conv = nn.ModuleList()
        for width, dilation in zip(self.filter_widths[1:], self.dilations[1:], strict=True):
            self.layers_conv.append(nn.Conv1d(channels, channels, width, dilation=dilation, bias=False))
            self.layers_conv.append(nn.Conv1d(channels, channels, 1, bias=False))
        self.layers_bn = nn.ModuleList(nn.BatchNorm1d(channels) for _ in self.layers_conv)
        self.shrink = nn.Conv1d(channels, num_joints_out * 3, 1)

    @property
    def receptive_field(self) -> int:
        """Frames that one output frame depends on."""
        return 1 + sum(self.history)

    @property
    def history(self) -> tuple[int, ...]:
        """Past frames that each dilated layer needs beside the present one: (width − 1)·dilation."""
        return tuple((w - 1) * d for w, d in zip(self.filter_widths, self.dilations, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, T, J_in, F) to (N, T − receptive_field + 1, J_out, 3), "valid" as published.

        Output t belongs to input frame t + receptive_field − 1 if causal, else to t + (receptive_field − 1) / 2.
        Raises InputError for another shape or fewer frames than the receptive field.
        """
        if x.ndim != 4 or x.shape[2:] != (self.num_joints_in, self.in_features) or x.shape[1] < self.receptive_field:
            raise InputError(
                "temporal input",
                expected=f"(N, T ≥ {self.receptive_field}, {self.num_joints_in}, {self.in_features})",
                got=str(tuple(x.shape)),
                fix="Pad the sequence or choose a model with a smaller receptive field.",
            )
        return self.windows(x)

    def windows(self, x: Tensor) -> Tensor:
        """`forward` of frames that are known to fit, which an export can trace."""
        y = self._blocks(x.flatten(2).transpose(1, 2), padded=False)
        return torch.unflatten(y.transpose(1, 2), 2, (self.num_joints_out, 3))

    def forward_sequence(self, x: Tensor) -> Tensor:
        """Map (N, T, J_in·F) to (N, T, J_out·3), each layer's own input preceded by zeros.

        This is what TemporalStep gives from zero states; it differs from padding the sequence itself, where a layer
        sees its predecessor's output for zeros. Raises EngineError for a model that is not causal.
        """
        _require_causal(self)
        return self._blocks(x.transpose(1, 2), padded=True).transpose(1, 2)

    def _blocks(self, x: Tensor, *, padded: bool) -> Tensor:
        x = F.pad(x, (self.history[0], 0)) if padded else x
        x = self.drop(torch.relu(self.expand_bn(self.expand_conv(x))))
        for i, past in enumerate(self.history[1:]):
            block_in = F.pad(x, (past, 0)) if padded else x
            # The present frame is the newest tap of a causal layer and the center tap of a symmetric one.
            first = past if self.causal else past // 2
            present = block_in[:, :, first : first + block_in.shape[2] - past]
            y = self.drop(torch.relu(self.layers_bn[2 * i](self.layers_conv[2 * i](block_in))))
            x = present + self.drop(torch.relu(self.layers_bn[2 * i + 1](self.layers_conv[2 * i + 1](y))))
        out: Tensor = self.shrink(x)
        return out


class TemporalStep(nn.Module):
    """A causal TemporalModel advanced by one frame: (x, *states) → (y, *next_states), for inference only.

    Takes a snapshot of the model's weights with batch normalization folded in. States are those of the dilated layers,
    in order: `state_shapes[l]` = (C_l, R_l), where column 0 is the oldest frame and column R_l − 1 the previous one.
    Raises EngineError for a model that is not causal.
    """

    def __init__(self, model: TemporalModel) -> None:
        super().__init__()
        _require_causal(model)
        self.dilations = model.dilations
        inputs = (model.num_joints_in * model.in_features, *[model.channels] * (len(model.dilations) - 1))
        self.state_shapes = tuple(zip(inputs, model.history, strict=True))
        convs = [model.expand_conv, *model.layers_conv]
        norms = [model.expand_bn, *model.layers_bn]
        folded = [_folded_linear(conv, norm) for conv, norm in zip(convs, norms, strict=True)]
        self.dilated = nn.ModuleList([folded[0], *folded[1::2]])
        self.pointwise = nn.ModuleList(folded[2::2])
        self.shrink = _linear(model.shrink.weight[:, :, 0], model.shrink.bias)
        self.eval().requires_grad_(False)

    def initial_states(self, batch: int) -> tuple[Tensor, ...]:
        """Zero states, (batch, C_l, R_l) float32 each: nothing was seen yet."""
        return tuple(torch.zeros(batch, c, r, device=self.shrink.weight.device) for c, r in self.state_shapes)

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Map x (N, J_in·F) and states (N, C_l, R_l) to y (N, J_out·3) and the states for the next frame."""
        next_states = []
        for i, (layer, state, dilation) in enumerate(zip(self.dilated, states, self.dilations, strict=True)):
            window = torch.cat((state, x[:, :, None]), dim=2)
            next_states.append(window[:, :, 1:])
            y = torch.relu(layer(window[:, :, ::dilation].flatten(1)))
            x = y if i == 0 else x + torch.relu(self.pointwise[i - 1](y))
        return (self.shrink(x), *next_states)


def _folded_linear(conv: nn.Module, norm: nn.Module) -> nn.Linear:
    """Convolution and batch normalization as one matrix over the taps, columns ordered (channel, tap)."""
    if not isinstance(conv, nn.Conv1d) or not isinstance(norm, nn.BatchNorm1d):
        raise TypeError(f"expected Conv1d and BatchNorm1d, got {type(conv).__name__} and {type(norm).__name__}")
    fused = fuse_conv_bn_eval(copy.deepcopy(conv).eval(), copy.deepcopy(norm).eval())
    return _linear(fused.weight.flatten(1), fused.bias)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if bias is not None:
            linear.bias.copy_(bias)
    return linear


def _dilations(filter_widths: Sequence[int]) -> tuple[int, ...]:
    dilations = [1]
    for width in filter_widths[:-1]:
        dilations.append(dilations[-1] * width)
    return tuple(dilations)


def _check_widths(filter_widths: Sequence[int]) -> None:
    if not filter_widths or any(w < 1 or w % 2 == 0 for w in filter_widths):
        raise EngineError(
            "TemporalModel filter_widths",
            expected="at least one, each odd",
            got=str(tuple(filter_widths)),
            fix="Use for instance (3, 3, 3) for 27 frames.",
        )


def _require_causal(model: TemporalModel) -> None:
    if not model.causal:
        raise EngineError(
            "TemporalModel",
            expected="causal=True",
            got="a symmetric model",
            fix="It needs frames that are yet to come.",
        )
