"""The package's errors. Each says what was expected, what came, and how to fix it."""

from __future__ import annotations


class Pose3DError(Exception):
    """Base of every error this package raises about something that came from outside.

    Attributes hold the parts of the message, so that diagnostics can show them apart.
    """

    def __init__(self, subject: str, *, expected: str, got: str, fix: str) -> None:
        super().__init__(f"{subject}: expected {expected}, got {got}. {fix}")
        self.subject = subject
        self.expected = expected
        self.got = got
        self.fix = fix


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
