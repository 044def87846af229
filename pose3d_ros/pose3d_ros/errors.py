"""The package's errors. Each says what was expected, what came, and how to fix it."""

from __future__ import annotations

import reprlib

_MOST_CHARACTERS = 2000
_LONGEST_INTEGER_BITS = 128


class _Repr(reprlib.Repr):
    """Of few levels and few items: the repr of a small text's values may take minutes and gigabytes (YAML aliases)."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxtuple = 3, 4, 16, 16
        self.maxstring = self.maxother = 80

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to write integers of more than 4300 digits."""
        return repr(x) if x.bit_length() <= _LONGEST_INTEGER_BITS else f"an integer of {x.bit_length()} bits"


_REPR = _Repr()


def shown(value: object) -> str:
    """A value from outside as an error names it: its repr, shortened."""
    text = _REPR.repr(value)
    return text if len(text) <= 200 else f"{text[:120]}…{text[-40:]}"


def _printable(text: str) -> str:
    """One line that any terminal, log and message takes: escapes instead of control characters and lone surrogates."""
    short = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
    lines = " ".join(short.split("\n"))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in lines)


class Pose3DError(Exception):
    """Base of every error this package raises about something that came from outside.

    Attributes hold the parts of the message, so that diagnostics can show them apart.
    """

    def __init__(self, subject: str, *, expected: str, got: str, fix: str) -> None:
        self.subject, self.expected, self.got, self.fix = map(_printable, (subject, expected, got, fix))
        super().__init__(f"{self.subject}: expected {self.expected}, got {self.got}. {self.fix}")

    def fresh(self) -> Pose3DError:
        """Make the same error anew: one that is raised and kept keeps, in its traceback, all that its frames held.

        Returns
        -------
        Pose3DError
            One of the same class and text, without a traceback.
        """
        return type(self)(self.subject, expected=self.expected, got=self.got, fix=self.fix)


class InputError(Pose3DError):
    """An image, a box, a file of boxes or an array from outside is not what it must be."""


class CameraError(Pose3DError):
    """Intrinsics, a camera_info message or a calibration file can't be used."""


class ConfigError(Pose3DError):
    """A parameter is unknown, of the wrong type or out of its range."""


class EngineError(Pose3DError):
    """An engine file, a manifest, a backend or the arrays given to an engine are wrong."""


class SkeletonError(Pose3DError):
    """A skeleton is unknown, or joints do not fit it."""


class BagError(Pose3DError):
    """A bag can't be read or lacks the topics that are needed."""


class OutputError(Pose3DError):
    """A result can't be written, or only in part; commands exit with 1 instead of 2."""
