"""Parameters and multiply-adds, counted by hand for small nets and for what the recipes build."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("moderngl")

from pose3d_training.commands.describe import build_net, count_multiply_adds, count_parameters, describe, net_cost
from pose3d_training.loop.recipe import Recipe, load_recipe, shipped_recipes
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import (
    export_detector,
    export_frame_lifter,
    export_root_pose,
    export_temporal_step,
)
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.sem_gcn import SemGraphConv, neighbors
from pose3d_training.nets.temporal_net import TemporalModel
from pose3d_training.tasks.smoothing import build_smoother

RECIPES = list(shipped_recipes().values())
of_every_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)


@pytest.mark.parametrize(
    ("layer", "given", "counted"),
    [
        (nn.Conv2d(3, 8, 3, 2, 1), (1, 3, 8, 6), 4 * 3 * 8 * 3 * 9),  # 4x3 places, 8 outputs, 3 inputs, 9 taps
        (nn.Conv2d(8, 8, 3, 1, 1, groups=4), (1, 8, 5, 5), 25 * 8 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 4, 2, 1), (1, 4, 3, 5), 15 * 4 * 6 * 16),  # every input value, 16 taps, 6 outputs
        (nn.Conv1d(4, 5, 3), (1, 4, 10), 8 * 5 * 4 * 3),
        (nn.Linear(7, 3), (1, 7), 21),
        (nn.Linear(7, 3), (1, 4, 7), 4 * 21),
        (nn.BatchNorm2d(3), (1, 3, 8, 8), 0),
        # 3 joints, 5 outputs: two matrices of 4 inputs, then a weight for each joint.
        (SemGraphConv(4, 5, neighbors(3, [(0, 1)])), (1, 3, 4), 15 * (2 * 4 + 3)),
    ],
    ids=str,
)
def test_multiply_adds_of_one_layer(layer: nn.Module, given: tuple[int, ...], counted: int) -> None:
    assert count_multiply_adds(layer, torch.zeros(given)) == counted


def test_multiply_adds_count_each_run_of_a_layer() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = nn.Linear(4, 4), nn.Linear(9, 9)

        def forward(self, x: Tensor) -> Tensor:
            twice: Tensor = self.used(self.used(x))
            return twice

    net = Net()
    assert count_multiply_adds(net, torch.zeros(1, 4)) == 2 * 16
    assert count_parameters(net) == 4 * 5 + 9 * 10
    assert net.training


def test_cost_of_a_smoother_frame() -> None:
    recipe = Recipe(net="smoother", steps=10, batch_size=2, learning_rate=1e-3, channels=8, filter_widths=(3, 3))
    model = build_smoother(recipe)
    features, outputs = model.num_joints_in * model.in_features, model.num_joints_out * 3
    cost = net_cost(recipe)
    assert cost.multiply_adds == 8 * (3 * features + 3 * 8 + 8 + outputs)
    assert cost.parameters == 8 * (3 * features + 3 * 8 + 8 + outputs) + 3 * 2 * 8 + outputs


def test_cost_of_a_lifter_frame() -> None:
    recipe = Recipe(
        net="lifter", architecture="residual", steps=10, batch_size=2, learning_rate=1e-3, channels=8, blocks=1
    )  # fmt: skip
    values = 17 * 3 + 2 * 8 + 21 * 3
    assert net_cost(recipe).multiply_adds == 8 * values
    assert net_cost(recipe).parameters == 8 * values + 21 * 3 + 3 * 8 + 3 * 2 * 8  # biases; scales and shifts
    assert describe(recipe).startswith("lifter residual: 0.00 M parameters, 0.00104 MMAC (multiply-adds) for a frame")
    symmetric = replace(recipe, architecture="temporal", causal=False, filter_widths=(3, 3))
    # Of 9 frames, the first layer makes 7 and the others 1.
    assert net_cost(symmetric).multiply_adds == 8 * (7 * 3 * 51 + 3 * 8 + 8 + 63)


@of_every_recipe
def test_shipped_recipe_builds_its_net(path: Path) -> None:
    recipe = load_recipe(path)
    with torch.device("meta"):
        module = build_net(recipe)
    assert 0.05e6 < count_parameters(module) < 40e6
    if isinstance(module, RootPoseNet):
        assert module.input_size_px == recipe.input_width_px == recipe.input_height_px


def test_large_recipe_has_the_volume_of_the_papers() -> None:
    recipe = load_recipe(next(p for p in RECIPES if p.stem == "root_pose_resnet50"))
    with torch.device("meta"):
        module = build_net(recipe)
    assert isinstance(module, RootPoseNet)
    side = module.input_size_px // module.stride_px
    assert (side, side, module.depth_bins) == (64, 64, 64)
    stages = sum(p.numel() for p in module.backbone.parameters())
    assert stages == 23_508_032  # ResNet-50's 25.56 M less those of its classifier


@of_every_recipe
def test_exported_graph_has_the_input_shape_of_the_recipe(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    if recipe.backbone:  # its width changes nothing about the input
        recipe = replace(recipe, backbone=f"{recipe.backbone.partition('w')[0]}w4", deconv_channels=8, depth_bins=4)
    module = build_net(recipe)
    file = tmp_path / "net.onnx"
    if isinstance(module, RootPoseNet):
        export_root_pose(module.eval(), file)
    elif isinstance(module, PersonDetector):
        export_detector(module.eval(), file)
    elif isinstance(module, FrameLifter):
        export_frame_lifter(module.eval(), file, root=0)
    else:
        assert isinstance(module, TemporalModel)
        export_temporal_step(module.eval(), file)
    first = onnx.load(str(file)).graph.input[0]
    shape = [axis.dim_param or axis.dim_value for axis in first.type.tensor_type.shape.dim]
    joints = 19 if recipe.lifter_input == "region" else 17
    wanted = {
        "detector": ["batch", 3, "height", "width"],
        "root_pose": ["batch", 3, recipe.input_height_px, recipe.input_width_px],
        "smoother": ["batch", build_smoother(recipe).in_features],
        "lifter": ["batch", 17 * 3] if recipe.architecture == "temporal" else ["batch", joints, 3],
    }
    assert shape == wanted[recipe.net]
    assert recipe.input_width_px % 32 == recipe.input_height_px % 32 == 0


def test_description_has_parameters_multiply_adds_and_steps() -> None:
    recipe = Recipe(
        net="detector", backbone="resnet10w8", channels=8, input_width_px=64, input_height_px=32, steps=70,
        batch_size=5, learning_rate=1e-3,
    )  # fmt: skip
    text = describe(recipe)
    assert text.startswith("detector resnet10w8: 0.0")
    assert "64 x 32 px" in text
    assert "70 steps x 5" in text
