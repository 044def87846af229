"""A first run of a graph in a process of its own, with limits: one that hangs, crashes or eats memory harms nothing."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.errors import EngineError

_LEAST_BYTES = 2 << 30
_TIMES_FILE = 6
"""Of a file's size: ONNX Runtime holds weights twice while it loads and rearranges them."""
_LONGEST_S = 120
_USUAL = 1
_BESIDE_PACKAGE = Path(__file__).resolve().parents[2]
"""Python looks for modules in the folder that it is started in: files of the user's are none."""
_MODULE = "pose3d_ros.engines.guarded_trial"


def try_apart(path: Path, sides_px: tuple[int, int] | None, most_bytes: int = 0) -> None:
    """Open a graph and run it once on zeros, apart from this process.

    sides_px: width and height of images where the graph does not fix them. most_bytes: of memory, in proportion to the
    file unless given. Raises EngineError for what the graph is refused for, and where it does not end within two
    minutes, needs more memory or ends the process.
    """
    size = path.stat().st_size
    most = most_bytes or max(_LEAST_BYTES, _TIMES_FILE * size)
    asked = json.dumps({"path": str(path.resolve()), "sides_px": sides_px, "most_bytes": most})
    try:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, asked],
            cwd=_BESIDE_PACKAGE,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_LONGEST_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused(path, f"a run within {_LONGEST_S} s", "none that ended") from error
    if done.returncode:
        raise _refused(path, "a model that runs", "one that ends the process that runs it")
    answer = json.loads(done.stdout)
    if answer:
        limit = f" within {most >> 20} MiB" if "memory" in answer["got"] else ""
        raise EngineError(answer["subject"], expected=answer["expected"] + limit, got=answer["got"], fix=answer["fix"])


_CHANNELS = 3


def _refused(path: Path, expected: str, got: str) -> EngineError:
    return EngineError(f"model {path}", expected=expected, got=got, fix="Export or download the file again.")


def _shape(spec: TensorSpec, sides_px: Sequence[int] | None) -> tuple[int, ...]:
    """Named axes get one element, but width and height of an image's: the two last, or those before its channels."""
    rank = len(spec.shape)
    width_axis = rank - 2 if spec.shape and spec.shape[-1] == _CHANNELS else rank - 1
    sides = dict(zip((width_axis, width_axis - 1), sides_px or (), strict=False)) if rank in (3, 4) else {}
    return tuple(n if isinstance(n, int) else sides.get(axis, _USUAL) for axis, n in enumerate(spec.shape))


def _run(path: str, sides_px: Sequence[int] | None, most_bytes: int) -> Mapping[str, str]:
    limit = most_bytes + _taken_bytes()
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with OnnxEngine(path, threads=1) as engine:
            shapes = [(spec, _shape(spec, sides_px)) for spec in engine.inputs]
            engine.infer({spec.name: np.zeros(shape, spec.dtype) for spec, shape in shapes})
    except EngineError as error:
        return {"subject": error.subject, "expected": error.expected, "got": error.got, "fix": error.fix}
    except MemoryError:
        return {"subject": f"model {path}", "expected": "a model that runs", "got": "too little memory", "fix": ""}
    return {}


def _taken_bytes() -> int:
    """Of this process: data and stack."""
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


if __name__ == "__main__":
    print(json.dumps(_run(**json.loads(sys.argv[1]))))
