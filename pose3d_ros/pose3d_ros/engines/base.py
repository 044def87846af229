"""What every engine is: named inputs and outputs, checked arrays in, named arrays out."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.tensors import DeviceArray, Feed, Tensor, on_host
from pose3d_ros.errors import EngineError


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of an engine.

    Parameters
    ----------
    name : str
        The tensor's name in the graph.
    shape : tuple of int or str
        A number for a fixed axis, a name for a dynamic one; axes of the same name have the same length in a call.
    dtype : str
        NumPy's name, such as `float32`.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype} ({', '.join(str(n) for n in self.shape)})"


def listed(specs: Iterable[TensorSpec]) -> str:
    """Inputs or outputs, for messages."""
    return "; ".join(str(spec) for spec in specs) or "none"


@dataclass(frozen=True)
class Availability:
    """Whether a backend can work on this machine, and why (not). preferred: whether `auto` may choose it."""

    usable: bool
    reason: str
    preferred: bool = True


class NotBuiltError(EngineError):
    """The engine could run here once it is built for this machine."""


class Engine(ABC):
    """A loaded network. Use it as a context manager or call `close`; use it from one thread at a time.

    A backend loads in its constructor, passes what it found to this one, and fills `_run` and `_release`.

    Parameters
    ----------
    name : str
        What messages call this engine.
    inputs, outputs : tuple of TensorSpec
        What it takes and gives.

    Attributes
    ----------
    busy_s : float
        Seconds that all its runs took together, checks of the inputs not counted.
    """

    _reads_device = False
    """Whether `_run` takes arrays in a device's memory; they are copied to the host before it otherwise."""

    def __init__(self, name: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        self._name = name
        self._inputs = inputs
        self._outputs = outputs
        self._closed = False
        self.busy_s = 0.0

    @property
    def name(self) -> str:
        """What messages call this engine."""
        return self._name

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` takes."""
        return self._inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """What `infer` gives."""
        return self._outputs

    @property
    def status(self) -> str:
        """What runs it, for logs and diagnostics."""
        return type(self).__name__

    @property
    def problem(self) -> str:
        """Why it does not run on what was chosen for it; empty where it does."""
        return ""

    @property
    def load_image(self) -> LoadImage | None:
        """Load a frame into the memory that the engine reads crops from; None for the host's memory."""
        return None

    def infer(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """Run the network once.

        Parameters
        ----------
        feeds : mapping of str to numpy.ndarray or DeviceArray
            An array for every input, of exactly its dtype and shape. A strided one is copied into C order, and
            integers may have another width that holds them (older TensorRT makes int32 of a graph's int64). One in a
            device's memory stays there where the engine reads it, else it is copied to the host.

        Returns
        -------
        dict of str to numpy.ndarray
            An array for every output, which later runs do not overwrite.

        Raises
        ------
        EngineError
            For a closed engine, a missing or unknown name, another dtype or rank, another length of a fixed axis, axes
            of one name that differ, an empty array, or a failed run.
        """
        if self._closed:
            raise EngineError(
                f"engine {self._name}", expected="an open engine", got="a closed one", fix="Open it again before use."
            )
        checked = self._checked(feeds)
        start_s = time.perf_counter()
        try:
            return self._run(checked)
        finally:
            self.busy_s += time.perf_counter() - start_s

    def close(self) -> None:
        """Free what the engine holds. Closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._release()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _run(self, feeds: Mapping[str, Any]) -> dict[str, Tensor]:
        """Run on checked arrays, those of the host C-contiguous, and no others but for `_reads_device`.

        Raises EngineError when the backend fails.
        """

    @abstractmethod
    def _release(self) -> None:
        """Free the backend's objects; called once."""

    def _checked(self, feeds: Mapping[str, Feed]) -> dict[str, Feed]:
        """The arrays as `_run` takes them. Raises EngineError for what does not fit the inputs."""
        wanted = {spec.name for spec in self._inputs}
        if feeds.keys() != wanted:
            raise EngineError(
                f"inputs of {self._name}",
                expected=", ".join(sorted(wanted)),
                got=", ".join(sorted(feeds)) or "none",
                fix="Give an array for every input, and for no other name.",
            )
        lengths: dict[str, tuple[int, str]] = {}
        for spec in self._inputs:
            self._check_tensor(spec, feeds[spec.name], lengths)
        return {spec.name: self._readable(spec, feeds[spec.name]) for spec in self._inputs}

    def _readable(self, spec: TensorSpec, feed: Feed) -> Feed:
        if self._reads_device and not isinstance(feed, np.ndarray):
            return feed
        # Strided arrays and other byte orders hold the right values in another layout: copied, not refused.
        return np.asarray(on_host(feed), dtype=spec.dtype, order="C")

    def _check_tensor(self, spec: TensorSpec, array: Feed, lengths: dict[str, tuple[int, str]]) -> None:
        if not isinstance(array, np.ndarray | DeviceArray):
            raise self._misfit(spec, type(array).__name__)
        if not _is_of(array, spec.dtype) or len(array.shape) != len(spec.shape) or 0 in array.shape:
            raise self._misfit(spec, _described(array))
        for axis, length in zip(spec.shape, array.shape, strict=True):
            if isinstance(axis, int):
                if axis != length:
                    raise self._misfit(spec, _described(array))
                continue
            known, owner = lengths.setdefault(axis, (length, spec.name))
            if known != length:
                raise self._misfit(spec, f"{_described(array)}, while {axis} is {known} in {owner}")

    def _misfit(self, spec: TensorSpec, got: str) -> EngineError:
        return EngineError(
            f"input {spec.name} of {self._name}",
            expected=f"{spec.dtype} ({', '.join(str(n) for n in spec.shape)}), not empty",
            got=got,
            fix="Convert the array before the call; skip the call when there are no people.",
        )


def _described(array: Feed) -> str:
    """Type and shape; naming a NumPy type takes microseconds, so only messages do."""
    return f"{array.dtype.name if isinstance(array, np.ndarray) else array.dtype} {array.shape}"


def _is_of(array: Feed, dtype: str) -> bool:
    """Whether the array has that type, or holds integers that all fit it."""
    if array.dtype == dtype:
        return True
    if not isinstance(array, np.ndarray) or not array.size:
        return False
    if array.dtype.name == dtype:  # in another byte order
        return True
    if array.dtype.kind not in "iu" or np.dtype(dtype).kind not in "iu":
        return False
    limits = np.iinfo(dtype)
    return bool(limits.min <= array.min() and array.max() <= limits.max)


def engine_problems(engines: Iterable[Engine]) -> tuple[str, ...]:
    """Why an engine does not run on what was chosen for it, a line for each of those that do not."""
    return tuple(f"{e.name} runs on {e.status}: {e.problem}" for e in engines if e.problem)
