"""Small ONNX graphs, run by ONNX Runtime and by PyTorch's operators, and what to feed to graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper

from pose3d_ros.engines import TensorSpec
from pose3d_ros.engines.pytorch.torch_graph import TorchGraph

Array = npt.NDArray[Any]
Node = tuple[str, list[str], list[str], dict[str, Any]]
"""Operator, inputs, outputs and attributes of one node of a graph."""


@dataclass(frozen=True)
class Case:
    """A node. inputs: its arrays, None for one that is left out. fixed: numbers of those that are initializers."""

    op: str
    inputs: Sequence[Array | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    opset: int = 17
    outputs: int = 1
    """The first of them are wanted."""

    def __str__(self) -> str:
        shapes = "_".join("x".join(map(str, a.shape)) or "scalar" for a in self.inputs if a is not None)
        words = "_".join(f"{k}={v}" for k, v in self.attributes.items() if not isinstance(v, onnx.TensorProto))
        return f"{self.op}-{self.opset}-{shapes}-{words}".replace(" ", "").replace("/", ":")

    @property
    def feeds(self) -> dict[str, Array]:
        """What a run is given."""
        return {f"x{i}": a for i, a in enumerate(self.inputs) if a is not None and i not in self.fixed}

    def model(self, outputs: Sequence[ValueInfoProto] | None = None) -> ModelProto:
        """The graph. outputs: as the runtime found them."""
        names = ["" if a is None else f"x{i}" for i, a in enumerate(self.inputs)]
        wanted = [ValueInfoProto(name=f"y{i}") for i in range(self.outputs)] if outputs is None else outputs
        node = helper.make_node(self.op, names, [f"y{i}" for i in range(self.outputs)], **self.attributes)
        weights = [(f"x{i}", a) for i, a in enumerate(self.inputs) if i in self.fixed and a is not None]
        graph = helper.make_graph(
            [node],
            "one",
            [_info(name, array) for name, array in self.feeds.items()],
            list(wanted),
            [numpy_helper.from_array(array, name) for name, array in weights],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def by_onnxruntime(case: Case) -> list[Array]:
    session = onnxruntime.InferenceSession(case.model().SerializeToString(), providers=["CPUExecutionProvider"])
    results: list[Array] = session.run(None, case.feeds)
    return results


def by_torch(case: Case, directory: Path, results: Sequence[Array]) -> list[Array]:
    """results: arrays of the types and ranks that the outputs have."""
    infos = [_info(f"y{i}", array) for i, array in enumerate(results)]
    onnx.save(case.model(infos), str(directory / "one.onnx"))
    graph = TorchGraph(directory / "one.onnx")
    return list(run(graph, case.feeds).values())


def assert_same(case: Case, directory: Path) -> None:
    """The values, shapes and types of PyTorch are ONNX Runtime's."""
    expected = by_onnxruntime(case)
    got = by_torch(case, directory, expected)
    for want, have in zip(expected, got, strict=True):
        assert (have.dtype, have.shape) == (want.dtype, want.shape)
        np.testing.assert_allclose(have, want, atol=1e-5, rtol=1e-5)


def _info(name: str, array: Array) -> ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, kind, [f"{name}_{i}" for i in range(array.ndim)])


def floats(*shape: int, seed: int = 0) -> Array:
    """Numbers around 0, none of them a tie for rounding."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


def scalar(value: float, dtype: str = "float32") -> Array:
    return np.array(value, dtype=dtype)


def noise(inputs: Sequence[TensorSpec], batch: int) -> dict[str, Array]:
    """Arrays for a net's inputs: noise, and for a number of each crop something near 4, as focal lengths are."""
    lengths = {"batch": batch, "height": 64 + 32 * batch, "width": 96, "frames": 8 + batch}
    shapes = {s.name: [lengths[n] if isinstance(n, str) else n for n in s.shape] for s in inputs}
    made = {name: floats(*shape, seed=i) for i, (name, shape) in enumerate(shapes.items())}
    return {name: 4 + np.tanh(a) if a.ndim == 1 else a for name, a in made.items()}


def run(graph: TorchGraph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """The graph's answer, on a CPU."""
    answer = graph({name: torch.from_numpy(array) for name, array in feeds.items()})
    return {name: tensor.numpy() for name, tensor in answer.items()}


def write_graph(
    path: Path,
    nodes: Sequence[Node],
    weights: Mapping[str, Array] | None = None,
    outputs: Mapping[str, tuple[int, int]] | None = None,
) -> Path:
    """A graph on `x` (n, c, h, w). outputs: name → type, rank; y."""
    made = [
        helper.make_node(op, given, results, name=f"{op}_{i}", **attributes)
        for i, (op, given, results, attributes) in enumerate(nodes)
    ]
    infos = (outputs or {"y": (onnx.TensorProto.FLOAT, 4)}).items()
    graph = helper.make_graph(
        made,
        "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, list("nchw"))],
        [helper.make_tensor_value_info(name, kind, [None] * rank) for name, (kind, rank) in infos],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path
