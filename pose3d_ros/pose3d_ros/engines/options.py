"""How engines are opened, apart from which: what a backend may need to know."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pose3d_ros.engines.spec.entry import IMAGE_ROLES, ManifestEntry
from pose3d_ros.errors import EngineError

PRECISIONS = ("auto", "fp32", "fp16", "int8")
PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
DEFAULT_CACHE_DIR = Path("~/.cache/pose3d_ros/plans")
"""A plan is executable code: the folder is the user's own, as trusted as the user."""

_DEFAULT_MAX_PEOPLE = 8


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True)
class EngineOptions:
    """Settings of every engine of a process.

    Attributes
    ----------
    threads : int
        CPU threads of one run, 0 for the backend's default.
    precision : str
        `auto` (fp16), `fp32`, `fp16` or `int8`: of TensorRT's engines, and of PyTorch on a GPU, which takes int8 for
        fp16. ONNX Runtime and every CPU compute in FP32.
    cache_dir : Path
        Where TensorRT's engines are kept.
    max_people : int
        Largest batch size of one call.
    allow_build : bool
        Build a TensorRT engine that is missing, which takes minutes; without it the model can't be opened there.
    tf32 : bool
        Let TensorRT round FP32 products to TF32.
    provider : str
        Execution provider of ONNX Runtime, if its build has it: `auto` (cuda, else cpu), `cpu`, `cuda`, or its own
        `tensorrt`, which takes minutes at the first start.
    workspace_mib : int
        What a build may use of the GPU's memory.
    report : callable
        Called with a line of text about what takes long.
    cancelled : threading.Event
        Set it to stop a build.
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


def precision_of(entry: ManifestEntry, wanted: str) -> str:
    """The arithmetic of an entry's engine on a GPU.

    That of nets which read joints is always fp32: they are small, and rounding would be jitter. A net that int8 would
    spoil has fp16 instead.
    """
    if IMAGE_ROLES.isdisjoint(entry.roles):
        return "fp32"
    return "fp16" if wanted == "auto" or (wanted == "int8" and int8_refused(entry)) else wanted


def int8_refused(entry: ManifestEntry) -> str:
    """Why an entry's engine must not compute in int8: its manifest's parameter `int8_refused`; empty if it may."""
    return str(entry.parameters.get("int8_refused", ""))


def allows_tf32(entry: ManifestEntry, wanted: bool) -> bool:
    """Whether a GPU may round the products of an entry's engine to TF32.

    TF32 has FP16's ten bits of mantissa: too few for joints in metres, whose noise a smoother is there to remove. On
    an H200 it moved the smoother's outputs by 3e-3.
    """
    return wanted and not IMAGE_ROLES.isdisjoint(entry.roles)
