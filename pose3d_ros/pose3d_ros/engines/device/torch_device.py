"""The GPU as the backends see it: buffers, one stream, recorded graphs, images. PyTorch provides them.

Tests give the backends another `Device`; what touches CUDA is here and in `engines/images/device_image`.
"""

from __future__ import annotations

import importlib
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.engines.base import Availability
from pose3d_ros.engines.failures import failure, library_errors
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.tensors import Feed, Tensor
from pose3d_ros.errors import EngineError

ALIGNMENT = 256
"""Bytes; TensorRT wants every tensor's address to be a multiple of it."""
_L4T = Path("/etc/nv_tegra_release")


_CAPTURING = threading.Lock()
"""A capture starts with a wait for the whole GPU, which would break one that another thread has under way."""


@dataclass(frozen=True)
class DeviceFacts:
    """What a plan is tied to: GPU, driver side and operating system."""

    gpu: str
    compute_capability: str
    multiprocessors: int
    cuda: str
    system: str


class TorchDevice:
    """PyTorch's current GPU with a stream of its own, or the CPU, without CUDA graphs and with images on the host.

    Use it from one thread at a time. torch_name: `cuda` or `cpu`.
    """

    def __init__(self, torch_name: str = "cuda") -> None:
        self._torch: Any = importlib.import_module("torch")
        self.torch_name, self.on_gpu = torch_name, torch_name == "cuda"
        self._stream: Any = None
        self._entered = threading.local()  # as the current stream of PyTorch
        self._load: LoadImage | None = None
        if self.on_gpu:
            _survive_failures(self._torch)
            self._stream = self._torch.cuda.Stream()
            images: Any = importlib.import_module("pose3d_ros.engines.images.device_image")
            self._load = images.DeviceImages("cuda", self._stream)

    @property
    def stream(self) -> int:
        """The stream's handle: never 0, the default stream's, on a GPU; 0 on the CPU."""
        return int(self._stream.cuda_stream) if self.on_gpu else 0

    @property
    def index(self) -> int:
        """The GPU's number, 0 for the CPU."""
        return int(self._torch.cuda.current_device()) if self.on_gpu else 0

    @property
    def facts(self) -> DeviceFacts:
        """What a plan is tied to."""
        properties = self._torch.cuda.get_device_properties(self._torch.cuda.current_device())
        return DeviceFacts(
            gpu=str(properties.name),
            compute_capability=f"{properties.major}.{properties.minor}",
            multiprocessors=int(properties.multi_processor_count),
            cuda=str(self._torch.version.cuda),
            system=_system(),
        )

    def allocate(self, nbytes: int) -> TorchBuffer:
        """Device memory at a multiple of ALIGNMENT, of at least one byte."""
        return TorchBuffer(self, self._torch, max(nbytes, 1))

    def synchronize(self) -> None:
        """Wait for all that was queued."""
        if self.on_gpu:
            self._stream.synchronize()

    @contextmanager
    def queued(self) -> Iterator[None]:
        """PyTorch's operators inside are queued on the stream; cuDNN takes the time to choose its fastest kernels."""
        flags = self._torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with self.on_stream(), flags:
            yield

    @contextmanager
    def on_stream(self) -> Iterator[None]:
        """PyTorch's copies and replays inside are queued on the stream; nested uses cost nothing."""
        if getattr(self._entered, "is_current", False):
            yield
            return
        self._entered.is_current = True
        try:
            with self._torch.cuda.stream(self._stream):
                yield
        finally:
            self._entered.is_current = False

    def after(self, array: Any) -> None:
        """What is queued next waits for what fills that `TorchArray`."""
        if array.tensor.is_cuda:
            self._stream.wait_stream(array.stream or self._torch.cuda.default_stream())

    @property
    def load_image(self) -> LoadImage | None:
        """Uploads a frame's image, once, to be read in many ways; None on the CPU, where images stay on the host."""
        return self._load

    def record(self, enqueue: Callable[[], None]) -> Callable[[], None] | None:
        """Capture what `enqueue` queues into a CUDA graph; calling the result queues it again.

        None on the CPU, and where capture does not work or `enqueue` raises. Nothing runs while it is captured.
        """
        if not self.on_gpu:
            return None
        graph = self._torch.cuda.CUDAGraph()
        try:
            # The second context: where a capture fails, the third one leaves its stream current.
            with (
                _CAPTURING,
                self._torch.cuda.stream(self._stream),
                self._torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                enqueue()
        except (RuntimeError, EngineError):  # what can't be captured ends the capture with one of these
            return None
        return lambda: self._replay(graph)

    def _replay(self, graph: Any) -> None:
        with self.on_stream():
            graph.replay()


class TorchBuffer:
    """Device memory with page-locked memory of the same size beside it, through which copies go."""

    def __init__(self, device: TorchDevice, torch: Any, nbytes: int) -> None:
        self._device, self._torch = device, torch
        with device.queued():  # the stream that uses it
            # PyTorch's allocator gives multiples of 512 bytes on a GPU, at such addresses.
            self._memory = torch.empty(nbytes, dtype=torch.uint8, device=device.torch_name)
        self._staged = torch.empty(nbytes, dtype=torch.uint8, pin_memory=device.on_gpu)

    @property
    def address(self) -> int:
        """Of its first byte."""
        return int(self._memory.data_ptr())

    def tensor(self, shape: tuple[int, ...], dtype: str) -> Any:
        """The memory as a `torch.Tensor`. dtype: NumPy's name."""
        kind = getattr(self._torch, dtype)
        return self._memory[: int(np.prod(shape)) * kind.itemsize].view(kind).reshape(shape)

    def upload(self, array: Feed) -> None:
        """Queue a copy to the buffer's start, through the page-locked memory where the array is the host's.

        The array may change as soon as this returns. Not again before the stream was waited for: the copy reads memory
        that the next one writes.
        """
        if isinstance(array, np.ndarray):
            source = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            self._staged.numpy()[: source.nbytes] = source
            self._copy(self._staged[: source.nbytes])
            return
        given: Any = array
        self._device.after(given)
        self._copy(given.tensor.reshape(-1).view(self._torch.uint8))

    def _copy(self, tensor: Any) -> None:
        with self._device.on_stream():
            self._memory[: tensor.numel()].copy_(tensor, non_blocking=True)

    def begin_download(self, array: Tensor) -> None:
        """Queue a copy of as many bytes as the array has."""
        with self._device.on_stream():
            self._staged[: array.nbytes].copy_(self._memory[: array.nbytes], non_blocking=True)

    def finish_download(self, array: Tensor) -> None:
        """Fill the array, after the stream was waited for."""
        array.reshape(-1).view(np.uint8)[:] = self._staged.numpy()[: array.nbytes]


def open_device() -> TorchDevice:
    """The GPU that engines run on. Raises EngineError where there is none."""
    found = cuda_availability()
    if not found.usable:
        raise EngineError("GPU", expected="one that torch sees", got=found.reason, fix="Use the backend onnxruntime.")
    with library_errors("GPU", expected="one that can be used", fix="See nvidia-smi.", kinds=RuntimeError):
        return TorchDevice()


def cuda_availability() -> Availability:
    """Whether PyTorch sees a GPU here."""
    try:
        torch: Any = importlib.import_module("torch")
    except Exception as error:  # one that lacks a library of CUDA raises OSError
        return Availability(False, f"torch, which holds the GPU's memory, can't be imported ({failure(error).got})")
    if not torch.cuda.is_available():
        return Availability(False, f"torch {torch.__version__} sees no GPU")
    try:
        return Availability(True, str(torch.cuda.get_device_name()))
    except RuntimeError as error:
        return Availability(False, f"torch {torch.__version__} can't use the GPU: {failure(error).got}")


def _survive_failures(torch: Any) -> None:
    """Where a kernel failed, freeing page-locked memory would end the process (PyTorch's pull request 178154)."""
    with suppress(RuntimeError, ValueError, AttributeError):  # a PyTorch without the setting
        given = torch._C._accelerator_getAllocatorSettings()
        torch._C._accelerator_setAllocatorSettings(",".join(filter(None, (given, "pinned_free_catch_all:True"))))


def _system() -> str:
    """Operating system and processor; on a Jetson its L4T release, which a plan is tied to as well."""
    base = f"{platform.system()} {platform.machine()}"
    return f"{base} {_L4T.read_text(encoding='utf-8').splitlines()[0]}" if _L4T.is_file() else base
