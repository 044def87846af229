"""One size of input of a TensorRT engine, made ready: its context, its buffers and its recorded graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.device.cuda_device import Buffer, Device
from pose3d_ros.engines.tensorrt.trt_api import Messages, present, succeeded
from pose3d_ros.engines.tensors import Feed, Tensor
from pose3d_ros.errors import EngineError

_WARM_UPS = 3


class Slot:
    """Runs the engine on inputs of fixed shapes.

    shapes: of the inputs, in their order. Raises EngineError when TensorRT refuses a shape, an address or a run.
    """

    def __init__(
        self,
        engine: Any,
        device: Device,
        messages: Messages,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        shapes: Sequence[tuple[int, ...]],
    ) -> None:
        self._device, self._messages = device, messages
        self._context: Any = present(engine.create_execution_context(), "create_execution_context", messages)
        if self._context.active_optimization_profile < 0:  # 8.6 lets contexts share the profile, but does not set it
            self._context.set_optimization_profile_async(0, device.stream)
            device.synchronize()
        for spec, shape in zip(inputs, shapes, strict=True):
            succeeded(
                self._context.set_input_shape(spec.name, shape), f"set_input_shape({spec.name}, {shape})", messages
            )
        out_shapes = [tuple(self._context.get_tensor_shape(spec.name)) for spec in outputs]
        if any(n < 0 for shape in out_shapes for n in shape):
            raise EngineError(
                "outputs on TensorRT",
                expected="shapes that follow from the inputs'",
                got=str(out_shapes),
                fix="Export the net without NonMaxSuppression and NonZero.",
            )
        self._outputs = tuple(zip(outputs, out_shapes, strict=True))
        tensors = (*zip(inputs, shapes, strict=True), *self._outputs)
        # The context keeps the addresses, not the memory: it has to live here.
        self._buffers: dict[str, Buffer] = {spec.name: device.allocate(_nbytes(spec, shape)) for spec, shape in tensors}
        for name, buffer in self._buffers.items():
            succeeded(self._context.set_tensor_address(name, buffer.address), f"set_tensor_address({name})", messages)
        for spec, shape in zip(inputs, shapes, strict=True):
            self._buffers[spec.name].upload(np.zeros(shape, dtype=spec.dtype))
        self._replay = self._prepared()

    @property
    def recorded(self) -> bool:
        """Whether a run is one launch of a CUDA graph."""
        return self._replay is not None

    def run(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """Upload, run and download; the arrays returned are the caller's.

        feeds: as many rows as the shapes have or fewer. What the rows beyond compute, from what was there before, is
        nobody's: the rows of a batch do not see each other.
        """
        for name, array in feeds.items():
            self._buffers[name].upload(array)
        if self._replay is not None:
            self._replay()
        else:
            succeeded(self._enqueue(), "execute_async_v3", self._messages)
        results = {spec.name: np.empty(shape, dtype=spec.dtype) for spec, shape in self._outputs}
        for name, array in results.items():
            self._buffers[name].begin_download(array)
        self._device.synchronize()
        for name, array in results.items():
            self._buffers[name].finish_download(array)
        return results

    def _prepared(self) -> Callable[[], None] | None:
        """Run without a graph first, as capture demands, then record; None where recording fails."""
        for _ in range(_WARM_UPS):
            succeeded(self._enqueue(), "execute_async_v3", self._messages)
        self._device.synchronize()
        return self._device.record(self._enqueue)

    def _enqueue(self) -> bool:
        return bool(self._context.execute_async_v3(self._device.stream))


def _nbytes(spec: TensorSpec, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
