"""From a node's settings to open engines."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from pose3d_ros.config.settings import EngineConfig, PipelineConfig
from pose3d_ros.config.share_folders import share_directories
from pose3d_ros.engines import (
    BackendChoice,
    Engine,
    Manifest,
    choose_backend,
    default_manifest_dir,
    load_manifest,
    open_engine,
)
from pose3d_ros.engines.base import engine_problems
from pose3d_ros.engines.spec.manifest import default_manifest_candidates
from pose3d_ros.pipeline import Pipeline, engine_options, image_entries
from pose3d_ros.skeletons import Skeleton, get_skeleton
from pose3d_ros.stages.smooth.smoother import Smoother

# A first run allocates and is slow; it should not be the first frame's. The usual camera's size serves.
_WARM_UP_PX = (640, 480)
Report = Callable[[str], object]


@dataclass(frozen=True, eq=False)
class OpenPipeline:
    """A pipeline ready to run. model: names of its engines. backend: what runs them, and why."""

    pipeline: Pipeline
    model: str
    backend: BackendChoice


@dataclass(frozen=True, eq=False)
class OpenSmoother:
    """A smoother ready to run, in its engine's skeleton."""

    smoother: Smoother
    engine: Engine
    skeleton: Skeleton
    model: str
    backend: BackendChoice

    @property
    def engine_problems(self) -> tuple[str, ...]:
        """Why the engine does not run on the chosen backend, if it does not."""
        return engine_problems([self.engine])


def open_manifest(config: EngineConfig) -> Manifest:
    """The manifest of the engines to use; the embedded ones unless a folder is named. Raises EngineError."""
    if config.engines:
        return load_manifest(config.engines)
    installed = (directory / "engines" / "default" for directory in share_directories())
    return load_manifest(default_manifest_dir((*default_manifest_candidates(), *installed)))


def open_pipeline(config: PipelineConfig, report: Report | None = None) -> OpenPipeline:
    """Open the image engines. report: told in a line what takes long. Raises EngineError with what to do about it."""
    manifest = open_manifest(config.engine)
    backend = choose_backend(config.engine.backend)
    pipeline = Pipeline.from_manifest(manifest, config, backend, smooth=False, options=engine_options(config, report))
    with contextlib.ExitStack() as opened:  # closed again when a first run fails
        opened.enter_context(pipeline).warm_up(*_WARM_UP_PX)
        opened.pop_all()
    names = dict.fromkeys(entry.name for entry in image_entries(manifest).values())
    return OpenPipeline(pipeline, " + ".join(names), backend)


def open_smoother(config: PipelineConfig, report: Report | None = None) -> OpenSmoother:
    """Open the temporal engine. report: told in a line what takes long. Raises EngineError with what to do about it."""
    entry = open_manifest(config.engine).for_role("smoother")
    backend = choose_backend(config.engine.backend)
    engine = open_engine(entry, backend, engine_options(config, report))
    with contextlib.ExitStack() as opened:
        smoother = Smoother(opened.enter_context(engine), entry, config.smoother)
        opened.pop_all()
    return OpenSmoother(smoother, engine, get_skeleton(entry.skeleton or ""), entry.name, backend)
