"""The ONNX Runtime backend: any ONNX graph on the CPU, the default everywhere."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pose3d_ros.engines.base import Availability, Engine, Tensor, TensorSpec
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


class OnnxEngine(Engine):
    """An ONNX file in an ONNX Runtime session on the CPU.

    path: the file. threads: of one run; 0 leaves it to the runtime (one a core). allow_spinning: let idle workers of
    this session busy-wait. Off, because the workers of one session then steal the cores from the next: two sessions
    in a process ran 150 ms a frame with it and 88 ms without, and a lone one was no slower.
    Raises EngineError for a file that is missing or no valid graph, and without onnxruntime.
    """

    def __init__(self, path: str | Path, *, threads: int = 0, allow_spinning: bool = False) -> None:
        self._session: Any = _open_session(Path(path), threads, allow_spinning)
        inputs = tuple(_spec(node, Path(path)) for node in self._session.get_inputs())
        outputs = tuple(_spec(node, Path(path)) for node in self._session.get_outputs())
        super().__init__(Path(path).name, inputs, outputs)

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
    return Availability(True, f"onnxruntime {runtime.__version__} on the CPU")


def open_model(path: Path, *, threads: int = 0) -> Engine:
    """The backend's way to open a file, called by `backend.open_engine`."""
    return OnnxEngine(path, threads=threads)


def _open_session(path: Path, threads: int, allow_spinning: bool) -> Any:
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
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no base class of their own
        raise EngineError(
            f"engine {path}",
            expected="a valid ONNX graph",
            got=_first_line(error),
            fix="Export or download the file again.",
        ) from error


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
