"""FP16 in the graph: what becomes half and what does not, values against float32, refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import GraphProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from pose3d_ros.engines.graphs.fp16_conversion import half_graph
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

from ..tensorrt.tensorrt_stand_in import Messages, make_tensorrt, parsed
from .conftest import KERNEL, SHAPE, Feeds, conv, lively, run_graph, write_graph

Array = npt.NDArray[np.float32]
ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
H36M = get_skeleton("h36m17")


Net = TypeVar("Net", bound=nn.Module)
Export = Callable[[Path], float]


def _root_pose(**options: int) -> RootPoseNet:
    return lively(RootPoseNet("resnet10w8", H36M, 64, deconv_channels=8, **options))


EXPORTS: dict[str, Export] = {
    "volume": lambda path: export_root_pose(_root_pose(), path),
    "maps": lambda path: export_root_pose(_root_pose(depth_bins=0, refine_channels=8), path),
    "detector": lambda path: export_detector(lively(PersonDetector("resnet10w8", 8)), path),
    "rootnet": lambda path: export_rootnet(lively(RootNet("resnet10w8", 64)), path),
    "posenet": lambda path: export_posenet(lively(PoseNet(2, "resnet10w8", 64)), path),
}


def _feeds(path: Path) -> Feeds:
    """Two crops of noise, and 4 m or 6 m for k."""
    lengths = {"batch": 2, "height": 64, "width": 96}
    random = np.random.default_rng(0)
    feeds = {}
    for value in onnx.load(str(path)).graph.input:
        shape = [lengths.get(d.dim_param, d.dim_value) for d in value.type.tensor_type.shape.dim]
        array = random.normal(size=shape) if len(shape) > 1 else np.array([4.0, 6.0])
        feeds[value.name] = array.astype(np.float32)
    return feeds


def _inferred(path: Path) -> tuple[GraphProto, dict[str, int]]:
    model = onnx.load(str(path))
    onnx.checker.check_model(model, full_check=True)
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output, *graph.value_info)}
    return graph, types | {t.name: t.data_type for t in graph.initializer}


# Every rounding to float16 is off by 2⁻¹¹ at most. About a dozen layers stand one behind the other, each rounds its
# weights and its result, so logits of a few units are off by some sqrt(24)·2⁻¹¹·3 = 0.7 %. A soft-argmax moves by
# covariance, at most that times the heat map's own spread: half a map, 32 px, 8 bins of RootNet and PoseNet (16 cells),
# 1.2 m in a volume of 2.4 m. The depths of location maps are means of values up to 15 m here, off by a few 2⁻¹¹.
LIMITS: dict[str, float] = {
    "joints_crop_px": 0.25,
    "joint_scores": 2e-3,
    "root_depth_m": 2e-2,
    "root_log_sigma": 2e-3,
    "heat": 3e-3,
    "ltrb": 0.25,
    "root": 0.06,
    "coords": 0.25,
}


def _of_type(path: Path, kind: int) -> list[str]:
    """Operators whose results are of that type, casts apart."""
    graph, types = _inferred(path)
    return [n.op_type for n in graph.node if n.op_type != "Cast" and types.get(n.output[0]) == kind]


@pytest.mark.parametrize("net", EXPORTS)
def test_head_is_float16_and_tail_float32_with_close_values(tmp_path: Path, net: str) -> None:
    limits = {**LIMITS, "relative_depth_m": 0.05 if net == "maps" else 0.01}
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    EXPORTS[net](source)
    half_graph(source, target)
    graph, types = _inferred(target)
    assert {types[v.name] for v in (*graph.input, *graph.output)} == {FLOAT}
    sensitive = {"Softmax", "ReduceSum", "ReduceMean", "Exp", "Sigmoid", "MatMul", "Gemm", "Clip"}
    assert {types[n.input[0]] for n in graph.node if n.op_type in sensitive} == {FLOAT}
    convolutions = [types[n.output[0]] for n in graph.node if n.op_type in ("Conv", "ConvTranspose")]
    assert convolutions.count(FLOAT) == (1 if net == "rootnet" else 0)  # its layer on pooled features
    # One way in, two or one out: nothing in the tail goes through float16 on its way.
    changes = [
        types[n.output[0]]
        for n in graph.node
        if n.op_type == "Cast" and HALF in (types[n.input[0]], types[n.output[0]])
    ]
    assert len(changes) == (2 if net == "posenet" else 3)
    assert changes.count(HALF) == 1
    assert len(_of_type(target, HALF)) > 30
    assert not sensitive & {n.op_type for n in graph.node if types[n.output[0]] == HALF}
    for path in (source, target):  # operators that the oldest TensorRT has
        parsed(make_tensorrt("8.5.2"), path.read_bytes(), Messages())
    feeds = _feeds(source)
    wanted, got = run_graph(source, feeds), run_graph(target, feeds)
    for name, array in wanted.items():
        assert array.std() > 2 * limits[name]  # the net says something that could get lost
        assert np.abs(got[name] - array).max() < limits[name], name


def test_values_stay_close_when_every_step_is_rounded(tmp_path: Path) -> None:
    """ONNX Runtime computes some of float16's layers in float32 on a CPU; ONNX's own evaluator rounds each result."""
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    EXPORTS["volume"](source)
    half_graph(source, target)
    feeds = _feeds(source)
    wanted = run_graph(source, feeds)
    got = ReferenceEvaluator(str(target)).run(None, feeds)
    for (name, array), rounded in zip(wanted.items(), got, strict=True):
        limit = {**LIMITS, "relative_depth_m": 0.01}[name]
        assert rounded.dtype == np.float32
        assert np.abs(rounded - array).max() < limit, name


@pytest.mark.parametrize("engine", ["root_pose", "detector"])
def test_default_engines_keep_their_values(tmp_path: Path, engine: str) -> None:
    limits = {**LIMITS, "relative_depth_m": 2e-3}
    source, target = ENGINES / f"{engine}.onnx", tmp_path / "half.onnx"
    half_graph(source, target)
    feeds = _feeds(source)
    got = run_graph(target, feeds)
    for name, array in run_graph(source, feeds).items():
        assert np.abs(got[name] - array).max() < limits[name], name
    assert target.stat().st_size < 0.6 * source.stat().st_size


def test_smoother_stays_float32_bit_for_bit(tmp_path: Path) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    export_temporal_step(TemporalModel(1, 7, 2, (3, 3), causal=True, channels=8), source)
    half_graph(source, target)
    assert not _of_type(target, HALF)
    assert "Gemm" in _of_type(target, FLOAT)
    feeds = _feeds(source)
    got = run_graph(target, feeds)
    assert all(np.array_equal(got[name], array) for name, array in run_graph(source, feeds).items())


def test_unnamed_nodes_shared_weights_and_a_convolution_as_output(tmp_path: Path) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    # 1/3 is not a float16: the tail must keep all of it, while the head's copy is rounded.
    third = np.full((1, 2, 1, 1), 1 / 3, np.float32)
    nodes = [
        helper.make_node("Mul", ["image", "third"], ["scaled"]),
        conv("scaled", "maps"),
        helper.make_node("Exp", ["maps"], ["raised"]),
        helper.make_node("Mul", ["raised", "third"], ["answer"]),
    ]
    write_graph(source, nodes, {"kernel": KERNEL, "third": third}, ["maps", "answer"])
    half_graph(source, target)
    graph, types = _inferred(target)
    weights = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    factors = [weights[n.input[1]] for n in graph.node if n.op_type == "Mul"]
    assert [f.dtype for f in factors] == [np.float16, np.float32]
    assert factors[1].flat[0] == np.float32(1 / 3)
    assert types["maps"] == FLOAT
    got = run_graph(target, {"image": np.ones(SHAPE, np.float32)})
    # 2 · float16(1/3) = 2 · 0.33325195; the tail then is exact.
    assert got["maps"].flat[0] == pytest.approx(0.6665039, abs=1e-7)
    assert got["answer"].flat[0] == pytest.approx(np.exp(0.6665039) / 3, rel=1e-6)


def test_channel_attention_inside_the_backbone_is_float16(tmp_path: Path) -> None:
    """A squeeze-and-excitation block pools, sees fully connected layers and a sigmoid, and leads to convolutions."""
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        conv("pooled", "gates"),
        helper.make_node("Sigmoid", ["gates"], ["gate"]),
        helper.make_node("Mul", ["image", "gate"], ["gated"]),
        conv("gated", "maps"),
        helper.make_node("Sigmoid", ["maps"], ["answer"]),
    ]
    write_graph(source, nodes, {"kernel": KERNEL})
    half_graph(source, target)
    assert len(_of_type(target, HALF)) == 5
    assert _of_type(target, FLOAT) == ["Sigmoid"]


def test_scales_of_a_resize_stay_float32_constants(tmp_path: Path) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "half.onnx"
    EXPORTS["detector"](source)
    half_graph(source, target)
    graph, types = _inferred(target)
    constant = {t.name for t in graph.initializer}
    resizes = [n for n in graph.node if n.op_type == "Resize"]
    assert len(resizes) == 2
    assert {types[n.output[0]] for n in resizes} == {HALF}
    assert {types[n.input[2]] for n in resizes} == {FLOAT}
    assert all(n.input[2] in constant for n in resizes)
