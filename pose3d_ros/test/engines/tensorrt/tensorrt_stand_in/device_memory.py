"""Host memory that stands for a GPU's, with one stream: the host sees results once it has waited for the stream."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Work = Callable[[], None]
ALIGNMENT_BYTES = 256
_NEVER_WRITTEN = 0xFF  # NaN in floats, -1 in integers: what was never written must not look like zeros
_STREAM = 0x5000


class MisuseError(Exception):
    """The code under test did what TensorRT or CUDA leaves undefined, or documents as an error."""

    def __init__(self, call: str, problem: str) -> None:
        super().__init__(f"{call}: {problem}")


class Checked:
    """TensorRT's bool (Python's can't be subclassed), which knows whether it was tested."""

    def __init__(self, call: str, value: bool) -> None:
        self._call, self._value, self._seen = call, value, False

    def __bool__(self) -> bool:
        self._seen = True
        return self._value

    def demand(self) -> None:
        """Raises MisuseError for a False that was never tested."""
        if not self._value and not self._seen:
            raise MisuseError(self._call, "it returned False, which was not checked")


class Block:
    """One allocation at a multiple of 256 bytes, which holds one tensor at a time."""

    def __init__(self, nbytes: int) -> None:
        self._storage = np.full(nbytes + ALIGNMENT_BYTES, _NEVER_WRITTEN, np.uint8)
        self.address = -(-self._storage.ctypes.data // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        self.nbytes, self.freed = nbytes, False
        self.dtype: np.dtype[Any] | None = None

    def write(self, values: Array) -> None:
        """Fill its start. Raises MisuseError for too many bytes."""
        if values.nbytes > self.nbytes:
            raise MisuseError("copy to the device", f"{values.nbytes} bytes to a buffer of {self.nbytes}")
        ctypes.memmove(self.address, np.ascontiguousarray(values).ctypes.data, values.nbytes)
        self.dtype = values.dtype

    def read(self, what: str, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Array:
        """A copy of its start as an array. Raises MisuseError where it holds another type."""
        wanted = np.dtype(dtype)
        if self.dtype is None or self.dtype != wanted:  # NumPy takes None for float64
            raise MisuseError("read of the device", f"{what} is {wanted}, its buffer holds {self.dtype}")
        nbytes = int(np.prod(shape)) * wanted.itemsize
        return np.frombuffer(ctypes.string_at(self.address, nbytes), wanted).reshape(shape)


class CapturedGraph:
    """What was queued on the stream while it was captured. failed: CUDA drops the capture when an enqueue failed."""

    def __init__(self) -> None:
        self.works: list[Work] = []
        self.failed = False

    def replay(self) -> None:
        """Run what was recorded. Raises MisuseError after a failed capture and an empty one."""
        if self.failed or not self.works:
            raise MisuseError("replay of a graph", "the capture failed" if self.failed else "nothing was captured")
        for work in self.works:
            work()


class DeviceMemory:
    """One device and one stream. Freed blocks are kept, so that no address is given out twice."""

    def __init__(self) -> None:
        self.graph: CapturedGraph | None = None
        self._blocks: list[Block] = []
        self._downloads: list[tuple[Array, Array]] = []
        self._answers: list[Checked] = []

    @property
    def stream(self) -> int:
        return _STREAM

    @property
    def live(self) -> int:
        """How many blocks are not freed."""
        return sum(not block.freed for block in self._blocks)

    def new_block(self, nbytes: int) -> Block:
        self._blocks.append(Block(nbytes))
        return self._blocks[-1]

    def find(self, address: int, nbytes: int, call: str) -> Block:
        """The live block that begins there. Raises MisuseError for a freed one, none, and one that is too small."""
        block = next((block for block in self._blocks if block.address == address), None)
        if block is None:
            raise MisuseError(call, f"address {address:#x} is not device memory")
        if block.freed:
            raise MisuseError(call, f"address {address:#x} lies in a freed buffer")
        if nbytes > block.nbytes:
            raise MisuseError(call, f"{nbytes} bytes at {address:#x}, where the buffer has {block.nbytes}")
        return block

    def submit(self, work: Work) -> None:
        """Run this in the stream's order; while the stream is captured, record it instead."""
        if self.graph is None:
            work()
        else:
            self.graph.works.append(work)

    def demand_later(self, answer: Checked) -> None:
        """Demand, before anything is downloaded or waited for, that this answer was checked."""
        self._answers.append(answer)

    def download(self, block: Block, target: Array) -> None:
        """Queue a copy to the host; `target` is rubbish until the stream was waited for."""
        self._demand_answers()
        self.submit(lambda: self._copy_out(block, target))

    def _copy_out(self, block: Block, target: Array) -> None:
        self._downloads.append((target, block.read("the array", target.dtype, target.shape)))
        target.reshape(-1).view(np.uint8)[...] = _NEVER_WRITTEN

    def synchronize(self) -> None:
        """Wait for all work. Raises MisuseError while capturing, and for a False that was not checked."""
        if self.graph is not None:
            raise MisuseError("synchronize", "the stream is being captured")
        self._demand_answers()
        for target, values in self._downloads:
            target[...] = values
        self._downloads.clear()

    def _demand_answers(self) -> None:
        for answer in self._answers:
            answer.demand()
        self._answers.clear()

    @contextmanager
    def capture(self) -> Iterator[CapturedGraph]:
        """Record what is queued inside the block, instead of running it."""
        self.graph = graph = CapturedGraph()
        try:
            yield graph
        finally:
            self.graph = None
