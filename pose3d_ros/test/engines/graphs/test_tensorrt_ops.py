"""Operators that TensorRT takes: all of ours in float, half and int8; refusals with their reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines.graphs.fp16_conversion import half_graph
from pose3d_ros.engines.graphs.quantize import quantized_graph
from pose3d_ros.engines.graphs.tensorrt_ops import unsupported_ops
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
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.temporal_net import TemporalModel

ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
H36M = get_skeleton("h36m17")
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def _detector(path: Path) -> float:
    return export_detector(PersonDetector("resnet10w8", 8), path)


def _volume(path: Path) -> float:
    return export_root_pose(RootPoseNet("resnet10w8", H36M, 64, deconv_channels=8), path)


def _maps(path: Path) -> float:
    net = RootPoseNet("resnet10w8", H36M, 64, deconv_channels=8, depth_bins=0, refine_channels=8)
    return export_root_pose(net, path)


def _rootnet(path: Path) -> float:
    return export_rootnet(RootNet("resnet10w8", 64), path)


def _posenet(path: Path) -> float:
    return export_posenet(PoseNet(2, "resnet10w8", 64), path)


def _temporal(path: Path) -> float:
    return export_temporal_step(TemporalModel(1, 7, 2, (3, 3), causal=True, channels=8), path)


def _ones(path: Path) -> dict[str, Any]:
    lengths = {"batch": 1, "height": 64, "width": 64}
    inputs = onnx.load(str(path)).graph.input
    shapes = {v.name: [lengths.get(d.dim_param, d.dim_value) for d in v.type.tensor_type.shape.dim] for v in inputs}
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("export", [_detector, _volume, _maps, _rootnet, _posenet, _temporal])
def test_every_graph_of_ours_is_supported_by_the_oldest_version_in_every_precision(
    tmp_path: Path, export: Callable[[Path], float]
) -> None:
    path, half, int8 = (tmp_path / f"{name}.onnx" for name in ("net", "half", "int8"))
    export(path)
    half_graph(path, half)
    quantized_graph(path, int8, [_ones(path)])
    for graph in (path, half, int8):
        assert unsupported_ops(graph) == []


@pytest.mark.parametrize("engine", ["detector", "root_pose", "smoother"])
def test_the_default_engines_are_supported_in_float_and_half(tmp_path: Path, engine: str) -> None:
    path, half = ENGINES / f"{engine}.onnx", tmp_path / "half.onnx"
    half_graph(path, half)
    assert unsupported_ops(path) == []
    assert unsupported_ops(half) == []


def _graph(
    path: Path,
    nodes: list[onnx.NodeProto],
    *,
    weights: dict[str, Any] | None = None,
    inputs: dict[str, int] | None = None,
    result: int = FLOAT,
    opset: int = 17,
) -> Path:
    """A graph on x (1, 2, 8, 8) whose result is y, and on the vectors that `inputs` names with their types."""
    graph = helper.make_graph(
        nodes,
        "net",
        [
            helper.make_tensor_value_info("x", FLOAT, [1, 2, 8, 8]),
            *(helper.make_tensor_value_info(name, kind, [1]) for name, kind in (inputs or {}).items()),
        ],
        [helper.make_tensor_value_info("y", result, [None] * 4)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


def _node(op_type: str, *inputs: str, **attributes: Any) -> list[onnx.NodeProto]:
    return [helper.make_node(op_type, ["x", *inputs], ["y"], name="one", **attributes)]


INT8_ZERO, UINT8_ZERO = np.int8(0), np.uint8(128)
SCALE = np.float32(0.1)

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nodes": _node("Unique")}, "one: Unique: not supported"),
    ({"nodes": _node("Det")}, "one: Det: not supported"),
    (
        {"nodes": _node("NonZero"), "result": INT64},
        "one: NonZero: the size of its result depends on data, which a recorded CUDA graph can't follow",
    ),
    (
        {"nodes": _node("Warp", domain="com.example")},
        "one: Warp: operators of the domain com.example need a plugin",
    ),
    (
        {"nodes": _node("LayerNormalization", "scale"), "weights": {"scale": np.ones(8, np.float32)}},
        "one: LayerNormalization: supported from TensorRT 8.6, not in 8.5",
    ),
    ({"nodes": _node("ReduceSum", "axes"), "inputs": {"axes": INT64}}, "one: ReduceSum: its axes must be constant"),
    (
        {"nodes": _node("MaxPool", kernel_shape=[2, 2], dilations=[2, 1])},
        "one: MaxPool: dilations must be 1",
    ),
    (
        {"nodes": _node("Resize", "", "scales", mode="cubic"), "weights": {"scales": np.ones(4, np.float32)}},
        "one: Resize: mode cubic is not supported",
    ),
    (
        {
            "nodes": _node("QuantizeLinear", "scale", "zero"),
            "weights": {"scale": SCALE, "zero": UINT8_ZERO},
            "result": TensorProto.UINT8,
        },
        "one: QuantizeLinear: its zero point must be given, constant, int8 and 0",
    ),
    (
        {
            "nodes": _node("QuantizeLinear", "scale", "zero"),
            "weights": {"scale": np.float32(0), "zero": INT8_ZERO},
            "result": TensorProto.INT8,
        },
        "one: QuantizeLinear: its scale must be constant and positive",
    ),
    (
        {"nodes": _node("Cast", to=TensorProto.UINT16), "result": TensorProto.UINT16},
        "one: Cast: the type UINT16 of y is not supported",
    ),
]


@pytest.mark.parametrize(("graph", "message"), REFUSED, ids=[m.split(": ")[1] for _, m in REFUSED])
def test_an_operator_that_tensorrt_does_not_take_is_named_with_the_reason(
    tmp_path: Path, graph: dict[str, Any], message: str
) -> None:
    assert message in unsupported_ops(_graph(tmp_path / "net.onnx", **graph))


def test_what_a_later_version_takes_is_supported_there(tmp_path: Path) -> None:
    weights = {"scale": np.ones(8, np.float32)}
    path = _graph(tmp_path / "net.onnx", _node("LayerNormalization", "scale"), weights=weights)
    assert unsupported_ops(path, (8, 6)) == []
    newer = _graph(tmp_path / "newer.onnx", _node("Gelu"), opset=20)
    assert unsupported_ops(newer, (10, 3)) == []
    assert unsupported_ops(newer, (8, 6)) == [
        "newer.onnx: opset 20: TensorRT 8.6 reads up to 17",
        "one: Gelu: supported from TensorRT 10.0, not in 8.6",
    ]


def test_branches_are_looked_into_and_a_nameless_node_is_told(tmp_path: Path) -> None:
    then = helper.make_graph(
        [helper.make_node("Det", ["x"], ["a"])], "then", [], [helper.make_tensor_value_info("a", FLOAT, [None] * 4)]
    )
    otherwise = helper.make_graph(
        [helper.make_node("Exp", ["x"], ["b"])], "else", [], [helper.make_tensor_value_info("b", FLOAT, [None] * 4)]
    )
    branch = helper.make_node("If", ["yes"], ["y"], then_branch=then, else_branch=otherwise)
    path = _graph(tmp_path / "net.onnx", [branch], weights={"yes": np.array(True)})
    assert unsupported_ops(path) == ["unnamed: Det: not supported"]


def test_an_argument_from_a_constant_node_is_constant(tmp_path: Path) -> None:
    axes = helper.make_node("Constant", [], ["axes"], value=numpy_helper.from_array(np.array([1], np.int64)))
    assert unsupported_ops(_graph(tmp_path / "net.onnx", [axes, *_node("ReduceSum", "axes")])) == []


def test_a_file_that_is_no_graph_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(EngineError, match="expected a valid ONNX graph"):
        unsupported_ops(path)
