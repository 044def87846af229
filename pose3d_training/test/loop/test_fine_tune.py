"""A net that starts from an exported graph gives the graph's outputs, also in training mode."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.loop.fine_tune import start_from_engine
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import (
    export_detector,
    export_frame_lifter,
    export_root_pose,
    export_temporal_step,
)
from pose3d_training.nets.lifter_nets import ResidualLifter
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.stereo_lifter import StereoLifter
from pose3d_training.nets.temporal_net import TemporalModel

SIZE_PX = 64
Run = Callable[[], tuple[Tensor, ...]]
Make = Callable[[str], nn.Module]
Randomize = Callable[[nn.Module], nn.Module]


def root_pose(backbone: str) -> nn.Module:
    return RootPoseNet(backbone, get_skeleton("muco21"), SIZE_PX, num_deconv=2, deconv_channels=12, depth_bins=8)


def detector(backbone: str) -> nn.Module:
    return PersonDetector(backbone, 12)


def inputs(module: nn.Module, seed: int, batch: int = 6) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.randn(batch, 3, SIZE_PX, SIZE_PX, generator=generator)
    k_m = 2 + 6 * torch.rand(batch, generator=generator)
    return (image, k_m) if isinstance(module, RootPoseNet) else (image,)


def exported(module: nn.Module, path: Path) -> Path:
    if isinstance(module, RootPoseNet):
        export_root_pose(module, path)
    elif isinstance(module, PersonDetector):
        export_detector(module, path)
    return path


def runs(module: nn.Module, count: int) -> list[Run]:
    return [partial(module, *inputs(module, seed)) for seed in range(count)]


def difference(want: tuple[Tensor, ...], have: tuple[Tensor, ...]) -> float:
    """The largest, relative to each output's largest value; the features of a backbone are no output."""
    pairs = [(a, b) for a, b in zip(want, have, strict=True) if isinstance(a, Tensor)]
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in pairs)


@pytest.fixture(params=[root_pose, detector], ids=["root_pose", "detector"])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def test_net_started_from_an_engine_gives_its_outputs(randomized: Randomize, make: Make, tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained, fresh = randomized(make("resnet10w8")), make("resnet10w8")
    before = copy.deepcopy(fresh).eval()
    start_from_engine(fresh, exported(trained, tmp_path / "engine.onnx"), runs(fresh, 3))
    assert fresh.training
    fresh.eval()
    unseen = inputs(trained, 99)
    with torch.no_grad():
        assert difference(trained(*unseen), before(*unseen)) > 0.05
        assert difference(trained(*unseen), fresh(*unseen)) < 1e-3


def test_outputs_in_training_mode_are_those_of_the_engine(randomized: Randomize, make: Make, tmp_path: Path) -> None:
    torch.manual_seed(2)
    trained, fresh = randomized(make("resnet10w8")), make("resnet10w8")
    start_from_engine(fresh, exported(trained, tmp_path / "engine.onnx"), runs(fresh, 1))
    seen = inputs(trained, 0)
    with torch.no_grad():
        assert difference(trained(*seen), fresh.train()(*seen)) < 5e-3


def test_batch_statistics_are_taken_over_all_batches(randomized: Randomize, make: Make, tmp_path: Path) -> None:
    torch.manual_seed(3)
    fresh = make("resnet10w8")
    start_from_engine(fresh, exported(randomized(make("resnet10w8")), tmp_path / "engine.onnx"), runs(fresh, 4))
    backbone = fresh.backbone
    assert isinstance(backbone, nn.Module)
    stem, norm = backbone.get_submodule("conv1"), backbone.get_submodule("bn1")
    assert isinstance(norm, nn.BatchNorm2d)
    with torch.no_grad():
        seen = torch.cat([stem(inputs(fresh, seed)[0]) for seed in range(4)])
    torch.testing.assert_close(norm.running_mean, seen.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen.var(dim=(0, 2, 3), unbiased=False), rtol=1e-4, atol=1e-5)


def test_temporal_net_started_from_its_step_gives_its_outputs(randomized: Randomize, tmp_path: Path) -> None:
    torch.manual_seed(4)
    trained, fresh = (TemporalModel(1, 7, 2, (3, 3), causal=True, dropout=0.0, channels=8) for _ in range(2))
    randomized(trained).eval()
    export_temporal_step(trained, tmp_path / "engine.onnx")
    seen = torch.randn(6, 20, 7)
    start_from_engine(fresh, tmp_path / "engine.onnx", [partial(fresh.forward_sequence, seen)])
    unseen = torch.randn(5, 30, 7)
    with torch.no_grad():
        assert difference((trained.forward_sequence(unseen),), (fresh.eval().forward_sequence(unseen),)) < 1e-3
        assert difference((trained.forward_sequence(seen),), (fresh.train().forward_sequence(seen),)) < 5e-3


@pytest.mark.parametrize("kind", [ResidualLifter, StereoLifter])
def test_lifter_started_from_its_graph_gives_its_joints(
    kind: type[ResidualLifter | StereoLifter], randomized: Randomize, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    trained, fresh = (kind(7, 3, 5, channels=8, dropout=0.0) for _ in range(2))
    randomized(trained).eval()
    export_frame_lifter(trained, tmp_path / "engine.onnx", root=2)
    start_from_engine(fresh, tmp_path / "engine.onnx", [partial(fresh, torch.randn(64, 7, 3))])
    unseen = torch.randn(9, 7, 3)
    with torch.no_grad():
        ours, theirs = fresh.eval()(unseen), trained(unseen)
    assert difference((theirs - theirs[:, [2]],), (ours - ours[:, [2]],)) < 1e-4


def test_engine_of_another_width_is_an_error(randomized: Randomize, make: Make, tmp_path: Path) -> None:
    fresh = make("resnet10w8")
    path = exported(randomized(make("resnet10w4")), tmp_path / "engine.onnx")
    with pytest.raises(EngineError, match=r"backbone\.conv1 \(8, 3, 7, 7\)") as error:
        start_from_engine(fresh, path, runs(fresh, 1))
    assert "(4, 3, 7, 7)" in str(error.value)


def test_engine_with_more_layers_is_an_error(randomized: Randomize, tmp_path: Path) -> None:
    fresh = detector("resnet10w8")
    path = exported(randomized(detector("resnet18w8")), tmp_path / "engine.onnx")
    with pytest.raises(EngineError, match=r"backbone\.layer"):
        start_from_engine(fresh, path, runs(fresh, 1))


def test_damaged_engine_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "engine.onnx").write_bytes(b"not a graph")
    fresh = detector("resnet10w8")
    with pytest.raises(EngineError, match="ONNX graph"):
        start_from_engine(fresh, tmp_path / "engine.onnx", runs(fresh, 1))
