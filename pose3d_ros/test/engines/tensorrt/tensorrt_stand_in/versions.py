"""What each version has: the members of its enumerations. And the faults that tests inject.

Sources: NVIDIA/TensorRT python/src/infer/*.cpp and include/*.h at the tags 8.5.2 and 8.6; the published bindings of
10.3.0, 10.13.3.9 and 11.1.0.106, loaded and listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Members = Mapping[str, int]
MODULE_VERSIONS = {"10.13.3": "10.13.3.9", "11.1.0": "11.1.0.106"}
"""`tensorrt.__version__`, which has a fourth number in some releases."""


@dataclass(frozen=True)
class Release:
    """A version and its enumerations; an enumeration that is not in `enums` does not exist in it."""

    version: str
    enums: Mapping[str, Members]

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor, to compare with."""
        major, minor, _ = self.version.split(".")
        return int(major), int(minor)


@dataclass(frozen=True)
class Faults:
    """The failures to inject; by default nothing fails.

    no_driver: `Builder()` and `Runtime()` raise TypeError, as the bindings do when the library gives no object.
    parse_fails: the parser returns False and holds one error. build_returns_none, deserialize_returns_none,
    context_returns_none: that call returns None and logs. set_shape_fails, set_address_fails: that call returns False
    and logs. enqueue_fails_on: the n-th `execute_async_v3` of the module, counted from 1, returns False; 0 is never.
    capture_fails: every `execute_async_v3` on a stream that is being captured returns False.
    """

    no_driver: bool = False
    parse_fails: bool = False
    build_returns_none: bool = False
    deserialize_returns_none: bool = False
    context_returns_none: bool = False
    set_shape_fails: bool = False
    set_address_fails: bool = False
    enqueue_fails_on: int = 0
    capture_fails: bool = False


def _numbered(names: str) -> Members:
    """Members in the order of their values; `-` is a value without a member."""
    return {name: value for value, name in enumerate(names.split()) if name != "-"}


_FLAGS = "FP16 INT8 TF32 OBEY_PRECISION_CONSTRAINTS"
_TYPES = "FLOAT HALF INT8 INT32 BOOL UINT8"
_TYPES_10 = f"{_TYPES} FP8 BF16 INT64 INT4"


def _release(version: str, **enums: str) -> Release:
    """Of each enumeration the members that the package, or a mistake, could name; values count where callers shift."""
    always = {"TensorIOMode": "NONE INPUT OUTPUT", "LayerType": "CONVOLUTION ELEMENTWISE SOFTMAX"}
    always["MemoryPoolType"] = "WORKSPACE DLA_MANAGED_SRAM DLA_LOCAL_DRAM DLA_GLOBAL_DRAM"
    return Release(version, {name: _numbered(names) for name, names in {**always, **enums}.items()})


_8_5 = _release(
    "8.5.2",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH EXPLICIT_PRECISION",
    BuilderFlag=f"{_FLAGS} STRICT_TYPES",
    DataType=_TYPES,
    PreviewFeature="FASTER_DYNAMIC_SHAPES_0805",
)
_8_6 = _release(
    "8.6.2",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH EXPLICIT_PRECISION",
    BuilderFlag=f"{_FLAGS} STRICT_TYPES VERSION_COMPATIBLE FP8",
    DataType=f"{_TYPES} FP8",
    PreviewFeature="FASTER_DYNAMIC_SHAPES_0805 - PROFILE_SHARING_0806",
)
_10_3 = _release(
    "10.3.0",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH STRONGLY_TYPED",
    BuilderFlag=f"{_FLAGS} VERSION_COMPATIBLE FP8 BF16 INT4",
    DataType=_TYPES_10,
    PreviewFeature="PROFILE_SHARING_0806 ALIASED_PLUGIN_IO_10_03",
)
_10_13 = _release(
    "10.13.3",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS",
    BuilderFlag=f"{_FLAGS} VERSION_COMPATIBLE FP8 BF16 INT4 FP4",
    DataType=f"{_TYPES_10} FP4 E8M0",
    PreviewFeature="PROFILE_SHARING_0806 ALIASED_PLUGIN_IO_10_03 RUNTIME_ACTIVATION_RESIZE_10_10",
)
_11_1 = _release(
    "11.1.0",
    NetworkDefinitionCreationFlag="STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS",
    BuilderFlag="- - TF32 - VERSION_COMPATIBLE",
    DataType=f"{_TYPES_10} FP4 E8M0",
    PreviewFeature="ALIASED_PLUGIN_IO_10_03 RUNTIME_ACTIVATION_RESIZE_10_10",
)
RELEASES: Mapping[str, Release] = {release.version: release for release in (_8_5, _8_6, _10_3, _10_13, _11_1)}
VERSIONS = tuple(RELEASES)
