"""Which ONNX operators TensorRT's parser takes, so that a graph it can't build is refused in words, before the build.

Facts from onnx/onnx-tensorrt, docs/operators.md: releases 8.5-GA, 8.6-GA, 10.0-GA, 10.1-GA and 10.15. Nothing that one
of them supports is gone in a later one; what 10.15 added over 10.1 is taken as absent before 10.15. The restrictions
are those of operators and arguments that our graphs use, the strictest of the releases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from pose3d_ros.engines.graphs.onnx_graph import element_types, refused_graph

Array = npt.NDArray[Any]
Version = tuple[int, int]
"""TensorRT's major and minor version."""

OLDEST: Version = (8, 5)

_IN_8_5 = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization Cast Ceil Celu Clip Concat
Constant ConstantOfShape Conv ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div Dropout Einsum Elu Equal
Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gemm GlobalAveragePool GlobalLpPool
GlobalMaxPool Greater GreaterOrEqual GridSample HardSigmoid HardSwish Identity If ImageScaler InstanceNormalization
IsNaN LRN LSTM LeakyRelu Less LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul Max MaxPool Mean
MeanVarianceNormalization Min Mod Mul Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad ParametricSoftplus Pow
QuantizeLinear RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
ReverseSequence RoiAlign Round ScaledTanh Scan Scatter ScatterElements ScatterND Selu Shape Shrink Sigmoid Sign Sin Sinh
Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan Tanh ThresholdedRelu Tile TopK
Transpose Trilu Unsqueeze Upsample Where Xor
"""
_SINCE: dict[str, Version] = {
    **dict.fromkeys(_IN_8_5.split(), (8, 5)),
    **dict.fromkeys("GroupNormalization IsInf LayerNormalization".split(), (8, 6)),
    **dict.fromkeys("CastLike Gelu Hardmax Mish".split(), (10, 0)),
    "DeformConv": (10, 1),
    **dict.fromkeys(
        "Attention BlackmanWindow HammingWindow HannWindow RMSNormalization RotaryEmbedding STFT TensorScatter".split(),
        (10, 15),
    ),
}
"""Operator → first of the releases read that supports it."""

_LAST_OPSET: dict[Version, int] = {(8, 5): 17, (10, 0): 20, (10, 15): 24}
"""Release → newest opset it reads, up to the next release in the table."""

_SIZE_FROM_DATA = frozenset({"NonMaxSuppression", "NonZero"})
_CONSTANT_INPUT = {
    **dict.fromkeys((op for op in _SINCE if op.startswith("Reduce")), (1, "axes")),
    "Slice": (3, "axes"),
    "Squeeze": (1, "axes"),
    "Unsqueeze": (1, "axes"),
    "TopK": (1, "K"),
    "Resize": (2, "scales"),
}
"""Operator → index and name of an input that must be an initializer or a Constant node."""

_RESIZE: dict[str, frozenset[str | int]] = {
    "mode": frozenset({"nearest", "linear"}),
    "coordinate_transformation_mode": frozenset(
        "half_pixel pytorch_half_pixel tf_half_pixel_for_nn asymmetric align_corners".split()
    ),
    "nearest_mode": frozenset("floor ceil round_prefer_floor round_prefer_ceil".split()),
    "keep_aspect_ratio_policy": frozenset({"stretch"}),
    "antialias": frozenset({0}),
}
_TOP_K = 3840
_TYPES = frozenset(
    {
        TensorProto.FLOAT,
        TensorProto.FLOAT16,
        TensorProto.DOUBLE,  # taken, and cut down to FLOAT
        TensorProto.INT8,
        TensorProto.INT32,
        TensorProto.INT64,
        TensorProto.BOOL,
    }
)
"""Of tensors. 10.x has more, which our graphs do not use and 8.5 does not read."""


def unsupported_ops(path: Path, tensorrt: Version = OLDEST) -> list[str]:
    """What TensorRT's parser would refuse in a graph, or we do, as "node name: operator type: why"; empty if nothing.

    tensorrt: the version to build with; by default the oldest this package runs on, whose graphs every later one
    reads. NonMaxSuppression and NonZero are refused although the parser knows them: the size of their result depends
    on data, which a recorded CUDA graph can't follow.
    Raises EngineError for a file that is no valid graph.
    """
    model = _load(path)
    facts = _Facts.of(model)
    found = _opset_trouble(path, model, tensorrt)
    for node in (n for graph in _graphs(model.graph) for n in graph.node):
        found += [f"{node.name or 'unnamed'}: {node.op_type}: {why}" for why in _trouble(node, facts, tensorrt)]
    return found


@dataclass(frozen=True)
class _Facts:
    """Values that are known before a run, and element types, by tensor name."""

    constants: dict[str, Array]
    types: dict[str, int]

    @staticmethod
    def of(model: ModelProto) -> _Facts:
        constants: dict[str, Array] = {}
        types: dict[str, int] = {}
        for graph in _graphs(model.graph):
            constants |= {t.name: numpy_helper.to_array(t) for t in graph.initializer}
            constants |= {n.output[0]: _value(n) for n in graph.node if n.op_type == "Constant"}
            types |= element_types(graph)
        return _Facts(constants, types)


def _trouble(node: NodeProto, facts: _Facts, tensorrt: Version) -> Iterator[str]:
    """Every reason against a node."""
    if node.domain not in ("", "ai.onnx"):
        yield f"operators of the domain {node.domain} need a plugin"
    elif node.op_type not in _SINCE:
        yield "not supported"
    elif _SINCE[node.op_type] > tensorrt:
        yield f"supported from TensorRT {_text(_SINCE[node.op_type])}, not in {_text(tensorrt)}"
    elif node.op_type in _SIZE_FROM_DATA:
        yield "the size of its result depends on data, which a recorded CUDA graph can't follow"
    else:
        yield from _type_trouble(node, facts)
        yield from _constant_trouble(node, facts)
        for check in _CHECKS.get(node.op_type, ()):
            yield from check(node, facts)


def _type_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    for name in (*node.input, *node.output):
        kind = facts.types.get(name, TensorProto.UNDEFINED)
        if kind not in _TYPES and kind != TensorProto.UNDEFINED:
            yield f"the type {TensorProto.DataType.Name(kind)} of {name} is not supported"


def _constant_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    index, name = _CONSTANT_INPUT.get(node.op_type, (len(node.input), ""))
    if index < len(node.input) and node.input[index] and node.input[index] not in facts.constants:
        yield f"its {name} must be constant"


def _resize_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    for attribute in (a for a in node.attribute if a.name in _RESIZE):
        value = helper.get_attribute_value(attribute)
        value = value.decode() if isinstance(value, bytes) else value
        if value not in _RESIZE[attribute.name]:
            yield f"{attribute.name} {value} is not supported"


def _pool_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    attributes = {a.name: list(a.ints) for a in node.attribute}
    if len(attributes.get("kernel_shape", ())) not in (2, 3):
        yield "pooling must be over two or three dimensions"
    if any(d != 1 for d in attributes.get("dilations", ())):
        yield "dilations must be 1"
    if len(node.output) > 1:
        yield "its output Indices is not supported"


def _scale_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    """TensorRT 8.5 wants all three inputs, every version int8 and a zero point of 0."""
    zero = facts.constants.get(node.input[2]) if len(node.input) > 2 else None
    if zero is None or zero.dtype != np.int8 or zero.any():
        yield "its zero point must be given, constant, int8 and 0"
    scale = facts.constants.get(node.input[1])
    if scale is None or not (scale > 0).all():
        yield "its scale must be constant and positive"


def _top_k_trouble(node: NodeProto, facts: _Facts) -> Iterator[str]:
    if any(a.name == "sorted" and not a.i for a in node.attribute):
        yield "sorted must be 1"
    if len(node.input) > 1 and (facts.constants.get(node.input[1], np.zeros(1)) >= _TOP_K).any():
        yield f"K must be below {_TOP_K}"


_Check = Callable[[NodeProto, _Facts], Iterator[str]]
_CHECKS: dict[str, tuple[_Check, ...]] = {
    "Resize": (_resize_trouble,),
    "MaxPool": (_pool_trouble,),
    "AveragePool": (_pool_trouble,),
    "QuantizeLinear": (_scale_trouble,),
    "DequantizeLinear": (_scale_trouble,),
    "TopK": (_top_k_trouble,),
}


def _opset_trouble(path: Path, model: ModelProto, tensorrt: Version) -> list[str]:
    last = max((opset for since, opset in _LAST_OPSET.items() if since <= tensorrt), default=0)
    newer = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx") and o.version > last]
    return [f"{path.name}: opset {v}: TensorRT {_text(tensorrt)} reads up to {last}" for v in newer]


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph and those of its branches and loops."""
    yield graph
    for attribute in (a for node in graph.node for a in node.attribute):
        for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _graphs(inner)


def _value(node: NodeProto) -> Array:
    value = helper.get_attribute_value(node.attribute[0])
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else np.asarray(value)


def _text(version: Version) -> str:
    return ".".join(str(n) for n in version)


def _load(path: Path) -> ModelProto:
    try:
        onnx.checker.check_model(str(path))
        return onnx.shape_inference.infer_shapes(onnx.load(str(path)))
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise refused_graph(path, "a valid ONNX graph", str(error).splitlines()[0]) from error
