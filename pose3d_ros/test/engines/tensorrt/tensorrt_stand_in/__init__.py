"""A strict stand-in for the `tensorrt` module, for tests: it computes, with ONNX Runtime on the CPU.

`make_tensorrt` gives a module with the members of one version and no other. It fails as the bindings do (False, None
and a message, TypeError where they raise it) and raises MisuseError for what the real library leaves undefined. It
can't show which kernels exist, how exact FP16 is, or how fast anything runs.
"""

from __future__ import annotations

from .api import Knobs
from .memory import Buffer, DeviceMemory
from .misuse import Checked, MisuseError
from .module import VERSIONS, make_tensorrt
from .plan import PlanHeader, PlanProfile, read_header
from .stream import FakeGraph, FakeStream

__all__ = [
    "VERSIONS",
    "Buffer",
    "Checked",
    "DeviceMemory",
    "FakeGraph",
    "FakeStream",
    "Knobs",
    "MisuseError",
    "PlanHeader",
    "PlanProfile",
    "make_tensorrt",
    "read_header",
]
