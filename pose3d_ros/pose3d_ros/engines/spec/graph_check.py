"""A look at an ONNX graph before any library reads it: where its weights are, and how much its constants make.

Field numbers are those of onnx.proto.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pose3d_ros.engines.spec import wire_format as wire


@dataclass(eq=False)
class Parts:
    """A kind of message. below: field → the kind of message in it. texts: the fields that are texts."""

    below: dict[int, Parts] = field(default_factory=dict)
    texts: tuple[int, ...] = ()


TENSOR, GRAPH = Parts(texts=(8, 12)), Parts(texts=(2, 10))
_SPARSE = Parts({1: TENSOR, 2: TENSOR})
_ATTRIBUTE = Parts(
    {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: _SPARSE, 23: _SPARSE},
    texts=(1, 13, 21),
)
_NODE = Parts({5: _ATTRIBUTE}, texts=(1, 2, 3, 4, 6, 7, 8))
_SHAPE = Parts({1: Parts(texts=(2, 3))})
_TENSOR_TYPE = Parts({2: _SHAPE})
_INFO = Parts({2: Parts({1: _TENSOR_TYPE}, texts=(6,))}, texts=(1, 3))
GRAPH.below.update({1: _NODE, 5: TENSOR, 11: _INFO, 12: _INFO, 13: _INFO, 15: _SPARSE})
_PAIR, _OPSET = Parts(texts=(1, 2)), Parts(texts=(1,))
_FUNCTION = Parts({7: _NODE, 9: _OPSET, 11: _ATTRIBUTE}, texts=(1, 4, 5, 6, 8, 10))
MODEL = Parts({7: GRAPH, 8: _OPSET, 14: _PAIR, 20: Parts({1: GRAPH, 2: GRAPH}), 25: _FUNCTION}, texts=(2, 3, 4, 6))

_MOST_MADE = 1 << 24
"""Numbers that a graph may make of constants, such as a grid of anchors: 64 MiB as float32."""
_SLIDING = frozenset(
    "Conv ConvInteger ConvTranspose QLinearConv DeformConv MaxPool AveragePool LpPool MaxUnpool Col2Im "
    "DepthToSpace SpaceToDepth Split".split()
)
_LEAST = {"strides": 1, "dilations": 1, "kernel_shape": 1, "group": 1, "blocksize": 1, "num_outputs": 1, "pads": 0}
"""Attribute of those operators → its least value."""
_MOST_STEP = 1 << 16
_MOST_PASSED = 1 << 26
"""Numbers of fixed axes in an input, an output or a tensor between: an image of 4096x4096 has 50 million."""
_MAKERS = frozenset(
    "ConstantOfShape RandomNormal RandomUniform Expand Tile Range OneHot Pad Resize Upsample SplitToSequence".split()
)
_MOST_DEPTH = 40
_INT32, _INT64 = 6, 7
_MOST_AXES = 16
_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Type of a tensor → bytes of an element."""


class WrongGraph(Exception):
    """A graph that is not to be loaded."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(got)
        self.expected, self.got = expected, got


def check_graph(content: bytes) -> list[str]:
    """The names of the files that a graph's weights lie in, none where it has its weights.

    Raises DamagedMessage for bytes that are no graph, and WrongGraph for a tensor larger than its data, for names that
    are not UTF-8 and for an operator that makes too much of constants.
    """
    look = _Look()
    message = memoryview(content)
    if not any(True for _ in wire.messages(message, 7)):
        raise wire.DamagedMessage
    look.walk(message, MODEL, 0)
    return look.external


@dataclass
class _Look:
    """What was found so far. constants: short lists of integers by tensor name."""

    external: list[str] = field(default_factory=list)
    constants: dict[str, list[int]] = field(default_factory=dict)

    def walk(self, message: memoryview, parts: Parts, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise WrongGraph("subgraphs nested a few deep", f"more than {_MOST_DEPTH} levels")
        found = []
        for part in wire.fields(message):
            if part.number in parts.below:
                found.append(part)
            elif part.number in parts.texts:
                _decoded(part.value)
        if parts is GRAPH:  # weights come behind the nodes that read them
            found.sort(key=lambda part: part.number, reverse=True)
        for part in found:
            kind = parts.below[part.number]
            if isinstance(part.value, int):
                raise wire.DamagedMessage
            if kind is _SHAPE and _product(_lengths(part.value)) > _MOST_PASSED:
                raise WrongGraph(f"inputs and outputs of up to {_MOST_PASSED} numbers", "more")
            if kind is TENSOR:
                self._check_tensor(part.value, noted=parts is GRAPH)
            elif kind is _NODE:
                self._check_node(part.value, depth + 1)
            else:
                self.walk(part.value, kind, depth + 1)

    def _check_tensor(self, tensor: memoryview, *, noted: bool) -> None:
        """noted: add it to the constants."""
        found = list(wire.fields(tensor))
        name = next((_decoded(part.value) for part in found if part.number == 8), "")
        if any(part.number == 13 or (part.number == 14 and part.value) for part in found):
            self.external.append(_location(tensor))
            return
        count = _product(wire.integers(tensor, 1, _MOST_AXES))
        if count > 2 * len(tensor):  # no type takes less than half a byte
            raise WrongGraph("tensors that are as large as their data", f"{count} numbers in {name or 'a tensor'}")
        _check_raw(name, tensor, count)
        if noted and count <= _MOST_AXES:
            self._note_constant(name, tensor)

    def _check_node(self, node: memoryview, depth: int) -> None:
        """Also adds what a Constant node gives to the constants."""
        found = list(wire.fields(node))
        inputs, outputs = ([_decoded(part.value) for part in found if part.number == number] for number in (1, 2))
        for part in found:
            if part.number in _NODE.texts:
                _decoded(part.value)
        operator = next((_decoded(part.value) for part in found if part.number == 4), "")
        for part in found:
            if part.number == 5 and isinstance(part.value, memoryview):
                self.walk(part.value, _ATTRIBUTE, depth)
                if operator == "Constant" and outputs:
                    self._note_attribute(outputs[0], part.value)
                elif operator in _SLIDING:
                    _check_sliding(operator, part.value)
        if operator in _MAKERS:
            made = _made(operator, [self.constants.get(name) for name in inputs], node)
            if made > _MOST_MADE:
                raise WrongGraph(f"up to {_MOST_MADE} numbers made of constants", f"{made} by {operator}")

    def _note_attribute(self, name: str, attribute: memoryview) -> None:
        for tensor in wire.messages(attribute, 5):
            self._note_constant(name, tensor)
        if values := wire.integers(attribute, 8, _MOST_AXES):
            self.constants[name] = values

    def _note_constant(self, name: str, tensor: memoryview) -> None:
        values = _integers_of(tensor)
        if values is not None:
            self.constants[name] = values


def _check_raw(name: str, tensor: memoryview, count: int) -> None:
    kinds = wire.integers(tensor, 2, 1)
    width = _BYTES.get(kinds[0]) if kinds else None
    for raw in wire.messages(tensor, 9):
        if width is not None and len(raw) != width * count:
            raise WrongGraph(f"{width * count} bytes of data for {name or 'a tensor'}", f"{len(raw)}")


def _check_sliding(operator: str, attribute: memoryview) -> None:
    """Runtimes divide by these without a look at them, and the process ends."""
    name = next((_decoded(value) for value in wire.messages(attribute, 1)), "")
    if name in _LEAST:
        values = [*wire.integers(attribute, 3, 1), *wire.integers(attribute, 8, _MOST_AXES)]
        if wrong := [value for value in values if not _LEAST[name] <= value <= _MOST_STEP]:
            raise WrongGraph(f"{name} of {operator} from {_LEAST[name]} to {_MOST_STEP}", str(wrong[0]))


def _made(operator: str, given: Sequence[list[int] | None], node: memoryview) -> int:
    """How many numbers an operator makes at least, as far as its constant inputs tell."""
    if operator in ("ConstantOfShape", "RandomNormal", "RandomUniform"):
        shapes = [*given[:1], *(wire.integers(a, 8, _MOST_AXES) for a in wire.messages(node, 5))]
        return max((_product(shape) for shape in shapes if shape), default=0)
    if operator in ("Expand", "Tile") and len(given) > 1 and given[1]:
        return _product(given[1])
    if operator == "Range" and len(given) == 3 and all(given):
        start, limit, delta = (values[0] for values in given if values)
        return max(0, (limit - start) // delta) if delta else 0
    if operator == "SplitToSequence" and len(given) > 1 and given[1] and min(given[1]) < 1:
        raise WrongGraph("parts of SplitToSequence of 1 or more", str(min(given[1])))
    if operator == "OneHot" and len(given) > 1 and given[1]:
        return abs(given[1][0])
    if operator in ("Pad", "Resize", "Upsample"):
        return max((_largest_of(values) for values in given if values), default=0)
    return 0


def _lengths(shape: memoryview) -> list[int]:
    """Of the axes that have one, 1 for an empty one: NumPy refuses the other axes' product by itself."""
    return [max(1, length) for dim in wire.messages(shape, 1) for length in wire.integers(dim, 1, 1)]


def _largest_of(values: list[int]) -> int:
    return max(map(abs, values), default=0)


def _product(lengths: Sequence[int]) -> int:
    if len(lengths) > _MOST_AXES:
        raise WrongGraph(f"tensors of up to {_MOST_AXES} axes", "more")
    return math.prod(length if length >= 0 else 1 for length in lengths)


def _integers_of(tensor: memoryview) -> list[int] | None:
    """The values of a short tensor of integers, None for another."""
    kinds = wire.integers(tensor, 2, 1)
    if kinds not in ([_INT32], [_INT64]):
        return None
    width = 8 if kinds == [_INT64] else 4
    for raw in wire.messages(tensor, 9):
        if len(raw) > width * _MOST_AXES:
            return None
        return [int.from_bytes(raw[i : i + width], "little", signed=True) for i in range(0, len(raw), width)]
    values = wire.integers(tensor, 7 if kinds == [_INT64] else 5, _MOST_AXES)
    return values if len(values) <= _MOST_AXES else None


def _location(tensor: memoryview) -> str:
    for pair in wire.messages(tensor, 13):
        parts = {f.number: wire.text(f.value) for f in wire.fields(pair)}
        if parts.get(1) == "location":
            return parts.get(2, "")
    return "another file"


def _decoded(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise wire.DamagedMessage
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise WrongGraph("names in UTF-8", "other bytes") from None
