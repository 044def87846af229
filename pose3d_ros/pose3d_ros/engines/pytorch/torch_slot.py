"""One size of input of a graph on PyTorch, made ready: its inputs' memory and its recorded graph of kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import torch

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.images.device_image import TorchArray
from pose3d_ros.engines.pytorch.torch_graph import TorchGraph
from pose3d_ros.engines.tensors import Feed, Tensor, on_host

_WARM_UPS = 3
"""Runs before the capture, in which cuDNN chooses its kernels and allocates."""


class StreamDevice(Protocol):
    """What a slot needs of `torch_device.CudaDevice`."""

    @property
    def torch_name(self) -> str:
        """What PyTorch calls it."""

    def queued(self) -> AbstractContextManager[None]:
        """PyTorch's operators inside are queued on the device's stream."""

    def after(self, array: TorchArray) -> None:
        """What is queued next waits for what fills that array."""

    def synchronize(self) -> None: ...

    def record(self, enqueue: Callable[[], bool]) -> Callable[[], None] | None: ...


class TorchSlot:
    """Runs the graph on inputs of fixed shapes, all of it queued at once where it could be recorded.

    shapes: of the inputs, in the graph's order. Raises EngineError when the graph does not take them.
    """

    def __init__(self, graph: TorchGraph, device: StreamDevice, shapes: Sequence[tuple[int, ...]]) -> None:
        self._graph, self._device = graph, device
        with device.queued():
            self._inputs = {
                spec.name: torch.zeros(shape, dtype=_dtype(spec), device=device.torch_name)
                for spec, shape in zip(graph.inputs, shapes, strict=True)
            }
            pinned = device.torch_name == "cuda"
            self._staged = {
                name: torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=pinned)
                for name, tensor in self._inputs.items()
            }
        for _ in range(_WARM_UPS):
            self._enqueue()
        device.synchronize()
        self._replay = device.record(self._enqueue)

    @property
    def recorded(self) -> bool:
        """Whether a run is one launch of a CUDA graph."""
        return self._replay is not None

    def run(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """Upload, run and download; the arrays returned are the caller's.

        feeds: as many rows as the shapes have or fewer; the rows beyond keep what was there, and nobody reads theirs.
        """
        with self._device.queued():
            for name, feed in feeds.items():
                self._fill(name, feed)
        (self._replay or self._enqueue)()
        with self._device.queued():
            fetched = {name: tensor.to("cpu", non_blocking=True) for name, tensor in self._outputs.items()}
        self._device.synchronize()
        return {name: tensor.numpy() for name, tensor in fetched.items()}

    def _fill(self, name: str, feed: Feed) -> None:
        target = self._inputs[name]
        if isinstance(feed, TorchArray):
            self._device.after(feed)
            source = feed.tensor
        else:
            array = on_host(feed)
            source = self._staged[name][: len(array)] if array.ndim else self._staged[name]
            np.copyto(source.numpy(), array)
        (target[: len(source)] if source.ndim else target).copy_(source, non_blocking=True)

    def _enqueue(self) -> bool:
        # The tensors belong to the recording: a replay writes into the same ones.
        with self._device.queued():
            self._outputs = self._graph(self._inputs)
        return True


def _dtype(spec: TensorSpec) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, spec.dtype)
    return dtype
