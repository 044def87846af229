"""ONNX files: whole graphs come out, whatever else goes in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.engines.graphs.fixed_shapes import write_fixed
from pose3d_ros.engines.graphs.fp16_conversion import half_graph
from pose3d_ros.engines.graphs.onnx_graph import write_widened
from pose3d_ros.engines.graphs.quantize import quantized_graph
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.graph_file import graph_metadata, graph_tensors, joined_graph, read_graph
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import EngineError

LOADERS: dict[str, Callable[[Path], object]] = {
    "reader": read_graph,
    "onnxruntime": OnnxEngine,
    "fp16": lambda path: half_graph(path, path.with_name("half.onnx")),
    "int8": lambda path: quantized_graph(path, path.with_name("int8.onnx"), []),
    "fixed": lambda path: write_fixed(path, path.with_name("fixed.onnx"), {"x": (1, 4)}),
    "widened": lambda path: write_widened(path, path.with_name("widened.onnx")),
}


def adder(path: Path, location: str | None = None, **pair: str) -> Path:
    """A graph that adds 0, 1, 2, 3; its weights lie in another file if there is a location."""
    weights = np.arange(4, dtype=np.float32)
    tensor = numpy_helper.from_array(weights, "w")
    if location is not None:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **pair}.items():
            tensor.external_data.add(key=key, value=value)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "adder", [x], [y], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"task": "detect"})
    path.write_bytes(model.SerializeToString())
    return path


def nodes(*made: onnx.NodeProto, **constants: object) -> bytes:
    """A graph of these nodes, of which the last makes `y`."""
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(made), "made", [], [y], tensors)
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def answer(content: bytes) -> list[float]:
    """What the adder makes of zeros."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return list(map(float, session.run(None, {"x": np.zeros((1, 4), np.float32)})[0][0]))


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("place", ["beside", "above", "absolute"])
def test_weights_in_other_files_are_loaded_by_nothing(tmp_path: Path, loader: str, place: str) -> None:
    (tmp_path / "models").mkdir()
    weights = tmp_path / "models" / "w.bin" if place == "beside" else tmp_path / "w.bin"
    weights.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    location = {"beside": "w.bin", "above": "../w.bin", "absolute": str(weights)}[place]
    path = adder(tmp_path / "models" / "adder.onnx", location)
    with pytest.raises(EngineError, match=r"weights in .*w\.bin.*onnx\.save"):
        LOADERS[loader](path)


def test_weights_beside_a_graph_are_joined_to_it(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"\xff" * 4 + np.arange(4, dtype=np.float32).tobytes() + b"\xff")
    joined = joined_graph(adder(tmp_path / "adder.onnx", "w.bin", offset="4", length="16"))
    assert joined is not None
    assert answer(joined) == [0.0, 1.0, 2.0, 3.0]
    assert onnx.load_model_from_string(joined) == onnx.load(adder(tmp_path / "whole.onnx"))
    assert joined_graph(tmp_path / "whole.onnx") is None


@pytest.mark.parametrize(
    ("location", "pair", "message"),
    [
        ("../w.bin", {}, "weights in files of"),
        ("/etc/hostname", {}, "weights in files of"),
        ("link", {}, "weights in files of"),
        ("nul\0", {}, "weights in files of"),
        ("pipe", {}, "got a pipe"),
        ("missing", {}, "no such file"),
        ("w.bin", {"offset": "8", "length": "16"}, "a file of 16 bytes"),
        ("w.bin", {"offset": "-8"}, "a file of 16 bytes"),
        ("w.bin", {"offset": "x"}, "a file of 16 bytes"),
    ],
)
def test_weights_that_are_elsewhere_or_cut_are_not_joined(
    tmp_path: Path, location: str, pair: dict[str, str], message: str
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for path in (folder / "w.bin", tmp_path / "w.bin"):
        path.write_bytes(bytes(16))
    (folder / "link").symlink_to(tmp_path / "w.bin")
    os.mkfifo(folder / "pipe")
    with pytest.raises(EngineError, match=message):
        joined_graph(adder(folder / "adder.onnx", location, **pair))


def test_what_was_checked_is_what_runs(tmp_path: Path) -> None:
    path = adder(tmp_path / "adder.onnx")
    sha256 = sha256_of(path)
    with OnnxEngine(path, sha256=sha256) as engine:
        zeros = {"x": np.zeros((1, 4), np.float32)}
        before = engine.infer(zeros)["y"]
        with path.open("r+b") as file:  # in place, and cut
            file.write(b"\0" * 20)
            file.truncate(30)
        assert np.array_equal(engine.infer(zeros)["y"], before)
        path.unlink()
        assert np.array_equal(engine.infer(zeros)["y"], before)
    path.write_bytes(adder(tmp_path / "other.onnx").read_bytes() + b"\x32\x01x")
    with pytest.raises(EngineError, match=rf"expected sha256 {sha256}, got .*pose3d import"):
        OnnxEngine(path, sha256=sha256)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page, saved instead of the file.*browser"),
        (b"PK\x03\x04" + bytes(30) + b"archive/data.pkl", "a PyTorch checkpoint.*yolo export"),
        (b"\x80\x02\x8a\x0al\xfc", "a PyTorch checkpoint.*Export it to ONNX"),
        (b"ftrt" + bytes(90), "a TensorRT engine.*pose3d engines build"),
        (b'\x10\0\0\0{"task": "detect"}ftrt', "a TensorRT engine"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite.*models get"),
        (bytes(300), "another file, or a damaged one"),
        (b"\x08\x08", "another file, or a damaged one"),
    ],
)
def test_what_is_no_graph_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(EngineError, match=message):
        read_graph(tmp_path / "model.onnx")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "missing", tmp_path / ("x" * 300)):
        with pytest.raises(EngineError, match="expected an ONNX file"):
            read_graph(path)


@pytest.mark.parametrize(
    "content",
    [
        nodes(helper.make_node("ConstantOfShape", ["s"], ["y"]), s=np.array([1 << 14, 1 << 15])),
        nodes(
            helper.make_node("Constant", [], ["s"], value_ints=[1 << 31]),
            helper.make_node("ConstantOfShape", ["s"], ["y"]),
        ),
        nodes(helper.make_node("Expand", ["x", "s"], ["y"]), x=np.zeros(1, np.float32), s=np.array([1 << 30])),
        nodes(helper.make_node("Tile", ["x", "s"], ["y"]), x=np.zeros(1, np.float32), s=np.array([1 << 30])),
        nodes(helper.make_node("Range", ["a", "b", "c"], ["y"]), a=np.array(0), b=np.array(1 << 40), c=np.array(1)),
        nodes(helper.make_node("RandomNormal", [], ["y"], shape=[1 << 15, 1 << 15])),
    ],
    ids=["filled", "filled by a node", "expanded", "tiled", "counted", "random"],
)
def test_graph_that_makes_gigabytes_of_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    assert len(content) < 449
    with pytest.raises(EngineError, match="numbers made of constants"):
        read_graph(tmp_path / "model.onnx")


def test_tensor_larger_than_its_data_is_refused(tmp_path: Path) -> None:
    path = adder(tmp_path / "adder.onnx")
    model = onnx.load(path)
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match="as large as their data"):
        read_graph(path)


@pytest.mark.parametrize("width", [4, 0])
def test_input_of_terabytes_is_refused(tmp_path: Path, width: int) -> None:
    path = adder(tmp_path / "adder.onnx")
    model = onnx.load(path)
    lengths = model.graph.input[0].type.tensor_type.shape.dim
    lengths[0].dim_value, lengths[1].dim_value = 1 << 40, width
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match="inputs and outputs of up to"):
        read_graph(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [("strides", [0, 1]), ("pads", [0, 0, 0, -1]), ("dilations", [1, 1 << 40]), ("kernel_shape", [0, 3]), ("group", 0)],
)
def test_convolution_that_would_end_the_process_is_refused(tmp_path: Path, name: str, value: object) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    node.attribute.append(helper.make_attribute(name, value))
    content = nodes(node, x=np.ones((1, 1, 4, 4), np.float32), w=np.ones((1, 1, 3, 3), np.float32))
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(EngineError, match=f"{name} of Conv from"):
        read_graph(tmp_path / "model.onnx")


def test_names_are_utf_8(tmp_path: Path) -> None:
    path = adder(tmp_path / "adder.onnx")
    path.write_bytes(path.read_bytes().replace(b"\x0a\x01x", b"\x0a\x01\xff"))
    with pytest.raises(EngineError, match=r"UTF-8|valid ONNX"):
        OnnxEngine(path)


@pytest.mark.parametrize(
    ("ir_version", "opset", "message"),
    [(99, 17, "a graph of IR version 99, where the installed"), (8, 99, "a graph of opset 99, where the installed")],
)
def test_graph_of_a_newer_onnx_is_refused_with_the_remedy(
    tmp_path: Path, ir_version: int, opset: int, message: str
) -> None:
    path = adder(tmp_path / "adder.onnx")
    model = onnx.load(path)
    model.ir_version, model.opset_import[0].version = ir_version, opset
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match=rf"{message}.*pip install --upgrade onnxruntime.*opset 17"):
        OnnxEngine(path)


def test_metadata_and_tensors_are_read(tmp_path: Path) -> None:
    content = read_graph(adder(tmp_path / "adder.onnx"))
    assert graph_metadata(content) == {"task": "detect"}
    assert graph_tensors(content, "inputs") == {"x": (None, 4)}
    assert graph_tensors(content, "outputs") == {"y": (None, 4)}
