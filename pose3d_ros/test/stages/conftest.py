"""Engines that answer what a test tells them, and the manifest entries that go with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from pose3d_ros.engines import Engine, ManifestEntry, Normalization, OnnxEngine, TensorSpec

Feeds = Mapping[str, npt.NDArray[Any]]
Answer = Callable[[Feeds], dict[str, npt.NDArray[Any]]]
MakeEngine = Callable[..., Engine]
MakeEntry = Callable[..., ManifestEntry]


class AnsweringEngine(Engine):
    """Gives what `answer` makes of its feeds, and keeps the feeds of every call."""

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], answer: Answer) -> None:
        super().__init__("answering", inputs, outputs)
        self.answer = answer
        self.calls: list[Feeds] = []

    def _run(self, feeds: Feeds) -> dict[str, npt.NDArray[Any]]:
        self.calls.append(feeds)
        return self.answer(feeds)

    def _release(self) -> None:
        self.calls = []


@pytest.fixture
def make_engine() -> MakeEngine:
    def make(answer: Answer, inputs: Mapping[str, tuple[int | str, ...]], **outputs: tuple[int | str, ...]) -> Engine:
        specs = tuple(TensorSpec(name, shape, "float32") for name, shape in inputs.items())
        return AnsweringEngine(specs, tuple(TensorSpec(n, s, "float32") for n, s in outputs.items()), answer)

    return make


@pytest.fixture
def make_entry() -> MakeEntry:
    def make(decoder: str, **changes: Any) -> ManifestEntry:
        fields: dict[str, Any] = {
            "name": "test",
            "roles": ("pose", "root"),
            "file": Path("test.onnx"),
            "sha256": "0" * 64,
            "decoder": decoder,
            "input_size_px": None,
            "normalization": Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb"),
            "skeleton": None,
            "units": "m",
            "license": "Apache-2.0",
            "training_data": "none",
        }
        return ManifestEntry(**{**fields, **changes})

    return make


@pytest.fixture
def make_net(tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """make_net({output: array}, **{input: (dtype, shape)}) → an OnnxEngine of a graph that answers these arrays."""
    opened: list[Engine] = []

    def make(answers: Mapping[str, npt.ArrayLike], **inputs: tuple[int, Sequence[int | str]]) -> Engine:
        arrays = {name: np.asarray(array) for name, array in answers.items()}
        values = {
            name: array.astype(np.float32) if array.dtype.kind == "f" else array for name, array in arrays.items()
        }
        kinds = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in values.items()}
        graph = helper.make_graph(
            [helper.make_node("Constant", [], [n], value=numpy_helper.from_array(a, n)) for n, a in values.items()],
            "constant",
            [helper.make_tensor_value_info(name, kind, list(shape)) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, kinds[n], list(a.shape)) for n, a in values.items()],
        )
        path = tmp_path / f"net{len(opened)}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        opened.append(OnnxEngine(path, threads=1))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()
