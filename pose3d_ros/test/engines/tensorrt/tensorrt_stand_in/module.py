"""Puts the module of one version together."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .api import Api, Knobs
from .basics import Dims, IHostMemory, ILogger, IProgressMonitor
from .builder import Builder
from .config import IOptimizationProfile, ITimingCache, config_class
from .context import IExecutionContext
from .memory import DeviceMemory
from .network import INetworkDefinition, ITensor, layer_class
from .parser import OnnxParser, ParserError
from .runtime import ICudaEngine, Runtime
from .versions import RELEASES

VERSIONS = tuple(RELEASES)
_NO_KNOBS = Knobs()


def make_tensorrt(version: str, knobs: Knobs = _NO_KNOBS, memory: DeviceMemory | None = None) -> ModuleType:
    """A `tensorrt` of this version (one of VERSIONS), to be put into `sys.modules` by a test.

    memory: the device whose buffers and streams its contexts may use; a device of its own, with nothing on it, if not
    given. `__version__` has a fourth number where the real one has. Raises KeyError for another version.
    """
    api = Api(RELEASES[version], knobs, DeviceMemory() if memory is None else memory)
    module = ModuleType("tensorrt", f"The strict stand-in for TensorRT {version}.")
    members: dict[str, Any] = {
        "__version__": api.release.module_version,
        **api.enums,
        **_classes(api),
    }
    for name, member in members.items():
        setattr(module, name, member)
    return module


def _classes(api: Api) -> dict[str, type[Any]]:
    number = api.release.number
    made: dict[str, type[Any]] = {
        "Dims": Dims,
        "ILogger": ILogger,
        "IHostMemory": IHostMemory,
        "Builder": _bound(Builder, "Builder", api),
        "OnnxParser": _bound(OnnxParser, "OnnxParser", api),
        "Runtime": _bound(Runtime, "Runtime", api),
        "ParserError": ParserError,
        "INetworkDefinition": INetworkDefinition,
        "ITensor": ITensor,
        "ILayer": layer_class(number),
        "IBuilderConfig": config_class(number),
        "IOptimizationProfile": IOptimizationProfile,
        "ITimingCache": ITimingCache,
        "ICudaEngine": ICudaEngine,
        "IExecutionContext": IExecutionContext,
    }
    if number >= (10, 0):
        made["IProgressMonitor"] = IProgressMonitor
    return made


def _bound(base: type[Any], name: str, api: Api) -> type[Any]:
    """The class with its module's world: callers make its objects themselves."""
    return type(name, (base,), {"__slots__": (), "__module__": "tensorrt", "_api": api})
