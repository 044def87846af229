"""Failures of CUDA as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pose3d_ros.errors import EngineError


@contextmanager
def cuda_errors(subject: str, expected: str) -> Iterator[None]:
    """PyTorch's RuntimeError, which it raises for every failure of CUDA, becomes an EngineError."""
    try:
        yield
    except RuntimeError as error:
        raise EngineError(
            subject,
            expected=expected,
            got=first_line(error),
            fix="See nvidia-smi; the backend onnxruntime needs no GPU.",
        ) from error


def first_line(error: Exception) -> str:
    """What an error says in its first line."""
    return str(error).partition("\n")[0]
