"""Tiny ONNX detectors with the inputs and outputs of real exports, run by the real engine and stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pose3d_ros.config.settings import DetectorConfig
from pose3d_ros.engines import Engine, ManifestEntry, Normalization, OnnxEngine, RoleEngine
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Frame
from pose3d_ros.stages.detect.detector import Detector

Array = npt.NDArray[Any]
Axes = Sequence[int | str]
Make = Callable[..., Detector]

RGB = Normalization(1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb")
IMAGE: Mapping[str, Axes] = {"images": (1, 3, 64, 64)}


def value(name: str, axes: Axes, dtype: Any = np.float32) -> Any:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(axes))


def constant(name: str, array: Array) -> Any:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array)))


def save(path: Path, inputs: list[Any], outputs: list[Any], nodes: list[Any]) -> Path:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def red_box_nodes(image_axes: int) -> list[Any]:
    """`edges` (1, 4): x0, y0, x1, y1 of what is red (channel 0 over 0.9) in `images`, from the left and top edge."""
    node = helper.make_node
    found = [
        constant("channel", np.array(0)),
        constant("bright", np.array(0.9, np.float32)),
        constant("one", np.array([[1.0]], np.float32)),
        constant("flat", np.array([1, -1])),
        node("Gather", ["images", "channel"], ["plane"], axis=image_axes - 3),
        node("Greater", ["plane", "bright"], ["is_red"]),
        node("Cast", ["is_red"], ["red"], to=TensorProto.FLOAT),
    ]
    for side, low, high, across in (("x", "x0", "x1", -2), ("y", "y0", "y1", -1)):
        found += [
            node("ReduceMax", ["red"], [f"{side}_line"], axes=[across], keepdims=0),
            node("Reshape", [f"{side}_line", "flat"], [f"{side}_row"]),
            node("ArgMax", [f"{side}_row"], [f"{low}_int"], axis=1),
            node("ArgMax", [f"{side}_row"], [f"{high}_int"], axis=1, select_last_index=1),
            node("Cast", [f"{low}_int"], [low], to=TensorProto.FLOAT),
            node("Cast", [f"{high}_int"], [f"{high}_last"], to=TensorProto.FLOAT),
            node("Add", [f"{high}_last", "one"], [high]),
        ]
    return [*found, node("Concat", ["x0", "y0", "x1", "y1"], ["edges"], axis=1)]


@pytest.fixture
def constant_detector(make_net: Callable[..., Engine], make_entry: Callable[..., ManifestEntry]) -> Make:
    """A detector whose network answers with the same outputs whatever it sees."""

    def make(
        decoder: str,
        outputs: Mapping[str, Array],
        inputs: Mapping[str, Axes] = IMAGE,
        entry: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Detector:
        fields = {"input_size_px": (64, 64), "normalization": RGB, **(entry or {})}
        kinds = {name: TensorProto.INT64 if name == "orig_target_sizes" else TensorProto.FLOAT for name in inputs}
        net = make_net(outputs, **{name: (kinds[name], axes) for name, axes in inputs.items()})
        return Detector(RoleEngine(net, make_entry(decoder, **fields)), DetectorConfig(**config))

    return make


@pytest.fixture
def red_box_detector(tmp_path: Path, make_entry: Callable[..., ManifestEntry]) -> Iterator[Make]:
    """A detector that finds what is red; head: nodes that make the outputs of its `edges`."""
    opened: list[Engine] = []

    def make(
        decoder: str, inputs: list[Any], outputs: list[Any], head: list[Any], size_px: tuple[int, int] | None
    ) -> Detector:
        axes = len(inputs[0].type.tensor_type.shape.dim)
        path = save(tmp_path / "red.onnx", inputs, outputs, [*red_box_nodes(axes), *head])
        opened.append(OnnxEngine(path, threads=1))
        return Detector(RoleEngine(opened[-1], make_entry(decoder, input_size_px=size_px, normalization=RGB)))

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def tools() -> Any:
    """`value` and `constant`, for the graphs that a test makes itself."""

    class Tools:
        value = staticmethod(value)
        constant = staticmethod(constant)

    return Tools


@pytest.fixture
def frame() -> Callable[..., Frame]:
    """A black image, with a red rectangle x0, y0, x1, y1 if one is given."""

    def make(width_px: int, height_px: int, red: tuple[int, int, int, int] | None = None) -> Frame:
        image = np.zeros((height_px, width_px, 3), dtype=np.uint8)
        if red is not None:
            image[red[1] : red[3], red[0] : red[2]] = (0, 0, 255)
        return Frame(image, Camera.from_hfov(60.0, width_px, height_px), 0)

    return make
