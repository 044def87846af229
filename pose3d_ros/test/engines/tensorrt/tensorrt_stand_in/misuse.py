"""What real TensorRT leaves undefined, made an error; answers of False that nobody looks at among it."""

from __future__ import annotations


class MisuseError(Exception):
    """The code under test did what TensorRT or CUDA leaves undefined, or documents as an error. Fix the caller."""

    def __init__(self, call: str, problem: str) -> None:
        super().__init__(f"{call}: {problem}")


class Checked:
    """TensorRT's bool (Python's can't be subclassed): true or false, and whether anybody looked."""

    __slots__ = ("_call", "_seen", "_value")

    def __init__(self, call: str, value: bool) -> None:
        self._call = call
        self._value = value
        self._seen = False

    def __bool__(self) -> bool:
        self._seen = True
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, bool | Checked):
            return NotImplemented
        return bool(self) == bool(other)

    def __hash__(self) -> int:
        return hash(bool(self))

    def __repr__(self) -> str:
        return repr(self._value)

    def demand(self) -> None:
        """Raises MisuseError for a False that was never tested."""
        if not self._value and not self._seen:
            raise MisuseError(self._call, "it returned False and the caller went on without a look")


class Answering:
    """An object whose calls return a Checked; the next call on it demands that the last one was looked at."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: Checked | None = None

    def _enter(self) -> None:
        """Begin a call. Raises MisuseError when the last answer was a False that was never tested."""
        if self._last is not None:
            self._last.demand()

    def _answer(self, call: str, value: bool) -> Checked:
        self._last = Checked(call, value)
        return self._last
