"""The engines of a folder, each opened once, when a stage first asks for a role that it fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType

from pose3d_ros.config.settings import DetectorConfig, EngineConfig, PipelineConfig
from pose3d_ros.engines.base import Engine, engine_problems
from pose3d_ros.engines.engine_pool import EnginePool
from pose3d_ros.engines.factory import BackendChoice, choose_backend, open_engine
from pose3d_ros.engines.options import DEFAULT_CACHE_DIR, EngineOptions
from pose3d_ros.engines.spec.entry import IMAGE_ROLES
from pose3d_ros.engines.spec.manifest import Manifest, ManifestEntry
from pose3d_ros.engines.spec.model_sets import open_set

Report = Callable[[str], object]
Opener = Callable[[ManifestEntry], Engine]


@dataclass(frozen=True, eq=False)
class RoleEngine:
    """An engine that fills a role, and what the manifest says about it.

    Attributes
    ----------
    engine : Engine
        The opened engine.
    entry : ManifestEntry
        Its entry in the manifest.
    """

    engine: Engine
    entry: ManifestEntry


class EngineSet:
    """The engines of a manifest; closes those it opened. Use it as a context manager or call `close`.

    Parameters
    ----------
    manifest : Manifest
        What there is to open.
    backend : BackendChoice
        What runs them.
    options : EngineOptions, optional
        How they are opened.
    opener : callable, optional
        Opens an entry's engine; `open_engine` with the backend and the options unless given.
    pool : EnginePool, optional
        Shares the engines with other sets in place of `open_engine`.
    """

    def __init__(
        self,
        manifest: Manifest,
        backend: BackendChoice,
        options: EngineOptions | None = None,
        *,
        opener: Opener | None = None,
        pool: EnginePool | None = None,
    ) -> None:
        self.manifest = manifest
        self.backend = backend
        open_one = open_engine if pool is None else pool.open
        self._open = opener or partial(open_one, backend=backend, options=options)
        self._engines: dict[str, Engine] = {}

    @property
    def opened(self) -> tuple[Engine, ...]:
        """The engines opened so far, in that order."""
        return tuple(self._engines.values())

    @property
    def names(self) -> str:
        """Names of the opened engines."""
        return " + ".join(self._engines)

    @property
    def statuses(self) -> tuple[str, ...]:
        """What runs each engine: `name: backend`."""
        return tuple(f"{engine.name}: {engine.status}" for engine in self.opened)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why other models look at images than those that were meant, and why an engine does not run on its backend."""
        looking = any(e.name in self._engines and IMAGE_ROLES & set(e.roles) for e in self.manifest.entries)
        return (*(self.manifest.problems if looking else ()), *engine_problems(self.opened))

    @property
    def busy_s(self) -> float:
        """What all runs of all engines took together."""
        return sum(engine.busy_s for engine in self.opened)

    def for_role(self, role: str) -> RoleEngine:
        """Give the engine that fills a role, opened at the first call.

        Parameters
        ----------
        role : str
            `detector`, `region_detector`, `root`, `pose`, `lifter` or `smoother`.

        Returns
        -------
        RoleEngine
            The same engine for all roles of its entry.

        Raises
        ------
        EngineError
            When no engine fills the role, or it can't be opened.
        """
        entry = self.manifest.for_role(role)
        if entry.name not in self._engines:
            self._engines[entry.name] = self._open(entry)
        return RoleEngine(self._engines[entry.name], entry)

    def close(self) -> None:
        """Close the opened engines. Closing twice is fine."""
        for engine in self.opened:
            engine.close()

    def __enter__(self) -> EngineSet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_engine_set(config: PipelineConfig, report: Report | None = None, pool: EnginePool | None = None) -> EngineSet:
    """The engines that a configuration names, none of them opened yet; shared where a pool is given.

    Raises EngineError.
    """
    manifest, backend = open_manifest(config.engine), choose_backend(config.engine.backend)
    return EngineSet(manifest, backend, engine_options(config, report), pool=pool)


def open_manifest(config: EngineConfig) -> Manifest:
    """The manifest of the engines to use. Raises EngineError; see `model_sets.open_set`."""
    return open_set(config.engines)


def engine_options(config: PipelineConfig, report: Report | None = None) -> EngineOptions:
    """The engines' options of a configuration. report: gets a line about what takes long."""
    settings = config.engine
    options = EngineOptions(
        threads=settings.threads,
        precision=settings.precision,
        cache_dir=Path(settings.engine_cache) if settings.engine_cache else DEFAULT_CACHE_DIR,
        # Plans that were built with the usual number serve a node that looks for fewer.
        max_people=max(config.detector.max_people, DetectorConfig().max_people),
        allow_build=settings.build_engines,
        provider=settings.onnx_provider,
    )
    return replace(options, report=report) if report else options
