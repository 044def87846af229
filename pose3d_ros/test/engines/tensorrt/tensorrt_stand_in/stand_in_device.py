"""The stand-in's memory with the methods of `TorchDevice`, in its place on a machine without a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import pytest

from pose3d_ros.engines.base import Availability
from pose3d_ros.engines.device import torch_device
from pose3d_ros.engines.device.torch_device import DeviceFacts
from pose3d_ros.engines.images.device_image import DeviceImages, TorchArray
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.engines.tensors import Feed, Tensor, on_host
from pose3d_ros.errors import EngineError
from pose3d_ros.types import ImageArray

from . import make_tensorrt
from .device_memory import DeviceMemory
from .versions import Faults

FACTS = DeviceFacts("Stand-in", "8.7", 16, "12.6", "Linux aarch64")


class StandInBuffer:
    """A buffer that is freed with the object, as PyTorch's are."""

    def __init__(self, device: StandInDevice, nbytes: int) -> None:
        self._device, self._block = device, device.new_block(nbytes)

    def __del__(self) -> None:
        self._block.freed = True

    @property
    def address(self) -> int:
        return self._block.address

    def upload(self, array: Feed) -> None:
        self._device.fed_on_device += isinstance(array, TorchArray)
        values = np.array(on_host(array))
        self._device.submit(lambda: self._block.write(values))

    def begin_download(self, array: Tensor) -> None:
        self._device.download(self._block, array)

    def finish_download(self, array: Tensor) -> None:
        """The stand-in's download has filled the array."""


class StandInDevice(DeviceMemory):
    """One device with one stream.

    graphs: how many were recorded. images: frames that were uploaded. fed_on_device: inputs that came from one of
    them, without the host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.facts = FACTS
        self.graphs = self.images = self.fed_on_device = 0
        self._load = DeviceImages("cpu")

    def allocate(self, nbytes: int) -> StandInBuffer:
        return StandInBuffer(self, max(nbytes, 1))

    def on_stream(self) -> AbstractContextManager[None]:
        return nullcontext()

    def load_image(self, image_bgr: ImageArray) -> FrameImage:
        self.images += 1
        return self._load(image_bgr)

    def record(self, enqueue: Callable[[], None]) -> Callable[[], None] | None:
        try:
            with self.capture() as graph:
                enqueue()
        except EngineError:
            return None
        self.graphs += 1
        return graph.replay


@dataclass(frozen=True, eq=False)
class StandIn:
    """A machine that seems to have TensorRT and a GPU."""

    trt: ModuleType
    device: StandInDevice


def install_stand_in(monkeypatch: pytest.MonkeyPatch, version: str = "10.3.0", faults: Faults | None = None) -> StandIn:
    """Make the stand-in this machine's TensorRT until the test's end."""
    device = StandInDevice()
    trt = make_tensorrt(version, faults or Faults(), device)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(torch_device, "open_device", lambda: device)
    monkeypatch.setattr(torch_device, "cuda_availability", lambda: Availability(True, "Stand-in"))
    return StandIn(trt, device)
