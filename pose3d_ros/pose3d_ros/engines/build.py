"""From a manifest's entry to a TensorRT plan: out of the cache, or built once and kept there.

TensorRT 8 chooses the arithmetic itself (weak typing): FP16 is a permission, and what follows the soft-argmax is
pinned to FP32. From 10 on the graph says it (strong typing): `half` writes FP16 into the ONNX graph first.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pose3d_ros.engines.base import NotBuiltError
from pose3d_ros.engines.cache import PlanCache, PlanKey
from pose3d_ros.engines.entry import ManifestEntry
from pose3d_ros.engines.heartbeat import heartbeat
from pose3d_ros.engines.manifest import sha256_of
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.profiles import Profile, profile_of
from pose3d_ros.engines.tensorrt_api import Messages, driven, load_tensorrt, present, version
from pose3d_ros.engines.tensorrt_device import DeviceFacts
from pose3d_ros.engines.weak_typing import allow_half
from pose3d_ros.errors import EngineError

STRONG_TYPING = 10
"""Major version of TensorRT from which graphs say their arithmetic themselves."""
_TIMING_CACHE = "timing.{version}.cache"
_MIB = 1 << 20


@dataclass(frozen=True)
class Plan:
    """A serialized engine.

    largest_batch: rows of a call. note: where it came from, for logs. is_new: whether it was built just now.
    """

    data: bytes
    largest_batch: int
    note: str
    is_new: bool


def load_or_build(
    entry: ManifestEntry, options: EngineOptions, facts: DeviceFacts, *, refused: bytes | None = None
) -> Plan:
    """The entry's plan for this machine.

    Of several processes that want it, one builds and the others wait. refused: a plan that TensorRT would not load,
    and which is not to be given again. Raises NotBuiltError when it lacks and must not be built, EngineError when it
    can't be.
    """
    key = plan_key(entry, options, facts)
    cache = PlanCache(options.cache_dir)
    largest = max((p.largest[0] for p in key.profiles if p.smallest[:1] != p.largest[:1]), default=1)
    with cache.locked(key.name, key.precision):
        stale = cache.why_stale(key)
        found = None if stale else cache.load(key)
        if found is not None and found.data == refused:
            found, stale = None, "TensorRT refused it"
        if found is None and not options.allow_build:
            raise NotBuiltError(
                f"engine {entry.name}",
                expected=f"a plan in {cache.folder}",
                got=stale,
                fix="Run `pose3d engines build`.",
            )
        if found is not None:
            return Plan(found.data, largest, f"{key.precision}, built before", is_new=False)
        data, build_s = _build(entry, key, options, cache)
        cache.store(key, data, build_s)
    return Plan(data, largest, f"{key.precision}, built in {build_s:.0f} s ({stale})", is_new=True)


def plan_key(entry: ManifestEntry, options: EngineOptions, facts: DeviceFacts) -> PlanKey:
    """What the entry's plan depends on here. Raises EngineError for a graph or axes that can't be built."""
    trt = load_tensorrt()
    precision = precision_of(entry, options.precision)
    network = _parsed(trt, entry.file, Messages(trt))[1]
    return PlanKey(
        name=entry.name,
        onnx_sha256=sha256_of(_source(entry, precision)),
        tensorrt=str(trt.__version__),
        cuda=facts.cuda,
        gpu=facts.gpu,
        compute_capability=facts.compute_capability,
        multiprocessors=facts.multiprocessors,
        system=facts.system,
        precision=precision,
        profiles=_profiles(entry, network, options.max_people),
        flags=("tf32",) if options.tf32 else (),
    )


def _build(entry: ManifestEntry, key: PlanKey, options: EngineOptions, cache: PlanCache) -> tuple[bytes, float]:
    began = time.monotonic()
    usual_s = cache.last_build_s(key)
    with (
        tempfile.TemporaryDirectory() as folder,
        heartbeat(f"building {entry.name} ({key.precision})", usual_s, options.report),
    ):
        graph = _typed_graph(entry, key, Path(folder))
        data = _serialized(graph, key, options, cache.folder)
    return data, time.monotonic() - began


def precision_of(entry: ManifestEntry, wanted: str) -> str:
    """The arithmetic of an entry's plan. The smoother's is always fp32: it is small, and rounding would be jitter."""
    if "smoother" in entry.roles:
        return "fp32"
    return "fp16" if wanted == "auto" else wanted


def int8_path(entry: ManifestEntry) -> Path:
    """Where the entry's graph with int8 in it lies: beside its file."""
    return entry.file.with_suffix(".int8.onnx")


def _source(entry: ManifestEntry, precision: str) -> Path:
    """The graph that a plan comes from. Raises EngineError for int8 where nobody calibrated it."""
    if precision != "int8":
        return entry.file
    path = int8_path(entry)
    if not path.is_file():
        raise EngineError(
            f"engine {entry.name} in int8",
            expected=f"a calibrated graph {path.name} beside the engine",
            got="none",
            fix="Make it with `pose3d engines build --param precision=int8 --calibration PICTURES`.",
        )
    return path


def _typed_graph(entry: ManifestEntry, key: PlanKey, folder: Path) -> Path:
    """The graph that is built: the entry's, with FP16 written into it where only the graph can say so."""
    source = _source(entry, key.precision)
    if key.precision != "fp16" or int(key.tensorrt.split(".")[0]) < STRONG_TYPING:
        return source
    from pose3d_ros.engines.graphs.half import half_graph  # needs onnx, which only this needs

    target = folder / source.name
    half_graph(source, target)
    return target


def _serialized(graph: Path, key: PlanKey, options: EngineOptions, cache_folder: Path) -> bytes:
    trt, messages = load_tensorrt(), None
    messages = Messages(trt)
    builder, network, parser = _parsed(trt, graph, messages)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib * _MIB)
    _set_flag(config, trt.BuilderFlag.TF32, options.tf32)
    if version(trt)[0] < STRONG_TYPING and key.precision == "fp16":
        allow_half(trt, config, network)
    if version(trt)[0] < STRONG_TYPING and key.precision == "int8":
        config.set_flag(trt.BuilderFlag.INT8)
        config.set_flag(trt.BuilderFlag.FP16)
    if version(trt)[0] < STRONG_TYPING and hasattr(trt.PreviewFeature, "PROFILE_SHARING_0806"):
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)  # a context for each size of batch
    _add_profile(builder, config, key.profiles)
    _stop_when_cancelled(trt, config, options)
    timing = cache_folder / _TIMING_CACHE.format(version=trt.__version__)
    _use_timings(config, timing)
    plan = builder.build_serialized_network(network, config)
    if options.cancelled.is_set():
        raise EngineError(f"build of {key.name}", expected="to finish", got="cancelled", fix="Start it again.")
    data = bytes(present(plan, "build_serialized_network", messages))
    _keep_timings(config, timing)
    del parser  # it must outlive the network, which points into it
    return data


def _parsed(trt: Any, graph: Path, messages: Messages) -> tuple[Any, Any, Any]:
    """Builder, network and parser of a graph; the three and the logger live together."""
    builder: Any = driven(partial(trt.Builder, messages.logger))
    flags = trt.NetworkDefinitionCreationFlag
    kind = flags.STRONGLY_TYPED if version(trt)[0] >= STRONG_TYPING else flags.EXPLICIT_BATCH
    network = builder.create_network(1 << int(kind))
    parser = trt.OnnxParser(network, messages.logger)
    if not parser.parse(graph.read_bytes()):
        problems = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        raise EngineError(
            f"graph {graph.name}",
            expected="operators that TensorRT knows",
            got="; ".join(problems) or messages.last,
            fix="Export it with `pose3d_ros.nets`, opset 17, or run it on onnxruntime.",
        )
    return builder, network, parser


def _profiles(entry: ManifestEntry, network: Any, max_people: int) -> tuple[Profile, ...]:
    inputs = (network.get_input(i) for i in range(network.num_inputs))
    return tuple(profile_of(entry, tensor.name, tuple(tensor.shape), max_people) for tensor in inputs)


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


def _set_flag(config: Any, flag: Any, wanted: bool) -> None:
    if wanted:
        config.set_flag(flag)
    else:
        config.clear_flag(flag)


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
    """Kernels measured in earlier builds of this version; what does not fit, TensorRT ignores and measures anew."""
    known = path.read_bytes() if path.is_file() else b""
    config.set_timing_cache(config.create_timing_cache(known), False)


def _keep_timings(config: Any, path: Path) -> None:
    timings = config.get_timing_cache()
    if timings is None:
        return
    draft = path.with_suffix(".new")
    draft.write_bytes(bytes(timings.serialize()))
    draft.replace(path)
