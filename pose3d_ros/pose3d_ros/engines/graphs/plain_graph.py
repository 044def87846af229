"""An ONNX file as plain records, for what runs graphs without ONNX Runtime. Only this file sees onnx's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from pose3d_ros.engines.base import TensorSpec
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...] | Tensor
_STANDARD = ("", "ai.onnx")
_OLDEST_OPSET = 7
"""Before it, arithmetic took attributes that said which axes to broadcast."""

_INFERRED = "unk__"
"""How onnx.shape_inference begins the names that it makes up."""

_DTYPES = frozenset("float16 float32 float64 uint8 int8 uint16 int16 uint32 int32 uint64 int64 bool".split())
_CONSTANTS = {
    "value": None,
    "value_float": "float32",
    "value_floats": "float32",
    "value_int": "int64",
    "value_ints": "int64",
}
"""Attribute that holds a Constant's value → the dtype it stands for; a tensor has its own."""


@dataclass(frozen=True)
class PlainNode:
    """One node. name: as in the file, else what it makes. inputs: "" for one that is left out."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class PlainGraph:
    """A graph of ONNX's standard operators.

    nodes: each behind those it reads, Constant nodes apart, which are among the initializers. opset: the version of
    the operators.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    nodes: tuple[PlainNode, ...]
    initializers: Mapping[str, Tensor]
    opset: int


def read_plain_graph(path: Path) -> PlainGraph:
    """Read a file.

    An axis without a length or a name is called "<tensor>_axis<i>", as ONNX Runtime's backend does.
    Raises EngineError for a file that is missing or no valid graph, an operator of another domain than ONNX's, a loop
    or a branch, an opset before 7, and tensors of a type that NumPy lacks.
    """
    model = _load(path)
    graph = model.graph
    _require_plain(path, graph)
    lifted = {n.output[0]: _constant(path, n) for n in graph.node if n.op_type == "Constant"}
    initializers = {t.name: _array(path, t.name, t) for t in graph.initializer} | lifted
    return PlainGraph(
        inputs=tuple(_spec(path, v) for v in graph.input if v.name not in initializers),
        outputs=tuple(_spec(path, v) for v in _shaped(path, model).output),
        nodes=tuple(_node(path, n) for n in graph.node if n.op_type != "Constant"),
        initializers=initializers,
        opset=_opset(path, model),
    )


def _load(path: Path) -> ModelProto:
    if not path.is_file():
        raise EngineError(
            f"engine {path}", expected="an ONNX file", got="no such file", fix="Check the path in the manifest."
        )
    try:
        onnx.checker.check_model(str(path))
        model = onnx.load(str(path), load_external_data=False)  # each weight is, when it is read
    except (onnx.checker.ValidationError, OSError) as error:
        raise _refused(path, "a valid ONNX graph", _first_line(error), "Export or download the file again.") from error
    _require_domains(path, model.graph)
    return model


def _require_domains(path: Path, graph: GraphProto) -> None:
    foreign = sorted({f"{n.op_type} of {n.domain}" for n in graph.node if n.domain not in _STANDARD})
    if foreign:
        raise _refused(path, "operators of ONNX", ", ".join(foreign), "Export it with standard operators only.")


def _require_plain(path: Path, graph: GraphProto) -> None:
    kinds = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    inner = sorted({n.op_type for n in graph.node if any(a.type in kinds for a in n.attribute)})
    if inner:
        fix = "Export it with fixed control flow, or simplify it."
        raise _refused(path, "a graph without loops and branches", ", ".join(inner), fix)


def _opset(path: Path, model: ModelProto) -> int:
    version = next((int(o.version) for o in model.opset_import if o.domain in _STANDARD), 0)
    if version < _OLDEST_OPSET:
        raise _refused(path, f"opset {_OLDEST_OPSET} or newer", f"{version}", "Export it with opset 17.")
    return version


def _node(path: Path, node: NodeProto) -> PlainNode:
    return PlainNode(
        name=node.name or next((f"→ {name}" for name in node.output if name), node.op_type),
        op=node.op_type,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes={a.name: _attribute(path, a) for a in node.attribute},
    )


def _attribute(path: Path, attribute: AttributeProto) -> Attribute:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, TensorProto):
        return _array(path, attribute.name, value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, int | float):
        return value
    if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS, AttributeProto.STRINGS):
        return tuple(v.decode() if isinstance(v, bytes) else v for v in value)
    kind = AttributeProto.AttributeType.Name(attribute.type)
    raise _refused(path, "attributes of numbers and words", f"{attribute.name}, {kind}", "Export it again.")


def _constant(path: Path, node: NodeProto) -> Tensor:
    attribute = node.attribute[0]
    if attribute.name not in _CONSTANTS:
        got = f"{attribute.name} in {node.output[0]}"
        raise _refused(path, "constants that are tensors of numbers", got, "Export it again.")
    return np.asarray(_attribute(path, attribute), dtype=_CONSTANTS[attribute.name])


def _array(path: Path, name: str, tensor: TensorProto) -> Tensor:
    array = numpy_helper.to_array(tensor, base_dir=str(path.parent))
    if array.dtype.name not in _DTYPES:
        raise _refused(path, "tensors of numbers that NumPy has", f"{array.dtype.name} for {name}", "Export it again.")
    return array


def _shaped(path: Path, model: ModelProto) -> GraphProto:
    """The graph with the lengths of its outputs' axes that follow from its nodes, where the file only names them."""
    try:
        return onnx.shape_inference.infer_shapes(model).graph
    except onnx.shape_inference.InferenceError as error:
        raise _refused(path, "a valid ONNX graph", _first_line(error), "Export or download the file again.") from error


def _spec(path: Path, info: ValueInfoProto) -> TensorSpec:
    kind = info.type.tensor_type
    names = {i: str(helper.tensor_dtype_to_np_dtype(i).name) for i in (kind.elem_type,) if i}
    dtype = names.get(kind.elem_type, "no tensor")
    if dtype not in _DTYPES:
        raise _refused(path, "tensors of numbers that NumPy has", f"{dtype} for {info.name}", "Export it again.")
    return TensorSpec(info.name, tuple(_axes(info)), dtype)


def _axes(info: ValueInfoProto) -> Iterator[int | str]:
    for i, dim in enumerate(info.type.tensor_type.shape.dim):
        name = "" if dim.dim_param.startswith(_INFERRED) else dim.dim_param
        yield dim.dim_value if dim.HasField("dim_value") else name or f"{info.name}_axis{i}"


def _refused(path: Path, expected: str, got: str, fix: str) -> EngineError:
    return EngineError(f"engine {path}", expected=expected, got=got, fix=fix)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
