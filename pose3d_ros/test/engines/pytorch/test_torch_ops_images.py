"""Convolutions, pools, normalisations, quantisation and resizing in PyTorch against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import EngineError

from .one_node import Array, Case, assert_same, by_torch, floats, ints, scalar

LINE, IMAGE, VOLUME = floats(2, 4, 9), floats(2, 4, 7, 9), floats(1, 2, 5, 6, 7)
KERNEL = floats(6, 4, 3, 3, seed=1)
BIAS = floats(6, seed=2)
SPACE = {"kernel_shape": [3, 2]}

CONVOLUTIONS = [
    Case("Conv", [IMAGE, KERNEL, BIAS]),
    Case("Conv", [IMAGE, KERNEL, BIAS], {"pads": [1, 1, 1, 1], "strides": [2, 1]}, fixed=(1, 2)),
    Case("Conv", [IMAGE, KERNEL], {"pads": [0, 1, 2, 3], "strides": [2, 2]}),
    Case("Conv", [IMAGE, KERNEL], {"dilations": [2, 3], "pads": [2, 2, 2, 2]}),
    Case("Conv", [IMAGE, floats(8, 2, 3, 3, seed=1)], {"group": 2}, fixed=(1,)),
    Case("Conv", [IMAGE, floats(4, 1, 3, 3, seed=1)], {"group": 4, "pads": [1, 1, 1, 1]}, fixed=(1,)),
    *(Case("Conv", [IMAGE, KERNEL], {"auto_pad": a, "strides": [2, 3]}) for a in ("SAME_UPPER", "SAME_LOWER", "VALID")),
    Case("Conv", [IMAGE, floats(2, 4, 4, 2, seed=1)], {"auto_pad": "SAME_LOWER"}),
    Case("Conv", [LINE, floats(3, 4, 3, seed=1)], {"pads": [2, 0], "dilations": [2]}),
    Case("Conv", [VOLUME, floats(3, 2, 2, 3, 2, seed=1)], {"pads": [1, 0, 1, 0, 1, 1], "strides": [1, 2, 1]}),
]
WIDENING = floats(4, 3, 4, 4, seed=1)
TRANSPOSED = [
    Case("ConvTranspose", [IMAGE, WIDENING, floats(3, seed=2)], {"strides": [2, 2], "pads": [1, 1, 1, 1]}, fixed=(1,)),
    Case("ConvTranspose", [IMAGE, WIDENING], {"strides": [3, 2], "output_padding": [2, 1]}),
    Case("ConvTranspose", [IMAGE, WIDENING], {"strides": [2, 2], "pads": [0, 1, 2, 1], "output_padding": [1, 0]}),
    Case("ConvTranspose", [IMAGE, WIDENING], {"dilations": [2, 1], "pads": [1, 1, 1, 1]}),
    Case("ConvTranspose", [IMAGE, floats(4, 3, 3, 3, seed=1)], {"group": 2, "strides": [2, 2]}),
    *(
        Case("ConvTranspose", [IMAGE, WIDENING], {"strides": [3, 2], "auto_pad": f"SAME_{a}"})
        for a in ("UPPER", "LOWER")
    ),
    Case("ConvTranspose", [IMAGE, WIDENING], {"strides": [2, 2], "output_shape": [15, 18]}),
    Case("ConvTranspose", [LINE, floats(4, 3, 4, seed=1)], {"strides": [2], "pads": [1, 1]}),
    Case("ConvTranspose", [VOLUME, floats(2, 3, 2, 2, 2, seed=1)], {"strides": [2, 2, 2]}),
]
PADDED = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
UNEVEN = {"kernel_shape": [2, 3], "strides": [2, 2], "pads": [1, 0, 0, 2]}
POOLS = [
    *(Case(op, [IMAGE], attributes) for op in ("MaxPool", "AveragePool") for attributes in (SPACE, PADDED, UNEVEN)),
    *(Case(op, [IMAGE], {**a, "ceil_mode": 1}) for op in ("MaxPool", "AveragePool") for a in (PADDED, UNEVEN)),
    *(Case("AveragePool", [IMAGE], {**a, "count_include_pad": 1}) for a in (PADDED, UNEVEN)),
    *(Case("AveragePool", [IMAGE], {**PADDED, "ceil_mode": 1, "count_include_pad": c}, opset=19) for c in (0, 1)),
    Case("AveragePool", [IMAGE], {**UNEVEN, "ceil_mode": 1, "count_include_pad": 1}, opset=19),
    Case("AveragePool", [IMAGE], {**PADDED, "dilations": [2, 1]}, opset=19),
    Case("MaxPool", [IMAGE], {**PADDED, "dilations": [2, 2]}),
    Case("MaxPool", [IMAGE], {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1}),
    *(
        Case(op, [IMAGE], {**SPACE, "strides": [2, 2], "auto_pad": a})
        for op in ("MaxPool", "AveragePool")
        for a in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ),
    *(Case(op, [LINE], {"kernel_shape": [3], "pads": [1, 1]}) for op in ("MaxPool", "AveragePool")),
    *(Case(op, [VOLUME], {"kernel_shape": [2, 2, 3], "pads": [0, 0, 1, 0, 0, 1]}) for op in ("MaxPool", "AveragePool")),
    *(Case(op, [x]) for op in ("GlobalAveragePool", "GlobalMaxPool") for x in (LINE, IMAGE, VOLUME)),
]
CHANNEL = [floats(4, seed=i) for i in range(3)]
SPREAD = np.abs(floats(4, seed=3)) + np.float32(0.5)
NORMS = [
    Case("BatchNormalization", [IMAGE, *CHANNEL, SPREAD], fixed=(1, 2, 3, 4)),
    Case("BatchNormalization", [floats(3, 4), *CHANNEL, SPREAD], {"epsilon": 1e-2}, opset=9),
    Case("InstanceNormalization", [IMAGE, *CHANNEL[:2]], {"epsilon": 1e-3}),
    Case("LayerNormalization", [IMAGE, floats(9), floats(9, seed=1)]),
    Case("LayerNormalization", [IMAGE, floats(7, 9)], {"axis": 2, "epsilon": 1e-2}),
    Case("LayerNormalization", [IMAGE, floats(9), floats(9, seed=1)], outputs=3),
    Case("GroupNormalization", [IMAGE, *CHANNEL[:2]], {"num_groups": 2}, opset=21),
    Case("LpNormalization", [IMAGE], {"axis": 1, "p": 1}),
    Case("LpNormalization", [IMAGE]),
]
BYTES = np.array([[0, 1, 2], [127, 200, 255]], dtype=np.uint8)
STEPS = np.array([0.1, 0.02], dtype=np.float32)
QUANTISED = [
    Case("QuantizeLinear", [IMAGE * 20, scalar(0.05), scalar(128, "uint8")]),
    Case("QuantizeLinear", [np.array([-3, -0.5, 0.5, 1.5, 300], dtype=np.float32), scalar(1.0)]),
    Case("QuantizeLinear", [floats(3, 2, 4), STEPS, np.array([3, -3], dtype=np.int8)], {"axis": 1}),
    Case("DequantizeLinear", [BYTES, scalar(0.05), scalar(128, "uint8")]),
    Case("DequantizeLinear", [BYTES.astype(np.int8), STEPS, np.array([3, -3], dtype=np.int8)], {"axis": -2}),
    Case("DequantizeLinear", [BYTES.astype(np.int32) * 9999, scalar(0.5)]),
]


def _resizes() -> Iterator[Case]:
    image, no = floats(1, 2, 5, 6), None
    up, odd, down = (np.array([1, 1, *s], dtype=np.float32) for s in ((2, 2), (1.5, 3.3), (0.6, 0.4)))
    coordinates = "half_pixel pytorch_half_pixel align_corners asymmetric".split()
    for scales in (up, odd, down):
        for c in coordinates:
            for mode in ("linear", "cubic"):
                yield _resize(image, scales, mode=mode, coordinate_transformation_mode=c)
            for nearest in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"):
                yield _resize(image, scales, coordinate_transformation_mode=c, nearest_mode=nearest)
    for c in coordinates:
        for sizes in (ints(1, 2, 8, 4), ints(1, 2, 1, 1)):
            attributes = {"mode": "linear", "coordinate_transformation_mode": c}
            yield Case("Resize", [image, no, no, sizes], attributes, fixed=(3,))
    yield _resize(image, odd, mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
    yield Case("Resize", [image, no, no, ints(9, 3)], {"axes": [2, 3], "mode": "linear"}, fixed=(3,), opset=18)
    filtered = {"antialias": 1, "mode": "linear", "exclude_outside": 1}
    yield Case("Resize", [image, no, no, ints(1, 2, 3, 2)], filtered, fixed=(3,), opset=18)
    yield _resize(image, odd, mode="linear", coordinate_transformation_mode="half_pixel_symmetric", opset=19)
    yield _resize(floats(1, 2, 5), np.array([1, 1, 2.5], dtype=np.float32), mode="linear")
    yield Case("Resize", [image, up], {"mode": "nearest"}, fixed=(1,), opset=10)
    yield Case("Resize", [image, odd], {"mode": "linear"}, fixed=(1,), opset=10)
    yield Case("Upsample", [image, up], {"mode": "linear"}, fixed=(1,), opset=9)
    yield Case("Upsample", [image], {"mode": "nearest", "scales": [1.0, 1.0, 2.0, 3.0]}, opset=7)


def _resize(image: Array, scales: Array, opset: int = 17, **attributes: object) -> Case:
    return Case("Resize", [image, None, scales], attributes, fixed=(2,), opset=opset)


GRID = np.tanh(floats(2, 3, 5, 2, seed=4)) * np.float32(1.3)
SAMPLED = [
    *(
        Case("GridSample", [IMAGE, GRID], {"padding_mode": p, "align_corners": c, "mode": m})
        for p in ("zeros", "border", "reflection")
        for c in (0, 1)
        for m in ("bilinear", "nearest")
    ),
    Case("GridSample", [IMAGE, GRID], {"mode": "bicubic"}),
    Case("GridSample", [IMAGE, GRID], {"mode": "cubic", "align_corners": 1}, opset=20),
]


@pytest.mark.parametrize(
    "case", [*CONVOLUTIONS, *TRANSPOSED, *POOLS, *NORMS, *QUANTISED, *_resizes(), *SAMPLED], ids=str
)
def test_values_are_onnxruntimes(case: Case, tmp_path: Path) -> None:
    assert_same(case, tmp_path)


def test_a_batch_normalisation_in_half_precision_may_have_float32_statistics(tmp_path: Path) -> None:
    x = np.array([[1.0, 2.0]], dtype=np.float16)
    ones = [np.ones(2, dtype=np.float16)] * 2
    case = Case("BatchNormalization", [x, *ones, np.zeros(2, np.float32), np.full(2, 4, np.float32)], {"epsilon": 0.0})
    (result,) = by_torch(case, tmp_path, [x])
    assert (result.dtype, result.tolist()) == (np.dtype("float16"), [[1.5, 2.0]])


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (_resize(IMAGE, np.ones(4, np.float32), opset=18, keep_aspect_ratio_policy="not_larger"), "stretch"),
        (_resize(IMAGE, np.ones(4, np.float32), coordinate_transformation_mode="tf_crop_and_resize"), "half_pixel or"),
        (_resize(IMAGE, np.full(4, 0.5, np.float32), opset=18, mode="linear", antialias=1), "exclude_outside 1, got"),
        (Case("MaxPool", [IMAGE], SPACE, outputs=2), "expected the greatest values alone, got a second output"),
        (Case("MaxPool", [IMAGE], {**SPACE, "auto_pad": "SAME"}), "auto_pad NOTSET"),
        (Case("Conv", [floats(2, 4), floats(1, 4)]), "one to three spatial axes, got \\(2, 4\\)"),
        (Case("LayerNormalization", [IMAGE, floats(9)], {"axis": 4}), "expected an axis within ±4, got 4"),
    ],
)
def test_what_is_not_supported_says_so(case: Case, message: str, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=rf"node → y0 \({case.op}\): .*{message}"):
        by_torch(case, tmp_path, [IMAGE] * case.outputs)
