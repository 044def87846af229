"""The TensorRT backend on the strict stand-in: every version's API, every failure, the same numbers as ONNX Runtime.

What this can't show, which kernels there are, how exact FP16 is and how fast anything runs, `pose3d engines selftest`
shows on a GPU.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attr
import numpy as np
import pytest

from pose3d_ros.engines import (
    BackendChoice,
    EngineOptions,
    Manifest,
    ManifestEntry,
    OnnxEngine,
    choose_backend,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.base import Availability, Engine, NotBuiltError
from pose3d_ros.engines.tensorrt import trt_engine as backend
from pose3d_ros.engines.tensorrt.plan_cache import PlanCache
from pose3d_ros.engines.tensorrt.plan_loading import load_or_build, plan_key
from pose3d_ros.engines.trial import difference, random_feeds
from pose3d_ros.errors import EngineError

from .tensorrt_stand_in import VERSIONS, Faults, make_tensorrt, read_plan
from .tensorrt_stand_in.stand_in_device import FACTS, StandIn, install_stand_in

FIRST = BackendChoice("tensorrt", "a test")
WITH_FALLBACK = BackendChoice("tensorrt", "a test", "onnxruntime")
Make = Callable[..., ManifestEntry]
Install = Callable[..., StandIn]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make the stand-in the machine's TensorRT, with a device; returns both."""
    return partial(install_stand_in, monkeypatch)


@pytest.fixture
def options(tmp_path: Path) -> EngineOptions:
    return EngineOptions(cache_dir=tmp_path / "plans", max_people=4, precision="fp32", threads=1)


@pytest.fixture
def entry(make_entry: Make) -> ManifestEntry:
    """The adder: total = a + b, same = n."""
    return make_entry(roles=("smoother",), input_size_px=None)


def feeds(batch: int) -> dict[str, Any]:
    a = np.arange(batch * 3, dtype=np.float32).reshape(batch, 3)
    return {"a": a, "b": a * 10, "n": np.arange(batch) + 7}


def run(engine: Engine, batch: int) -> None:
    answer = engine.infer(feeds(batch))
    np.testing.assert_array_equal(answer["total"], feeds(batch)["a"] * 11)
    np.testing.assert_array_equal(answer["same"], feeds(batch)["n"])


def wait_for_the_build() -> None:
    for thread in threading.enumerate():
        if thread.name == "build adder":
            thread.join(30)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_runs_every_batch_with_one_graph_a_size(
    install: Install, options: EngineOptions, entry: ManifestEntry, version: str
) -> None:
    machine = install(version)
    with open_engine(entry, FIRST, options) as engine:
        assert [spec.name for spec in (*engine.inputs, *engine.outputs)] == ["a", "b", "n", "total", "same"]
        assert engine.status.startswith(f"tensorrt {version}")
        assert "Stand-in, fp32, built in" in engine.status
        for batch in (1, 2, 3, 4, 3, 2, 1):
            run(engine, batch)
        # Before 8.6 one context has a profile to itself, so that every change of size makes it anew.
        assert machine.device.graphs == (5 if version == "8.5.2" else 3)
        run(engine, 9)  # the plan takes 4: more are several runs


def test_close_frees_the_device_memory(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    machine = install()
    engine = open_engine(entry, FIRST, options)
    run(engine, 3)
    assert machine.device.live == 5
    engine.close()
    assert machine.device.live == 0


def test_plan_is_built_once(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    install()
    lines: list[str] = []
    options = dataclasses.replace(options, report=lines.append)
    open_engine(entry, FIRST, options).close()
    assert [line.partition(":")[0] for line in lines] == ["building adder (fp32)"] * 2
    with open_engine(entry, FIRST, options) as engine:
        run(engine, 2)
        assert "built before" in engine.status
    assert len(lines) == 2


def test_refused_plan_is_rebuilt(
    install: Install, options: EngineOptions, entry: ManifestEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = install()
    open_engine(entry, FIRST, options).close()
    key = plan_key(entry, options, machine.device.facts)
    PlanCache(options.cache_dir).store(key, b"what another driver made", 1.0)
    with open_engine(entry, FIRST, options) as engine:
        assert "TensorRT refused it" in engine.status
        run(engine, 2)


@pytest.mark.parametrize("change", ["version", "graph", "gpu", "people", "flags", "damage"])
def test_stale_plan_is_rebuilt(
    install: Install, options: EngineOptions, entry: ManifestEntry, make_entry: Make, change: str
) -> None:
    machine = install("10.3.0")
    open_engine(entry, FIRST, options).close()
    if change == "version":
        machine = install("10.13.3")
    elif change == "graph":
        entry = _with_another_graph(entry)
    elif change == "gpu":
        machine.device.facts = dataclasses.replace(FACTS, gpu="another")
    elif change == "people":
        options = dataclasses.replace(options, max_people=2)
    elif change == "flags":
        entry = attr.evolve(entry, roles=("root",))  # TF32 is for all but the smoother
    else:
        PlanCache(options.cache_dir).path("adder", "fp32").write_bytes(b"half a pl")
    with open_engine(entry, FIRST, options) as engine:
        assert "built in" in engine.status
        run(engine, 2)


def _with_another_graph(entry: ManifestEntry) -> ManifestEntry:
    import onnx

    from pose3d_ros.engines import sha256_of

    model = onnx.load(str(entry.file))
    model.producer_name = "another"
    onnx.save(model, str(entry.file))
    return attr.evolve(entry, sha256=sha256_of(entry.file))


FAULTS = {
    "no_driver": Faults(no_driver=True),
    "parse": Faults(parse_fails=True),
    "build": Faults(build_returns_none=True),
    "deserialize": Faults(deserialize_returns_none=True),
    "context": Faults(context_returns_none=True),
    "shape": Faults(set_shape_fails=True),
    "address": Faults(set_address_fails=True),
    "warm-up": Faults(enqueue_fails_on=2),
    "first run": Faults(capture_fails=True, enqueue_fails_on=5),
}
"""The fifth enqueue without a graph: three to warm up, the one that can't be captured, and the first frame's."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_fault_falls_back_to_onnxruntime_with_one_warning(
    install: Install,
    options: EngineOptions,
    entry: ManifestEntry,
    caplog: pytest.LogCaptureFixture,
    version: str,
    fault: str,
) -> None:
    install(version)
    if fault not in ("no_driver", "parse", "build"):
        open_engine(entry, FIRST, options).close()  # the plan is there; what fails comes later
    install(version, FAULTS[fault])
    caplog.set_level(logging.WARNING)
    with open_engine(entry, WITH_FALLBACK, options) as engine:
        wait_for_the_build()
        for batch in (2, 2, 3):
            run(engine, batch)
        assert engine.status == "onnxruntime on the CPU"
        assert engine.problem
    assert len([r for r in caplog.records if "runs on onnxruntime" in r.getMessage()]) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_without_a_fallback_is_an_engine_error(
    install: Install, options: EngineOptions, entry: ManifestEntry, fault: str
) -> None:
    install(faults=FAULTS[fault])

    def twice() -> None:
        with open_engine(entry, FIRST, options) as engine:
            run(engine, 2)
            run(engine, 2)

    with pytest.raises(EngineError, match="expected"):
        twice()


def test_engine_that_cannot_be_recorded_runs_without_a_cuda_graph(
    install: Install, options: EngineOptions, entry: ManifestEntry, caplog: pytest.LogCaptureFixture
) -> None:
    machine = install(faults=Faults(capture_fails=True))
    caplog.set_level(logging.INFO)
    with open_engine(entry, FIRST, options) as engine:
        for batch in (2, 1, 2):
            run(engine, batch)
    assert machine.device.graphs == 0
    assert sum("no CUDA graph" in r.getMessage() for r in caplog.records) == 2


def test_background_build_takes_over(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    install()
    with open_engine(entry, WITH_FALLBACK, options) as engine:
        run(engine, 2)
        wait_for_the_build()
        run(engine, 2)
        assert engine.status.startswith("tensorrt")
        assert not engine.problem


def test_lookup_does_not_wait_for_a_build(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    install()
    only_look = dataclasses.replace(options, allow_build=False)
    with PlanCache(options.cache_dir).locked("adder", "fp32"):
        with pytest.raises(NotBuiltError):
            open_engine(entry, FIRST, only_look)
        PlanCache(options.cache_dir).store(plan_key(entry, options, FACTS), b"of another driver", 1.0)
        with pytest.raises(NotBuiltError, match="TensorRT refused it"):
            open_engine(entry, FIRST, only_look)


def test_cuda_failure_falls_back_to_onnxruntime(
    install: Install, options: EngineOptions, entry: ManifestEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = install()
    open_engine(entry, FIRST, options).close()

    def out_of_memory(nbytes: int) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(machine.device, "allocate", out_of_memory)
    with open_engine(entry, WITH_FALLBACK, options) as engine:
        run(engine, 2)
        assert "CUDA out of memory" in engine.problem


def test_damaged_timing_cache_is_replaced(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    install()
    open_engine(entry, FIRST, options).close()
    (timings,) = options.cache_dir.glob("timing.*.cache")
    timings.write_bytes(b"damaged")
    with open_engine(entry, FIRST, dataclasses.replace(options, max_people=3)) as engine:
        run(engine, 2)
    assert timings.read_bytes() != b"damaged"


def test_forbidden_build_is_an_error(install: Install, options: EngineOptions, entry: ManifestEntry) -> None:
    install()
    with pytest.raises(EngineError, match="pose3d engines build"):
        open_engine(entry, FIRST, dataclasses.replace(options, allow_build=False))


@pytest.mark.parametrize("version", [v for v in VERSIONS if not v.startswith("8")])
def test_cancelled_build_raises(install: Install, options: EngineOptions, entry: ManifestEntry, version: str) -> None:
    install(version)
    options.cancelled.set()
    with pytest.raises(EngineError, match="cancelled"):
        load_or_build(entry, options, FACTS)


def test_availability_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, install: Install) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert backend.availability() == Availability(False, "not installed")
    old = make_tensorrt("8.5.2")
    monkeypatch.setattr(old, "__version__", "8.4.1")
    monkeypatch.setitem(sys.modules, "tensorrt", old)
    assert backend.availability() == Availability(False, "8.4.1, which is too old")
    install()
    assert backend.availability() == Availability(True, "tensorrt 10.3.0: Stand-in")
    assert choose_backend().name == "tensorrt"
    assert choose_backend().fallback == "onnxruntime"


@pytest.fixture(scope="module")
def default_models() -> Manifest:
    return load_manifest(default_manifest_dir())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["detector", "pose", "smoother", "lifter"])
def test_default_engines_equal_onnxruntime_on_tensorrt(
    install: Install, options: EngineOptions, default_models: Manifest, version: str, role: str
) -> None:
    install(version)
    one = default_models.for_role(role)
    with OnnxEngine(one.file, threads=1) as wanted, open_engine(one, FIRST, options) as got:
        for batch in (1,) if role == "detector" else (1, 3):
            arrays = random_feeds(wanted, one, batch)
            expected, answer = wanted.infer(arrays), got.infer(arrays)
            assert max(difference(expected[name], answer[name]) for name in expected) < 1e-5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["detector", "pose"])
def test_fp16_is_built_and_is_close_to_float32(
    install: Install, options: EngineOptions, default_models: Manifest, version: str, role: str
) -> None:
    machine = install(version)
    one, options = default_models.for_role(role), dataclasses.replace(options, precision="auto")
    with OnnxEngine(one.file, threads=1) as wanted, open_engine(one, FIRST, options) as got:
        arrays = random_feeds(wanted, one, 1)
        expected, answer = wanted.infer(arrays), got.infer(arrays)
    assert max(difference(expected[name], answer[name]) for name in expected) < 0.02
    key = plan_key(one, options, machine.device.facts)
    plan, _ = PlanCache(options.cache_dir).look_up(key)
    assert plan is not None
    assert key.precision == "fp16"
    built = read_plan(plan)
    assert built.strongly_typed == (not version.startswith("8"))
    # Version 8 is given what to leave in FP32: in the pose net the soft-argmax and all behind it.
    assert bool(built.pinned) == (version.startswith("8") and role == "pose")


def test_int8_needs_its_calibrated_graph(install: Install, options: EngineOptions, default_models: Manifest) -> None:
    install()
    with pytest.raises(EngineError, match="calibration"):
        open_engine(default_models.for_role("pose"), FIRST, dataclasses.replace(options, precision="int8"))
