"""What an ONNX operator written in PyTorch is, and how it reads its node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from pose3d_ros.errors import EngineError

if TYPE_CHECKING:
    from pose3d_ros.engines.graphs.plain_graph import PlainNode


class Values(Protocol):
    """The tensors of a run, by name."""

    def host(self, name: str) -> Tensor | None:
        """In the host's memory; None for one that depends on data."""

    def device(self, name: str) -> Tensor: ...


@dataclass(frozen=True)
class Call:
    """A node about to run. `call[i]` is its input i where the node runs: on the device, or of shape arithmetic, which
    `on_host` says, on the host.
    """

    node: PlainNode
    opset: int
    values: Values
    on_host: bool

    def has(self, index: int) -> bool:
        """Whether input `index` is given."""
        return index < len(self.node.inputs) and self.node.inputs[index] != ""

    def __getitem__(self, index: int) -> Tensor:
        if not self.has(index):
            raise self.refused(f"an input {index}", "none")
        known = self.known(index) if self.on_host else None
        return self.values.device(self.node.inputs[index]) if known is None else known

    def get(self, index: int) -> Tensor | None:
        return self[index] if self.has(index) else None

    def all(self) -> tuple[Tensor, ...]:
        return tuple(self[i] for i in range(len(self.node.inputs)))

    def known(self, index: int) -> Tensor | None:
        """Input `index` in the host's memory, if it is given and does not depend on data."""
        return self.values.host(self.node.inputs[index]) if self.has(index) else None

    def read(self, index: int) -> Tensor:
        """Input `index` in the host's memory, for what decides a shape."""
        known = self.known(index)
        if known is None:
            raise self.refused(f"an input {index} that follows from shapes", "one that depends on data")
        return known

    def numbers(self, index: int) -> tuple[int, ...]:
        """The whole numbers of input `index`."""
        return tuple(int(n) for n in self.read(index).reshape(-1).tolist())

    def wants(self, output: int) -> bool:
        """Whether somebody may read that output."""
        return output < len(self.node.outputs) and self.node.outputs[output] != ""

    def given(self, name: str) -> bool:
        """Whether the node has that attribute."""
        return name in self.node.attributes

    def integer(self, name: str, default: int | None = None) -> int:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int):
            raise self.refused(f"a whole number {name}", repr(value))
        return value

    def number(self, name: str, default: float) -> float:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise self.refused(f"a number {name}", repr(value))
        return float(value)

    def text(self, name: str, default: str) -> str:
        return str(self.node.attributes.get(name, default))

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        value = self.node.attributes.get(name, default)
        if not isinstance(value, tuple):
            raise self.refused(f"whole numbers {name}", repr(value))
        return tuple(int(n) for n in value)

    def tensor(self, name: str) -> Tensor | None:
        """The attribute as a tensor on the host, None where it is not given."""
        value = self.node.attributes.get(name)
        return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else None

    def refused(self, expected: str, got: str) -> EngineError:
        """The error about a node that can't be run."""
        return EngineError(
            f"node {self.node.name} ({self.node.op})",
            expected=expected,
            got=got,
            fix="Export the graph without it, or use the backend onnxruntime.",
        )


Run = Callable[[Call], Tensor | tuple[Tensor, ...]]


@dataclass(frozen=True)
class Operator:
    """How to run a node. reads: the inputs that decide a shape, so their values must be known without the data."""

    run: Run
    reads: tuple[int, ...] = ()


def from_function(function: Callable[..., Tensor]) -> Operator:
    """An operator without attributes: the function of all its inputs."""
    return Operator(lambda call: function(*call.all()))


def wrapped_axis(call: Call, axis: int, rank: int) -> int:
    """The axis counted from the front. Raises EngineError for one that is not there."""
    if not -rank <= axis < rank:
        raise call.refused(f"an axis within ±{rank}", f"{axis}")
    return axis % rank
