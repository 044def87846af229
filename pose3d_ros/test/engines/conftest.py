"""Tiny ONNX graphs and manifests that the engine tests run on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attr
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from pose3d_ros.engines import Engine, ManifestEntry, Normalization
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.engines.trial import difference, random_feeds


def save_graph(
    path: Path,
    inputs: list[Any],
    outputs: list[Any],
    nodes: list[Any],
    weights: tuple[Any, ...] = (),
    valid: bool = True,
) -> Path:
    """Write a graph of opset 17. valid: whether it has to be one."""
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if valid:
        onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def adder_feeds(batch: int) -> dict[str, Tensor]:
    """Inputs of the adder; its outputs are 3 a and n."""
    a = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
    return {"a": a, "b": 2 * a, "n": np.arange(batch) + 7}


def farthest(reference: Engine, engine: Engine, entry: ManifestEntry, batch: int, seed: int = 0) -> float:
    """The largest difference between two engines' outputs for the same inputs, over the largest value or 1."""
    given = random_feeds(reference, entry, batch, seed)
    wanted, got = reference.infer(given), engine.infer(given)
    assert wanted.keys() == got.keys()
    return max(difference(wanted[name], got[name]) for name in wanted)


def wait_for_build(name: str) -> None:
    """Wait for the thread that builds this engine in the background."""
    for thread in threading.enumerate():
        if thread.name == f"build {name}":
            thread.join(30)


@pytest.fixture
def adder(tmp_path: Path) -> Path:
    """A graph: total (batch, 3) = a (batch, 3) + b (batch, 3); same (batch,) = n (batch,), int64."""
    pair: list[str | int | None] = ["batch", 3]
    return save_graph(
        tmp_path / "adder.onnx",
        [
            helper.make_tensor_value_info("a", TensorProto.FLOAT, pair),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, pair),
            helper.make_tensor_value_info("n", TensorProto.INT64, ["batch"]),
        ],
        [
            helper.make_tensor_value_info("total", TensorProto.FLOAT, pair),
            helper.make_tensor_value_info("same", TensorProto.INT64, ["batch"]),
        ],
        [helper.make_node("Add", ["a", "b"], ["total"]), helper.make_node("Identity", ["n"], ["same"])],
    )


@pytest.fixture
def make_entry(adder: Path) -> Callable[..., ManifestEntry]:
    """A valid entry for the adder, as a pose engine; keywords replace its fields."""
    entry = ManifestEntry(
        name="adder",
        roles=("root", "pose"),
        file=adder,
        sha256=sha256_of(adder),
        decoder="root_pose_metric",
        input_size_px=(192, 256),
        normalization=Normalization(0.5, (0.1, 0.2, 0.3), (1.0, 2.0, 4.0), "rgb"),
        skeleton="muco21",
        units="metres, crop pixels",
        license="Apache-2.0",
        training_data="none",
        accuracy={"mpjpe_mm": 100.5, "measured_on": "the sample bag"},
        parameters={"stride": 8, "weight": 0.25, "kind": "tiny", "scales": [1.0, 2.0], "names": ["a", "b"]},
    )
    return lambda **changes: attr.evolve(entry, **changes)


@pytest.fixture
def make_device() -> Callable[..., Any]:
    """PyTorch's CPU as a device that records. works: whether it can. recorded, replayed: how often it did."""
    from pose3d_ros.engines.device.torch_device import TorchDevice

    class Recorder(TorchDevice):
        def __init__(self, works: bool = True) -> None:
            super().__init__("cpu")
            self.works, self.recorded, self.replayed = works, 0, 0

        def record(self, enqueue: Callable[[], None]) -> Callable[[], None] | None:
            if not self.works:
                return None
            self.recorded += 1

            def replay() -> None:
                self.replayed += 1
                enqueue()

            return replay

    return Recorder
