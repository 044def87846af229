"""Where a run's tensors lie in device memory."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import GraphTensor
from .memory import Buffer, DeviceMemory
from .misuse import MisuseError
from .plan import Shape
from .stream import FakeStream

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class State:
    """Everything a run depends on, besides the contents of memory; graphs are valid for one state only."""

    profile: int
    shapes: tuple[Shape, ...]
    addresses: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """A tensor in memory."""

    tensor: GraphTensor
    shape: Shape
    address: int
    buffer: Buffer

    def read(self, stream: FakeStream, call: str) -> Array:
        """Its values. Raises MisuseError when the buffer holds another type."""
        dtype = self.tensor.numpy_dtype
        if self.buffer.dtype is not None and self.buffer.dtype != dtype:  # NumPy takes None for float64
            raise MisuseError(call, f"{self.tensor.name} is {dtype}, its buffer holds {self.buffer.dtype}")
        nbytes = _nbytes(self.tensor, self.shape)
        stream.reads(self.buffer, self.address, nbytes)
        return np.frombuffer(ctypes.string_at(self.address, nbytes), dtype).reshape(self.shape)

    def write(self, stream: FakeStream, values: Array) -> None:
        stream.writes(self.buffer)
        self.buffer.fill(self.address, values, by_engine=True)


def find_places(
    memory: DeviceMemory, tensors: Sequence[GraphTensor], state: State, outputs: tuple[Shape, ...], call: str
) -> list[Place]:
    """Where every tensor lies, inputs first. Raises MisuseError for a range that is not all one tensor's own memory."""
    shapes = (*state.shapes, *outputs)
    places = [
        Place(tensor, shape, address, memory.find(address, _nbytes(tensor, shape), call))
        for tensor, shape, address in zip(tensors, shapes, state.addresses, strict=True)
    ]
    written = [place.buffer for place in places[len(state.shapes) :]]
    if any(sum(place.buffer is buffer for place in places) > 1 for buffer in written):
        raise MisuseError(call, "an output shares its buffer with another tensor")
    return places


def _nbytes(tensor: GraphTensor, shape: Shape) -> int:
    return math.prod(shape) * tensor.numpy_dtype.itemsize
