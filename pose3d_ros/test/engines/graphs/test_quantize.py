"""INT8 in the graph: pairs as TensorRT reads them, values against float32, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from onnx import GraphProto, NodeProto, numpy_helper
from torch import nn

from pose3d_ros.engines.graphs.quantize import quantized_graph
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.detector_net import PersonDetector
from pose3d_training.nets.exported_graphs import export_detector, export_root_pose, export_temporal_step
from pose3d_training.nets.root_pose_net import RootPoseNet
from pose3d_training.nets.temporal_net import TemporalModel

from ..tensorrt.tensorrt_stand_in import Messages, make_tensorrt, parsed
from .conftest import Feeds, lively, run_graph

Array = npt.NDArray[np.float32]
PAIR = ("QuantizeLinear", "DequantizeLinear")


@pytest.fixture(scope="module")
def root_pose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "root_pose.onnx"
    net = lively(RootPoseNet("resnet10w8", get_skeleton("h36m17"), 64, deconv_channels=8, depth_bins=8))
    export_root_pose(net, path)
    return path


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("float") / "detector.onnx"
    net = lively(PersonDetector("resnet10w8", 8))
    for layer in (net.heat_layer, net.ltrb_layer):
        nn.init.normal_(layer.weight, std=0.02, generator=torch.Generator().manual_seed(0))
    export_detector(net, path)
    return path


def _images(count: int, shape: tuple[int, ...] = (1, 3, 64, 96)) -> Iterator[Feeds]:
    random = np.random.default_rng(1)
    for _ in range(count):
        yield {"image": random.normal(size=shape).astype(np.float32)}


def _crops(count: int) -> Iterator[Feeds]:
    for feeds in _images(count, (2, 3, 64, 64)):
        yield {**feeds, "k_m": np.array([4.0, 6.0], np.float32)}


def _pairs(graph: GraphProto) -> list[tuple[NodeProto, NodeProto]]:
    """Each QuantizeLinear with the DequantizeLinear behind it, its only reader."""
    readers = {name: n for n in graph.node for name in n.input}
    return [(n, readers[n.output[0]]) for n in graph.node if n.op_type == PAIR[0]]


def test_every_quantization_pair_is_one_that_tensorrt_parses(root_pose: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    report = quantized_graph(root_pose, target, _crops(2))
    model = onnx.load(str(target))
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    parsed(make_tensorrt("8.5.2"), target.read_bytes(), Messages())  # operators that the oldest TensorRT has
    graph = model.graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    makers = {name: n for n in graph.node for name in n.output}
    for q, dq in _pairs(graph):
        assert (dq.op_type, list(dq.input[1:])) == (PAIR[1], list(q.input[1:]))
        zero = values[q.input[2]]
        assert zero.dtype == np.int8
        assert not zero.any()
    layers = [n for n in graph.node if n.op_type == "Conv" and n.input[1] in makers]
    assert len(layers) == report.layers == 13
    for layer in layers:
        assert makers[layer.input[0]].op_type == PAIR[1]
        weight, scale, _ = (values[name] for name in makers[makers[layer.input[1]].input[0]].input)
        assert weight.dtype == np.float32
        np.testing.assert_allclose(scale, np.abs(weight).max(axis=(1, 2, 3)) / 127, rtol=1e-5)
        assert values[layer.input[2]].dtype == np.float32  # the bias, with no pair


def test_tail_last_layers_and_transposed_convolutions_read_plain_tensors(root_pose: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    report = quantized_graph(root_pose, target, _crops(1))
    graph = onnx.load(str(target)).graph
    from_pairs = {n.output[0] for n in graph.node if n.op_type == PAIR[1]}
    readers = {n.op_type for n in graph.node if from_pairs & set(n.input)}
    assert readers == {"Conv", "Add"}  # Add: a block's shortcut, which TensorRT fuses in int8
    operators = {n.name: n.op_type for n in graph.node}
    assert [operators[name] for name in report.left_out] == ["ConvTranspose", "Conv", *["MatMul"] * 2, *["Gemm"] * 3]
    assert "volume_layer" in report.left_out[1]
    assert report.samples == 1
    assert str(report) == "13 layers in int8, 7 in float32, measured on 1 inputs"


def _run_with_logits(path: Path, feeds: Feeds) -> dict[str, Array]:
    """The outputs, and under `logits` what the softmax over the heat maps sees."""
    model = onnx.load(str(path))
    [layer] = [n for n in model.graph.node if "volume_layer" in n.name and n.op_type == "Conv"]
    model.graph.output.append(onnx.helper.make_tensor_value_info(layer.output[0], onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    *names, _ = [o.name for o in session.get_outputs()]
    return dict(zip([*names, "logits"], session.run(None, feeds), strict=True))


def _rms(array: Array) -> float:
    return float(np.sqrt(np.mean(array**2)))


def test_int8_is_close_to_float32_on_the_calibration_data(root_pose: Path, tmp_path: Path) -> None:
    """Errors stay within what rounding explains.

    Logits: a tensor's largest value is some 4 standard deviations here, so a step is 4/127 of one and rounding is
    off by that over sqrt(12), 0.9 %; weights the same; over a dozen layers in series some 5 %. A joint then moves by
    the covariance of place and error under its heat map (the derivative of an expectation under a softmax), at most
    the error times the map's spread, and that is a flat map's at most: 64 px, or 2.4 m, over sqrt(12).
    """
    target = tmp_path / "int8.onnx"
    quantized_graph(root_pose, target, _crops(4))
    for feeds in _crops(4):
        wanted, got = _run_with_logits(root_pose, feeds), _run_with_logits(target, feeds)
        off = {name: _rms(got[name] - array) for name, array in wanted.items()}
        assert 0.005 * wanted["logits"].std() < off["logits"] < 0.08 * wanted["logits"].std()
        assert off["joints_crop_px"] < off["logits"] * 64 / 12**0.5
        assert off["relative_depth_m"] < off["logits"] * 2.4 / 12**0.5
        assert off["joint_scores"] < 0.08 * wanted["joint_scores"].std()


def test_detector_keeps_its_dynamic_size(detector: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    report = quantized_graph(detector, target, _images(2))
    assert [name.split("/")[-2] for name in report.left_out] == ["heat_layer", "ltrb_layer"]
    graph = onnx.load(str(target)).graph
    assert [d.dim_param for d in graph.input[0].type.tensor_type.shape.dim] == ["batch", "", "height", "width"]
    feeds = {"image": np.random.default_rng(2).normal(size=(3, 3, 128, 64)).astype(np.float32)}
    got = run_graph(target, feeds)
    for name, wanted in run_graph(detector, feeds).items():
        assert np.sqrt(np.mean((got[name] - wanted) ** 2)) < 0.2 * wanted.std()  # on data it was not calibrated on


def test_smoother_stays_float32(tmp_path: Path) -> None:
    source, target = tmp_path / "net.onnx", tmp_path / "int8.onnx"
    export_temporal_step(TemporalModel(1, 7, 2, (3,), causal=True, channels=8), source)
    feeds = {"x": np.ones((2, 7), np.float32), "state_0": np.ones((2, 7, 2), np.float32)}
    report = quantized_graph(source, target, [feeds])
    assert (report.layers, report.samples) == (0, 1)
    operators = {n.name: n.op_type for n in onnx.load(str(target)).graph.node}
    assert {operators[name] for name in report.left_out} == {"Gemm"}
    got = run_graph(target, feeds)
    assert all(np.allclose(got[name], array, atol=1e-6) for name, array in run_graph(source, feeds).items())


def test_largest_value_gives_the_range(detector: Path, tmp_path: Path) -> None:
    target = tmp_path / "int8.onnx"
    images = [{"image": np.full((1, 3, 64, 64), value, np.float32)} for value in (0.5, -2.54, 1.0)]
    quantized_graph(detector, target, images)
    graph = onnx.load(str(target)).graph
    values = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    [scale] = [values[n.input[1]] for n in graph.node if n.op_type == PAIR[0] and n.input[0] == "image"]
    assert scale == pytest.approx(2.54 / 127)


IMAGE = np.zeros((1, 3, 64, 64), np.float32)
NOT_A_NUMBER = IMAGE.copy()
NOT_A_NUMBER[0, 1, 2, 3] = np.nan


@pytest.mark.parametrize(
    ("calibration", "message"),
    [
        ([], "expected at least one set of inputs, got none. Give a few hundred crops"),
        ([{"picture": IMAGE}], "expected image, got picture"),
        ([{"image": IMAGE[:, :1]}], r"expected float32 \(batch, 3, height, width\), not empty, got float32 \(1, 1, 64"),
        ([{"image": IMAGE.astype(np.float64)}], "got float64"),
        ([{"image": IMAGE}, {"image": NOT_A_NUMBER}], "calibration data 1 .* got NaN or infinity in image"),
        ([{"image": np.full_like(IMAGE, 3e38)}], "answer to calibration data 0 .* got NaN or infinity in"),
    ],
    ids=["none", "name", "shape", "dtype", "nan", "overflow"],
)
def test_calibration_data_that_does_not_fit_is_refused(
    detector: Path, tmp_path: Path, calibration: list[Feeds], message: str
) -> None:
    target = tmp_path / "int8.onnx"
    target.write_bytes(b"the engine before")
    with pytest.raises(EngineError, match=message):
        quantized_graph(detector, target, calibration)
    assert target.read_bytes() == b"the engine before"
    assert [p.name for p in tmp_path.iterdir()] == ["int8.onnx"]
