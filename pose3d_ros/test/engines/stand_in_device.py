"""The stand-in's memory as the backend's `Device`: what `CudaDevice` is on a machine with a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from pose3d_ros.engines import tensorrt_device
from pose3d_ros.engines.base import Availability, Tensor
from pose3d_ros.engines.tensorrt_device import DeviceFacts

from .tensorrt_stand_in import Buffer, DeviceMemory, FakeStream, Knobs, make_tensorrt

FACTS = DeviceFacts("Stand-in", "8.7", 16, "12.6", "Linux aarch64")


class StandInBuffer:
    """A buffer that is freed with the object, as PyTorch's are."""

    def __init__(self, memory: DeviceMemory, stream: FakeStream, nbytes: int) -> None:
        self._buffer: Buffer = memory.allocate(nbytes)
        self._stream = stream

    def __del__(self) -> None:
        self._stream.synchronize()
        self._buffer.free()

    @property
    def address(self) -> int:
        return self._buffer.address

    def upload(self, array: Tensor) -> None:
        self._stream.upload(self._buffer, np.ascontiguousarray(array))

    def download(self, array: Tensor) -> None:
        self._stream.download(self._buffer, array)
        self._stream.synchronize()


class StandInDevice:
    """One device with one stream. graphs: how many were recorded."""

    def __init__(self, memory: DeviceMemory) -> None:
        self.facts = FACTS
        self.memory, self._stream, self.graphs = memory, memory.stream(), 0

    @property
    def stream(self) -> int:
        return self._stream.handle

    def allocate(self, nbytes: int) -> StandInBuffer:
        return StandInBuffer(self.memory, self._stream, max(nbytes, 1))

    def synchronize(self) -> None:
        self._stream.synchronize()

    def record(self, enqueue: Callable[[], bool]) -> Callable[[], None] | None:
        with self.memory.capture(self._stream) as graph:
            done = enqueue()
        if not done:
            return None
        self.graphs += 1
        return graph.replay


@dataclass(frozen=True, eq=False)
class StandIn:
    """A machine that seems to have TensorRT and a GPU."""

    trt: ModuleType
    device: StandInDevice


def install_stand_in(monkeypatch: pytest.MonkeyPatch, version: str = "10.3.0", knobs: Knobs | None = None) -> StandIn:
    """Make the stand-in this machine's TensorRT until the test's end."""
    device = StandInDevice(DeviceMemory())
    trt = make_tensorrt(version, knobs or Knobs(), device.memory)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(tensorrt_device, "open_device", lambda: device)
    monkeypatch.setattr(tensorrt_device, "cuda_availability", lambda: Availability(True, "Stand-in"))
    return StandIn(trt, device)
