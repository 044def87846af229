"""The TensorRT backend, 8.5 to 11: plans from the cache (or built once), one CUDA graph for each size of batch.

Neither tensorrt nor torch is needed to import this module; `availability` says whether both work here.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from pose3d_ros.engines.base import Availability, Engine, TensorSpec
from pose3d_ros.engines.device import cuda_device as torch_device
from pose3d_ros.engines.device.cuda_device import Device
from pose3d_ros.engines.device.cuda_errors import cuda_errors
from pose3d_ros.engines.device.slots import MOST_SLOTS, Shapes, Slots, filled_up
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.tensorrt.plan_loading import Plan, load_or_build
from pose3d_ros.engines.tensorrt.trt_api import Messages, driven, dtype_name, load_tensorrt, present, version
from pose3d_ros.engines.tensorrt.trt_slot import Slot
from pose3d_ros.engines.tensors import Feed, Tensor, on_host
from pose3d_ros.errors import EngineError

_log = logging.getLogger(__name__)

_SHARED_PROFILES = (8, 6)
"""From this version on several contexts may use one optimisation profile; before, there can be one slot only."""


class TensorRTEngine(Engine):
    """A plan on the GPU.

    The number of people varies from frame to frame; a context with its addresses and its graph serves one size. So
    batches are filled up to 1, 2, 4, 8, …: few sizes, each prepared once (a slot), and the rows beyond the batch are
    left out of the answer.
    plan: a serialized engine of this version of TensorRT and this GPU. largest_batch: what it was built for.
    Raises EngineError when TensorRT refuses the plan.
    """

    def __init__(self, name: str, plan: bytes, device: Device, *, largest_batch: int, note: str = "") -> None:
        trt = load_tensorrt()
        self._device, self._largest_batch = device, largest_batch
        self._messages = Messages(trt)
        self._runtime: Any = driven(partial(trt.Runtime, self._messages.logger))
        found = self._runtime.deserialize_cuda_engine(plan)
        self._engine: Any = present(found, "deserialize_cuda_engine", self._messages)
        self._slots = Slots(name, self._prepared, MOST_SLOTS if version(trt) >= _SHARED_PROFILES else 1)
        self._status = f"tensorrt {trt.__version__} on {device.facts.gpu}" + (f", {note}" if note else "")
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        specs = [(self._spec(trt, tensor), self._engine.get_tensor_mode(tensor)) for tensor in names]
        inputs = tuple(spec for spec, mode in specs if mode == trt.TensorIOMode.INPUT)
        outputs = tuple(spec for spec, mode in specs if mode == trt.TensorIOMode.OUTPUT)
        super().__init__(name, inputs, outputs)

    @property
    def status(self) -> str:
        return self._status

    def _spec(self, trt: Any, tensor: str) -> TensorSpec:
        shape = tuple(self._engine.get_tensor_shape(tensor))
        axes = tuple((n if n >= 0 else "batch" if i == 0 else f"{tensor}_axis{i}") for i, n in enumerate(shape))
        return TensorSpec(tensor, axes, dtype_name(trt, self._engine.get_tensor_dtype(tensor)))

    @property
    def load_image(self) -> LoadImage:
        return self._device.load_image

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._run_feeds(feeds)

    def _run_feeds(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        batch = next((feeds[s.name].shape[0] for s in self.inputs if s.shape[:1] == ("batch",)), 0)
        if batch > self._largest_batch:
            return self._run_in_parts({name: on_host(feed) for name, feed in feeds.items()}, batch)
        shapes = self._shapes(feeds, min(filled_up(batch), self._largest_batch))
        with cuda_errors(f"engine {self.name}", "a run without an error of CUDA"):
            answer = self._slots.of(shapes).run(feeds)
        return {s.name: (answer[s.name][:batch] if s.shape[:1] == ("batch",) else answer[s.name]) for s in self.outputs}

    def _run_in_parts(self, feeds: Mapping[str, Tensor], batch: int) -> dict[str, Tensor]:
        """More rows than the plan takes: one call after another."""
        step = self._largest_batch
        batched = {s.name for s in self.inputs if s.shape[:1] == ("batch",)}
        parts = [
            self._run({name: array[i : i + step] if name in batched else array for name, array in feeds.items()})
            for i in range(0, batch, step)
        ]
        return {s.name: np.concatenate([part[s.name] for part in parts]) for s in self.outputs}

    def _prepared(self, shapes: Shapes) -> Slot:
        return Slot(self._engine, self._device, self._messages, self.inputs, self.outputs, shapes)

    def _shapes(self, feeds: Mapping[str, Feed], rows: int) -> Shapes:
        """Of the inputs, the batch filled up to that many rows."""
        shapes = {s.name: tuple(feeds[s.name].shape) for s in self.inputs}
        return tuple((rows, *shapes[s.name][1:]) if s.shape[:1] == ("batch",) else shapes[s.name] for s in self.inputs)

    def _release(self) -> None:
        """Contexts go before the engine, and that before the runtime."""
        with contextlib.suppress(RuntimeError):  # after an error of CUDA there is nothing to wait for
            self._device.synchronize()
        self._slots.clear()
        self._engine = self._runtime = None


def availability() -> Availability:
    """Whether TensorRT can be imported, is new enough, and PyTorch sees a GPU."""
    try:
        trt = load_tensorrt()
    except EngineError as error:
        return Availability(False, error.got)
    cuda = torch_device.cuda_availability()
    return Availability(cuda.usable, f"tensorrt {trt.__version__}: {cuda.reason}")


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `backend.open_engine`."""
    device = torch_device.open_device()
    plan = load_or_build(entry, options, device.facts)
    try:
        return _opened(entry, plan, device)
    except EngineError:
        if plan.is_new:
            raise
    # What the cache takes for good, and TensorRT does not: it is built anew, once.
    return _opened(entry, load_or_build(entry, options, device.facts, refused=plan.data), device)


def _opened(entry: ManifestEntry, plan: Plan, device: Device) -> Engine:
    return TensorRTEngine(entry.name, plan.data, device, largest_batch=plan.largest_batch, note=plan.note)
