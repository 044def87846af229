"""What a recipe's net costs: its parameters, and the multiplications of one forward pass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pose3d_training.loop.recipe import Recipe
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.sem_gcn_layers import SemGraphConv
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep
from pose3d_training.tasks.image_tasks import build_module
from pose3d_training.tasks.lifting import build_lifter
from pose3d_training.tasks.smoothing import build_smoother

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_TRANSPOSED = (nn.ConvTranspose2d,)


@dataclass(frozen=True)
class NetCost:
    """Of one net: parameters, multiply-adds of one input, and what that input is."""

    parameters: int
    multiply_adds: int
    input: str


def describe(recipe: Recipe) -> str:
    """A line about the recipe's net: parameters, arithmetic of one input, and the length of its training."""
    cost = net_cost(recipe)
    name = " ".join(part for part in (recipe.net, recipe.architecture, recipe.backbone) if part)
    small = cost.multiply_adds < 1e7
    arithmetic = f"{cost.multiply_adds / 1e6:.3g} MMAC" if small else f"{cost.multiply_adds / 1e9:.3g} GMAC"
    return (
        f"{name}: {cost.parameters / 1e6:.2f} M parameters, {arithmetic} (multiply-adds) for {cost.input}; "
        f"{recipe.steps} steps x {recipe.batch_size} samples"
    )


def net_cost(recipe: Recipe) -> NetCost:
    """Count on a forward pass with batch 1 on the CPU; the smoother's is that of one frame of one person, as is a
    lifter's."""
    width, height = recipe.input_width_px, recipe.input_height_px
    if recipe.net in ("smoother", "lifter"):
        return _frame_cost(build_smoother(recipe) if recipe.net == "smoother" else build_lifter(recipe))
    module = build_module(recipe)
    if recipe.net == "detector":
        macs = count_multiply_adds(module, torch.zeros(1, 3, height, width))
        return NetCost(count_parameters(module), macs, f"a picture of {width} x {height} px")
    macs = count_multiply_adds(module, torch.zeros(1, 3, width, width), torch.ones(1))
    return NetCost(count_parameters(module), macs, f"a crop of {width} x {width} px")


def _frame_cost(model: FrameLifter | TemporalModel) -> NetCost:
    """Of one more frame of one person. A symmetric net has to look at all of its frames for each."""
    parameters, frame = count_parameters(model), torch.zeros(1, model.num_joints_in, model.in_features)
    if isinstance(model, FrameLifter):
        return NetCost(parameters, count_multiply_adds(model, frame), "a frame")
    if not model.causal:
        window = frame[:, None].expand(-1, model.receptive_field, -1, -1)
        return NetCost(parameters, count_multiply_adds(model, window), "a frame")
    step = TemporalStep(model)
    return NetCost(parameters, count_multiply_adds(step, frame.flatten(1), *step.initial_states(1)), "a frame")


def count_parameters(module: nn.Module) -> int:
    """How many numbers a training changes."""
    return sum(p.numel() for p in module.parameters())


def count_multiply_adds(module: nn.Module, *arguments: Tensor) -> int:
    """Multiply-adds of the convolutions and linear layers that a forward pass runs, biases not counted.

    A convolution has inputs·taps for each of its output values, a transposed one outputs·taps for each input value; a
    graph convolution two matrices of inputs, then the joints' weights.
    """
    counts: list[int] = []

    def on(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(layer, _CONVOLUTIONS):
            counts.append(output.numel() * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size))
        elif isinstance(layer, _TRANSPOSED):
            counts.append(inputs[0].numel() * (layer.out_channels // layer.groups) * math.prod(layer.kernel_size))
        elif isinstance(layer, nn.Linear):
            counts.append(output.numel() * layer.in_features)
        elif isinstance(layer, SemGraphConv):
            counts.append(output.numel() * (2 * layer.W.shape[1] + 1 + len(layer.mask)))

    counted = (*_CONVOLUTIONS, *_TRANSPOSED, nn.Linear, SemGraphConv)
    handles = [layer.register_forward_hook(on) for layer in module.modules() if isinstance(layer, counted)]
    was_training = module.training
    with torch.no_grad():
        module.eval()(*arguments)
    module.train(was_training)
    for handle in handles:
        handle.remove()
    return sum(counts)
