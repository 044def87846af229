"""Choosing a backend, with probes that say what a machine has, and opening engines with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pose3d_ros.engines import BackendChoice, EngineOptions, ManifestEntry, choose_backend, open_engine
from pose3d_ros.engines import factory as backend_module
from pose3d_ros.engines.base import Availability, Engine
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.errors import EngineError

GPU, CPU_ONLY, MISSING = "on a GPU", "on the CPU", "missing"


def probes(**found: str) -> dict[str, Callable[[], Availability]]:
    """Probes of a machine that has each backend on a GPU, on the CPU only, or not at all."""
    return {
        name: partial(Availability, how != MISSING, f"{name} {how}", how == GPU or name == "tensorrt")
        for name, how in found.items()
    }


@pytest.mark.parametrize(
    ("tensorrt", "onnxruntime", "torch", "chosen", "fallback", "reason"),
    [
        (GPU, GPU, GPU, "tensorrt", "onnxruntime", "tensorrt on a GPU"),
        (GPU, MISSING, MISSING, "tensorrt", "", "tensorrt on a GPU"),
        (MISSING, GPU, GPU, "onnxruntime", "onnxruntime", "onnxruntime on a GPU; not tensorrt: tensorrt missing"),
        (
            MISSING,
            CPU_ONLY,
            GPU,
            "torch",
            "onnxruntime",
            "torch on a GPU; not tensorrt: tensorrt missing; not onnxruntime: onnxruntime on the CPU",
        ),
        (
            MISSING,
            CPU_ONLY,
            CPU_ONLY,
            "onnxruntime",
            "",
            "onnxruntime on the CPU; not tensorrt: tensorrt missing; not torch: torch on the CPU",
        ),
    ],
)
def test_auto_chooses_the_best_backend_and_gives_the_reason(
    tensorrt: str, onnxruntime: str, torch: str, chosen: str, fallback: str, reason: str
) -> None:
    found = probes(tensorrt=tensorrt, onnxruntime=onnxruntime, torch=torch)
    assert choose_backend("auto", found) == BackendChoice(chosen, reason, fallback)


def test_auto_never_chooses_torch_on_the_cpu() -> None:
    slow = probes(tensorrt=MISSING, onnxruntime=MISSING, torch=CPU_ONLY)
    with pytest.raises(EngineError, match="not onnxruntime: onnxruntime missing; not torch: torch on the CPU"):
        choose_backend("auto", slow)
    assert choose_backend("torch", slow).name == "torch"


def test_forced_backend_is_used_or_an_error() -> None:
    everything = probes(tensorrt=GPU, onnxruntime=CPU_ONLY, torch=GPU)
    assert choose_backend("torch", everything) == BackendChoice("torch", "forced; torch on a GPU")
    with pytest.raises(EngineError, match=r"backend tensorrt: .*got tensorrt missing"):
        choose_backend("tensorrt", probes(tensorrt=MISSING, onnxruntime=CPU_ONLY))
    with pytest.raises(EngineError, match="expected auto, tensorrt, onnxruntime, torch, got 'cuda'"):
        choose_backend("cuda", everything)


def test_backend_module_is_probed_and_opens_models(
    monkeypatch: pytest.MonkeyPatch, make_entry: Callable[..., ManifestEntry]
) -> None:
    module = ModuleType("pose3d_ros.engines.stand_in")
    module.__spec__ = ModuleSpec(module.__name__, None)
    opened: list[tuple[Path, int]] = []

    def open_model(entry: ManifestEntry, options: EngineOptions) -> Engine:
        opened.append((entry.file, options.threads))
        return OnnxEngine(entry.file, threads=1)

    module.availability = lambda: Availability(True, "a stand-in")  # type: ignore[attr-defined]
    module.open_model = open_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(backend_module._MODULES, "tensorrt", module.__name__)
    choice = choose_backend()
    assert choice == BackendChoice("tensorrt", "a stand-in", "onnxruntime")
    open_engine(make_entry(), choice, EngineOptions(threads=3)).close()
    assert opened == [(make_entry().file, 3)]


def test_opened_engine_runs(make_entry: Callable[..., ManifestEntry]) -> None:
    choice = choose_backend("onnxruntime")
    assert (choice.name, choice.reason.endswith("on the CPU")) == ("onnxruntime", True)
    with open_engine(make_entry(), choice, EngineOptions(threads=1)) as engine:
        ones = np.ones((2, 3), np.float32)
        np.testing.assert_array_equal(engine.infer({"a": ones, "b": ones, "n": np.arange(2)})["total"], 2 * ones)


def test_open_checks_the_hash_first(make_entry: Callable[..., ManifestEntry]) -> None:
    entry = make_entry()
    entry.file.write_bytes(b"not an engine")
    with pytest.raises(EngineError, match="expected sha256"):
        open_engine(entry, BackendChoice("onnxruntime", "test"))
    entry.file.unlink()
    with pytest.raises(EngineError, match="no such file"):
        open_engine(entry, BackendChoice("onnxruntime", "test"))


def test_open_with_an_unknown_backend(make_entry: Callable[..., ManifestEntry]) -> None:
    with pytest.raises(EngineError, match="choose_backend"):
        open_engine(make_entry(), BackendChoice("cuda", "test"))
