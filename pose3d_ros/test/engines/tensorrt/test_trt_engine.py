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
import onnx
import pytest

from pose3d_ros.engines import (
    BackendChoice,
    EngineOptions,
    ManifestEntry,
    choose_backend,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.base import Availability, Engine, NotBuiltError
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.engines.tensorrt import trt_engine as backend
from pose3d_ros.engines.tensorrt.plan_cache import PlanCache, PlanKey
from pose3d_ros.engines.tensorrt.plan_loading import load_or_build, plan_key
from pose3d_ros.errors import EngineError

from ..conftest import adder_feeds, farthest, wait_for_build
from .tensorrt_stand_in import VERSIONS, Faults, make_tensorrt, read_plan
from .tensorrt_stand_in.stand_in_device import FACTS, install_stand_in

FIRST = BackendChoice("tensorrt", "a test")
WITH_FALLBACK = BackendChoice("tensorrt", "a test", "onnxruntime")
Make = Callable[..., ManifestEntry]
DEFAULT_MODELS = load_manifest(default_manifest_dir())


class Rig:
    """A machine whose TensorRT is the stand-in, an entry (the adder: total = a + b, same = n) and options."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, entry: ManifestEntry, folder: Path) -> None:
        self.install = partial(install_stand_in, monkeypatch)
        self.device = self.install().device
        self.entry = entry
        self.options = EngineOptions(cache_dir=folder / "plans", max_people=4, precision="fp32", threads=1)
        self.cache = PlanCache(self.options.cache_dir)

    def open(self, backend: BackendChoice = FIRST, **options: Any) -> Engine:
        return open_engine(self.entry, backend, dataclasses.replace(self.options, **options))

    @property
    def key(self) -> PlanKey:
        return plan_key(self.entry, self.options, FACTS)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, make_entry: Make, tmp_path: Path) -> Rig:
    return Rig(monkeypatch, make_entry(roles=("smoother",), input_size_px=None), tmp_path)


def run(engine: Engine, *batches: int) -> None:
    for batch in batches:
        feeds = adder_feeds(batch)
        answer = engine.infer(feeds)
        np.testing.assert_array_equal(answer["total"], feeds["a"] * 3)
        np.testing.assert_array_equal(answer["same"], feeds["n"])


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_runs_every_batch_with_one_graph_a_size(rig: Rig, version: str) -> None:
    device = rig.install(version).device
    with rig.open() as engine:
        assert [spec.name for spec in (*engine.inputs, *engine.outputs)] == ["a", "b", "n", "total", "same"]
        assert engine.status.startswith(f"tensorrt {version}")
        assert "Stand-in, fp32, built in" in engine.status
        run(engine, 1, 2, 3, 4, 3, 2, 1)
        # Before 8.6 one context has a profile to itself, so that every change of size makes it anew.
        assert device.graphs == (5 if version == "8.5.2" else 3)
        run(engine, 9)  # the plan takes 4: more are several runs


def test_close_frees_the_device_memory(rig: Rig) -> None:
    engine = rig.open()
    run(engine, 3)
    assert rig.device.live == 5
    engine.close()
    assert rig.device.live == 0


def test_plan_is_built_once(rig: Rig) -> None:
    lines: list[str] = []
    rig.open(report=lines.append).close()
    assert [line.partition(":")[0] for line in lines] == ["building adder (fp32)"] * 2
    assert not read_plan(rig.cache.path("adder", "fp32").read_bytes()).flags  # no TF32 for the smoother
    with rig.open(report=lines.append) as engine:
        run(engine, 2)
        assert "built before" in engine.status
    assert len(lines) == 2


def test_refused_plan_is_rebuilt(rig: Rig) -> None:
    rig.open().close()
    rig.cache.store(rig.key, b"what another driver made", 1.0)
    with rig.open() as engine:
        assert "TensorRT refused it" in engine.status
        run(engine, 2)


@pytest.mark.parametrize("change", ["version", "graph", "gpu", "people", "flags", "damage"])
def test_stale_plan_is_rebuilt(rig: Rig, change: str) -> None:
    rig.open().close()
    if change == "version":
        rig.install("10.13.3")
    elif change == "graph":
        model = onnx.load(str(rig.entry.file))
        model.producer_name = "another"
        onnx.save(model, str(rig.entry.file))
        rig.entry = attr.evolve(rig.entry, sha256=sha256_of(rig.entry.file))
    elif change == "gpu":
        rig.device.facts = dataclasses.replace(FACTS, gpu="another")
    elif change == "people":
        rig.options = dataclasses.replace(rig.options, max_people=2)
    elif change == "flags":
        rig.entry = attr.evolve(rig.entry, roles=("root",))  # TF32 is for all but the smoother
    else:
        rig.cache.path("adder", "fp32").write_bytes(b"half a pl")
    with rig.open() as engine:
        assert "built in" in engine.status
        run(engine, 2)


CALLS = ("no_driver", "parse_fails", "build_returns_none", "deserialize_returns_none", "context_returns_none")
FAULTS = {name: Faults(**{name: True}) for name in (*CALLS, "set_shape_fails", "set_address_fails")} | {
    "warm-up": Faults(enqueue_fails_on=2),
    "first run": Faults(capture_fails=True, enqueue_fails_on=5),
}
"""The fifth enqueue without a graph: three to warm up, the one that can't be captured, and the first frame's."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_fault_falls_back_to_onnxruntime_with_one_warning(
    rig: Rig, caplog: pytest.LogCaptureFixture, version: str, fault: str
) -> None:
    rig.install(version)
    if fault not in CALLS[:3]:
        rig.open().close()  # the plan is there; what fails comes later
    rig.install(version, FAULTS[fault])
    caplog.set_level(logging.WARNING)
    with rig.open(WITH_FALLBACK) as engine:
        wait_for_build("adder")
        run(engine, 2, 2, 3)
        assert engine.status == "onnxruntime on the CPU"
        assert engine.problem
    assert len([r for r in caplog.records if "runs on onnxruntime" in r.getMessage()]) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_without_a_fallback_is_an_engine_error(rig: Rig, fault: str) -> None:
    rig.install(faults=FAULTS[fault])

    def twice() -> None:
        with rig.open() as engine:
            run(engine, 2, 2)

    with pytest.raises(EngineError, match="expected"):
        twice()


def test_engine_that_cannot_be_recorded_runs_without_a_cuda_graph(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    device = rig.install(faults=Faults(capture_fails=True)).device
    caplog.set_level(logging.INFO)
    with rig.open() as engine:
        run(engine, 2, 1, 2)
    assert device.graphs == 0
    assert sum("no CUDA graph" in r.getMessage() for r in caplog.records) == 2


def test_background_build_takes_over(rig: Rig) -> None:
    with rig.open(WITH_FALLBACK) as engine:
        run(engine, 2)
        wait_for_build("adder")
        run(engine, 2)
        assert engine.status.startswith("tensorrt")
        assert not engine.problem


def test_lookup_does_not_wait_for_a_build(rig: Rig) -> None:
    with rig.cache.locked("adder", "fp32"):
        with pytest.raises(NotBuiltError, match="pose3d engines build"):
            rig.open(allow_build=False)
        rig.cache.store(rig.key, b"of another driver", 1.0)
        with pytest.raises(NotBuiltError, match="TensorRT refused it"):
            rig.open(allow_build=False)


def test_cuda_failure_falls_back_to_onnxruntime(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.open().close()

    def out_of_memory(nbytes: int) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(rig.device, "allocate", out_of_memory)
    with rig.open(WITH_FALLBACK) as engine:
        run(engine, 2)
        assert "too little memory on the GPU" in engine.problem


@pytest.mark.parametrize("content", [b"damaged", b"stand-in timing cache 8.5.2"])
def test_timing_cache_that_is_damaged_or_another_versions_is_replaced(rig: Rig, content: bytes) -> None:
    rig.open().close()
    (timings,) = rig.options.cache_dir.glob("timing.*.cache")
    good = timings.read_bytes()
    timings.write_bytes(content)
    with rig.open(max_people=3) as engine:
        run(engine, 2)
    assert timings.read_bytes() == good


class Late(threading.Event):
    """Set from the second time on that it is asked."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > 1


@pytest.mark.parametrize("version", VERSIONS)
def test_cancelled_build_raises(rig: Rig, version: str) -> None:
    rig.install(version)
    cancelled = Late()
    with pytest.raises(EngineError, match="cancelled"):
        load_or_build(rig.entry, dataclasses.replace(rig.options, cancelled=cancelled), FACTS)
    # Before 10 only before and after the build, then in each of its steps as well.
    assert cancelled.asked == (2 if version.startswith("8") else 4)


def test_availability_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    assert backend.availability() == Availability(True, "tensorrt 10.3.0: Stand-in")
    assert (choose_backend().name, choose_backend().fallback) == ("tensorrt", "onnxruntime")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    assert backend.availability() == Availability(False, "not installed")
    old = make_tensorrt("8.5.2")
    monkeypatch.setattr(old, "__version__", "8.4.1")
    monkeypatch.setitem(sys.modules, "tensorrt", old)
    assert backend.availability() == Availability(False, "8.4.1, which is too old")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["detector", "pose", "smoother", "lifter"])
def test_default_engines_equal_onnxruntime_on_tensorrt(rig: Rig, version: str, role: str) -> None:
    rig.install(version)
    rig.entry = DEFAULT_MODELS.for_role(role)
    with OnnxEngine(rig.entry.file, threads=1) as reference, rig.open() as engine:
        for batch in (1,) if role == "detector" else (1, 3):
            assert farthest(reference, engine, rig.entry, batch) < 1e-5


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("role", ["detector", "pose"])
def test_fp16_is_built_and_is_close_to_float32(rig: Rig, version: str, role: str) -> None:
    rig.install(version)
    rig.entry, rig.options = DEFAULT_MODELS.for_role(role), dataclasses.replace(rig.options, precision="auto")
    with OnnxEngine(rig.entry.file, threads=1) as reference, rig.open() as engine:
        assert farthest(reference, engine, rig.entry, 1) < 0.02
    assert rig.key.precision == "fp16"
    data, _ = rig.cache.look_up(rig.key)
    assert data is not None
    plan, early = read_plan(data), version.startswith("8")
    assert plan.strongly_typed != early
    assert "TF32" in plan.flags
    # Version 8 is given what to leave in FP32: in the pose net the soft-argmax and all behind it.
    assert bool(plan.pinned) == (early and role == "pose")


@pytest.mark.parametrize(("precision", "message"), [("int8", "calibration"), ("fp16", "pip install onnx")])
def test_int8_needs_a_calibrated_graph_and_fp16_onnx(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, precision: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, "pose3d_ros.engines.graphs.fp16_conversion", None)
    rig.entry = DEFAULT_MODELS.for_role("pose")
    with pytest.raises(EngineError, match=message):
        rig.open(precision=precision)
