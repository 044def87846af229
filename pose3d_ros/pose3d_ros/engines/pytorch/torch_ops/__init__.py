"""Every ONNX operator that PyTorch runs here, by name."""

from __future__ import annotations

from collections.abc import Mapping

from pose3d_ros.engines.pytorch.torch_ops import (
    activations,
    convolution,
    indexing,
    math,
    norms,
    pooling,
    reduce,
    resize,
    shapes,
)
from pose3d_ros.engines.pytorch.torch_ops.base import Operator

OPERATORS: Mapping[str, Operator] = {
    **activations.OPERATORS,
    **convolution.OPERATORS,
    **indexing.OPERATORS,
    **math.OPERATORS,
    **norms.OPERATORS,
    **pooling.OPERATORS,
    **reduce.OPERATORS,
    **resize.OPERATORS,
    **shapes.OPERATORS,
}

SHAPE_OPERATORS = frozenset({"Shape", "Size"})
"""Their results follow from shapes alone, whatever they are of."""
