"""Whole nets by PyTorch's operators against ONNX Runtime: the default engines, our exporters' and other people's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pose3d_ros.engines import OnnxEngine
from pose3d_ros.engines.graphs.fp16_conversion import half_graph
from pose3d_ros.engines.graphs.quantize import quantized_graph
from pose3d_ros.engines.pytorch.torch_graph import TorchGraph
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import (
    export_detector,
    export_posenet,
    export_root_pose,
    export_rootnet,
    export_temporal_step,
    export_temporal_windows,
)
from pose3d_training.nets.posenet import PoseNet
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.rootnet import RootNet
from pose3d_training.nets.temporal_net import TemporalModel

from .one_node import Array, noise

ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
H36M = get_skeleton("h36m17")


def answers(path: Path, batch: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """ONNX Runtime's and PyTorch's; the signatures are the same."""
    graph = TorchGraph(path)
    with OnnxEngine(path, threads=1) as engine:
        assert (graph.inputs, graph.outputs) == (engine.inputs, engine.outputs)
        feeds = noise(engine.inputs, batch)
        expected = engine.infer(feeds)
    got = graph({name: torch.from_numpy(array) for name, array in feeds.items()})
    assert list(got) == list(expected)
    return expected, {name: tensor.numpy() for name, tensor in got.items()}


def assert_same(path: Path, batch: int, tolerance: float = 1e-4) -> None:
    expected, got = answers(path, batch)
    for name, want in expected.items():
        assert (got[name].dtype, got[name].shape) == (want.dtype, want.shape), name
        assert np.abs(got[name] - want).max() <= tolerance * max(1.0, np.abs(want).max()), name


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ["root_pose", "detector", "smoother"])
def test_the_default_engines_have_onnxruntimes_values(name: str, batch: int) -> None:
    assert_same(ENGINES / f"{name}.onnx", batch)


def _root_pose(path: Path) -> None:
    export_root_pose(RootPoseNet("resnet10w8", H36M, 64, deconv_channels=8), path)


def _root_pose_maps(path: Path) -> None:
    net = RootPoseNet("resnet10w8", H36M, 64, deconv_channels=8, depth_bins=0, refine_channels=8)
    torch.nn.init.normal_(list(net.parameters())[-1])
    export_root_pose(net, path)


def _detector(path: Path) -> None:
    export_detector(PersonDetector("resnet10w8", 8), path)


def _smoother(path: Path) -> None:
    export_temporal_step(TemporalModel(1, 7, 2, (3, 3), causal=True, channels=8), path)


def _lifter(path: Path) -> None:
    export_temporal_windows(TemporalModel(5, 2, 5, (3, 3), channels=8), path)


def _rootnet(path: Path) -> None:
    export_rootnet(RootNet("resnet10w8", 64), path)


def _posenet(path: Path) -> None:
    export_posenet(PoseNet(2, "resnet10w8", 64), path)


@pytest.mark.parametrize(
    "export", [_root_pose, _root_pose_maps, _detector, _smoother, _lifter, _rootnet, _posenet], ids=lambda f: f.__name__
)
def test_what_we_export_has_onnxruntimes_values(export: Callable[[Path], None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    export(tmp_path / "net.onnx")
    for batch in (1, 3):
        assert_same(tmp_path / "net.onnx", batch)


def test_a_graph_in_half_precision_has_onnxruntimes_values(tmp_path: Path) -> None:
    """Both round weights and results to float16, 2⁻¹¹ relative, but not in the same places.

    Two dozen layers' roundings add up to some sqrt(24) · 2⁻¹¹ = 0.24 % of a logit of a few units, 0.01 of it; a
    soft-argmax moves by that times the spread of its heat map, 6 px here; depths are means of offsets of 0.3 m.
    """
    limits = {
        "joints_crop_px": 0.06,
        "relative_depth_m": 1e-3,
        "joint_scores": 2e-3,
        "root_depth_m": 5e-3,
        "root_log_sigma": 2e-3,
    }
    half_graph(ENGINES / "root_pose.onnx", tmp_path / "half.onnx")
    expected, got = answers(tmp_path / "half.onnx", 2)
    for name, want in expected.items():
        assert got[name].dtype == np.float32
        assert np.abs(got[name] - want).max() < limits[name], name


def test_a_graph_in_int8_has_onnxruntimes_values(tmp_path: Path) -> None:
    """As its nodes say, float32 between the rounding to steps; with its optimiser ONNX Runtime multiplies integers.

    A value near the middle between two steps may fall on either side, which moves a logit by some hundredths.
    """
    with OnnxEngine(ENGINES / "detector.onnx", threads=1) as engine:
        feeds = noise(engine.inputs, 1)
    quantized_graph(ENGINES / "detector.onnx", tmp_path / "int8.onnx", [feeds])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    heat, ltrb = onnxruntime.InferenceSession(str(tmp_path / "int8.onnx"), options).run(None, feeds)
    graph = TorchGraph(tmp_path / "int8.onnx")
    got = graph({name: torch.from_numpy(array) for name, array in feeds.items()})
    assert np.abs(got["ltrb"].numpy() - ltrb).max() < 0.1
    np.testing.assert_allclose(torch.logit(got["heat"]).numpy(), np.log(heat / (1 - heat)), atol=0.1)


class _YoloLike(nn.Module):
    """What the exports of YOLO's hold besides convolutions: focus, pooled pyramid, resizing to another map, anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(12, 8, 3, padding=1)
        self.down = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=4)
        self.head = nn.Conv2d(40, 4 * 8 + 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        parts = [image[..., y::2, x::2] for x in (0, 1) for y in (0, 1)]
        large = functional.silu(self.stem(torch.cat(parts, 1)))
        small = functional.hardswish(self.down(large))
        pooled = [small, *(functional.max_pool2d(small, k, 1, k // 2) for k in (5, 9, 13))]
        up = functional.interpolate(torch.cat(pooled, 1), size=large.shape[2:], mode="nearest")
        y = self.head(torch.cat([up, large], 1))
        n, _, height, width = y.shape
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        cells = torch.stack([columns, rows], 0).reshape(1, 2, -1).float() + 0.5
        sides, scores = y.flatten(2).split((32, 3), 1)
        bins = sides.view(n, 4, 8, -1).transpose(2, 1).softmax(1)
        ltrb = (bins * torch.arange(8.0).view(1, 8, 1, 1)).sum(1)
        corners = torch.cat([cells - ltrb[:, :2], cells + ltrb[:, 2:]], 1) * 4
        return torch.cat([corners, scores.sigmoid()], 1)


class _DetrLike(nn.Module):
    """A transformer's decoder on a grid of tokens: positions, attention, the best of them, sampled again."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 16, stride=16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.gate = nn.Parameter(torch.randn(16))
        self.score, self.box = nn.Linear(16, 3), nn.Linear(16, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        grid = self.patches(image)
        n, channels, height, width = grid.shape
        rows = torch.ones(n, height, width).cumsum(1) / height
        columns = torch.ones(n, height, width).cumsum(2) / width
        angles = torch.stack([rows, columns], 1)[:, :, None] * 2.0 ** torch.arange(4).view(1, 1, -1, 1, 1)
        positions = torch.cat([angles.sin(), angles.cos()], 2).flatten(1, 2)
        tokens = (grid + positions).flatten(2).permute(0, 2, 1)
        tokens = self.norm(tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0])
        tokens = functional.gelu(tokens * self.gate.sigmoid())
        scores, order = self.score(tokens).max(-1).values.topk(5, 1)
        best = tokens.gather(1, order[..., None].expand(-1, -1, channels))
        boxes = self.box(best).sigmoid()
        places = (2 * boxes[..., None, :2] - 1).clamp(-1, 1)
        sampled = functional.grid_sample(grid, places, align_corners=False).squeeze(-1)
        return scores, boxes, torch.einsum("nkc,nck->nk", best, sampled)


class _Volume(nn.Module):
    """Integral regression over a volume, after group and instance normalisation and a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.InstanceNorm2d(8, affine=True), nn.PReLU(8))
        self.decode = nn.Sequential(nn.ConvTranspose2d(8, 8, 3, 2, 1, 1), nn.GroupNorm(2, 8), nn.ReLU6())
        self.head = nn.Conv2d(8, 2 * 5, 1)

    def forward(self, image: Tensor) -> Tensor:
        maps = self.head(functional.pad(self.decode(self.encode(image)), (1, 0, 2, 1), mode="reflect"))
        n, _, height, width = maps.shape
        volume = maps.view(n, 2, -1).softmax(-1).view(n, 2, 5, height, width)
        sums = (volume.sum((2, 3)), volume.sum((2, 4)), volume.sum((3, 4)))
        axes = [(s * torch.arange(s.shape[-1], dtype=s.dtype)).sum(-1) / s.shape[-1] for s in sums]
        return torch.stack(axes, -1) - 0.5


def _export(net: nn.Module, path: Path, opset: int, outputs: Sequence[str]) -> None:
    """With a free batch, and free sizes but for attention, whose export fixes the number of tokens."""
    free = {0: "batch"} if isinstance(net, _DetrLike) else {0: "batch", 2: "height", 3: "width"}
    axes: Mapping[str, dict[int, str]] = {"image": free, **{name: {0: "batch"} for name in outputs}}
    torch.onnx.export(
        net.eval(),
        (torch.randn(2, 3, 64, 96),),
        str(path),
        input_names=["image"],
        output_names=list(outputs),
        dynamic_axes=axes,
        opset_version=opset,
        dynamo=False,
    )


@pytest.mark.filterwarnings("ignore")  # of the tracing exporter, about its end and about sizes
@pytest.mark.parametrize(
    ("make", "outputs", "opset"),
    [
        (_YoloLike, ("boxes",), 11),
        (_YoloLike, ("boxes",), 17),
        (_DetrLike, ("scores", "boxes", "sums"), 17),
        (_Volume, ("coordinates",), 11),
        (_Volume, ("coordinates",), 17),
    ],
)
def test_nets_like_other_peoples_have_onnxruntimes_values(
    make: Callable[[], nn.Module], outputs: Sequence[str], opset: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    _export(make(), tmp_path / "net.onnx", opset, outputs)
    for batch in (1, 3):
        assert_same(tmp_path / "net.onnx", batch)
        away = TorchGraph(tmp_path / "net.onnx", device="meta")
        feeds = {k: torch.from_numpy(v).to("meta") for k, v in noise(away.inputs, batch).items()}
        assert {t.device.type for t in away(feeds).values()} == {"meta"}
