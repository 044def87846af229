"""What each version has: the members of its enumerations and the switches that its classes follow.

Sources: NVIDIA/TensorRT python/src/infer/*.cpp and include/*.h at the tags 8.5.2 and 8.6; the published bindings of
10.3.0, 10.13.3.9 and 11.1.0.106, loaded and listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Members = Mapping[str, int]
_MODULE_VERSIONS = {"10.13.3": "10.13.3.9", "11.1.0": "11.1.0.106"}


@dataclass(frozen=True)
class Release:
    """A version and its enumerations; an enumeration that is not in `enums` does not exist in it."""

    version: str
    enums: Mapping[str, Members]

    @property
    def module_version(self) -> str:
        """`tensorrt.__version__`, which has a fourth number in some releases."""
        return _MODULE_VERSIONS.get(self.version, self.version)

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor, to compare with."""
        major, minor, _ = self.version.split(".")
        return int(major), int(minor)

    @property
    def always_strong(self) -> bool:
        """Whether every network is strongly typed, whatever its flags."""
        return self.number >= (11, 0)

    @property
    def always_explicit_batch(self) -> bool:
        """Whether EXPLICIT_BATCH may be left out."""
        return self.number >= (10, 0)

    @property
    def shares_profiles(self) -> bool:
        """Whether several contexts of an engine may use one optimization profile without a preview feature."""
        return self.number >= (10, 0)

    @property
    def has_int64(self) -> bool:
        """Whether int64 tensors stay int64; before that the parser makes them int32."""
        return "INT64" in self.enums["DataType"]


def _numbered(names: str) -> Members:
    """Members in the order of their values; `-` is a value without a member, `A=B` are two names of one."""
    pairs = enumerate(names.split())
    return {name: value for value, group in pairs for name in group.split("=") if name != "-"}


_LAYERS_8_5 = (
    "CONVOLUTION FULLY_CONNECTED ACTIVATION POOLING LRN SCALE SOFTMAX DECONVOLUTION CONCATENATION ELEMENTWISE PLUGIN "
    "UNARY PADDING SHUFFLE REDUCE TOPK GATHER MATRIX_MULTIPLY RAGGED_SOFTMAX CONSTANT RNN_V2 IDENTITY PLUGIN_V2 SLICE "
    "SHAPE PARAMETRIC_RELU RESIZE TRIP_LIMIT RECURRENCE ITERATOR LOOP_OUTPUT SELECT FILL QUANTIZE DEQUANTIZE CONDITION "
    "CONDITIONAL_INPUT CONDITIONAL_OUTPUT SCATTER EINSUM ASSERTION ONE_HOT NON_ZERO GRID_SAMPLE NMS"
)
_LAYERS_8_6 = f"{_LAYERS_8_5} REVERSE_SEQUENCE NORMALIZATION CAST"
_LAYERS_10_3 = (
    "CONVOLUTION CAST ACTIVATION POOLING LRN SCALE SOFTMAX DECONVOLUTION CONCATENATION ELEMENTWISE PLUGIN UNARY "
    "PADDING SHUFFLE REDUCE TOPK GATHER MATRIX_MULTIPLY RAGGED_SOFTMAX CONSTANT IDENTITY PLUGIN_V2 SLICE SHAPE "
    "PARAMETRIC_RELU RESIZE TRIP_LIMIT RECURRENCE ITERATOR LOOP_OUTPUT SELECT FILL QUANTIZE DEQUANTIZE CONDITION "
    "CONDITIONAL_INPUT CONDITIONAL_OUTPUT SCATTER EINSUM ASSERTION ONE_HOT NON_ZERO GRID_SAMPLE NMS REVERSE_SEQUENCE "
    "NORMALIZATION PLUGIN_V3"
)
_LAYERS_10_13 = f"{_LAYERS_10_3} SQUEEZE UNSQUEEZE CUMULATIVE DYNAMIC_QUANTIZE"
_LAYERS_11_1 = f"{_LAYERS_10_13} ATTENTION_INPUT ATTENTION_OUTPUT ROTARY_EMBEDDING KV_CACHE_UPDATE MOE DIST_COLLECTIVE"
_FLAGS_8_5 = (
    "FP16 INT8 DEBUG GPU_FALLBACK STRICT_TYPES REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE "
    "OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS DIRECT_IO REJECT_EMPTY_ALGORITHMS ENABLE_TACTIC_HEURISTIC"
)
_FLAGS_8_6 = f"{_FLAGS_8_5} VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME FP8"
_FLAGS_10_3 = (
    "FP16 INT8 DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE "
    "OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS DIRECT_IO REJECT_EMPTY_ALGORITHMS VERSION_COMPATIBLE "
    "EXCLUDE_LEAN_RUNTIME FP8 ERROR_ON_TIMING_CACHE_MISS BF16 DISABLE_COMPILATION_CACHE WEIGHTLESS=STRIP_PLAN "
    "REFIT_IDENTICAL WEIGHT_STREAMING INT4 REFIT_INDIVIDUAL"
)
_FLAGS_10_13 = f"{_FLAGS_10_3} STRICT_NANS MONITOR_MEMORY FP4 EDITABLE_TIMING_CACHE DISTRIBUTIVE_INDEPENDENCE"
_FLAGS_11_1 = (
    "- - DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE - - DIRECT_IO "
    "VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME - ERROR_ON_TIMING_CACHE_MISS - DISABLE_COMPILATION_CACHE STRIP_PLAN "
    "REFIT_IDENTICAL WEIGHT_STREAMING - REFIT_INDIVIDUAL STRICT_NANS MONITOR_MEMORY - EDITABLE_TIMING_CACHE "
    "DISTRIBUTIVE_INDEPENDENCE"
)
_TYPES_8_5 = "FLOAT HALF INT8 INT32 BOOL UINT8"
_TYPES_10_3 = f"{_TYPES_8_5} FP8 BF16 INT64 INT4"
_TYPES_10_13 = f"{_TYPES_10_3} FP4 E8M0"
_POOLS_8_5 = "WORKSPACE DLA_MANAGED_SRAM DLA_LOCAL_DRAM DLA_GLOBAL_DRAM"
_POOLS_10 = f"{_POOLS_8_5} TACTIC_DRAM TACTIC_SHARED_MEMORY"
_PREVIEWS_8_5 = "FASTER_DYNAMIC_SHAPES_0805 DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805"
_PARSER_CODES = (
    "SUCCESS INTERNAL_ERROR MEM_ALLOC_FAILED MODEL_DESERIALIZE_FAILED INVALID_VALUE INVALID_GRAPH INVALID_NODE "
    "UNSUPPORTED_GRAPH UNSUPPORTED_NODE"
)
_PARSER_CODES_10 = (
    f"{_PARSER_CODES} UNSUPPORTED_NODE_ATTR UNSUPPORTED_NODE_INPUT UNSUPPORTED_NODE_DATATYPE UNSUPPORTED_NODE_DYNAMIC "
    "UNSUPPORTED_NODE_SHAPE REFIT_FAILED"
)


def _release(version: str, **enums: str) -> Release:
    always = {"TensorIOMode": "NONE INPUT OUTPUT"}
    return Release(version, {name: _numbered(names) for name, names in {**always, **enums}.items()})


_8_5 = _release(
    "8.5.2",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH EXPLICIT_PRECISION",
    BuilderFlag=_FLAGS_8_5,
    LayerType=_LAYERS_8_5,
    DataType=_TYPES_8_5,
    MemoryPoolType=_POOLS_8_5,
    PreviewFeature=_PREVIEWS_8_5,
    ErrorCode=_PARSER_CODES,
)
_8_6 = _release(
    "8.6.2",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH EXPLICIT_PRECISION",
    BuilderFlag=_FLAGS_8_6,
    LayerType=_LAYERS_8_6,
    DataType=f"{_TYPES_8_5} FP8",
    MemoryPoolType=f"{_POOLS_8_5} TACTIC_DRAM",
    PreviewFeature=f"{_PREVIEWS_8_5} PROFILE_SHARING_0806",
    ErrorCode=_PARSER_CODES,
)
_10_3 = _release(
    "10.3.0",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH STRONGLY_TYPED",
    BuilderFlag=_FLAGS_10_3,
    LayerType=_LAYERS_10_3,
    DataType=_TYPES_10_3,
    MemoryPoolType=_POOLS_10,
    PreviewFeature="PROFILE_SHARING_0806 ALIASED_PLUGIN_IO_10_03",
    ErrorCode=_PARSER_CODES_10,
)
_10_13 = _release(
    "10.13.3",
    NetworkDefinitionCreationFlag="EXPLICIT_BATCH STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS",
    BuilderFlag=_FLAGS_10_13,
    LayerType=_LAYERS_10_13,
    DataType=_TYPES_10_13,
    MemoryPoolType=_POOLS_10,
    PreviewFeature="PROFILE_SHARING_0806 ALIASED_PLUGIN_IO_10_03 RUNTIME_ACTIVATION_RESIZE_10_10",
    ErrorCode=_PARSER_CODES_10,
)
_11_1 = _release(
    "11.1.0",
    NetworkDefinitionCreationFlag="STRONGLY_TYPED PREFER_JIT_PYTHON_PLUGINS PREFER_AOT_PYTHON_PLUGINS",
    BuilderFlag=_FLAGS_11_1,
    LayerType=_LAYERS_11_1,
    DataType=_TYPES_10_13,
    MemoryPoolType=_POOLS_10,
    PreviewFeature="ALIASED_PLUGIN_IO_10_03 RUNTIME_ACTIVATION_RESIZE_10_10",
    ErrorCode=_PARSER_CODES_10,
)
RELEASES: Mapping[str, Release] = {release.version: release for release in (_8_5, _8_6, _10_3, _10_13, _11_1)}
