"""Streams and captured graphs: work runs when it is enqueued, but its results count as there only when synchronized."""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .misuse import Checked, MisuseError

if TYPE_CHECKING:
    from .memory import Buffer

Array = npt.NDArray[Any]
Work = Callable[["FakeStream"], None]


@dataclass(frozen=True)
class _Input:
    """A range that enqueued work reads: it must be the same when the stream is synchronized."""

    address: int
    nbytes: int
    checksum: int


class FakeStream:
    """A stream: `handle` is never 0. Work on it is ordered; the host sees results after `synchronize`."""

    def __init__(self, handle: int) -> None:
        if handle == 0:
            raise MisuseError("FakeStream", "handle 0 is the default stream")
        self.handle = handle
        self.graph: FakeGraph | None = None
        self._inputs: dict[Buffer, _Input] = {}
        self._used: set[Buffer] = set()
        self._downloads: list[tuple[Array, Array]] = []
        self._answers: list[Checked] = []
        self._when_idle: list[Callable[[], None]] = []

    def submit(self, work: Work) -> None:
        """Run this in the stream's order; while the stream is captured, record it instead."""
        if self.graph is None:
            work(self)
        else:
            self.graph.record(work)

    def owe(self, answer: Checked) -> None:
        """Demand, before the stream is synchronized or copied from, that this answer was looked at."""
        self._answers.append(answer)

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call this once, at the next synchronize."""
        self._when_idle.append(action)

    def reads(self, buffer: Buffer, address: int, nbytes: int) -> None:
        """Note that enqueued work reads this range. Raises MisuseError when another stream still uses the buffer."""
        self._use(buffer)
        self._inputs[buffer] = _Input(address, nbytes, _checksum(address, nbytes))

    def writes(self, buffer: Buffer) -> None:
        """Note that enqueued work writes the buffer; what read it before in this stream is done by then."""
        self._use(buffer)
        self._inputs.pop(buffer, None)

    def upload(self, buffer: Buffer, values: Array) -> None:
        """Copy to the device in the stream's order (cudaMemcpyAsync). Raises MisuseError for too many bytes."""
        if not values.flags.c_contiguous:
            raise MisuseError("FakeStream.upload", "the array is not contiguous")
        if values.nbytes > buffer.nbytes:
            raise MisuseError("FakeStream.upload", f"{values.nbytes} bytes to a buffer of {buffer.nbytes}")
        self.submit(lambda stream: stream._copy_in(buffer, values))

    def download(self, buffer: Buffer, values: Array) -> None:
        """Copy to the host in the stream's order; `values` is rubbish until the stream is synchronized."""
        self._demand_answers()
        if not values.flags.c_contiguous or values.nbytes > buffer.nbytes:
            raise MisuseError("FakeStream.download", f"{values.nbytes} bytes of {buffer.nbytes}, contiguous")
        self.submit(lambda stream: stream._copy_out(buffer, values))

    def synchronize(self) -> None:
        """Wait for all work. Raises MisuseError while capturing, for an unread False, and for inputs that changed."""
        if self.graph is not None:
            raise MisuseError("FakeStream.synchronize", "the stream is being captured")
        self._demand_answers()
        for held in self._inputs.values():
            if _checksum(held.address, held.nbytes) != held.checksum:
                raise MisuseError("FakeStream.synchronize", f"the input at {held.address:#x} changed while in use")
        for target, values in self._downloads:
            target[...] = values
        for action in self._when_idle:
            action()
        for buffer in self._used:
            buffer.stream = None
        for record in (self._inputs, self._used, self._downloads, self._answers, self._when_idle):
            record.clear()

    def _demand_answers(self) -> None:
        for answer in self._answers:
            answer.demand()

    def _use(self, buffer: Buffer) -> None:
        if buffer.stream is not self:
            buffer.check_idle(f"stream {self.handle:#x}")
        buffer.stream = self
        self._used.add(buffer)

    def _copy_in(self, buffer: Buffer, values: Array) -> None:
        self.writes(buffer)
        buffer.fill(buffer.address, values, by_engine=False)

    def _copy_out(self, buffer: Buffer, values: Array) -> None:
        self._use(buffer)
        if buffer.dtype is None or buffer.dtype != values.dtype:
            raise MisuseError("FakeStream.download", f"the buffer holds {buffer.dtype}, not {values.dtype}")
        now = np.frombuffer(ctypes.string_at(buffer.address, values.nbytes), values.dtype)
        self._downloads.append((values, now.reshape(values.shape)))
        values.reshape(-1).view(np.uint8)[...] = 0xFF


class FakeGraph:
    """What was enqueued on a stream while it was captured."""

    def __init__(self, stream: FakeStream) -> None:
        if stream.graph is not None:
            raise MisuseError("DeviceMemory.capture", "the stream is being captured already")
        self._stream = stream
        self._works: list[Work] = []
        self._failed = False
        stream.graph = self

    def record(self, work: Work) -> None:
        self._works.append(work)

    def fail(self) -> None:
        """Note that an enqueue failed: CUDA drops the whole capture then."""
        self._failed = True

    def finish(self) -> None:
        """End the capture."""
        self._stream.graph = None

    def replay(self, stream: FakeStream | None = None) -> None:
        """Run what was recorded, on this stream or on the captured one.

        Raises MisuseError inside the capture, after a failed or empty one, and when a context's shapes or addresses
        are not those of the capture.
        """
        if self._stream.graph is self:
            raise MisuseError("FakeGraph.replay", "the capture has not ended")
        if self._failed or not self._works:
            raise MisuseError("FakeGraph.replay", "the capture failed" if self._failed else "nothing was captured")
        target = stream or self._stream
        for work in self._works:
            target.submit(work)


def _checksum(address: int, nbytes: int) -> int:
    return zlib.crc32(ctypes.string_at(address, nbytes))
