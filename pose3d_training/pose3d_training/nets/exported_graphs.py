"""The exported form of each net: its graph's names, dynamic axes and the thin module in front of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from pose3d_training.nets.detector_net import STRIDE_PX, PersonDetector
from pose3d_training.nets.lifter_nets import FrameLifter
from pose3d_training.nets.mppe_nets import PoseNet, RootNet
from pose3d_training.nets.onnx_export import GraphSpec, export_graph
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.temporal_net import TemporalModel, TemporalStep


def export_root_pose(net: RootPoseNet, path: Path) -> float:
    """Decoder `root_pose_metric`: image (N, 3, S, S), k_m (N,) → the five outputs of RootPoseOutput a robot needs."""
    sample = _crops_and_k(net.input_size_px, k_unit=1.0)
    outputs = ("joints_crop_px", "relative_depth_m", "joint_scores", "root_depth_m", "root_log_sigma")
    return export_graph(_Graph(net, _root_pose), path, GraphSpec(("image", "k_m"), outputs, sample))


def export_detector(net: PersonDetector, path: Path) -> float:
    """Decoder `centre_ltrb`: image (N, 3, H, W) → heat (N, 1, H/8, W/8) in 0–1, ltrb (N, 4, H/8, W/8) in pixels."""

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return (_image(batch, 64 + 32 * batch, 128 + 32 * batch, generator),)

    cells = {2: f"height/{STRIDE_PX}", 3: f"width/{STRIDE_PX}"}
    axes = {"image": {2: "height", 3: "width"}, "heat": cells, "ltrb": cells}
    return export_graph(_Graph(net, _detection), path, GraphSpec(("image",), ("heat", "ltrb"), sample, axes))


def export_temporal_step(model: TemporalModel, path: Path) -> float:
    """Decoder `temporal_step`: x (N, C_in), state_l (N, C_l, R_l) → y (N, C_out), next_state_l.

    Raises EngineError for a model that is not causal.
    """
    step = TemporalStep(model)
    shapes = ((model.num_joints_in * model.in_features,), *step.state_shapes)

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(torch.randn(batch, *shape, generator=generator) for shape in shapes)

    states = [f"state_{i}" for i in range(len(step.state_shapes))]
    outputs = ("y", *(f"next_{s}" for s in states))
    return export_graph(step, path, GraphSpec(("x", *states), outputs, sample))


def export_temporal_windows(model: TemporalModel, path: Path) -> float:
    """Decoder `videopose3d`: keypoints (N, T, J_in, F) → joints (N, T − receptive_field + 1, J_out, 3)."""
    past = model.receptive_field - 1

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        # Joints that move little, as people's do: white noise is far from what the weights were trained on.
        values = (model.num_joints_in, model.in_features)
        positions = 2 * torch.rand(batch, 1, *values, generator=generator) - 1
        return (positions + 0.02 * torch.randn(batch, past + batch, *values, generator=generator),)

    axes = {"keypoints": {1: "frames"}, "joints": {1: f"frames-{past}"}}
    return export_graph(
        _Graph(model, TemporalModel.windows), path, GraphSpec(("keypoints",), ("joints",), sample, axes)
    )


def export_frame_lifter(net: FrameLifter, path: Path, root: int) -> float:
    """Decoder `lifter_frame`: keypoints (N, J_in, F) → joints (N, J_out, 3), relative to the joint of index `root`."""

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return (torch.randn(batch, net.num_joints_in, net.in_features, generator=generator),)

    return export_graph(
        _Graph(net.frozen(), partial(_lifted, root=root)), path, GraphSpec(("keypoints",), ("joints",), sample)
    )


def export_absolute_lifter(net: FrameLifter, path: Path) -> float:
    """Decoder `lifter_absolute`: keypoints (N, J_in, F) → joints (N, J_out, 3), as they are."""

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return (torch.rand(batch, net.num_joints_in, net.in_features, generator=generator),)

    return export_graph(net.frozen(), path, GraphSpec(("keypoints",), ("joints",), sample))


def export_rootnet(net: RootNet, path: Path) -> float:
    """Decoder `3dmppe_rootnet`: image (N, 3, S, S), k (N,) in mm → root (N, 3), bins and mm."""
    sample = _crops_and_k(net.input_size_px, k_unit=1000.0)
    return export_graph(net, path, GraphSpec(("image", "k"), ("root",), sample))


def export_posenet(net: PoseNet, path: Path) -> float:
    """Decoder `3dmppe_posenet`: image (N, 3, S, S) → coords (N, J, 3) in bins."""
    sample = _crops_and_k(net.input_size_px, k_unit=1.0)
    return export_graph(net, path, GraphSpec(("image",), ("coords",), lambda *size: sample(*size)[:1]))


class _Graph(nn.Module):
    """A net behind the form of its call that is exported."""

    def __init__(self, net: nn.Module, call: Callable[..., Tensor | tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.net, self.call = net, call

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.call(self.net, *inputs)


def _root_pose(net: RootPoseNet, image: Tensor, k_m: Tensor) -> tuple[Tensor, ...]:
    return tuple(net(image, k_m)[:5])


def _detection(net: PersonDetector, image: Tensor) -> tuple[Tensor, Tensor]:
    heat_logits, ltrb_px = net(image)
    return torch.sigmoid(heat_logits), ltrb_px


def _lifted(net: nn.Module, keypoints: Tensor, *, root: int) -> Tensor:
    joints: Tensor = net(keypoints)
    return joints - joints[:, root : root + 1]


def _crops_and_k(size_px: int, k_unit: float) -> Callable[[int, torch.Generator], tuple[Tensor, ...]]:
    """Samples of crops and of k between 2 and 8 m, in a unit of 1 / k_unit m."""

    def sample(batch: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        image = _image(batch, size_px, size_px, generator)
        return image, k_unit * (2 + 6 * torch.rand(batch, generator=generator))

    return sample


def _image(batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=generator)
