"""A strict stand-in for the `tensorrt` module, for tests: it computes, with ONNX Runtime on the CPU.

`make_tensorrt` gives a module that has of each version what the backend uses, and that version's enumerations. It
fails as the bindings do (False, None and a message, TypeError where they raise it) and raises MisuseError for what the
real library leaves undefined. It can't show which kernels exist, how exact FP16 is, or how fast anything runs.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

from .binding import Api, ILogger, IProgressMonitor
from .device_memory import DeviceMemory, MisuseError
from .execution import Runtime
from .network_builder import Builder, read_plan
from .onnx_parser import OnnxParser
from .versions import MODULE_VERSIONS, RELEASES, VERSIONS, Faults

__all__ = ["VERSIONS", "Faults", "Messages", "MisuseError", "make_tensorrt", "parsed", "read_plan"]
_NONE = Faults()


def make_tensorrt(version: str, faults: Faults = _NONE, device: DeviceMemory | None = None) -> ModuleType:
    """A `tensorrt` of this version (one of VERSIONS), to be put into `sys.modules` by a test.

    device: whose memory and stream its contexts may use; one of its own, with nothing on it, if not given.
    """
    api = Api(RELEASES[version], faults, device or DeviceMemory())
    members: dict[str, Any] = {
        "__version__": MODULE_VERSIONS.get(version, version),
        **api.enums,
        "ILogger": ILogger,
        "Builder": partial(Builder, api),
        "OnnxParser": partial(OnnxParser, api),
        "Runtime": partial(Runtime, api),
    }
    if api.release.number >= (10, 0):
        members["IProgressMonitor"] = IProgressMonitor
    module = ModuleType("tensorrt", f"The strict stand-in for TensorRT {version}.")
    vars(module).update(members)
    return module


class Messages(ILogger):
    """A logger that keeps its messages."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def log(self, severity: Any, msg: str) -> None:
        self.lines.append(f"{severity.name} {msg}")


def parsed(trt: ModuleType, graph: bytes, logger: ILogger) -> tuple[Any, Any]:
    """A builder and a network with the graph in it: explicit batch before 10, strongly typed from 10 on."""
    flags = trt.NetworkDefinitionCreationFlag
    builder = trt.Builder(logger)
    early = trt.__version__.startswith("8")
    network = builder.create_network(1 << int(flags.EXPLICIT_BATCH if early else flags.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    assert parser.parse(graph), [parser.get_error(i).desc() for i in range(parser.num_errors)]
    return builder, network
