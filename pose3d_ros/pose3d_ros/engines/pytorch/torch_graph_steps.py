"""An ONNX graph put in steps: what runs where, what can run once, and when a tensor is read for the last time.

Shape arithmetic runs on the host, as its results decide how much memory the others take and a CUDA graph can't wait
for the device to tell. A step is shape arithmetic if it asks for a shape or everything it reads is known on the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.engines.pytorch.torch_ops import OPERATORS, SHAPE_OPERATORS
from pose3d_ros.engines.pytorch.torch_ops.base import Operator
from pose3d_ros.errors import EngineError

if TYPE_CHECKING:
    from pose3d_ros.engines.graphs.plain_graph import PlainGraph, PlainNode


@dataclass(frozen=True)
class Step:
    """A node with its operator.

    on_host: it is shape arithmetic. constant: it follows from the initializers alone. done: names that no later step
    reads.
    """

    node: PlainNode
    operator: Operator
    on_host: bool
    constant: bool
    done: tuple[str, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the tensors it reads where it runs, those that only decide a shape apart."""
        skipped = () if self.on_host else self.operator.reads
        return tuple(name for i, name in enumerate(self.node.inputs) if name and i not in skipped)


def planned(path: Path, graph: PlainGraph, on_host: Iterable[str]) -> tuple[Step, ...]:
    """The graph's nodes as steps, in its order.

    on_host: initializers that are in the host's memory. Raises EngineError that lists all operators nobody knows here,
    or all nodes whose shape depends on data.
    """
    _require_known(path, graph)
    last = _last_readers(graph)
    constants, host = set(graph.initializers), set(on_host)
    steps = []
    for i, node in enumerate(graph.nodes):
        given = {name for name in node.inputs if name}
        here = node.op in SHAPE_OPERATORS or given <= host
        constant = given <= constants
        host |= set(node.outputs) if here else set()
        constants |= set(node.outputs) if constant else set()
        steps.append(Step(node, OPERATORS[node.op], here, constant, last.get(i, ())))
    _require_known_shapes(path, steps, host)
    return tuple(steps)


def _last_readers(graph: PlainGraph) -> Mapping[int, tuple[str, ...]]:
    """Number of a node → the tensors that nobody reads behind it."""
    readers = {name: i for i, node in enumerate(graph.nodes) for name in (*node.inputs, *node.outputs) if name}
    kept = {spec.name for spec in graph.outputs}
    return {
        i: tuple(name for name in (*node.inputs, *node.outputs) if readers.get(name) == i and name not in kept)
        for i, node in enumerate(graph.nodes)
    }


def _require_known(path: Path, graph: PlainGraph) -> None:
    unknown = sorted({node.op for node in graph.nodes} - OPERATORS.keys())
    if unknown:
        raise EngineError(
            f"engine {path.name}",
            expected="operators that PyTorch runs here",
            got=", ".join(unknown),
            fix="Export the graph without them (a detector without its NonMaxSuppression), or use onnxruntime.",
        )


def _require_known_shapes(path: Path, steps: Iterable[Step], host: set[str]) -> None:
    found = [
        f"{name} in {s.node.name} ({s.node.op})"
        for s in steps
        for i, name in enumerate(s.node.inputs)
        if name and i in s.operator.reads and name not in host
    ]
    if found:
        raise EngineError(
            f"engine {path.name}",
            expected="shapes that follow from the inputs' shapes",
            got="some that depend on data: " + ", ".join(found),
            fix="Export it with fixed sizes, or use onnxruntime.",
        )
