"""Which inputs and outputs of a graph play which role, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines import RoleEngine
from pose3d_ros.errors import EngineError
from pose3d_ros.stages.io_matching import FLOATS, INTEGERS, BoundEngine, Port, image_port, output, port

from ..conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

IMAGE, SIZE = port("image", 1, 3, 8, 8, dtypes=FLOATS), port("size", 1, 2, dtypes=INTEGERS)
VECTORS, SCALARS = port("vectors", None, 3), port("scalars", None)


def bind(inputs: Shapes, outputs: Shapes, ins: list[Port], outs: list[Port], /, **parameters: Any) -> BoundEngine:
    """Bind a graph of float32 inputs and outputs that answers with ones."""

    def answer(feeds: Tensors) -> Tensors:
        people = len(next(iter(feeds.values())))
        shapes = {name: [n if isinstance(n, int) else people for n in shape] for name, shape in outputs.items()}
        return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}

    entry = manifest_entry("any", parameters=parameters)
    return BoundEngine(RoleEngine(AnsweringEngine(answer, inputs, outputs), entry), ins, outs)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"image": (1, 3, 8, 8)}, {"scalars": (1,), "vectors": (1, 3)}),  # by name
        ({"x": (1, 3, 8, 8)}, {"a": ("n",), "b": ("n", 3)}),  # by kind
    ],
)
def test_ports_are_found_by_name_or_kind_in_any_order(inputs: Shapes, outputs: Shapes) -> None:
    raw = bind(inputs, outputs, [IMAGE], [VECTORS, SCALARS]).infer({"image": np.zeros((1, 3, 8, 8), np.float32)})
    assert raw["vectors"].shape == (1, 3)
    assert raw["scalars"].shape == (1,)


def test_parameters_name_ports_of_one_kind() -> None:
    others = port("others", None, 3)
    names = {"image_input": "right", "outputs": ["b", "a"]}
    bound = bind({"right": (1, 3, 8, 8)}, {"a": ("n", 3), "b": ("n", 3)}, [IMAGE], [VECTORS, others], **names)
    assert bound.inputs["image"].name == "right"
    with pytest.raises(EngineError, match=r"inputs of .* expected left: float32 .* got right"):
        bind({"right": (1, 3, 8, 8)}, {"vectors": (1, 3)}, [IMAGE], [VECTORS], image_input="left")
    with pytest.raises(EngineError, match=r"parameter outputs of test: expected a list of 1 names"):
        bind({"image": (1, 3, 8, 8)}, {"vectors": (1, 3)}, [IMAGE], [VECTORS], outputs=["a", "b"])


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ({}, {"vectors": (1, 3)}, "inputs of .* got none"),
        ({"image": (1, 3, 8, 9)}, {"vectors": (1, 3)}, r"image: float32 or float16 \(1, 3, 8, 8\), and nothing else"),
        ({"image": (1, 3, 8, 8), "more": (1,)}, {"vectors": (1, 3)}, "and nothing else, got image: .*; more"),
        ({"a": (1, 3, 8, 8), "b": (1, 3, 8, 8)}, {"vectors": (1, 3)}, "and nothing else, got a: .*; b"),
        (
            {"image": (1, 3, 8, 8)},
            {"vectors": (1, 4)},
            r"outputs of .* expected vectors: float32 \(any, 3\), got vectors",
        ),
        ({"image": (1, 3, 8, 8)}, {"vectors": (1, 3, 1)}, "outputs of"),
        ({"image": (1, 3, 8, 8)}, {}, "outputs of .* got none"),
    ],
)
def test_another_graph_is_refused(inputs: Shapes, outputs: Shapes, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        bind(inputs, outputs, [IMAGE], [VECTORS])


def test_input_of_another_type_is_refused() -> None:
    with pytest.raises(EngineError, match=r"size: int64 or int32"):
        bind({"image": (1, 3, 8, 8), "size": (1, 2)}, {"vectors": (1, 3)}, [IMAGE, SIZE], [VECTORS])


@pytest.mark.parametrize(
    ("size", "shape"), [((8, 4), ("n", 3, 4, 8)), ((8, 4), (1, 3, "h", "w")), (None, (1, 3, "h", "w"))]
)
def test_image_fits_fixed_and_dynamic_axes(size: Any, shape: Any) -> None:
    image = image_port(manifest_entry("any", input_size_px=size))
    assert bind({"x": shape}, {"vectors": (1, 3)}, [image], [VECTORS]).inputs["image"].name == "x"
    for wrong in ((1, 3, 5, 8), (2, 3, "h", "w"), (1, 4, "h", "w"), (3, "h", "w")):
        with pytest.raises(EngineError, match="image: float32 or float16"):
            bind({"x": wrong}, {"vectors": (1, 3)}, [image], [VECTORS])


def test_graph_of_batch_size_one_is_run_for_each_person() -> None:
    bound = bind({"x": (1, 3), "k": ("n",)}, {"vectors": (1, 3)}, [port("x", None, 3), port("k", None)], [VECTORS])
    raw = bound.infer({"x": np.zeros((4, 3), np.float32), "k": np.zeros(4)})
    assert raw["vectors"].shape == (4, 3)


def test_output_must_be_there_and_fit() -> None:
    raw = {"y": np.ones((2, 3), np.float32)}
    assert output(raw, "y", (2, None)).dtype == np.float64
    with pytest.raises(EngineError, match=r"output z: expected shape \(any\), got no such output"):
        output(raw, "z", (None,))
    with pytest.raises(EngineError, match=r"output y: expected shape \(2, 4\), got \(2, 3\)"):
        output(raw, "y", (2, 4))
