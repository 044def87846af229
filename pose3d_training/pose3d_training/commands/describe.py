"""What a recipe's net costs: its parameters, and the multiplications of one forward pass."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pose3d_training.loop.recipe import Recipe
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep
from pose3d_training.tasks.image_tasks import build_detector, build_root_pose
from pose3d_training.tasks.lifting import build_lifter
from pose3d_training.tasks.smoothing import build_smoother


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


def build_net(recipe: Recipe) -> nn.Module:
    """The untrained net of a recipe."""
    build = {
        "detector": build_detector,
        "root_pose": build_root_pose,
        "smoother": build_smoother,
        "lifter": build_lifter,
    }
    return build[recipe.net](recipe)


def net_cost(recipe: Recipe) -> NetCost:
    """Count on a forward pass with batch size 1 on the CPU; of smoothers and lifters for a frame of one person."""
    net, width, height = build_net(recipe), recipe.input_width_px, recipe.input_height_px
    if isinstance(net, FrameLifter | TemporalModel):
        return NetCost(count_parameters(net), _frame_multiply_adds(net), "a frame")
    if recipe.net == "detector":
        macs = count_multiply_adds(net, torch.zeros(1, 3, height, width))
        return NetCost(count_parameters(net), macs, f"an image of {width} x {height} px")
    macs = count_multiply_adds(net, torch.zeros(1, 3, width, width), torch.ones(1))
    return NetCost(count_parameters(net), macs, f"a crop of {width} x {width} px")


def _frame_multiply_adds(net: FrameLifter | TemporalModel) -> int:
    """Of one more frame of one person. A symmetric net has to process its whole window for each."""
    frame = torch.zeros(1, net.num_joints_in, net.in_features)
    if isinstance(net, FrameLifter):
        return count_multiply_adds(net, frame)
    if not net.causal:
        return count_multiply_adds(net, frame[:, None].expand(-1, net.receptive_field, -1, -1))
    step = TemporalStep(net)
    return count_multiply_adds(step, frame.flatten(1), *step.initial_states(1))


def count_parameters(module: nn.Module) -> int:
    """How many numbers a training changes."""
    return sum(p.numel() for p in module.parameters())


def count_multiply_adds(module: nn.Module, *arguments: Tensor) -> int:
    """Multiply-adds of the convolutions and matrix products that a forward pass runs, biases not counted."""
    was_training = module.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module.eval()(*arguments)
    module.train(was_training)
    return int(counter.get_total_flops()) // 2
