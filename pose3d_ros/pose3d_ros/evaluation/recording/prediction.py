"""Pipeline and smoother on one frame after the other: people before and after the smoother, and the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.pipeline import Pipeline, check_at_once, open_pipeline, open_smoother
from pose3d_ros.records import Detection, Frame, Person
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.smooth.person_smoother import PersonSmoother

_STAGES = ("detect", "pose")


@dataclass(frozen=True, eq=False)
class Prediction:
    """The people of a frame. smoothed: None without a smoother. timings_ms: of the stages that run engines."""

    people: tuple[Person, ...]
    smoothed: tuple[Person, ...] | None
    timings_ms: dict[str, float]
    elapsed_ns: int


class Predictor:
    """Finds people frame by frame. pipeline: without a smoother of its own. model: the names of all models."""

    def __init__(self, pipeline: Pipeline, smoother: PersonSmoother | None = None, model: str = "") -> None:
        self.pipeline, self.smoother, self.model = pipeline, smoother, model

    @property
    def skeleton(self) -> Skeleton:
        """Of the people that come out."""
        return self.pipeline.skeleton

    @property
    def delay_frames(self) -> int:
        """Frames by which the smoothed people lag."""
        return 0 if self.smoother is None else self.smoother.delay_frames

    def __call__(self, frame: Frame, detections: Sequence[Detection] | None = None) -> Prediction:
        """Find the people of a frame. Raises as the pipeline."""
        start_ns = time.perf_counter_ns()
        result = self.pipeline(frame, detections)
        middle_ns = time.perf_counter_ns()
        timings_ms = {stage: result.timings_ms[stage] for stage in _STAGES}
        smoothed = None
        if self.smoother is not None:
            smoothed = self.smoother.update(result.people, frame.stamp_ns, frame.camera, result.ground)
            timings_ms["smooth"] = (time.perf_counter_ns() - middle_ns) * 1e-6
        return Prediction(result.people, smoothed, timings_ms, time.perf_counter_ns() - start_ns)


@contextmanager
def open_predictor(config: PipelineConfig, *, smooth: bool = True) -> Iterator[Predictor]:
    """The predictor of a configuration, its engines open. Raises EngineError, ConfigError for smoothing that waits."""
    check_at_once(config.smoother)
    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(config=config, smooth=False))
        if not smooth or config.smoother.method == "none":
            yield Predictor(pipeline, None, pipeline.engines.names)
            return
        smoother, engines = open_smoother(config)
        stack.enter_context(engines)
        model = f"{pipeline.engines.names} + {smoother.model_for(pipeline.skeleton)}"
        yield Predictor(pipeline, smoother, model)
