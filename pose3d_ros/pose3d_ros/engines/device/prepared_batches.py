"""Batches of an engine on a device, each input shape prepared once: what all backends of a GPU share.

The number of people varies from frame to frame, while what makes a run quick (memory, chosen kernels, a recorded CUDA
graph) belongs to one shape. So batches are padded to 1, 2, 4, 8, …, and each size is prepared once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.device.torch_device import TorchBuffer, TorchDevice
from pose3d_ros.engines.tensors import Feed, Tensor

Shapes = tuple[tuple[int, ...], ...]
"""Of all inputs, in the engine's order."""

MAX_PREPARED = 8
"""Shapes that are kept ready; each holds its inputs, its outputs and all between."""
_WARM_UPS = 3
"""Runs before a CUDA graph is recorded: kernels are loaded and chosen in them, and memory is allocated."""


class Program(Protocol):
    """A network at fixed input shapes, as a backend prepares it. Its methods raise EngineError."""

    def bind_inputs(self, inputs: Mapping[str, TorchBuffer]) -> Sequence[tuple[int, ...]]:
        """Read these buffers, which hold zeros, from now on. Returns the shapes of the outputs, in their order."""

    def bind_outputs(self, outputs: Mapping[str, TorchBuffer]) -> None:
        """Write these buffers from now on."""

    def enqueue(self) -> None:
        """Queue a run on the device's stream."""


class PreparedBatch:
    """A program with its buffers: one upload of each input, one launch if recorded, one wait for all outputs.

    shapes: of the inputs, in their order. records: whether to record a CUDA graph.
    """

    def __init__(
        self,
        program: Program,
        device: TorchDevice,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        shapes: Shapes,
        *,
        records: bool,
    ) -> None:
        self._program, self._device = program, device
        zeros = {spec.name: np.zeros(shape, spec.dtype) for spec, shape in zip(inputs, shapes, strict=True)}
        self._inputs = {name: device.allocate(array.nbytes) for name, array in zeros.items()}
        for name, array in zeros.items():
            self._inputs[name].upload(array)
        self._outputs = tuple(zip(outputs, program.bind_inputs(self._inputs), strict=True))
        # A program may keep the addresses only: the memory has to live here.
        self._results = {spec.name: device.allocate(_nbytes(spec, shape)) for spec, shape in self._outputs}
        program.bind_outputs(self._results)
        for _ in range(_WARM_UPS):
            program.enqueue()
        device.synchronize()
        self._replay = device.record(program.enqueue) if records else None

    @property
    def recorded(self) -> bool:
        """Whether a run is one launch of a CUDA graph."""
        return self._replay is not None

    def run(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """Upload, run and download; later runs do not overwrite the arrays returned.

        feeds: of the prepared batch size or smaller. The rows beyond compute on old data, and their outputs are to be
        ignored: the rows of a batch do not depend on each other.
        """
        outputs = {spec.name: np.empty(shape, dtype=spec.dtype) for spec, shape in self._outputs}
        with self._device.on_stream():
            for name, feed in feeds.items():
                self._inputs[name].upload(feed)
            (self._replay or self._program.enqueue)()
            for name, array in outputs.items():
                self._results[name].begin_download(array)
        self._device.synchronize()
        for name, array in outputs.items():
            self._results[name].finish_download(array)
        return outputs


class PreparedBatches:
    """Prepared batches by the shapes of their inputs, made at first use; the least recently used is freed."""

    def __init__(self, make: Callable[[Shapes], PreparedBatch], most: int = MAX_PREPARED) -> None:
        self._make, self._most = make, most
        self._prepared: dict[Shapes, PreparedBatch] = {}

    def of(self, shapes: Shapes) -> PreparedBatch:
        """The prepared batch of these shapes. Raises what `make` raises."""
        prepared = self._prepared.pop(shapes, None)
        if prepared is None:
            while len(self._prepared) >= self._most:
                self._prepared.pop(next(iter(self._prepared)))
            prepared = self._make(shapes)
        self._prepared[shapes] = prepared
        return prepared

    def clear(self) -> None:
        """Free them all."""
        self._prepared.clear()


def padded_batch_size(batch: int) -> int:
    """The batch size that a batch is padded to: the next power of two."""
    return 1 << max(batch - 1, 0).bit_length()


def _nbytes(spec: TensorSpec, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
