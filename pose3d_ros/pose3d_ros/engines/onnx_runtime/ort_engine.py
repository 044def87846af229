"""The ONNX Runtime backend: any ONNX graph on the CPU, the default everywhere; on a GPU where its build has one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from pose3d_ros.engines.base import Availability, Engine, TensorSpec
from pose3d_ros.engines.device.device_engine import DeviceEngine
from pose3d_ros.engines.device.prepared_batches import Program, Shapes
from pose3d_ros.engines.device.torch_device import TorchBuffer, TorchDevice, cuda_availability, open_device
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.options import EngineOptions, allows_tf32
from pose3d_ros.engines.own_files import make_own_folder
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.spec.graph_file import read_graph
from pose3d_ros.engines.tensors import Tensor, import_package
from pose3d_ros.errors import EngineError

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(bool)": "bool",
}
_ONLY_FATAL = 4
_INSTALL = "Install it: pip install onnxruntime."

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_WANTED = {"auto": (_CUDA, _CPU), "cpu": (_CPU,), "cuda": (_CUDA, _CPU), "tensorrt": (_TENSORRT, _CUDA, _CPU)}
"""Setting → providers, best first; each takes the operators that those before it leave."""


class OnnxEngine(Engine):
    """An ONNX file in an ONNX Runtime session, fed from the host's memory.

    Parameters
    ----------
    path : str or Path
        The ONNX file.
    threads : int
        CPU threads of one run; 0 leaves it to the runtime (one a core).
    provider : str
        What it computes on: `auto`, `cpu`, `cuda` or `tensorrt`, see EngineOptions.
    cache_dir : Path, optional
        Where ONNX Runtime's TensorRT provider keeps its plans.
    tf32 : bool
        Let a GPU round FP32 products to TF32.
    sha256 : str, optional
        What the file must have.

    Raises
    ------
    EngineError
        For a file that is missing, another one or no valid graph by itself (see `graph_file.read_graph`), without
        onnxruntime, and for a provider that its installed build lacks.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 0,
        provider: str = "cpu",
        cache_dir: Path | None = None,
        tf32: bool = True,
        sha256: str | None = None,
    ) -> None:
        options = {_CUDA: _cuda_options(tf32)}
        if cache_dir is not None:
            if provider == "tensorrt":
                make_own_folder(cache_dir)
            options[_TENSORRT] = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache_dir)}
        self._session: Any = _open_session(Path(path), sha256, threads, provider, options)
        super().__init__(Path(path).name, *_specs(self._session, Path(path)))
        self._wanted = _WANTED[provider][0] if _WANTED[provider][0] in _installed() else _CPU

    @property
    def status(self) -> str:
        """`onnxruntime on` what it computes on."""
        return "onnxruntime on " + _device(self._session.get_providers()[0])

    @property
    def problem(self) -> str:
        """Why it computes on another device than the installed build promises, if it does."""
        got = self._session.get_providers()[0]
        return "" if got == self._wanted else f"{_device(self._wanted)} could not be used, see nvidia-smi"

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = [spec.name for spec in self.outputs]
        with _run_errors(self.name):
            results = self._session.run(names, feeds)
        return dict(zip(names, results, strict=True))

    def _release(self) -> None:
        self._session = None


class BoundOnnxEngine(DeviceEngine):
    """An ONNX file in a session whose inputs and outputs are bound to the device's memory (IO binding).

    device: the GPU, on whose stream the CUDA provider then runs; on PyTorch's CPU device it is the CPU provider. tf32,
    sha256: see OnnxEngine.
    Raises EngineError as OnnxEngine does, and where the CUDA provider can't be used.
    """

    def __init__(
        self, path: str | Path, device: TorchDevice, *, threads: int = 0, tf32: bool = True, sha256: str | None = None
    ) -> None:
        provider, options = "cpu", {}
        if device.on_gpu:
            device_options = {"device_id": str(device.index), "user_compute_stream": str(device.stream)}
            provider, options = "cuda", {_CUDA: device_options | _cuda_options(tf32)}
        self._session: Any = _open_session(Path(path), sha256, threads, provider, options)
        got = self._session.get_providers()[0]
        if got != _WANTED[provider][0]:
            raise EngineError(
                f"engine {path}", expected="onnxruntime on the GPU", got=_device(got), fix="See nvidia-smi."
            )
        inputs, outputs = _specs(self._session, Path(path))
        status = "onnxruntime on " + _device(got)
        # The runtime allocates while it runs, which a recorded CUDA graph must not.
        super().__init__(Path(path).name, inputs, outputs, device, status=status, records=False)
        self._memory = (device.torch_name, device.index)

    def _program(self, shapes: Shapes) -> Program:
        return _Binding(self.name, self._session, self._memory, self.inputs, self.outputs, shapes)

    def _release(self) -> None:
        super()._release()
        self._session = None


class _Binding:
    """A session at fixed shapes as a `Program`. memory: the memory's device and its index."""

    def __init__(
        self,
        name: str,
        session: Any,
        memory: tuple[str, int],
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        shapes: Shapes,
    ) -> None:
        self._name, self._session, self._memory = name, session, memory
        self._inputs = tuple(zip(inputs, shapes, strict=True))
        self._outputs = outputs
        self._output_shapes: list[tuple[int, ...]] = []
        self._binding: Any = session.io_binding()

    def bind_inputs(self, inputs: Mapping[str, TorchBuffer]) -> list[tuple[int, ...]]:
        for spec, shape in self._inputs:
            kind = np.dtype(spec.dtype).type
            self._binding.bind_input(spec.name, *self._memory, kind, shape, inputs[spec.name].address)
        for spec in self._outputs:  # the first run, which gives the output shapes, into memory of the runtime's own
            self._binding.bind_output(spec.name, *self._memory)
        self.enqueue()
        self._output_shapes = [tuple(value.shape()) for value in self._binding.get_outputs()]
        self._binding.clear_binding_outputs()
        return self._output_shapes

    def bind_outputs(self, outputs: Mapping[str, TorchBuffer]) -> None:
        for spec, shape in zip(self._outputs, self._output_shapes, strict=True):
            kind = np.dtype(spec.dtype).type
            self._binding.bind_output(spec.name, *self._memory, kind, shape, outputs[spec.name].address)

    def enqueue(self) -> None:
        with _run_errors(self._name):
            self._session.run_with_iobinding(self._binding)


def availability() -> Availability:
    """Whether onnxruntime can be imported here; preferred where its build has CUDA and there is a GPU."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        return Availability(False, f"onnxruntime can't be imported ({error}). {_INSTALL}")
    has_cuda = _CUDA in runtime.get_available_providers()
    reason = f"onnxruntime {runtime.__version__} on {_device(_CUDA if has_cuda else _CPU)}"
    return Availability(True, reason, preferred=has_cuda and cuda_availability().usable)


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `open_engine`.

    Where the CUDA provider is wanted and PyTorch sees the GPU, inputs and outputs stay in the GPU's memory. With `auto`
    an engine that can't use the GPU runs on the CPU, and its `problem` says so.
    """
    tf32, sha256 = allows_tf32(entry, options.tf32), entry.sha256
    if options.provider in ("auto", "cuda") and _CUDA in _installed() and cuda_availability().usable:
        try:
            return BoundOnnxEngine(entry.file, open_device(), threads=options.threads, tf32=tf32, sha256=sha256)
        except EngineError:
            if options.provider == "cuda":
                raise
    cache_dir = options.cache_dir.expanduser()
    return OnnxEngine(
        entry.file,
        threads=options.threads,
        provider=options.provider,
        cache_dir=cache_dir,
        tf32=tf32,
        sha256=sha256,
    )


def _open_session(
    path: Path, sha256: str | None, threads: int, provider: str, provider_options: Mapping[str, dict[str, str]]
) -> Any:
    graph = read_graph(path, sha256)
    if threads < 0:
        raise EngineError(
            f"engine {path}", expected="0 or more threads", got=f"{threads}", fix="0 leaves it to the runtime."
        )
    runtime = import_package("onnxruntime", _INSTALL)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    # Idle workers that spin steal the cores from the next session: two sessions in a process ran 150 ms a frame with it
    # and 88 ms without, and a lone one was no slower.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = [(name, provider_options.get(name, {})) for name in _providers(provider)]
    fix = "Export or download the file again."
    with library_errors(f"engine {path}", expected="a valid ONNX graph", fix=fix):
        # Bytes, not the path: what was checked is what runs, whatever becomes of the file. Without a GPU there is
        # nothing to fall back to, which the runtime's Python part would print, and keep the bytes for.
        falls_back = len(providers) > 1
        more = {} if falls_back else {"enable_fallback": 0}
        session = runtime.InferenceSession(graph, options, providers=providers, **more)
    if not falls_back and hasattr(session, "_model_bytes"):
        session._model_bytes = None
    return session


def _providers(wanted: str) -> list[str]:
    """Providers, best first. Raises EngineError for one that was named and is not there."""
    there = _installed()
    if wanted not in _WANTED or (wanted != "auto" and _WANTED[wanted][0] not in there):
        raise EngineError(
            "onnx_provider",
            expected="auto, or one of the installed onnxruntime's: " + ", ".join(there),
            got=repr(wanted),
            fix="Install onnxruntime-gpu in its place, or choose auto.",
        )
    return [name for name in _WANTED[wanted] if name in there]


def _installed() -> tuple[str, ...]:
    """The providers that the installed onnxruntime has."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError:
        return (_CPU,)
    return tuple(dict.fromkeys((*runtime.get_available_providers(), _CPU)))


def _cuda_options(tf32: bool) -> dict[str, str]:
    """Of the CUDA provider, which rounds to TF32 by itself; named only where it must not, since older ones lack it."""
    return {} if tf32 else {"use_tf32": "0"}


def _device(provider: str) -> str:
    return "the CPU" if provider == _CPU else "the GPU" if provider == _CUDA else "the GPU through TensorRT"


def _specs(session: Any, path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs and outputs."""
    with library_errors(f"engine {path}", expected="a valid ONNX graph", fix="Export or download the file again."):
        inputs, outputs = session.get_inputs(), session.get_outputs()
    return tuple(_spec(node, path) for node in inputs), tuple(_spec(node, path) for node in outputs)


def _spec(node: Any, path: Path) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(
            f"{node.name} of {path.name}", expected="a tensor of numbers", got=str(node.type), fix="Export it again."
        )
    # The runtime gives None for an axis that has neither a length nor a name.
    axes = tuple(f"{node.name}_axis{i}" if n is None else n for i, n in enumerate(node.shape))
    return TensorSpec(node.name, axes, _DTYPES[node.type])


def _run_errors(name: str) -> AbstractContextManager[None]:
    """A failed run of the runtime becomes an EngineError."""
    fix = "The graph can't take these shapes; check them against the engine's manifest."
    return library_errors(f"engine {name}", expected="a run without an error", fix=fix)
