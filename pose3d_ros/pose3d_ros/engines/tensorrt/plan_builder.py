"""TensorRT's builder, 8.5 to 11: an ONNX graph becomes a plan.

TensorRT 8 chooses the arithmetic itself (weak typing): FP16 is a permission, and what follows the soft-argmax is
pinned to FP32. From 10 on the graph says it (strong typing).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.own_files import read_own, replace_file
from pose3d_ros.engines.spec.graph_file import read_graph
from pose3d_ros.engines.tensorrt.plan_cache import PlanKey
from pose3d_ros.engines.tensorrt.profiles import Profile
from pose3d_ros.engines.tensorrt.trt_api import Messages, load_tensorrt, require_object, version, with_driver
from pose3d_ros.errors import EngineError

STRONG_TYPING = 10
"""Major version of TensorRT from which graphs say their arithmetic themselves."""
_MIB = 1 << 20


@dataclass(frozen=True, eq=False)
class ParsedNetwork:
    """What a build needs; the three live together, since the network points into the parser."""

    builder: Any
    network: Any
    parser: Any


def parse_network(trt: Any, graph: Path, messages: Messages, sha256: str | None = None) -> ParsedNetwork:
    """Read an ONNX graph. sha256: what it must have, if given.

    Raises EngineError without a driver, as `graph_file.read_graph`, and for operators that TensorRT lacks.
    """
    content = read_graph(graph, sha256)
    builder: Any = with_driver(partial(trt.Builder, messages.logger))
    flags = trt.NetworkDefinitionCreationFlag
    kind = flags.STRONGLY_TYPED if version(trt)[0] >= STRONG_TYPING else flags.EXPLICIT_BATCH
    network = builder.create_network(1 << int(kind))
    parser = trt.OnnxParser(network, messages.logger)
    if not parser.parse(content):
        problems = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        raise EngineError(
            f"graph {graph.name}",
            expected="operators that TensorRT knows",
            got=messages.told(problems),
            fix="Export it with opset 17, or run it on onnxruntime.",
        )
    return ParsedNetwork(builder, network, parser)


def build_plan(graph: Path, key: PlanKey, options: EngineOptions, timings: Path) -> bytes:
    """The plan of a graph. timings: file of the kernels' times, read and written. Raises EngineError."""
    trt = load_tensorrt()
    messages = Messages(trt)
    parsed = parse_network(trt, graph, messages)
    config = parsed.builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * _MIB)
    _set_precision(trt, config, parsed.network, key)
    if version(trt)[0] < STRONG_TYPING and hasattr(trt.PreviewFeature, "PROFILE_SHARING_0806"):
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)  # a context for each size of batch
    _add_profile(parsed.builder, config, key.profiles)
    _require_going_on(key, options)
    _stop_when_cancelled(trt, config, options)
    _use_timings(config, timings)
    plan = parsed.builder.build_serialized_network(parsed.network, config)
    _require_going_on(key, options)
    data = bytes(require_object(plan, "build_serialized_network", messages))
    _keep_timings(config, timings)
    return data


def _set_precision(trt: Any, config: Any, network: Any, key: PlanKey) -> None:
    if "tf32" in key.flags:
        config.set_flag(trt.BuilderFlag.TF32)
    else:
        config.clear_flag(trt.BuilderFlag.TF32)
    if version(trt)[0] >= STRONG_TYPING:
        return
    if key.precision in ("fp16", "int8"):
        _allow_half(trt, config, network)
    if key.precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)


def _allow_half(trt: Any, config: Any, network: Any) -> None:
    """Allow FP16 for a weakly typed network except behind a softmax.

    A softmax over 64³ bins has probabilities near 4e-6, below FP16's normal range, and a flat map's sum overflows: the
    soft-argmax and all that follows it stay in FP32 (Sun 2018's expectation).
    """
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
    behind: set[str] = set()
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


def _add_profile(builder: Any, config: Any, profiles: Sequence[Profile]) -> None:
    profile = builder.create_optimization_profile()
    for one in profiles:
        profile.set_shape(one.name, one.smallest, one.usual, one.largest)
    if config.add_optimization_profile(profile) < 0:
        raise EngineError(
            "TensorRT's optimization profile",
            expected="one that it takes",
            got="; ".join(f"{p.name} {p.smallest} to {p.largest}" for p in profiles),
            fix="Check the entry's input_size_px and long_side_px.",
        )


def _require_going_on(key: PlanKey, options: EngineOptions) -> None:
    if options.cancelled.is_set():
        raise EngineError(f"build of {key.name}", expected="to finish", got="cancelled", fix="Start it again.")


def _stop_when_cancelled(trt: Any, config: Any, options: EngineOptions) -> None:
    """From 10 on a build asks a monitor whether to go on; an older one can only be killed with its process."""
    if not hasattr(trt, "IProgressMonitor"):
        return

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # the module is Any
        """Says no once the build was cancelled; the heartbeat does the reporting."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """Nothing to do."""

        def phase_finish(self, phase_name: str) -> None:
            """Nothing to do."""

        def step_complete(self, phase_name: str, step: int) -> bool:
            """Whether to go on."""
            return not options.cancelled.is_set()

    config.progress_monitor = Monitor()


def _use_timings(config: Any, path: Path) -> None:
    """Kernels measured in earlier builds of this version; without them, or on another GPU, all are measured anew."""
    known = b""
    with contextlib.suppress(OSError):
        known = read_own(path)
    for data in (known, b""):
        timings = config.create_timing_cache(data)
        if timings is not None and config.set_timing_cache(timings, False):
            return


def _keep_timings(config: Any, path: Path) -> None:
    timings = config.get_timing_cache()
    if timings is not None:
        with contextlib.suppress(OSError):  # the plan is worth more than its timings
            replace_file(path, bytes(timings.serialize()))
