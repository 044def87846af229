"""What the objects of one module share: its release, its enumerations, the knobs, the device and the count of runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .basics import ILogger, Severity
from .enums import make_enum
from .knobs import Knobs
from .memory import DeviceMemory
from .misuse import MisuseError
from .versions import Release


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
