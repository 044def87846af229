"""INT8 written into an ONNX graph as QuantizeLinear/DequantizeLinear pairs: TensorRT's explicit quantization.

What TensorRT asks for, and what follows from it here:
- symmetric int8, zero points 0 (onnx/onnx-tensorrt, docs/operators.md, QuantizeLinear): one scale for each activation,
  one for each output channel of a weight;
- float32 weights behind a pair of their own: int8 weights with a DequantizeLinear alone are refused by parsers of 8.x
  (microsoft/onnxruntime issue 11535), a pair is read by all ("Explicit Quantization" in the TensorRT documentation);
- float32 biases: an int32 bias with a DequantizeLinear is refused (microsoft/onnxruntime issue 14229);
- a pair for each reader (microsoft/onnxruntime pull request 9720), none behind a layer, where it would part the
  convolution from its addition and activation;
- no transposed convolutions: TensorRT knows scales of their input channels only (NVIDIA/TensorRT issue 2380), and some
  versions have no kernel or give wrong values (issues 2280, 1694).
The last convolution before each output, and everything behind it, stays float32: heat maps, depths, softmax. So does
all that is not int8, since QuantizeLinear of opset 17 reads float32 only: int8 is not combined with FP16.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto
from onnx import save as save_model

from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.graphs.onnx_graph import (
    head_nodes,
    image_convolutions,
    load_graph,
    read_float_graph,
    with_ancestors,
    write_graph,
)
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_OPTIONS = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "AddQDQPairToWeight": True,
    "QuantizeBias": False,
    "QDQDisableWeightAdjustForInt32Bias": True,
    "DedicatedQDQPair": True,
    "OpTypesToExcludeOutputQuantization": list(_LAYERS),
}


@dataclass(frozen=True)
class QuantReport:
    """What `quantized_graph` wrote.

    layers: how many compute in int8. samples: sets of inputs that their ranges were measured on. left_out: names of the
    layers with weights that stay float32, in the graph's order, as ONNX Runtime's optimizer leaves them.
    """

    layers: int
    samples: int
    left_out: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layers} layers in int8, {len(self.left_out)} in float32, measured on {self.samples} inputs"


def quantized_graph(source: Path, target: Path, calibration: Iterable[Mapping[str, Tensor]]) -> QuantReport:
    """Write `source` to `target` with its backbone in int8; inputs and outputs stay float32.

    calibration: sets of inputs as the engine will see them, name → float32 array; read once, one by one. The smallest
    and largest value of each tensor give its range, so that a few hundred crops of real use are enough, and one
    corrupt one is too much. A graph without a layer to quantize, as the smoother, stays float32.
    Raises EngineError for a file that `read_float_graph` refuses, for no calibration data, for data that does not fit
    the graph's inputs or is not finite, and for a graph that answers with NaN or infinity; `target` is then left as it
    was.
    """
    plain = read_float_graph(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with OnnxEngine(source) as engine, tempfile.TemporaryDirectory(dir=target.parent) as directory:
        model = _prepared(plain, Path(directory))
        chosen, left_out = _choose(model)
        feeds = _Feeds(engine, calibration)
        if chosen:
            model = _quantized(model, chosen, feeds, Path(directory))
        while feeds.get_next() is not None:
            pass  # checked and counted even where nothing is to be measured
        write_graph(model, target)
    return QuantReport(len(chosen), feeds.samples, left_out)


class _Feeds:
    """The calibration data as ONNX Runtime asks for it, each set of inputs checked by running it."""

    def __init__(self, engine: Engine, calibration: Iterable[Mapping[str, Tensor]]) -> None:
        self.samples = 0
        self._engine = engine
        self._rest: Iterator[Mapping[str, Tensor]] = iter(calibration)

    def get_next(self) -> dict[str, Tensor] | None:
        feeds = next(self._rest, None)
        if feeds is None:
            if not self.samples:
                raise _no_data(self._engine.name)
            return None
        outputs = self._engine.infer(feeds)
        self._require_finite("calibration data", feeds)
        self._require_finite("answer to calibration data", outputs)
        self.samples += 1
        return {name: np.ascontiguousarray(array) for name, array in feeds.items()}

    def _require_finite(self, what: str, arrays: Mapping[str, Tensor]) -> None:
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise EngineError(
                    f"{what} {self.samples} of {self._engine.name}",
                    expected="finite numbers",
                    got=f"NaN or infinity in {name}",
                    fix="Leave that sample out, or correct what prepares it.",
                )


def _prepared(model: ModelProto, directory: Path) -> ModelProto:
    """The graph as ONNX Runtime recommends it before quantization: constants folded, redundant nodes gone."""
    plain, optimized = directory / "plain.onnx", directory / "optimized.onnx"
    save_model(model, str(plain))
    prepare = importlib.import_module("onnxruntime.quantization.shape_inference").quant_pre_process
    prepare(str(plain), str(optimized), skip_symbolic_shape=True)
    result = read_float_graph(optimized)
    used = {node.domain for node in result.graph.node}
    for opset in [o for o in result.opset_import if o.domain and o.domain not in used]:
        result.opset_import.remove(opset)  # the optimizer names every domain it knows
    return result


def _choose(model: ModelProto) -> tuple[list[str], tuple[str, ...]]:
    """Names of the layers to quantize, and of the others."""
    graph = model.graph
    head = {n.name for n in head_nodes(model)}  # what is behind the last convolution over images is the answer
    inner = {n.name for n in _before(graph, image_convolutions(graph))}  # and so is the last layer before an output
    constant = {t.name for t in graph.initializer}
    layers = [n for n in graph.node if n.op_type in _LAYERS]
    chosen = [
        n.name
        for n in layers
        # TensorRT has no scales for the output channels of a ConvTranspose.
        if n.name in head & inner and n.op_type != "ConvTranspose" and n.input[1] in constant
    ]
    return chosen, tuple(n.name for n in layers if n.name not in chosen)


def _before(graph: GraphProto, nodes: Iterable[NodeProto]) -> list[NodeProto]:
    """All that the nodes depend on; one of them only if another depends on it."""
    read = {name for node in nodes for name in node.input}
    return with_ancestors(graph, [n for n in graph.node if read & set(n.output)])


def _quantized(model: ModelProto, chosen: list[str], feeds: _Feeds, directory: Path) -> ModelProto:
    runtime = importlib.import_module("onnxruntime.quantization")
    prepared, result = directory / "prepared.onnx", directory / "quantized.onnx"
    save_model(model, str(prepared))
    runtime.quantize_static(
        str(prepared),
        str(result),
        feeds,
        quant_format=runtime.QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        per_channel=True,
        activation_type=runtime.QuantType.QInt8,
        weight_type=runtime.QuantType.QInt8,
        nodes_to_quantize=chosen,
        calibrate_method=runtime.CalibrationMethod.MinMax,
        extra_options=dict(_OPTIONS),
    )
    return load_graph(result)


def _no_data(name: str) -> EngineError:
    return EngineError(
        f"calibration of {name}",
        expected="at least one set of inputs",
        got="none",
        fix="Give a few hundred crops as the engine will see them.",
    )
