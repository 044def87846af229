"""ONNX files that were tampered with: an engine that runs, or EngineError."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing import fuzz
from hostile_inputs import hostile_paths, mutated_bytes
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.graph_file import graph_metadata, graph_tensors, joined_graph, read_graph
from pose3d_ros.errors import EngineError
from reliability_log import ReliabilityLog


def graph(text: str, **constants: object) -> bytes:
    """A graph in ONNX's text form, serialized."""
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> hostile {text}')
    for name, value in constants.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value), name))
    onnx.helper.set_model_props(model, {"task": "detect"})
    return bytes(model.SerializeToString())


GRAPHS = (
    graph(
        """(float[n, 3, 8, 8] image) => (float[n, 4, 4, 4] y) {
            a = Conv <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]> (image, w, b)
            y = Relu (a)
        }""",
        w=np.ones((4, 3, 3, 3), np.float32),
        b=np.zeros(4, np.float32),
    ),
    graph(
        """(float[n, 4] x) => (float[n, 4] y) {
            s = Shape (x) z = ConstantOfShape (s) e = Expand (x, s) t = Tile (e, r) a = Slice (t, i, j) y = Add (a, z)
        }""",
        r=np.array([1, 1]),
        i=np.array([0]),
        j=np.array([4]),
    ),
    graph(
        "(float[n, 6] x) => (float[n, 2, 3] y) { r = Reshape (x, s) p = Pad (r, q) y = Softmax (p) }",
        s=np.array([-1, 2, 3]),
        q=np.zeros(6, np.int64),
    ),
)


def run(path: Path, content: bytes) -> None:
    """Read the file as all readers do, open it, and run it once on zeros."""
    path.write_bytes(content)
    for side in ("inputs", "outputs"):
        graph_tensors(read_graph(path), side)
    graph_metadata(read_graph(path))
    joined_graph(path)
    with OnnxEngine(path, threads=1) as engine:
        shapes = {spec: [n if isinstance(n, int) else 1 for n in spec.shape] for spec in engine.inputs}
        engine.infer({spec.name: np.zeros(shape, spec.dtype) for spec, shape in shapes.items()})


@pytest.mark.parametrize("content", GRAPHS)
def test_graphs_run_as_they_are(tmp_path: Path, content: bytes) -> None:
    run(tmp_path / "model.onnx", content)


def test_paths_without_a_graph_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(EngineError) as caught:
            read_graph(path)
        assert len(str(caught.value)) < 8000, name


@given(chance=st.randoms())
def test_any_graph_runs_or_is_refused(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(EngineError):
        run(tmp_path_factory.getbasetemp() / "model.onnx", mutated_bytes(chance.choice(GRAPHS), chance))


@pytest.mark.slow
def test_100000_graphs(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    def check(chance: random.Random) -> None:
        run(tmp_path / "model.onnx", mutated_bytes(chance.choice(GRAPHS), chance))

    found = fuzz(check, 100_000)
    record_promise("fuzzing: ONNX files", "an engine that runs or EngineError, no blow-up", str(found), found.kept)
