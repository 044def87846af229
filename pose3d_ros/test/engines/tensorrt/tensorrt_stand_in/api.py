"""What the objects of one module share: its release, its enumerations, the knobs, the device and the count of runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .basics import ILogger, Severity
from .enums import make_enum
from .memory import DeviceMemory
from .misuse import MisuseError
from .versions import Release


@dataclass(frozen=True)
class Knobs:
    """The failures to inject; by default nothing fails.

    no_driver: `Builder()` and `Runtime()` raise TypeError, as the bindings do when the library gives no object.
    parse_fails: the parser returns False and holds one error. build_returns_none, deserialize_returns_none,
    context_returns_none: that call returns None and logs. set_shape_fails, set_address_fails: that call returns False
    and logs. enqueue_fails_on: the n-th `execute_async_v3` of the module, counted from 1, returns False; 0 is never.
    capture_fails: every `execute_async_v3` on a stream that is being captured returns False.
    """

    no_driver: bool = False
    parse_fails: bool = False
    build_returns_none: bool = False
    deserialize_returns_none: bool = False
    context_returns_none: bool = False
    set_shape_fails: bool = False
    set_address_fails: bool = False
    enqueue_fails_on: int = 0
    capture_fails: bool = False


@dataclass(eq=False)
class Api:
    """One module's world. `enqueues` counts the calls of `execute_async_v3` so far."""

    release: Release
    knobs: Knobs
    memory: DeviceMemory
    enqueues: int = 0
    enums: dict[str, type[Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.enums = {name: make_enum(name, members) for name, members in self.release.enums.items()}

    def enum(self, name: str) -> Any:
        """The enumeration of this name; only asked for where the release has it."""
        return self.enums[name]

    def member(self, enum: str, name: str) -> Any:
        """A member by its name."""
        return self.enums[enum].__members__[name]

    def log(self, logger: ILogger, severity: str, message: str) -> None:
        """Send a message. Raises MisuseError for a logger that raises: the library would lose the error."""
        try:
            logger.log(Severity.__members__[severity], message)
        except MisuseError:
            raise
        except Exception as error:
            raise MisuseError("ILogger.log", f"it raised {error!r}, which TensorRT swallows") from error
