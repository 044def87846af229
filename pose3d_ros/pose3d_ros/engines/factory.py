"""Which backend runs the engines: forced by a parameter, or the best that works here, with the reason."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType

from pose3d_ros.engines.base import Availability, Engine
from pose3d_ros.engines.fallback import FallbackEngine
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError

Probe = Callable[[], Availability]

_MODULES = {
    "tensorrt": "pose3d_ros.engines.tensorrt.trt_engine",
    "onnxruntime": "pose3d_ros.engines.onnx_runtime.ort_engine",
    "torch": "pose3d_ros.engines.pytorch.torch_engine",
}
"""Backend → its module, which has `availability()` and `open_model(entry, options)`."""

_AUTO_ORDER = ("tensorrt", "onnxruntime", "torch")
_FALLBACK = "onnxruntime"
"""On the CPU: it needs no GPU, so whatever a GPU fails at it can do."""


@dataclass(frozen=True)
class BackendChoice:
    """The backend that runs the engines, and why it was chosen.

    Attributes
    ----------
    name : str
        `tensorrt`, `onnxruntime` or `torch`.
    reason : str
        Why this one, and why not the others.
    fallback : str
        The one that takes over an engine that this one can't open or run; empty for none.
    """

    name: str
    reason: str
    fallback: str = ""


def default_probes() -> dict[str, Probe]:
    """Backend → a function that says whether it works on this machine."""
    return {name: partial(_probe, name) for name in _MODULES}


def choose_backend(requested: str = "auto", probes: Mapping[str, Probe] | None = None) -> BackendChoice:
    """Choose the backend that runs the engines on this machine.

    Parameters
    ----------
    requested : str
        `auto`, or the name of the one that must be used. `auto` takes TensorRT where it works, else ONNX Runtime where
        its build computes on the GPU, else PyTorch where it sees one, each with ONNX Runtime on the CPU for what they
        fail at, else that alone.
    probes : mapping of str to callable, optional
        Backend → a function that says whether it works here; by default the real ones.

    Returns
    -------
    BackendChoice
        The backend, its fallback, and the reason.

    Raises
    ------
    EngineError
        For an unknown name, a forced backend that does not work, and when none works.
    """
    known = default_probes() if probes is None else probes
    if requested != "auto":
        return _forced(requested, known)
    found: dict[str, Availability] = {}
    for name in (n for n in _AUTO_ORDER if n in known):
        found[name] = known[name]()
        if found[name].usable and found[name].preferred:
            return BackendChoice(name, _reason(name, found), _FALLBACK if _usable(_FALLBACK, known) else "")
    if _FALLBACK in found and found[_FALLBACK].usable:
        return BackendChoice(_FALLBACK, _reason(_FALLBACK, found))
    refused = "; ".join(f"not {name}: {one.reason}" for name, one in found.items())
    raise EngineError("backend", expected="one that works", got=refused, fix="Install onnxruntime.")


def open_engine(entry: ManifestEntry, backend: BackendChoice, options: EngineOptions | None = None) -> Engine:
    """Open an entry's file with the chosen backend, which reads it once and checks the sha256 of what it read.

    An engine that the backend can't open, or fails to run later, goes on with the choice's fallback, if there is one;
    one that has to be built first runs there until it is.

    Parameters
    ----------
    entry : ManifestEntry
        Which file, and what it is.
    backend : BackendChoice
        What `choose_backend` gave.
    options : EngineOptions, optional
        Settings of the backend.

    Returns
    -------
    Engine
        Loaded, to be closed by the caller.

    Raises
    ------
    EngineError
        When the file is missing, is not the one that the manifest describes, or can't be loaded.
    """
    options = options or EngineOptions()
    options = replace(options, cancelled=threading.Event())  # closing one engine must not stop another's build
    first: Callable[[EngineOptions], Engine] = partial(_module(backend.name).open_model, entry)
    if not backend.fallback:
        return first(options)
    second = partial(_module(backend.fallback).open_model, entry, replace(options, provider="cpu"))
    return FallbackEngine(
        entry.name,
        partial(first, replace(options, allow_build=False)),
        second,
        partial(first, options) if options.allow_build else None,
        options.cancelled.set,
    )


def _reason(chosen: str, found: Mapping[str, Availability]) -> str:
    """Why that one, and why not the others that were asked."""
    others = (f"not {name}: {one.reason}" for name, one in found.items() if name != chosen)
    return "; ".join([found[chosen].reason, *others])


def _usable(name: str, probes: Mapping[str, Probe]) -> bool:
    return name in probes and probes[name]().usable


def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        known = ", ".join(_MODULES)
        raise EngineError("backend", expected=known, got=f"{name!r}", fix="Take one from choose_backend().")
    return importlib.import_module(_MODULES[name])


def _forced(requested: str, probes: Mapping[str, Probe]) -> BackendChoice:
    if requested not in probes:
        raise EngineError(
            "backend", expected=", ".join(("auto", *probes)), got=repr(requested), fix="Choose one from that list."
        )
    found = probes[requested]()
    if not found.usable:
        raise EngineError(
            f"backend {requested}",
            expected="a backend that works here",
            got=found.reason,
            fix="Set the backend to auto to use what works.",
        )
    return BackendChoice(requested, f"forced; {found.reason}")


def _probe(name: str) -> Availability:
    found: Availability = _module(name).availability()
    return found
