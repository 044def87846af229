"""ONNX files that were tampered with: an engine that runs, or EngineError."""

from __future__ import annotations

import contextlib
import dataclasses
import faulthandler
import json
import os
import random
import resource
from pathlib import Path

import numpy as np
import onnx.defs
import onnx.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing import Fuzzed, fuzz_here
from hostile_inputs import hostile_paths, mutated_bytes
from pose3d_ros.engines.guarded_trial import try_apart
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


OPERATORS = [schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain]
ATTRIBUTES = (
    "axis axes perm to pads strides dilations group kernel_shape keepdims mode size blocksize num_outputs".split()
)
MOST_BYTES = 2 << 30
NUMBERS = (0, -1, 1, 2, 7, 64, 1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, -(1 << 63))


def test_paths_without_a_graph_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(EngineError) as caught:
            read_graph(path)
        assert len(str(caught.value)) < 8000, name


def extreme(chance: random.Random) -> bytes:
    """A well-formed file with some numbers, types, names and operators replaced."""
    model = onnx.load_model_from_string(chance.choice(GRAPHS))
    for _ in range(chance.randint(1, 4)):
        node, tensor = chance.choice(model.graph.node), chance.choice(model.graph.initializer)
        info, number = chance.choice([*model.graph.input, *model.graph.output]), chance.choice(NUMBERS)
        change = chance.randrange(7)
        if change == 0:
            node.op_type = chance.choice(OPERATORS)
        elif change == 1:
            node.attribute.append(
                onnx.helper.make_attribute(chance.choice(ATTRIBUTES), [number] * chance.randint(1, 4))
            )
        elif change == 2 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice([*tensor.name, *node.output, "x", ""])
        elif change == 3 and tensor.data_type == onnx.TensorProto.INT64:
            at = 8 * chance.randrange(len(tensor.raw_data) // 8)
            data = number.to_bytes(8, "little", signed=True)
            tensor.raw_data = tensor.raw_data[:at] + data + tensor.raw_data[at + 8 :]
        elif change == 4:
            tensor.data_type = chance.randrange(24)
        elif change == 5:
            tensor.dims.append(number)
        else:
            chance.choice(info.type.tensor_type.shape.dim).dim_value = number
    return bytes(model.SerializeToString())


def hostile(chance: random.Random) -> bytes:
    """A file that was tampered with."""
    return extreme(chance) if chance.random() < 0.4 else mutated_bytes(chance.choice(GRAPHS), chance)


def look(path: Path, content: bytes) -> None:
    """Read the file as all readers do, without a runtime."""
    path.write_bytes(content)
    for side in ("inputs", "outputs"):
        graph_tensors(read_graph(path), side)
    graph_metadata(read_graph(path))
    joined_graph(path)


def run(path: Path, content: bytes) -> None:
    """Read the file, open it, and run it once on zeros."""
    look(path, content)
    with OnnxEngine(path, threads=1) as engine:
        shapes = {spec: [n if isinstance(n, int) else 1 for n in spec.shape] for spec in engine.inputs}
        engine.infer({spec.name: np.zeros(shape, spec.dtype) for spec, shape in shapes.items()})


@pytest.mark.parametrize("content", GRAPHS)
def test_graphs_run_as_they_are(tmp_path: Path, content: bytes) -> None:
    run(tmp_path / "model.onnx", content)


@given(chance=st.randoms(use_true_random=True))
def test_any_graph_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, chance: random.Random) -> None:
    with contextlib.suppress(EngineError):
        look(tmp_path_factory.getbasetemp() / "model.onnx", hostile(chance))


_INPUTS, _A_PROCESS = 100_000, 500


def run_apart(path: Path, first_seed: int, inputs: int) -> tuple[Fuzzed | None, int]:
    """What came of so many inputs in a process of its own, None where the runtime ended it, and the last seed."""
    path.with_suffix(".seed").write_text(str(first_seed))
    if not (child := os.fork()):
        status = 1
        with contextlib.suppress(BaseException):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_DATA, (MOST_BYTES, MOST_BYTES))  # as the trial of an import has
            faulthandler.disable()

            def check(chance: random.Random) -> None:
                content = hostile(chance)
                path.write_bytes(content)
                run(path, content)

            results = []
            for seed in range(first_seed, first_seed + inputs):
                path.with_suffix(".seed").write_text(str(seed))
                try:
                    results.append(fuzz_here(check, range(seed, seed + 1)))
                except AssertionError as error:
                    path.with_suffix(".json").write_text(json.dumps(str(error)))
                    os._exit(2)
            summary = Fuzzed(
                inputs,
                sum(one.refused for one in results),
                max(one.slowest_s for one in results),
                sum(one.added_mib for one in results),
            )
            path.with_suffix(".json").write_text(json.dumps(dataclasses.asdict(summary)))
            status = 0
        os._exit(status)
    _, status = os.waitpid(child, 0)
    last = int(path.with_suffix(".seed").read_text())
    if os.WIFSIGNALED(status):
        return None, last
    found = json.loads(path.with_suffix(".json").read_text())
    assert os.WEXITSTATUS(status) == 0, found
    return Fuzzed(**found), last


@pytest.mark.slow
def test_100000_graphs(tmp_path: Path, record_promise: ReliabilityLog) -> None:
    """Where the runtime itself crashes, the trial of `pose3d import` refuses the file."""
    path, seed, done, crashes = tmp_path / "model.onnx", 0, [], 0
    while seed < _INPUTS:
        found, last = run_apart(path, seed, min(_A_PROCESS, _INPUTS - seed))
        if found is None:
            crashes += 1
            with pytest.raises(EngineError):
                try_apart(path, None)
        else:
            done.append(found)
        seed = last + 1
    slowest_s, added_mib = max(one.slowest_s for one in done), max(one.added_mib for one in done)
    figure = f"{seed} inputs; slowest {slowest_s:.2f} s, memory +{added_mib:.0f} MiB, {crashes} crashes of the runtime"
    promise = "within 2 GiB an engine that runs or EngineError; what ends the runtime is refused by import's trial"
    record_promise("fuzzing: ONNX files", promise, figure, added_mib < MOST_BYTES >> 20)
