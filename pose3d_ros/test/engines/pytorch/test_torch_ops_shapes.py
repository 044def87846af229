"""Operators that make shapes, select and write by index in PyTorch against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from pose3d_ros.errors import EngineError

from .one_node import Array, Case, assert_same, by_torch, floats, ints, scalar

X = floats(2, 3, 4, 5)
ROW = floats(6)
FAR = 2**62


def _constant(op: str, value: Array, *fixed: Array | None, opset: int = 17, **attributes: object) -> Case:
    """A node on data and initializers."""
    numbers = tuple(range(1, 1 + len(fixed)))
    return Case(op, [value, *fixed], attributes, fixed=numbers, opset=opset)


SHAPES = [
    Case("Shape", [X]),
    *(Case("Shape", [X], {"start": s, "end": e}) for s, e in ((1, 3), (-2, 9), (-9, -1), (3, 1))),
    Case("Shape", [X], {"start": -1}),
    Case("Size", [X]),
    *(_constant("Reshape", X, ints(*s)) for s in ((0, -1), (5, 0, 8), (-1,), (1, 2, 60))),
    _constant("Reshape", X, ints(2, 60), allowzero=1),
    *(Case("Flatten", [X], {"axis": axis}) for axis in (0, 1, 2, -1, 4)),
    Case("Squeeze", [X[:1, :, :1]]),
    Case("Squeeze", [X[:1, :, :1]], {"axes": [0, -2]}, opset=11),
    _constant("Squeeze", X[:1, :, :1], ints(2)),
    Case("Unsqueeze", [X], {"axes": [0, 5]}, opset=11),
    _constant("Unsqueeze", X, ints(-1, 1)),
    Case("Transpose", [X]),
    Case("Transpose", [X], {"perm": [0, 2, 3, 1]}),
    *(Case("Concat", [X, X[:, :, :1], X], {"axis": axis}) for axis in (2, -2)),
    Case("Split", [X], {"axis": -1, "split": [1, 4]}, opset=11, outputs=2),
    Case("Split", [X, ints(2, 0, 1)], {"axis": 1}, fixed=(1,), outputs=3),
    Case("Split", [X], {"axis": 2}, outputs=2),
    Case("Split", [X], {"axis": 3, "num_outputs": 3}, opset=18, outputs=3),
    _constant("Expand", X[:, :, :1], ints(4, 1)),
    _constant("Expand", X[:1], ints(3, 7, 1, 1, 1)),
    _constant("Tile", X, ints(1, 2, 1, 3)),
    Case("Range", [scalar(3, "int64"), scalar(12, "int64"), scalar(4, "int64")], fixed=(0, 1, 2)),
    Case("Range", [scalar(1.0), scalar(-1.0), scalar(-0.3)], fixed=(0, 1, 2)),
    Case("Range", [scalar(3, "int64"), scalar(3, "int64"), scalar(1, "int64")], fixed=(0, 1, 2)),
    Case("ConstantOfShape", [ints(2, 3)], fixed=(0,)),
    Case("ConstantOfShape", [ints()], {"value": helper.make_tensor("v", 7, [1], [4])}, fixed=(0,)),
    Case("Identity", [X]),
    Case("Dropout", [X]),
    Case("Dropout", [X], outputs=2),
    *(Case("DepthToSpace", [floats(2, 8, 2, 3)], {"blocksize": 2, "mode": mode}) for mode in ("DCR", "CRD")),
    Case("SpaceToDepth", [floats(2, 3, 4, 6)], {"blocksize": 2}),
]
SLICES = [
    Case("Slice", [X], {"starts": [1, -2], "ends": [9, -1], "axes": [1, 3]}, opset=9),
    _constant("Slice", X, ints(1, 0), ints(2, 2)),
    _constant("Slice", X, ints(0, -3), ints(-1, FAR), ints(-1, 2)),
    _constant("Slice", ROW, ints(4), ints(0), ints(0), ints(-2)),
    _constant("Slice", ROW, ints(-1), ints(-FAR), ints(0), ints(-1)),
    _constant("Slice", ROW, ints(FAR), ints(-FAR), ints(0), ints(-4)),
    _constant("Slice", ROW, ints(1), ints(FAR), ints(0), ints(2)),
    _constant("Slice", ROW, ints(4), ints(2)),
]
LINES = ints(2, -1, 0)
PICKS = np.array([[[0, 1], [-1, 2]]])
ROWS = np.array([[0], [-1]])
UPDATES = floats(2, 3, 4, 5, seed=1)
INDEXED = [
    Case("Gather", [X, LINES], {"axis": 1}),
    _constant("Gather", X, np.array([[0, 2], [-3, 1]]), axis=-3),
    *(_constant("Gather", X, scalar(i, "int64"), axis=2) for i in (0, -1)),
    Case("Gather", [X, scalar(-2, "int64")], {"axis": -1}),
    Case("GatherElements", [X, np.full((2, 1, 4, 5), -2)], {"axis": 1}),
    Case("GatherND", [X, PICKS]),
    Case("GatherND", [X, ROWS], {"batch_dims": 1}),
    Case("ScatterND", [X, np.array([[1, 0], [0, -1]]), floats(2, 4, 5)]),
    Case("ScatterND", [X, PICKS[0], floats(2, 4, 5)], fixed=(1,)),
    *(Case("ScatterND", [X, np.array([[0], [0]]), UPDATES], {"reduction": r}, opset=18) for r in ("add", "mul", "max")),
    Case("ScatterElements", [X, np.full((1, 2, 4, 5), -1), UPDATES[:1, :2]], {"axis": 1}),
    Case(
        "ScatterElements",
        [X, np.zeros((2, 2, 4, 5), np.int64), UPDATES[:, :2]],
        {"axis": 1, "reduction": "add"},
        opset=18,
    ),
    *(Case("OneHot", [ints(1, -1, 9), ints(3), floats(2)], {"axis": axis}, fixed=(1,)) for axis in (-1, 0)),
    *(Case("Trilu", [X], {"upper": upper}) for upper in (0, 1)),
    _constant("Trilu", X, scalar(-1, "int64")),
]
PADS = ints(0, 1, 2, 3, 0, 2, 1, 4)
PADDING = [
    _constant("Pad", X, PADS),
    _constant("Pad", X, PADS, scalar(1.5)),
    _constant("Pad", X, ints(0, -1, 2, -1, 0, 0, -1, 1)),
    _constant("Pad", X, ints(0, 1, 2, 3, 0, 2, 1, 4), mode="edge"),
    _constant("Pad", X, ints(0, 2, 3, 4, 1, 1, 2, 3), mode="reflect"),
    _constant("Pad", X, ints(0, 1, 2, 3, 0, 2, 1, 4), mode="wrap", opset=19),
    _constant("Pad", X, ints(1, 3, 2, 0), scalar(2.0), ints(-1, 1), opset=18),
    Case("Pad", [X], {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "value": 0.5}, opset=10),
    Case("Pad", [X], {"pads": [0, 0, 1, 1, 0, 0, 2, 2], "mode": "reflect"}, opset=10),
    _constant("Pad", np.arange(6).reshape(2, 3), ints(1, 0, 0, 1), scalar(7, "int64")),
]


@pytest.mark.parametrize("case", [*SHAPES, *SLICES, *INDEXED, *PADDING], ids=str)
def test_values_are_onnxruntimes(case: Case, tmp_path: Path) -> None:
    assert_same(case, tmp_path)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (_constant("Squeeze", X, ints(1)), r"axes \[1\] of length 1, got \(2, 3, 4, 5\)"),
        (_constant("Pad", X, PADS, mode="mirror"), "constant, edge, wrap, reflect, got mirror"),
        (Case("ScatterND", [X, ROWS, UPDATES], {"reduction": "mean"}, opset=18), "none, add, mul, max, min, got mean"),
    ],
)
def test_what_is_not_supported_says_so(case: Case, message: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=message):
        by_torch(case, tmp_path, [X])


def test_a_shape_that_does_not_fit_names_the_node(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"node → y0 \(Reshape\) of one\.onnx: .*got shape '\[7, -1\]' is invalid"):
        by_torch(_constant("Reshape", X, ints(7, -1)), tmp_path, [X])
