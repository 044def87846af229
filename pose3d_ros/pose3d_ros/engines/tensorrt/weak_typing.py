"""FP16 as a permission, for TensorRT 8, without the layers whose numbers it can't hold.

A softmax over 64³ bins has probabilities near 4e-6, below FP16's normal range, and a flat map's sum overflows: the
soft-argmax and all that follows it stay in FP32 (Sun 2018's expectation).
"""

from __future__ import annotations

from typing import Any


def allow_half(trt: Any, config: Any, network: Any) -> int:
    """Allow FP16 for the network except behind a softmax. Returns how many layers were pinned to FP32."""
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    behind: set[str] = set()
    pinned = 0
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        inputs = {t.name for i in range(layer.num_inputs) if (t := layer.get_input(i)) is not None}
        outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
        if layer.type != trt.LayerType.SOFTMAX and not inputs & behind:
            continue
        behind.update(tensor.name for tensor in outputs)
        floating = [i for i, tensor in enumerate(outputs) if tensor.dtype in (trt.DataType.FLOAT, trt.DataType.HALF)]
        if len(floating) != len(outputs):
            continue  # shapes and indices have no precision to set
        layer.precision = trt.DataType.FLOAT
        for i in floating:
            layer.set_output_type(i, trt.DataType.FLOAT)
        pinned += 1
    return pinned
