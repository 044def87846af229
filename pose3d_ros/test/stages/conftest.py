"""Constant ONNX graphs run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from pose3d_ros.engines import Engine, OnnxEngine

MakeNet = Callable[..., Engine]


@pytest.fixture
def make_net(tmp_path: Path) -> Iterator[MakeNet]:
    """make_net({output: array}, **{input: (dtype, shape)}) → an OnnxEngine of a graph that answers these arrays."""
    opened: list[Engine] = []

    def make(answers: Mapping[str, npt.ArrayLike], **inputs: tuple[int, Sequence[int | str]]) -> Engine:
        values = {name: np.asarray(array, np.float32) for name, array in answers.items()}
        graph = helper.make_graph(
            [helper.make_node("Constant", [], [n], value=numpy_helper.from_array(a, n)) for n, a in values.items()],
            "constant",
            [helper.make_tensor_value_info(name, kind, list(shape)) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, list(a.shape)) for n, a in values.items()],
        )
        path = tmp_path / f"net{len(opened)}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
        opened.append(OnnxEngine(path, threads=1))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()
