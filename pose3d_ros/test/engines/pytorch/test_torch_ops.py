"""Elementwise operators, activations, reductions and products in PyTorch against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto

from .one_node import Case, assert_same, by_torch, floats, ints, scalar

X = floats(2, 3, 4, 5)
INSIDE = np.tanh(floats(2, 3)) * np.float32(0.9)
POSITIVE = np.abs(X) + np.float32(0.1)
WHOLE = np.array([[7, -7, 9], [-9, 4, -1]], dtype=np.int64)
DIVISOR = np.array([2, 3, -4], dtype=np.int64)
TIES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4], dtype=np.float32)
TRUTH = np.array([[True, False], [False, True]])
ODD = np.array([1.0, np.inf, -np.inf, np.nan], dtype=np.float32)

UNARY = "Abs Asinh Atan Ceil Cos Cosh Erf Exp Floor IsNaN Neg Reciprocal Sign Sin Sinh Tan".split()
ACTIVATIONS = (
    "Relu Sigmoid Tanh Softplus Softsign HardSwish HardSigmoid LeakyRelu Elu Celu Selu ThresholdedRelu".split()
)
BINARY = "Add Sub Mul Div Greater GreaterOrEqual Less LessOrEqual Equal Max Min Sum Mean".split()

ELEMENTWISE = [
    *(Case(op, [X]) for op in (*UNARY, *ACTIVATIONS)),
    *(Case(op, [POSITIVE]) for op in ("Sqrt", "Log")),
    *(Case(op, [INSIDE]) for op in ("Acos", "Asin", "Atanh")),
    Case("Acosh", [POSITIVE + 1]),
    Case("Round", [TIES]),
    Case("IsInf", [ODD]),
    Case("IsInf", [ODD], {"detect_negative": 0}),
    Case("IsInf", [ODD], {"detect_positive": 0}),
    *(Case(op, [X, floats(3, 1, 5, seed=1)]) for op in BINARY),
    *(Case(op, [floats(3), floats(2, 3, seed=1), floats(3, seed=2)]) for op in ("Max", "Min", "Sum", "Mean")),
    *(Case(op, [WHOLE, DIVISOR]) for op in ("Add", "Mul", "Div", "Mod", "Equal", "Less", "Max")),
    Case("Mod", [WHOLE, DIVISOR], {"fmod": 1}),
    Case("Mod", [X, floats(5, seed=1)], {"fmod": 1}),
    *(Case(op, [TRUTH, TRUTH[:1]]) for op in ("And", "Or", "Xor", "Equal")),
    Case("Not", [TRUTH]),
    *(Case(op, [WHOLE, DIVISOR], opset=18) for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor")),
    Case("BitwiseNot", [WHOLE], opset=18),
    Case("Where", [X > 0, X, floats(4, 1, seed=1)]),
    Case("Pow", [POSITIVE, floats(5, seed=1)]),
    *(Case("Pow", [X, scalar(power)], fixed=(1,)) for power in (2.0, 3.0)),
    Case("Pow", [POSITIVE, scalar(0.5)], fixed=(1,)),
    Case("Pow", [X, scalar(2, "int64")], fixed=(1,)),
    Case("Pow", [WHOLE, scalar(2.0)]),
    Case("Clip", [X, scalar(-0.5), scalar(0.5)], fixed=(1, 2)),
    Case("Clip", [X, scalar(-0.5), scalar(0.5)]),
    Case("Clip", [X, scalar(1.0), scalar(-1.0)], fixed=(1, 2)),
    Case("Clip", [X, None, scalar(0.5)], fixed=(2,)),
    Case("Clip", [X, scalar(0.0)], fixed=(1,)),
    Case("Clip", [X]),
    Case("Clip", [X], {"min": -0.25, "max": 0.5}, opset=10),
    Case("Clip", [X], {"max": 0.5}, opset=7),
    *(Case("Cast", [X * 3], {"to": kind}) for kind in (TensorProto.INT32, TensorProto.FLOAT16, TensorProto.BOOL)),
    Case("Cast", [WHOLE], {"to": TensorProto.FLOAT}),
    Case("Cast", [TRUTH], {"to": TensorProto.INT64}),
    Case("CastLike", [X, WHOLE]),
    Case("PRelu", [X, floats(3, 1, 1, seed=1)]),
    Case("LeakyRelu", [X], {"alpha": 0.3}),
    Case("Elu", [X], {"alpha": 0.5}),
    Case("Celu", [X], {"alpha": 2.0}),
    Case("Selu", [X], {"alpha": 2.0, "gamma": 0.5}),
    Case("HardSigmoid", [X], {"alpha": 1 / 6, "beta": 0.5}),
    Case("ThresholdedRelu", [X], {"alpha": 0.5}),
    Case("Mish", [X], opset=18),
    Case("Gelu", [X], opset=20),
    Case("Gelu", [X], {"approximate": "tanh"}, opset=20),
    *(Case(op, [X], {"axis": axis}) for op in ("Softmax", "LogSoftmax") for axis in (-1, 1)),
    *(Case(op, [X], opset=opset) for op in ("Softmax", "LogSoftmax") for opset in (11, 13)),
    Case("Softmax", [X], {"axis": 2}, opset=9),
]

REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()
REDUCING = [
    *(Case(f"Reduce{op}", [POSITIVE], {"axes": [1, -1], "keepdims": 0}, opset=11) for op in REDUCTIONS),
    *(Case(f"Reduce{op}", [POSITIVE], opset=11) for op in REDUCTIONS),
    *(Case(f"Reduce{op}", [POSITIVE, ints(-2)], fixed=(1,), opset=18) for op in REDUCTIONS),
    *(Case(f"Reduce{op}", [POSITIVE, ints()], {"keepdims": 0}, fixed=(1,), opset=18) for op in REDUCTIONS),
    Case("ReduceSum", [X, ints()], {"noop_with_empty_axes": 1}, fixed=(1,), opset=13),
    *(Case(f"Reduce{op}", [WHOLE], {"axes": [1]}, opset=11) for op in ("Max", "Mean", "Sum", "Prod")),
    Case("ReduceSum", [scalar(3.0)]),
    *(Case(op, [X], {"axis": axis, "keepdims": k}) for op in ("ArgMax", "ArgMin") for axis, k in ((-1, 0), (1, 1))),
    Case("ArgMax", [np.array([3.0, 9.0, 9.0], dtype=np.float32)]),
    Case("ArgMax", [np.array([3.0, 9.0, 9.0], dtype=np.float32)], {"select_last_index": 1}),
    *(Case("TopK", [X, ints(2)], {"axis": a}, fixed=(1,), outputs=2) for a in (-1, 1)),
    Case("TopK", [X, ints(3)], {"largest": 0}, fixed=(1,), outputs=2),
    Case("TopK", [np.array([1, 5, 5, 5, 2], dtype=np.float32), ints(3)], fixed=(1,), outputs=2),
    Case("TopK", [X], {"k": 2}, opset=9, outputs=2),
    *(Case("CumSum", [X, scalar(2, "int64")], {"exclusive": e, "reverse": r}, (1,)) for e in (0, 1) for r in (0, 1)),
]

PRODUCTS = [
    Case("MatMul", [floats(2, 3, 4), floats(4, 5, seed=1)]),
    Case("MatMul", [floats(4), floats(2, 4, 5, seed=1)]),
    Case("MatMul", [floats(2, 1, 3, 4), floats(5, 4, 2, seed=1)]),
    Case("Gemm", [floats(3, 4), floats(4, 5, seed=1)]),
    Case("Gemm", [floats(3, 4), floats(5, 4, seed=1), floats(5, seed=2)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", [floats(4, 3), floats(4, 5, seed=1), floats(3, 1, seed=2)], {"transA": 1}, fixed=(1, 2)),
    Case("Einsum", [floats(2, 3, 4), floats(2, 4, 5, seed=1)], {"equation": "bij,bjk->bik"}),
    Case("Einsum", [floats(2, 3), floats(4, seed=1)], {"equation": "ni, j -> nij"}),
    Case("Einsum", [floats(2, 3, 4)], {"equation": "...ij->...ji"}),
]


@pytest.mark.parametrize("case", [*ELEMENTWISE, *REDUCING, *PRODUCTS], ids=str)
def test_values_are_onnxruntimes(case: Case, tmp_path: Path) -> None:
    assert_same(case, tmp_path)


def test_a_reduction_over_no_axes_still_squares_and_takes_roots_and_logarithms(tmp_path: Path) -> None:
    """As ONNX's Operators.md has it; ONNX Runtime returns the input as it is, or an error."""
    x = np.array([-3.0, 2.0], dtype=np.float32)
    expected = {"Mean": [-3.0, 2.0], "Max": [-3.0, 2.0], "SumSquare": [9.0, 4.0], "L1": [3.0, 2.0], "L2": [3.0, 2.0]}
    for op, values in expected.items():
        case = Case(f"Reduce{op}", [x], {"noop_with_empty_axes": 1}, opset=18)
        np.testing.assert_allclose(by_torch(case, tmp_path, [x]), [values])


def test_a_mean_of_whole_numbers_is_cut_off(tmp_path: Path) -> None:
    case = Case("ReduceMean", [np.array([[-3, -4]], dtype=np.int32)], {"axes": [1], "keepdims": 0}, opset=11)
    np.testing.assert_array_equal(by_torch(case, tmp_path, [np.zeros(1, dtype=np.int32)]), [[-3]])


def test_half_precision_keeps_its_type_and_a_norm_beyond_the_root_of_its_largest_number(tmp_path: Path) -> None:
    x = np.array([300.0, 400.0], dtype=np.float16)
    (norm,) = by_torch(Case("ReduceL2", [x]), tmp_path, [x])
    assert (norm.dtype, norm.tolist()) == (np.dtype("float16"), [500.0])
    (square,) = by_torch(Case("Pow", [x / 100, scalar(2.0)], fixed=(1,)), tmp_path, [x])
    assert (square.dtype, square.tolist()) == (np.dtype("float16"), [9.0, 16.0])
