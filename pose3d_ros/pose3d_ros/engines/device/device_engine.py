"""An engine in a device's memory: the one path onto a GPU, for TensorRT, ONNX Runtime's CUDA provider and PyTorch."""

from __future__ import annotations

import contextlib
import logging
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from pose3d_ros.engines.base import Engine, TensorSpec
from pose3d_ros.engines.device.prepared_batches import (
    MAX_PREPARED,
    PreparedBatch,
    PreparedBatches,
    Program,
    Shapes,
    padded_batch_size,
)
from pose3d_ros.engines.device.torch_device import TorchDevice
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.tensors import Feed, Tensor, cuda_errors, on_host

_log = logging.getLogger(__name__)


class DeviceEngine(Engine):
    """An engine that reads crops where the device made them, runs there, and copies its outputs back with one wait.

    Batches are padded to 1, 2, 4, 8, …; each size is prepared once, and the rows beyond the batch are left out of
    the outputs. A backend implements `_program`.
    status: what runs it. records: whether runs are recorded as CUDA graphs. largest_batch: of one run; larger ones are
    several runs. None for no limit. max_prepared: how many input shapes are kept ready.
    """

    _reads_device = True

    def __init__(
        self,
        name: str,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        device: TorchDevice,
        *,
        status: str,
        records: bool = True,
        largest_batch: int | None = None,
        max_prepared: int = MAX_PREPARED,
    ) -> None:
        super().__init__(name, inputs, outputs)
        self._device, self._status, self._records = device, status, records
        self._largest_batch = largest_batch
        self._prepared = PreparedBatches(self._prepare_batch, max_prepared)
        batch_axis = next((s.shape[0] for s in inputs if s.shape and isinstance(s.shape[0], str)), None)
        self._batched = {s.name for s in inputs if batch_axis is not None and s.shape[:1] == (batch_axis,)}

    @property
    def status(self) -> str:
        """What runs it, for logs and diagnostics."""
        return self._status

    @property
    def load_image(self) -> LoadImage | None:
        """Uploads a frame's image to where the engine reads; None where images stay on the host."""
        return self._device.load_image

    @abstractmethod
    def _program(self, shapes: Shapes) -> Program:
        """The network at these shapes of its inputs. Raises EngineError."""

    def prepare(self, shapes: Shapes) -> None:
        """Make the inputs' shapes ready before the first run with them. Raises EngineError."""
        with cuda_errors(f"engine {self.name}", "room and kernels for it on the device"):
            self._prepared.of(shapes)

    def _run(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        batch = next((feeds[name].shape[0] for name in self._batched), 0)
        if self._largest_batch is not None and batch > self._largest_batch:
            return self._run_in_parts({name: on_host(feed) for name, feed in feeds.items()}, batch, self._largest_batch)
        size = min(padded_batch_size(batch), self._largest_batch or padded_batch_size(batch))
        with cuda_errors(f"engine {self.name}", "a run without an error of CUDA"):
            answer = self._prepared.of(self._shapes(feeds, size)).run(feeds)
        # Third-party graphs may not name the batch axis of their outputs as that of their inputs.
        grown = {s.name for s in self.outputs if self._batched and s.shape and isinstance(s.shape[0], str)}
        return {n: array[:batch] if n in grown and len(array) == size else array for n, array in answer.items()}

    def _run_in_parts(self, feeds: Mapping[str, Tensor], batch: int, step: int) -> dict[str, Tensor]:
        """A larger batch than a run takes: one run after another."""
        parts = [
            self._run({name: array[i : i + step] if name in self._batched else array for name, array in feeds.items()})
            for i in range(0, batch, step)
        ]
        return {s.name: np.concatenate([part[s.name] for part in parts]) for s in self.outputs}

    def _shapes(self, feeds: Mapping[str, Feed], size: int) -> Shapes:
        """Of the inputs, with the batch padded to that size."""
        shapes = {s.name: tuple(feeds[s.name].shape) for s in self.inputs}
        return tuple((size, *shape[1:]) if name in self._batched else shape for name, shape in shapes.items())

    def _prepare_batch(self, shapes: Shapes) -> PreparedBatch:
        program = self._program(shapes)
        prepared = PreparedBatch(program, self._device, self.inputs, self.outputs, shapes, records=self._records)
        if self._records and not prepared.recorded:
            _log.info("engine %s: no CUDA graph for %s, it runs without one", self.name, shapes)
        return prepared

    def _release(self) -> None:
        with contextlib.suppress(RuntimeError):  # after an error of CUDA there is nothing to wait for
            self._device.synchronize()
        self._prepared.clear()
