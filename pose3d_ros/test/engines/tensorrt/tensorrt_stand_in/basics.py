"""Values and callbacks that are the same in every version: dimensions, loggers, host memory."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Sequence
from typing import Any, ClassVar, overload

from .enums import Enumerant, make_enum
from .misuse import MisuseError

MAX_DIMS = 8
_SEVERITIES = {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2, "INFO": 3, "VERBOSE": 4}
Severity: Any = make_enum("Severity", _SEVERITIES)


def incompatible(call: str, value: object) -> TypeError:
    """The TypeError with which the bindings refuse an argument."""
    return TypeError(f"{call}(): incompatible function arguments, invoked with {type(value).__name__}")


def require(call: str, value: object, kind: type | tuple[type, ...]) -> None:
    """Raises TypeError, as the bindings do, for an argument of another type; a bool is no int here."""
    if not isinstance(value, kind):
        raise incompatible(call, value)


def to_int(call: str, value: object) -> int:
    """An index, size, address or handle. Raises TypeError for what is no integer, and for a negative one."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise incompatible(call, value) from None
    if number < 0:
        raise incompatible(call, value)
    return number


class Dims:
    """A shape. Compare it with a tuple or list only; Dims with Dims is a TypeError, as in the bindings."""

    __slots__ = ("_lengths", "_unknown")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: Sequence[int] = ()) -> None:
        if isinstance(shape, str | bytes):
            raise incompatible("Dims", shape)
        try:
            self._lengths = tuple(operator.index(n) for n in shape)
        except TypeError:
            raise incompatible("Dims", shape) from None
        self._unknown = False
        if len(self._lengths) > MAX_DIMS:
            raise ValueError(f"Input length {len(self._lengths)}. Max expected length is {MAX_DIMS}")

    def __len__(self) -> int:
        return -1 if self._unknown else len(self._lengths)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...
    def __getitem__(self, index: int | slice) -> int | tuple[int, ...]:
        try:
            return self._lengths[index]
        except IndexError:
            raise IndexError("Out of bounds") from None

    def __eq__(self, other: object) -> bool:
        require("__eq__", other, (tuple, list))
        return self._lengths == tuple(other)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return repr(self._lengths)


def unknown_dims() -> Dims:
    """The shape of a name that is no tensor: it has -1 dimensions, so `len` and `tuple` of it raise ValueError."""
    dims = Dims()
    dims._unknown = True
    return dims


class _CallsBaseInit(type):
    """pybind11's check that a subclass in Python called the base's `__init__`."""

    def __call__(cls, *args: object, **kwargs: object) -> Any:
        made = super().__call__(*args, **kwargs)
        if not hasattr(made, "_ready"):
            raise TypeError(f"{cls.__mro__[1].__name__}.__init__() must be called when overriding __init__")
        return made


class ILogger(metaclass=_CallsBaseInit):
    """Derive from it and give it `log(severity, msg)`; TensorRT calls that from several threads."""

    __slots__ = ("_ready",)
    Severity: ClassVar[Any] = Severity
    INTERNAL_ERROR: ClassVar[Enumerant] = Severity.INTERNAL_ERROR
    ERROR: ClassVar[Enumerant] = Severity.ERROR
    WARNING: ClassVar[Enumerant] = Severity.WARNING
    INFO: ClassVar[Enumerant] = Severity.INFO
    VERBOSE: ClassVar[Enumerant] = Severity.VERBOSE

    def __init__(self) -> None:
        self._ready = True

    def log(self, severity: Enumerant, msg: str) -> None:
        raise MisuseError("ILogger.log", "a logger must define it; the message is lost otherwise")


class IProgressMonitor(metaclass=_CallsBaseInit):
    """Derive from it and give it the three calls; TensorRT makes them from threads of its own."""

    __slots__ = ("_ready",)

    def __init__(self) -> None:
        self._ready = True

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise MisuseError("IProgressMonitor.phase_start", "a monitor must define it")

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise MisuseError("IProgressMonitor.step_complete", "a monitor must define it; without it the build stops")

    def phase_finish(self, phase_name: str) -> None:
        raise MisuseError("IProgressMonitor.phase_finish", "a monitor must define it")


class IHostMemory(ctypes.Structure):
    """Bytes that the library owns: it has the buffer protocol (`bytes(plan)`) and `nbytes`, and no length."""

    def __init__(self) -> None:
        raise TypeError("tensorrt.IHostMemory: No constructor defined!")

    @property
    def nbytes(self) -> int:
        return ctypes.sizeof(self)


def host_memory(data: bytes) -> IHostMemory:
    """Host memory with these bytes. A structure has the buffer protocol without `len`, in every Python."""
    block: Any = type("IHostMemory", (IHostMemory,), {"_fields_": [("_data", ctypes.c_ubyte * len(data))]})
    memory: IHostMemory = block.from_buffer_copy(data)
    return memory
