"""Where a graph's steps run on PyTorch's operators, in which memory, and what they leave behind."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from pose3d_ros.engines.graphs.plain_graph import read_plain_graph
from pose3d_ros.engines.pytorch.torch_graph import TorchGraph
from pose3d_ros.engines.pytorch.torch_graph_steps import planned

from .one_node import Node, floats, ints, noise, run, write_graph

ENGINES = Path(__file__).resolve().parents[3] / "engines" / "default"
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch, which lacks annotations here
    """Notes PyTorch's operators that run, those that go from one device to another, and what convolutions read."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[str] = []
        self.crossing: list[str] = []
        self.convolved: list[torch.Tensor] = []
        self.results: list[weakref.ref[torch.Tensor]] = []
        self.alive: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.seen.append(func.name())
        tensors = [t for t in tree_flatten((args, kwargs, result))[0] if isinstance(t, torch.Tensor)]
        if len({t.device.type for t in tensors}) > 1:
            self.crossing.append(func.name())
        if func.name() in ("aten::conv2d", "aten::conv_transpose2d.input"):
            self.convolved += args[:2]
        self.results += [weakref.ref(t) for t in tree_flatten(result)[0] if isinstance(t, torch.Tensor)]
        self.alive.append(sum(r() is not None for r in self.results))
        return result


def _watched(graph: TorchGraph, feeds: Mapping[str, torch.Tensor]) -> _Watch:
    watch = _Watch()
    with watch:
        graph(feeds)
    return watch


@pytest.mark.parametrize("name", ["root_pose", "detector"])
def test_images_and_weights_of_convolutions_are_in_channels_last(name: str) -> None:
    graph = TorchGraph(ENGINES / f"{name}.onnx")
    feeds = {k: torch.from_numpy(v) for k, v in noise(graph.inputs, 2).items()}
    convolved = _watched(graph, feeds).convolved
    assert len(convolved) == 2 * 27
    assert all(t.is_contiguous(memory_format=torch.channels_last) for t in convolved)
    assert all(t.is_contiguous() for t in graph(feeds).values())


@pytest.mark.parametrize("name", ["root_pose", "detector", "smoother"])
def test_a_second_run_reads_nothing_back_and_copies_nothing_over(name: str) -> None:
    """As a recorded CUDA graph asks. The device `meta` has no data, so what needs some on the host fails."""
    graph = TorchGraph(ENGINES / f"{name}.onnx", device="meta")
    feeds = {k: torch.from_numpy(v).to("meta") for k, v in noise(graph.inputs, 2).items()}
    graph(feeds)
    assert _watched(graph, feeds).crossing == []
    assert {t.device.type for t in graph(feeds).values()} == {"meta"}


SHAPE_ARITHMETIC: list[Node] = [
    ("Shape", ["x"], ["shape"], {}),
    ("Gather", ["shape", "last"], ["width"], {}),
    ("Cast", ["width"], ["width_f"], {"to": FLOAT}),
    ("Mul", ["x", "width_f"], ["scaled"], {}),
    ("Mul", ["width", "two"], ["twice"], {}),
    ("Unsqueeze", ["twice", "first"], ["twice_1"], {}),
    ("Range", ["zero", "width", "one"], ["columns"], {}),
    ("Cast", ["columns"], ["columns_f"], {"to": FLOAT}),
    ("Add", ["scaled", "columns_f"], ["shifted"], {}),
    ("Concat", ["kept", "twice_1"], ["wanted"], {"axis": 0}),
    ("Reshape", ["shifted", "wanted"], ["y"], {}),
]
SHAPE_WEIGHTS = {
    "last": np.array(3),
    "two": np.array(2),
    "zero": np.array(0),
    "one": np.array(1),
    "first": ints(0),
    "kept": ints(0, 0, -1),
}


def test_what_follows_from_shapes_is_computed_on_the_host(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "net.onnx", SHAPE_ARITHMETIC, SHAPE_WEIGHTS)
    x = floats(2, 3, 6, 8)
    expected = (x * 8 + np.arange(8, dtype=np.float32)).reshape(2, 3, 3, 16)
    graph = TorchGraph(path)
    for _ in range(2):
        np.testing.assert_allclose(run(graph, {"x": x})["y"], expected, rtol=1e-6)
    wider = floats(1, 3, 2, 4)
    np.testing.assert_allclose(run(graph, {"x": wider})["y"], (wider * 4 + np.arange(4)).reshape(1, 3, 1, 8), rtol=1e-6)
    away = TorchGraph(path, device="meta")
    feeds = {"x": torch.from_numpy(x).to("meta")}
    assert len(_watched(away, feeds).crossing) == 2  # the width and the columns, which the data are mixed with
    again = _watched(away, feeds)
    assert again.crossing == []
    assert "aten::arange" not in again.seen


def test_steps_say_where_they_run_and_what_is_done_behind_them(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Transpose", ["matrix"], ["turned"], {}),
        ("Relu", ["x"], ["a"], {}),
        ("Shape", ["a"], ["lengths"], {}),
        ("MatMul", ["a", "turned"], ["b"], {}),
        ("Add", ["b", "a"], ["c"], {}),
        ("Reshape", ["c", "lengths"], ["y"], {}),
    ]
    path = write_graph(tmp_path / "net.onnx", nodes, {"matrix": floats(8, 8)}, {"y": (FLOAT, 4), "lengths": (INT, 1)})
    steps = planned(path, read_plain_graph(path), ())
    assert [s.node.op for s in steps if s.on_host] == ["Shape"]
    assert [s.node.op for s in steps if s.constant] == ["Transpose"]
    assert [set(s.done) for s in steps] == [{"matrix"}, {"x"}, set(), {"turned"}, {"a", "b"}, {"c"}]
    x = floats(2, 3, 8, 8)
    graph = TorchGraph(path)
    np.testing.assert_array_equal(run(graph, {"x": x})["lengths"], [2, 3, 8, 8])
    names = _watched(graph, {"x": torch.from_numpy(x)}).seen
    assert not {"aten::permute", "aten::t", "aten::transpose.int"} & set(names)  # done once


def test_a_result_is_freed_when_the_last_step_that_reads_it_is_done(tmp_path: Path) -> None:
    chain = ["x", "a", "b", "c", "d", "y"]
    nodes: list[Node] = [("Neg", [a], [b], {}) for a, b in itertools.pairwise(chain)]
    graph = TorchGraph(write_graph(tmp_path / "net.onnx", nodes))
    alive = _watched(graph, {"x": torch.zeros(1, 3, 4, 4)}).alive
    assert len(alive) > 5
    assert max(alive) == 2  # what a step reads and what it makes


def test_outputs_have_memory_of_their_own(tmp_path: Path) -> None:
    nodes: list[Node] = [
        ("Identity", ["x"], ["y"], {}),
        ("Identity", ["weight"], ["w"], {}),
        ("Shape", ["x"], ["lengths"], {}),
    ]
    path = write_graph(
        tmp_path / "net.onnx", nodes, {"weight": floats(2, 2)}, {"y": (FLOAT, 4), "w": (FLOAT, 2), "lengths": (INT, 1)}
    )
    graph, x = TorchGraph(path), torch.from_numpy(floats(1, 1, 2, 2))
    first = graph({"x": x})
    before = {name: t.numpy().copy() for name, t in first.items()}
    with torch.inference_mode():
        for tensor in first.values():
            tensor.zero_()
    for name, tensor in graph({"x": x}).items():
        np.testing.assert_array_equal(tensor.numpy(), before[name])
