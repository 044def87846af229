"""What the pipeline asks for the people of a frame: boxes and poses, not yet associated with those of other frames."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.engines.images.frame_image import FrameImage
from pose3d_ros.records import Detection, Frame, Pose
from pose3d_ros.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class FramePoses:
    """The boxes that people were looked for in, and the poses of those who were there.

    timings_ms: milliseconds of `detect` and `pose`.
    """

    detections: tuple[Detection, ...]
    poses: tuple[Pose, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)


class PoseSource(Protocol):
    """Finds people and their poses in a frame; the pipeline owns one."""

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the poses."""

    @property
    def usual_skeleton(self) -> Skeleton:
        """The skeleton that people are given in unless another one is asked for."""

    def __call__(self, frame: Frame, image: FrameImage, given: tuple[Detection, ...] | None) -> FramePoses:
        """The people of a frame. image: the frame's, where the engines read it. given: replaces finding them.

        Raises InputError for a given box that can't be used, EngineError when an engine fails.
        """

    def configure(self, config: PipelineConfig) -> None:
        """Use these settings from the next frame on."""

    def warm_up(self, frame: Frame, image: FrameImage, batch_sizes: Sequence[int]) -> None:
        """Run every engine for so many people. Raises EngineError."""

    def reset(self) -> None:
        """Forget the frames so far."""


@contextlib.contextmanager
def timed(timings_ms: dict[str, float], stage: str) -> Iterator[None]:
    """Note the milliseconds of a block."""
    start_s = time.perf_counter()
    yield
    timings_ms[stage] = (time.perf_counter() - start_s) * 1e3
