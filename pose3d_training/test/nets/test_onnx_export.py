"""ONNX export: signatures, one checked file, and refusal of what must not ship."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import (
    export_detector,
    export_posenet,
    export_root_pose,
    export_rootnet,
    export_temporal_step,
)
from pose3d_training.nets.mppe_nets import PoseNet, RootNet
from pose3d_training.nets.onnx_export import GraphSpec, export_graph, fold_batch_norms
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.temporal_net import TemporalModel

J = 17
Shapes = dict[str, list[object]]


def _root_pose(path: Path) -> float:
    return export_root_pose(RootPoseNet("resnet10w8", get_skeleton("h36m17"), 64, deconv_channels=8), path)


def _root_pose_maps(path: Path) -> float:
    net = RootPoseNet("resnet10w8", get_skeleton("h36m17"), 64, deconv_channels=8, depth_bins=0, refine_channels=8)
    torch.nn.init.normal_(list(net.parameters())[-1])
    return export_root_pose(net, path)


def _detector(path: Path) -> float:
    return export_detector(PersonDetector("resnet10w8", 8), path)


def _temporal(path: Path) -> float:
    return export_temporal_step(TemporalModel(1, 7, 2, (3, 3), causal=True, channels=8), path)


def _rootnet(path: Path) -> float:
    return export_rootnet(RootNet("resnet10w8", 64), path)


def _posenet(path: Path) -> float:
    return export_posenet(PoseNet(J, "resnet10w8", 64), path)


ROOT_POSE_INPUTS: Shapes = {"image": ["batch", 3, 64, 64], "k_m": ["batch"]}
ROOT_POSE_OUTPUTS: Shapes = {
    "joints_crop_px": ["batch", J, 2],
    "relative_depth_m": ["batch", J],
    "joint_scores": ["batch", J],
    "root_depth_m": ["batch"],
    "root_log_sigma": ["batch"],
}

CASES: list[tuple[Callable[[Path], float], Shapes, Shapes]] = [
    (_root_pose, ROOT_POSE_INPUTS, ROOT_POSE_OUTPUTS),
    (_root_pose_maps, ROOT_POSE_INPUTS, ROOT_POSE_OUTPUTS),
    (
        _detector,
        {"image": ["batch", 3, "height", "width"]},
        {"heat": ["batch", 1, "height/8", "width/8"], "ltrb": ["batch", 4, "height/8", "width/8"]},
    ),
    (
        _temporal,
        {"x": ["batch", 7], "state_0": ["batch", 7, 2], "state_1": ["batch", 8, 6]},
        {"y": ["batch", 6], "next_state_0": ["batch", 7, 2], "next_state_1": ["batch", 8, 6]},
    ),
    (_rootnet, {"image": ["batch", 3, 64, 64], "k": ["batch"]}, {"root": ["batch", 3]}),
    (_posenet, {"image": ["batch", 3, 64, 64]}, {"coords": ["batch", J, 3]}),
]


@pytest.mark.parametrize(("export", "inputs", "outputs"), CASES, ids=[c[0].__name__[1:] for c in CASES])
def test_a_graph_has_its_decoders_signature_and_torchs_values(
    tmp_path: Path, export: Callable[[Path], float], inputs: Shapes, outputs: Shapes
) -> None:
    path = tmp_path / "engines" / "net.onnx"
    assert export(path) <= 1e-4
    assert [p.name for p in path.parent.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert {i.name: i.shape for i in session.get_inputs()} == inputs
    assert {o.name: o.shape for o in session.get_outputs()} == outputs
    assert {v.type for v in (*session.get_inputs(), *session.get_outputs())} == {"tensor(float)"}
    model = onnx.load(str(path), load_external_data=False)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert not {n.op_type for n in model.graph.node} & {"BatchNormalization", "Einsum", "NonMaxSuppression"}


def _linear_spec() -> GraphSpec:
    return GraphSpec(("x",), ("y",), lambda batch, generator: (torch.randn(batch, 3, generator=generator),))


class _BatchDependent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * x.shape[0] if x.shape[0] > 2 else x


class _Einsum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("ni,nj->nij", x, x)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_graph_that_differs_from_torch_is_refused_and_the_old_file_kept(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"the engine before")
    with pytest.raises(EngineError, match="output y, batch 5"):
        export_graph(_BatchDependent(), path, _linear_spec())
    assert path.read_bytes() == b"the engine before"
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]


def test_a_graph_with_an_operator_that_engines_plan_badly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="got Einsum"):
        export_graph(_Einsum(), tmp_path / "net.onnx", _linear_spec())
    assert not list(tmp_path.iterdir())


def test_a_net_that_answers_nan_is_refused(tmp_path: Path) -> None:
    layer = nn.Linear(3, 2)
    nn.init.constant_(layer.bias, float("nan"))
    with pytest.raises(EngineError, match="difference of nan"):
        export_graph(layer, tmp_path / "net.onnx", _linear_spec())


def test_folding_keeps_the_function_of_both_kinds_of_convolution() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.ConvTranspose2d(3, 2, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2),
    )
    for _ in range(5):
        net(torch.randn(4, 2, 8, 8) * 3 + 1)
    net.eval()
    image = torch.randn(2, 2, 8, 8)
    with torch.no_grad():
        expected = net(image)
        folded = fold_batch_norms(net)
        torch.testing.assert_close(folded(image), expected, atol=1e-5, rtol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())


def test_a_net_in_training_is_exported_as_it_would_answer_and_left_as_it_was(tmp_path: Path) -> None:
    net = PersonDetector("resnet10w8", 8).train()
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks this form
    before = {k: v.clone() for k, v in net.state_dict().items()}
    export_detector(net, tmp_path / "net.onnx")
    assert net.training
    assert all(torch.equal(net.state_dict()[k], v) for k, v in before.items())
