"""What the stand-in's classes have in common: errors of misuse, results that must be checked, values, callbacks."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .device_memory import Checked, DeviceMemory
from .versions import Faults, Release


class BindingEnum(enum.Enum):
    """An enumeration as pybind11 makes them: its members equal only their own kind, and convert to int."""

    def __int__(self) -> int:
        return int(self.value)


make_enum: Any = BindingEnum  # mypy knows Enum's form with a name and members of Enum itself only
Severity = make_enum("Severity", {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2, "INFO": 3, "VERBOSE": 4})


class Dims:
    """A shape: a sequence that is no tuple."""

    def __init__(self, lengths: Iterable[int]) -> None:
        self._lengths = tuple(lengths)

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: int) -> int:
        return self._lengths[index]


class IHostMemory:
    """Bytes that the library owns: `bytes(plan)` copies them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bytes__(self) -> bytes:
        return self._data


class Callback:
    """A class to derive from; pybind11 demands that a subclass calls its `__init__`."""

    _ready = False

    def __init__(self) -> None:
        self._ready = True


class ILogger(Callback):
    """Derive from it and give it `log(severity, msg)`."""

    INTERNAL_ERROR, ERROR = Severity.INTERNAL_ERROR, Severity.ERROR


class IProgressMonitor(Callback):
    """Derive from it and give it `phase_start`, `step_complete` and `phase_finish`."""


def ready(callback: Any, kind: type[Callback]) -> Any:
    """The callback. Raises TypeError for another type, and where the base's `__init__` was not called."""
    if not isinstance(callback, kind) or not callback._ready:
        raise TypeError(f"{kind.__name__}.__init__() must be called when overriding __init__")
    return callback


@dataclass(eq=False)
class Api:
    """What the objects of one module share. enqueues: calls of `execute_async_v3` so far."""

    release: Release
    faults: Faults
    device: DeviceMemory
    enqueues: int = 0
    enums: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.enums = {name: make_enum(name, dict(members)) for name, members in self.release.enums.items()}

    def member(self, enum_name: str, name: str) -> Any:
        """A member of an enumeration."""
        return self.enums[enum_name][name]

    def require(self, call: str, value: object, enum_name: str) -> None:
        """Raises TypeError, as the bindings do, for what is no member of the enumeration."""
        if not isinstance(value, self.enums[enum_name]):
            raise TypeError(f"{call}(): incompatible function arguments, invoked with {type(value).__name__}")


class Binding:
    """An object of TensorRT: it has no attributes but its own, and its next call demands that a False was checked."""

    _last: Checked | None = None

    def __init__(self, api: Api, logger: Any) -> None:
        self._api, self._logger = api, ready(logger, ILogger)

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name}")
        super().__setattr__(name, value)

    def _check_last(self) -> None:
        if self._last is not None:
            self._last.demand()

    def _log(self, fault: str) -> None:
        self._logger.log(Severity.ERROR, fault)

    def _answer(self, call: str, fault: str | None) -> Checked:
        """True, or False with a message. Raises MisuseError where the last False was not checked."""
        self._check_last()
        if fault is not None:
            self._log(f"{call}: {fault}")
        self._last = Checked(call, fault is None)
        return self._last


class NeedsDriver(Binding):
    """What callers make themselves. Raises TypeError where the library gives no object, as without a driver."""

    def __init__(self, api: Api, logger: Any) -> None:
        if api.faults.no_driver:
            raise TypeError("pybind11::init(): factory function returned nullptr")
        super().__init__(api, logger)
