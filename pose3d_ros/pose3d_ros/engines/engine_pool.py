"""Engines that several engine sets of a process share: each is loaded once, and closed with the last who uses it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pose3d_ros.engines.base import Engine, TensorSpec
from pose3d_ros.engines.factory import BackendChoice, open_engine
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.options import EngineOptions
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.engines.tensors import Feed, Tensor
from pose3d_ros.errors import EngineError

_NOT_CANCELLED = threading.Event()


@dataclass(eq=False)
class _Loaded:
    """An engine of the pool. lock: held while it runs, and while it is opened. users: who have not closed it yet."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    engine: Engine | None = None
    users: int = 0


class EnginePool:
    """Opens engines for several users, the same one for all that ask for the same file, backend and options.

    Safe to use from several threads. An engine runs for one user at a time.

    Attributes
    ----------
    frames : threading.Lock
        To be held while a frame is worked on, or a pipeline warmed up, where users have threads of their own: frames
        share the memory of a GPU that they are uploaded through.
    """

    def __init__(self) -> None:
        self.frames = threading.Lock()
        self._lock = threading.Lock()
        self._loaded: dict[object, _Loaded] = {}

    def __len__(self) -> int:
        """How many engines are loaded."""
        with self._lock:
            return len(self._loaded)

    def open(
        self,
        entry: ManifestEntry,
        backend: BackendChoice,
        options: EngineOptions | None = None,
        opener: Callable[[ManifestEntry, BackendChoice, EngineOptions], Engine] = open_engine,
    ) -> Engine:
        """Open an entry's file, as `open_engine` does, or share the engine that is there.

        Parameters
        ----------
        entry : ManifestEntry
            See `open_engine`.
        backend : BackendChoice
            See `open_engine`.
        options : EngineOptions, optional
            See `open_engine`; whoever asks first has its `report` called.
        opener : callable
            Opens an engine that is not there yet.

        Returns
        -------
        Engine
            The user's own, to be closed by it; the shared one is closed with the last.

        Raises
        ------
        EngineError
            As `open_engine`; the next who asks tries again.
        """
        options = options or EngineOptions()
        key = _key(entry, backend, options)
        with self._lock:
            shared = self._loaded.setdefault(key, _Loaded())
            shared.users += 1
        try:
            with shared.lock:
                if shared.engine is None:
                    shared.engine = opener(entry, backend, options)
                return SharedEngine(shared.engine, shared.lock, lambda: self._leave(key, shared))
        except BaseException:
            self._leave(key, shared)
            raise

    def _leave(self, key: object, shared: _Loaded) -> None:
        with self._lock:
            shared.users -= 1
            if shared.users:
                return
            del self._loaded[key]
        if shared.engine is not None:
            shared.engine.close()


class SharedEngine(Engine):
    """One user's of an engine that others use too. lock: held while the engine runs. leave: called once, by `close`.

    `busy_s` is what this user's runs took, without the wait for those of others.
    """

    def __init__(self, engine: Engine, lock: threading.Lock, leave: Callable[[], None]) -> None:
        super().__init__(engine.name, (), ())
        self._engine, self._lock, self._leave = engine, lock, leave

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """See Engine; those of the backend that runs it now."""
        return self._engine.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """See Engine."""
        return self._engine.outputs

    @property
    def status(self) -> str:
        """See Engine."""
        return self._engine.status

    @property
    def problem(self) -> str:
        """See Engine."""
        return self._engine.problem

    @property
    def load_image(self) -> LoadImage | None:
        """See Engine."""
        return self._engine.load_image

    def infer(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """See Engine."""
        if self._closed:
            raise EngineError(
                f"engine {self._name}", expected="an open engine", got="a closed one", fix="Open it again before use."
            )
        with self._lock:
            start_s = time.perf_counter()
            try:
                return self._engine.infer(feeds)
            finally:
                self.busy_s += time.perf_counter() - start_s

    def _run(self, feeds: Mapping[str, Any]) -> dict[str, Tensor]:
        return self.infer(feeds)

    def _release(self) -> None:
        self._leave()


def _key(entry: ManifestEntry, backend: BackendChoice, options: EngineOptions) -> object:
    """What makes two engines the same; not who is told of a build, or may cancel it."""
    alike = replace(options, report=print, cancelled=_NOT_CANCELLED)
    refused = str(entry.parameters.get("int8_refused", ""))
    file = (entry.file.absolute(), entry.sha256, entry.name, entry.roles, refused)
    return (file, backend.name, backend.fallback, alike)
