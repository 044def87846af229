"""The TensorRT backend, 8.5 to 11: plans from the cache (or built once), one CUDA graph for each batch size.

Neither tensorrt nor torch is needed to import this module; `availability` says whether both work here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pose3d_ros.engines.base import Availability, Engine, TensorSpec
from pose3d_ros.engines.device import torch_device
from pose3d_ros.engines.device.device_engine import DeviceEngine
from pose3d_ros.engines.device.prepared_batches import MAX_PREPARED, Program, Shapes
from pose3d_ros.engines.device.torch_device import TorchBuffer, TorchDevice
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.tensorrt.plan_loading import Plan, load_or_build
from pose3d_ros.engines.tensorrt.trt_api import (
    Messages,
    dtype_name,
    load_tensorrt,
    require_object,
    require_success,
    version,
    with_driver,
)
from pose3d_ros.errors import EngineError

_SHARED_PROFILES = (8, 6)
"""From this version on several contexts may use one optimization profile; before, there can be one context only."""


class TensorRTEngine(DeviceEngine):
    """A plan on the GPU.

    plan: a serialized engine of this version of TensorRT and this GPU. largest_batch: what it was built for.
    Raises EngineError when TensorRT refuses the plan.
    """

    def __init__(self, name: str, plan: bytes, device: TorchDevice, *, largest_batch: int, note: str = "") -> None:
        trt = load_tensorrt()
        self._messages = Messages(trt)
        self._runtime: Any = with_driver(partial(trt.Runtime, self._messages.logger))
        found = self._runtime.deserialize_cuda_engine(plan)
        self._engine: Any = require_object(found, "deserialize_cuda_engine", self._messages)
        names = [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]
        specs = [(self._spec(trt, tensor), self._engine.get_tensor_mode(tensor)) for tensor in names]
        super().__init__(
            name,
            tuple(spec for spec, mode in specs if mode == trt.TensorIOMode.INPUT),
            tuple(spec for spec, mode in specs if mode == trt.TensorIOMode.OUTPUT),
            device,
            status=f"tensorrt {trt.__version__} on {device.facts.gpu}" + (f", {note}" if note else ""),
            largest_batch=largest_batch,
            max_prepared=MAX_PREPARED if version(trt) >= _SHARED_PROFILES else 1,
        )

    def _spec(self, trt: Any, tensor: str) -> TensorSpec:
        shape = tuple(self._engine.get_tensor_shape(tensor))
        axes = tuple((n if n >= 0 else "batch" if i == 0 else f"{tensor}_axis{i}") for i, n in enumerate(shape))
        return TensorSpec(tensor, axes, dtype_name(trt, self._engine.get_tensor_dtype(tensor)))

    def _program(self, shapes: Shapes) -> Program:
        context = require_object(self._engine.create_execution_context(), "create_execution_context", self._messages)
        named = {spec.name: shape for spec, shape in zip(self.inputs, shapes, strict=True)}
        return _Context(context, self._device, self._messages, named, [spec.name for spec in self.outputs])

    def _release(self) -> None:
        """Contexts go before the engine, and that before the runtime."""
        super()._release()
        self._engine = self._runtime = None


class _Context:
    """An execution context as a `Program`. shapes: of the inputs, by name. outputs: their names."""

    def __init__(
        self,
        context: Any,
        device: TorchDevice,
        messages: Messages,
        shapes: Mapping[str, Sequence[int]],
        outputs: list[str],
    ) -> None:
        self._context, self._device, self._messages = context, device, messages
        self._shapes, self._outputs = shapes, outputs

    def bind_inputs(self, inputs: Mapping[str, TorchBuffer]) -> list[tuple[int, ...]]:
        if self._context.active_optimization_profile < 0:  # 8.6 lets contexts share the profile, but does not set it
            self._context.set_optimization_profile_async(0, self._device.stream)
            self._device.synchronize()
        for name, shape in self._shapes.items():
            self._require(self._context.set_input_shape(name, shape), f"set_input_shape({name}, {shape})")
        self._bind(inputs)
        shapes = [tuple(self._context.get_tensor_shape(name)) for name in self._outputs]
        if any(n < 0 for shape in shapes for n in shape):
            raise EngineError(
                "outputs on TensorRT",
                expected="shapes that follow from the inputs'",
                got=str(shapes),
                fix="Export the net without NonMaxSuppression and NonZero.",
            )
        return shapes

    def bind_outputs(self, outputs: Mapping[str, TorchBuffer]) -> None:
        self._bind(outputs)

    def enqueue(self) -> None:
        self._require(self._context.execute_async_v3(self._device.stream), "execute_async_v3")

    def _bind(self, buffers: Mapping[str, TorchBuffer]) -> None:
        for name, buffer in buffers.items():
            self._require(self._context.set_tensor_address(name, buffer.address), f"set_tensor_address({name})")

    def _require(self, result: Any, what: str) -> None:
        require_success(result, what, self._messages)


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


def _opened(entry: ManifestEntry, plan: Plan, device: TorchDevice) -> Engine:
    return TensorRTEngine(entry.name, plan.data, device, largest_batch=plan.largest_batch, note=plan.note)
