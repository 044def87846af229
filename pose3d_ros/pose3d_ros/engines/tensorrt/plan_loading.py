"""From a manifest's entry to a TensorRT plan: out of the cache, or built once and kept there."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose3d_ros.engines.base import NotBuiltError
from pose3d_ros.engines.device.torch_device import DeviceFacts
from pose3d_ros.engines.failures import library_errors
from pose3d_ros.engines.options import EngineOptions, allows_tf32, precision_of
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.engines.tensorrt.plan_builder import STRONG_TYPING, build_plan, parse_network
from pose3d_ros.engines.tensorrt.plan_cache import PlanCache, PlanKey
from pose3d_ros.engines.tensorrt.profiles import Profile, profile_of
from pose3d_ros.engines.tensorrt.trt_api import Messages, load_tensorrt
from pose3d_ros.errors import EngineError

_TIMING = "timing"
_EVERY_S = 10.0


@dataclass(frozen=True)
class Plan:
    """A serialized engine.

    largest_batch: of a run. note: where it came from, for logs. is_new: whether it was built just now.
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
    data, stale = _looked_up(cache, key, refused)  # without the lock, which a build holds for minutes
    if data is None and not options.allow_build:
        raise NotBuiltError(
            f"engine {entry.name}",
            expected=f"a plan in {cache.folder}",
            got=stale,
            fix="Run `pose3d engines build`.",
        )
    if data is None:
        with cache.locked(key.name, key.precision):
            data, stale = _looked_up(cache, key, refused)
            if data is None:
                data, build_s = _build(entry, key, options, cache)
                cache.store(key, data, build_s)
                return Plan(data, largest, f"{key.precision}, built in {build_s:.0f} s ({stale})", is_new=True)
    return Plan(data, largest, f"{key.precision}, built before", is_new=False)


def _looked_up(cache: PlanCache, key: PlanKey, refused: bytes | None) -> tuple[bytes | None, str]:
    data, stale = cache.look_up(key)
    return (None, "TensorRT refused it") if data is not None and data == refused else (data, stale)


def plan_key(entry: ManifestEntry, options: EngineOptions, facts: DeviceFacts) -> PlanKey:
    """What the entry's plan depends on here. Raises EngineError for a graph or axes that can't be built."""
    trt = load_tensorrt()
    precision = precision_of(entry, options.precision)
    network = parse_network(trt, entry.file, Messages(trt), entry.sha256).network
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
        flags=("tf32",) if allows_tf32(entry, options.tf32) else (),
    )


def _build(entry: ManifestEntry, key: PlanKey, options: EngineOptions, cache: PlanCache) -> tuple[bytes, float]:
    """The plan and the seconds it took. One build at a time on a machine: kernels are chosen by their times."""
    with (
        cache.locked(_TIMING, key.tensorrt),
        tempfile.TemporaryDirectory() as folder,
        heartbeat(f"building {entry.name} ({key.precision})", cache.last_build_s(key), options.report),
    ):
        began = time.monotonic()
        graph = _typed_graph(entry, key, Path(folder))
        data = build_plan(graph, key, options, cache.folder / f"{_TIMING}.{key.tensorrt}.cache")
    return data, time.monotonic() - began


def int8_path(entry: ManifestEntry) -> Path:
    """Where the entry's graph with int8 in it lies: beside its file, with the first digits of that file's sha256."""
    return entry.file.with_name(f"{entry.file.stem}.{entry.sha256[:12]}.int8.onnx")


def _source(entry: ManifestEntry, precision: str) -> Path:
    """The graph that a plan comes from. Raises EngineError for int8 without a calibrated graph."""
    if precision != "int8":
        return entry.file
    path = int8_path(entry)
    if not path.is_file():
        raise EngineError(
            f"engine {entry.name} in int8",
            expected=f"a calibrated graph {path.name} beside the engine",
            got="none",
            fix="Make it with `pose3d engines build --param precision=int8 --calibration IMAGES`.",
        )
    return path


def _typed_graph(entry: ManifestEntry, key: PlanKey, folder: Path) -> Path:
    """The graph that is built: the entry's, with FP16 written into it where only the graph can say so.

    Weights that it stores in float16 are float32 in it: a Cast behind them would be a layer, and layers of TensorRT 8
    take weights only as such.
    """
    source = _source(entry, key.precision)
    target = folder / source.name
    if key.precision != "fp16" or int(key.tensorrt.split(".")[0]) < STRONG_TYPING:
        if importlib.util.find_spec("onnx") is None:
            return source
        onnx_graph: Any = importlib.import_module("pose3d_ros.engines.graphs.onnx_graph")
        return target if onnx_graph.write_widened(source, target) else source
    fix = "Install it (pip install onnx), or set precision to fp32."
    with library_errors(f"engine {entry.name} in fp16", expected="the Python package onnx", fix=fix, kinds=ImportError):
        fp16_conversion: Any = importlib.import_module("pose3d_ros.engines.graphs.fp16_conversion")
    fp16_conversion.half_graph(source, target)
    return target


def _profiles(entry: ManifestEntry, network: Any, max_people: int) -> tuple[Profile, ...]:
    inputs = (network.get_input(i) for i in range(network.num_inputs))
    return tuple(profile_of(entry, tensor.name, tuple(tensor.shape), max_people) for tensor in inputs)


@contextmanager
def heartbeat(
    what: str, usual_s: float | None, report: Callable[[str], object], every_s: float = _EVERY_S
) -> Iterator[None]:
    """Report a line at the start, every `every_s` seconds, and at the end. usual_s: of the last time, None for none."""
    done = threading.Event()
    began = time.monotonic()
    report(f"{what}: {_estimate(usual_s)}")

    def beat() -> None:
        while not done.wait(every_s):
            report(f"{what}: {_after(time.monotonic() - began, usual_s)}")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    report(f"{what}: done in {time.monotonic() - began:.0f} s")


def _estimate(usual_s: float | None) -> str:
    return "the first time; it can take minutes" if usual_s is None else f"took {usual_s:.0f} s the last time"


def _after(elapsed_s: float, usual_s: float | None) -> str:
    return f"{elapsed_s:.0f} s" + ("" if usual_s is None else f" of about {usual_s:.0f} s")
