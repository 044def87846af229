"""How engines are opened, apart from which: what a backend may need to know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pose3d_ros.errors import EngineError

PRECISIONS = ("auto", "fp32", "fp16", "int8")
PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
DEFAULT_CACHE_DIR = Path("~/.cache/pose3d_ros/plans")
"""A plan is executable code: the folder is the user's own, as trusted as the user."""

_DEFAULT_MAX_PEOPLE = 8


def _silent(_: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class EngineOptions:
    """Settings of every engine of a process.

    threads: CPU threads of one run, 0 for the backend's default. precision: of TensorRT's plans, and of PyTorch on a
    GPU, which takes int8 for fp16; `auto` is fp16. ONNX Runtime and every CPU compute in FP32. cache_dir: where plans
    are kept. max_people: of one call. allow_build: make a plan that lacks, which takes minutes; without it such an
    engine can't be opened on TensorRT. tf32: let TensorRT round FP32 products to TF32. provider: what ONNX Runtime
    computes on, where its installed build can; `auto` is cuda, else cpu; its own tensorrt takes minutes at the first
    start. workspace_mib: what a build may use of the GPU's memory. report: told in a line what takes long. cancelled:
    set it to stop a build.
    """

    threads: int = 0
    precision: str = "auto"
    cache_dir: Path = DEFAULT_CACHE_DIR
    max_people: int = _DEFAULT_MAX_PEOPLE
    allow_build: bool = True
    tf32: bool = True
    provider: str = "auto"
    workspace_mib: int = 1024
    report: Callable[[str], object] = _silent
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("precision", self.precision, PRECISIONS),
            ("onnx_provider", self.provider, PROVIDERS),
        ):
            if value not in known:
                raise EngineError(name, expected="one of " + ", ".join(known), got=repr(value), fix="Choose one.")
        if self.max_people < 1 or self.workspace_mib < 1:
            raise EngineError(
                "engine options",
                expected="max_people and workspace_mib of 1 or more",
                got=f"{self.max_people} and {self.workspace_mib}",
                fix="Correct them.",
            )
