"""Host buffers that stand for device memory: aligned, counted, and never read while a stream may use them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from .misuse import MisuseError
from .stream import FakeGraph, FakeStream

Array = npt.NDArray[Any]
ALIGNMENT_BYTES = 256
_NEVER_WRITTEN = 0xFF  # NaN in floats, -1 in integers: what was never written must not look like zeros
_FIRST_HANDLE = 0x5000


class Buffer:
    """One allocation: `address` (256-byte aligned), `nbytes`. It holds one tensor at a time."""

    def __init__(self, nbytes: int) -> None:
        self._storage = np.full(nbytes + ALIGNMENT_BYTES, _NEVER_WRITTEN, np.uint8)
        self.address = -(-self._storage.ctypes.data // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        self.nbytes = nbytes
        self.freed = False
        self.dtype: np.dtype[Any] | None = None
        self.stream: FakeStream | None = None
        self._filled_by_engine = False

    def array(self, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Array:
        """The start of the buffer as an array that shares its memory; filling it sets the buffer's dtype.

        Raises MisuseError for a freed buffer, an unsynchronized stream, too large a shape, and for reading an engine's
        output as another dtype.
        """
        self.check_idle("Buffer.array")
        wanted = np.dtype(dtype)
        if self._filled_by_engine and self.dtype != wanted:
            raise MisuseError("Buffer.array", f"the engine wrote {self.dtype}, not {wanted}")
        nbytes = int(np.prod(shape)) * wanted.itemsize
        if nbytes > self.nbytes:
            raise MisuseError("Buffer.array", f"{wanted} {shape} needs {nbytes} bytes of {self.nbytes}")
        self.dtype = wanted
        offset = self.address - self._storage.ctypes.data
        return self._storage[offset : offset + nbytes].view(wanted).reshape(shape)

    def fill(self, address: int, values: Array, *, by_engine: bool) -> None:
        """Copy these values to this address inside the buffer."""
        values = np.ascontiguousarray(values)
        ctypes.memmove(address, values.ctypes.data, values.nbytes)
        self.dtype = values.dtype
        self._filled_by_engine = by_engine

    def free(self) -> None:
        """Give the memory back. Raises MisuseError when it is freed already, or in use by a stream."""
        self.check_idle("Buffer.free")
        self.freed = True

    def check_idle(self, call: str) -> None:
        """Raises MisuseError for a freed buffer, and for one that a stream still uses."""
        if self.freed:
            raise MisuseError(call, "the buffer is freed")
        if self.stream is not None:
            raise MisuseError(call, f"stream {self.stream.handle:#x} still uses the buffer; synchronize it first")


class DeviceMemory:
    """One device: its buffers, and its streams by their handles."""

    def __init__(self) -> None:
        # Freed buffers stay here, so that no address is given out twice.
        self._buffers: list[Buffer] = []
        self._streams: dict[int, FakeStream] = {}

    @property
    def live(self) -> int:
        """How many buffers are not freed."""
        return sum(not buffer.freed for buffer in self._buffers)

    def allocate(self, nbytes: int) -> Buffer:
        """A new buffer. Raises MisuseError for a size below 1."""
        if nbytes < 1:
            raise MisuseError("DeviceMemory.allocate", f"{nbytes} bytes")
        self._buffers.append(Buffer(nbytes))
        return self._buffers[-1]

    def stream(self) -> FakeStream:
        """A new stream, never the default one."""
        handle = _FIRST_HANDLE + len(self._streams)
        self._streams[handle] = FakeStream(handle)
        return self._streams[handle]

    def stream_of(self, handle: int, call: str) -> FakeStream:
        """The stream of a handle. Raises MisuseError for the default stream (0) and for a handle from elsewhere."""
        if handle == 0:
            raise MisuseError(call, "stream 0 is the default stream, which synchronizes the whole device")
        if handle not in self._streams:
            raise MisuseError(call, f"{handle:#x} is no stream of this device")
        return self._streams[handle]

    def find(self, address: int, nbytes: int, call: str) -> Buffer:
        """The live buffer that holds this range. Raises MisuseError for a range that none holds, and a freed one."""
        for buffer in self._buffers:
            if buffer.address <= address < buffer.address + buffer.nbytes:
                if buffer.freed:
                    raise MisuseError(call, f"address {address:#x} lies in a freed buffer")
                if address + nbytes > buffer.address + buffer.nbytes:
                    room = buffer.address + buffer.nbytes - address
                    raise MisuseError(call, f"{nbytes} bytes at {address:#x}, where the buffer has {room}")
                return buffer
        raise MisuseError(call, f"address {address:#x} is not device memory")

    @contextmanager
    def capture(self, stream: FakeStream) -> Iterator[FakeGraph]:
        """Record what is enqueued on this stream inside the block, instead of running it."""
        graph = FakeGraph(stream)
        try:
            yield graph
        finally:
            graph.finish()
