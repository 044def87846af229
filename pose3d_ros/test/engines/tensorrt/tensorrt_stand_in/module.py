"""Puts the module of one version together."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np

from .api import Api
from .basics import Dims, IHostMemory, ILogger, IProgressMonitor, Logger
from .builder import builder_class
from .config import IOptimizationProfile, ITimingCache, config_class
from .context import IExecutionContext
from .graph import NUMPY_NAMES
from .knobs import Knobs
from .memory import DeviceMemory
from .network import INetworkDefinition, ITensor, layer_class
from .parser import OnnxParser, parser_error_class
from .runtime import Runtime, engine_class
from .versions import RELEASES

VERSIONS = tuple(RELEASES)
_ALIASES = {
    "float32": "FLOAT",
    "float16": "HALF",
    "int8": "INT8",
    "int32": "INT32",
    "int64": "INT64",
    "bool": "BOOL",
    "uint8": "UINT8",
    "fp8": "FP8",
    "bfloat16": "BF16",
    "int4": "INT4",
    "fp4": "FP4",
    "e8m0": "E8M0",
}
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
        **_data_types(api),
        "volume": _volume,
    }
    for name, member in members.items():
        setattr(module, name, member)
    return module


def _classes(api: Api) -> dict[str, type[Any]]:
    number = api.release.number
    made: dict[str, type[Any]] = {
        "Dims": Dims,
        "ILogger": ILogger,
        "Logger": Logger,
        "IHostMemory": IHostMemory,
        "Builder": _bound(builder_class(number), "Builder", api),
        "OnnxParser": _bound(OnnxParser, "OnnxParser", api),
        "Runtime": _bound(Runtime, "Runtime", api),
        "ParserError": parser_error_class(number),
        "INetworkDefinition": INetworkDefinition,
        "ITensor": ITensor,
        "ILayer": layer_class(number),
        "IBuilderConfig": config_class(number),
        "IOptimizationProfile": IOptimizationProfile,
        "ITimingCache": ITimingCache,
        "ICudaEngine": engine_class(number),
        "IExecutionContext": IExecutionContext,
    }
    if number >= (10, 0):
        made["IProgressMonitor"] = IProgressMonitor
    return made


def _bound(base: type[Any], name: str, api: Api) -> type[Any]:
    """The class with its module's world: callers make its objects themselves."""
    return type(name, (base,), {"__slots__": (), "__module__": "tensorrt", "_api": api})


def _data_types(api: Api) -> dict[str, Any]:
    """`float32` and the other short names, and `nptype`."""
    members = api.enum("DataType").__members__

    def nptype(trt_type: Any) -> type[Any]:
        """NumPy's type of a DataType. Raises TypeError when there is none."""
        if not isinstance(trt_type, api.enum("DataType")) or trt_type.name not in NUMPY_NAMES:
            raise TypeError("Could not resolve TensorRT datatype to an equivalent numpy datatype.")
        return np.dtype(NUMPY_NAMES[trt_type.name]).type

    return {"nptype": nptype, **{short: members[name] for short, name in _ALIASES.items() if name in members}}


def _volume(iterable: Iterable[int]) -> int:
    return int(np.prod(list(iterable), dtype=np.int64))
