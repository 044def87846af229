"""Signatures and outputs of the exported graphs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

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
def test_exported_graph_has_the_signature_of_its_decoder(
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
