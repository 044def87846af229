"""The ONNX Runtime backend: any ONNX graph on the CPU, the default everywhere; on a GPU where its build has one."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pose3d_ros.engines.base import Availability, Engine, TensorSpec
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.tensors import Tensor
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
    """An ONNX file in an ONNX Runtime session.

    path: the file. threads: of one run; 0 leaves it to the runtime (one a core). allow_spinning: let idle workers of
    this session busy-wait. Off, because the workers of one session then steal the cores from the next: two sessions
    in a process ran 150 ms a frame with it and 88 ms without, and a lone one was no slower. provider: see
    EngineOptions. cache_dir: where its TensorRT provider keeps plans.
    Raises EngineError for a file that is missing or no valid graph, without onnxruntime, and for a provider that its
    installed build lacks.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int = 0,
        allow_spinning: bool = False,
        provider: str = "cpu",
        cache_dir: Path | None = None,
    ) -> None:
        self._session: Any = _open_session(Path(path), threads, allow_spinning, provider, cache_dir)
        inputs = tuple(_spec(node, Path(path)) for node in self._session.get_inputs())
        outputs = tuple(_spec(node, Path(path)) for node in self._session.get_outputs())
        super().__init__(Path(path).name, inputs, outputs)

    @property
    def status(self) -> str:
        return "onnxruntime on " + _device(self._session.get_providers()[0])

    def _run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = [spec.name for spec in self.outputs]
        try:
            results = self._session.run(names, feeds)
        except Exception as error:  # the runtime's errors share no base class of their own
            raise EngineError(
                f"engine {self.name}",
                expected="a run without an error",
                got=_first_line(error),
                fix="The graph can't take these shapes; check them against the engine's manifest.",
            ) from error
        return dict(zip(names, results, strict=True))

    def _release(self) -> None:
        self._session = None


def availability() -> Availability:
    """Whether onnxruntime can be imported here."""
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        return Availability(False, f"onnxruntime can't be imported ({error}). {_INSTALL}")
    best = next(name for name in _WANTED["auto"] if name in (*runtime.get_available_providers(), _CPU))
    return Availability(True, f"onnxruntime {runtime.__version__} on {_device(best)}")


def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
    """The backend's way to open an entry's file, called by `backend.open_engine`."""
    return OnnxEngine(
        entry.file, threads=options.threads, provider=options.provider, cache_dir=options.cache_dir.expanduser()
    )


def _open_session(path: Path, threads: int, allow_spinning: bool, provider: str, cache_dir: Path | None) -> Any:
    if not path.is_file():
        raise EngineError(
            f"engine {path}", expected="an ONNX file", got="no such file", fix="Check the path in the manifest."
        )
    if threads < 0:
        raise EngineError(
            f"engine {path}", expected="0 or more threads", got=f"{threads}", fix="0 leaves it to the runtime."
        )
    try:
        runtime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise EngineError("onnxruntime", expected="an installed package", got=str(error), fix=_INSTALL) from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ONLY_FATAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if allow_spinning else "0")
    providers = _providers(runtime, provider, cache_dir)
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # the runtime's errors share no base class of their own
        raise EngineError(
            f"engine {path}",
            expected="a valid ONNX graph",
            got=_first_line(error),
            fix="Export or download the file again.",
        ) from error


def _providers(runtime: Any, wanted: str, cache_dir: Path | None) -> list[tuple[str, dict[str, str]]]:
    """Providers with their options, best first. Raises EngineError for one that was named and is not there."""
    there = (*runtime.get_available_providers(), _CPU)
    if wanted not in _WANTED or (wanted != "auto" and _WANTED[wanted][0] not in there):
        raise EngineError(
            "onnx_provider",
            expected="auto, or one of the installed onnxruntime's: " + ", ".join(dict.fromkeys(there)),
            got=repr(wanted),
            fix="Install onnxruntime-gpu in its place, or choose auto.",
        )
    plans = {} if cache_dir is None else {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache_dir)}
    options = {_TENSORRT: plans}
    return [(name, options.get(name, {})) for name in _WANTED[wanted] if name in there]


def _device(provider: str) -> str:
    return "the CPU" if provider == _CPU else "the GPU" if provider == _CUDA else "the GPU through TensorRT"


def _spec(node: Any, path: Path) -> TensorSpec:
    if node.type not in _DTYPES:
        raise EngineError(
            f"{node.name} of {path.name}", expected="a tensor of numbers", got=str(node.type), fix="Export it again."
        )
    # The runtime gives None for an axis that has neither a length nor a name.
    axes = tuple(f"{node.name}_axis{i}" if n is None else n for i, n in enumerate(node.shape))
    return TensorSpec(node.name, axes, _DTYPES[node.type])


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
