"""The PyTorch backend: ONNX graphs on its operators, in FP16 with a CUDA graph for each size of batch.

For GPUs without TensorRT. On a machine without a GPU it runs in FP32 on the CPU when it is asked for by name, slower
than ONNX Runtime. PyTorch is not needed to import this module; `availability` says whether it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.engines.base import Availability, Engine
from pose3d_ros.engines.device import cuda_device as torch_device
from pose3d_ros.engines.device.cuda_errors import cuda_errors
from pose3d_ros.engines.device.slots import Shapes, Slots, filled_up
from pose3d_ros.engines.graphs.half_precision import precision_of, write_half
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.tensors import Feed, Tensor, on_host
from pose3d_ros.errors import EngineError

_log = logging.getLogger(__name__)

_DRIVERS = ("nvidia0", "nvidiactl", "nvhost-gpu", "nvgpu", "dxg")
"""Of /dev: NVIDIA's on a desktop, on a Jetson, and in WSL."""


class TorchEngine(Engine):
    """An ONNX graph that PyTorch runs.

    On a device, batches are filled up to 1, 2, 4, 8, …: few sizes, each prepared once (a slot), and the rows beyond the
    batch are left out of the answer. Without one, on the CPU, a run is the graph's operators one by one.
    graph: a `torch_graph.TorchGraph`. device: a `torch_slot.StreamDevice` of the same, None for the CPU. status: what
    runs it. load_image: where its crops are made.
    """

    def __init__(
        self, name: str, graph: Any, device: Any = None, *, status: str, load_image: LoadImage | None = None
    ) -> None:
        self._graph, self._device = graph, device
        self._status, self._load_image = status, load_image
        self._slots: Slots[Any] = Slots(name, self._prepared)
        super().__init__(name, graph.inputs, graph.outputs)
        # The name of the axis that grows with the batch.
        self._rows = next((s.shape[0] for s in self.inputs if s.shape and isinstance(s.shape[0], str)), None)

    @property
    def status(self) -> str:
        return self._status

    @property
    def load_image(self) -> LoadImage | None:
        return self._load_image

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._run_feeds(feeds)

    def _run_feeds(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        with cuda_errors(f"engine {self.name}", "a run without an error of PyTorch"):
            return self._on_the_cpu(feeds) if self._device is None else self._on_the_device(feeds)

    def _on_the_cpu(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        torch: Any = importlib.import_module("torch")
        writable = {name: np.require(on_host(feed), requirements="W") for name, feed in feeds.items()}
        tensors = {name: torch.from_numpy(array) for name, array in writable.items()}
        return {name: tensor.numpy() for name, tensor in self._graph(tensors).items()}

    def _on_the_device(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        batched = [s.name for s in self.inputs if self._rows is not None and s.shape[:1] == (self._rows,)]
        batch = feeds[batched[0]].shape[0] if batched else 0
        rows = filled_up(batch)
        shapes = tuple(
            (rows, *feeds[s.name].shape[1:]) if s.name in batched else tuple(feeds[s.name].shape) for s in self.inputs
        )
        answer = self._slots.of(shapes).run(feeds)
        # Graphs of others may not name their outputs' axes as their inputs'.
        grown = {s.name for s in self.outputs if batched and rows != batch and s.shape and isinstance(s.shape[0], str)}
        return {
            name: array[:batch] if name in grown and len(array) == rows else array for name, array in answer.items()
        }

    def _prepared(self, shapes: Shapes) -> Any:
        slots: Any = importlib.import_module("pose3d_ros.engines.pytorch.torch_slot")
        return slots.TorchSlot(self._graph, self._device, shapes)

    def _release(self) -> None:
        self._slots.clear()
        self._graph = None


def availability() -> Availability:
    """Whether PyTorch is there; it is a choice for `auto` only where it sees a GPU.

    Importing PyTorch takes seconds and a quarter of a gigabyte, so a machine without a driver is not asked.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnx") is None:
        return Availability(False, "torch and onnx, which it needs, are not installed")
    if not _has_driver():
        return Availability(True, "torch on the CPU", preferred=False)
    found = torch_device.cuda_availability()
    if found.usable:
        return Availability(True, f"torch on {found.reason}")
    return Availability(True, f"torch on the CPU ({found.reason})", preferred=False)


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `backend.open_engine`."""
    try:
        graphs: Any = importlib.import_module("pose3d_ros.engines.pytorch.torch_graph")
        torch: Any = importlib.import_module("torch")
    except Exception as error:  # a torch that lacks a library of CUDA raises OSError
        raise EngineError(
            "backend torch",
            expected="the Python packages torch and onnx",
            got=str(error).partition("\n")[0],
            fix="Install both, or use the backend onnxruntime.",
        ) from error
    if not torch_device.cuda_availability().usable:
        if options.threads:
            torch.set_num_threads(options.threads)
        status = f"torch {torch.__version__} on the CPU"
        return TorchEngine(entry.name, graphs.TorchGraph(entry.file), status=status)
    device: Any = torch_device.open_device()
    with cuda_errors(f"engine {entry.name}", "room and kernels for it on the GPU"):
        with device.queued():  # the stream that reads the weights makes them
            graph, precision = _gpu_graph(graphs, entry, options)
        device.synchronize()
        status = f"torch {torch.__version__} on {device.facts.gpu}, {precision}"
    return TorchEngine(entry.name, graph, device, status=status, load_image=device.load_image)


def _gpu_graph(graphs: Any, entry: ManifestEntry, options: EngineOptions) -> tuple[Any, str]:
    """The entry's graph on the GPU and its precision; int8 is TensorRT's, and fp16 here."""
    if precision_of(entry, options.precision) == "fp32":
        return graphs.TorchGraph(entry.file, device="cuda"), "fp32"
    with tempfile.TemporaryDirectory() as folder:
        half = Path(folder) / entry.file.name
        try:
            write_half(entry, entry.file, half)
        except EngineError as error:
            _log.info("engine %s runs in the types of its graph: %s", entry.name, error)
            return graphs.TorchGraph(entry.file, device="cuda"), "as exported"
        return graphs.TorchGraph(half, device="cuda"), "fp16"


def _has_driver() -> bool:
    return platform.system() != "Linux" or any(Path("/dev", name).exists() for name in _DRIVERS)
