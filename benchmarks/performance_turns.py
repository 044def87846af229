"""Frames by every pipeline and by the two nets, in turn; performance.py makes a table of their times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from peers.two_nets import TwoNets

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.errors import InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, FrameResult
from pose3d_ros.types import Array

WIDTH_PX, HEIGHT_PX = 1280, 720
MEASURED = 2
"""Frames of a turn that count."""
_SETTLE = 1
"""Frames before them, which start the tracks and find the caches as another pipeline left them."""
_TILES = (3, 2)
"""Columns and rows of sample frames in the image: 18 people, of whom some hide others."""
_PERIOD_NS = 33_000_000
_PAUSE_S = 0.01
"""Between turns: PyTorch's idle threads spin for a while, and would take the next one's cores."""


@dataclass(frozen=True)
class Case:
    """A line of the table. flip_test: whether every crop is read mirrored as well (`pose.flip_test`, the default)."""

    backend: str
    models: str
    people: int
    flip_test: bool


@dataclass(frozen=True)
class Times:
    """What was measured. Two nets: people → milliseconds of each call, person by person and in one batch a net."""

    frames: dict[Case, list[FrameResult]] = field(default_factory=dict)
    one_by_one_ms: dict[int, list[float]] = field(default_factory=dict)
    batched_ms: dict[int, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Turns:
    """All that takes turns on one image. pipelines: by backend and models. config_of: a case's settings.

    peer_people: how many people the two nets read; those of `boxes_xyxy_px` (N, 4), best first.
    """

    pipelines: Mapping[tuple[str, str], Pipeline]
    config_of: Callable[[Case], PipelineConfig]
    cases: Sequence[Case]
    two_nets: TwoNets
    peer_people: Sequence[int]
    frame: Frame
    boxes_xyxy_px: Array

    def taken(self, rounds: int) -> Times:
        """So many rounds, after one that does not count: buffers and kernels are chosen in it."""
        self._round(Times())
        times = Times()
        for _ in range(rounds):
            self._round(times)
        return times

    def _round(self, times: Times) -> None:
        for case in self.cases:
            times.frames.setdefault(case, []).extend(self._frames(case))
        for people in self.peer_people:
            times.one_by_one_ms.setdefault(people, []).extend(self._calls(self.two_nets.one_by_one, people))
            times.batched_ms.setdefault(people, []).extend(self._calls(self.two_nets.batched, people))

    def _frames(self, case: Case) -> list[FrameResult]:
        pipeline = self.pipelines[case.backend, case.models]
        pipeline.reconfigure(self.config_of(case))
        pipeline.reset()
        time.sleep(_PAUSE_S)
        frames = (replace(self.frame, stamp_ns=i * _PERIOD_NS) for i in range(_SETTLE + MEASURED))
        return [pipeline(frame) for frame in frames][_SETTLE:]

    def _calls(self, read: Callable[[Frame, Array], Array], people: int) -> list[float]:
        time.sleep(_PAUSE_S)
        times_ms: list[float] = []
        for _ in range(_SETTLE + MEASURED):
            start_s = time.perf_counter()
            read(self.frame, self.boxes_xyxy_px[:people])
            times_ms.append((time.perf_counter() - start_s) * 1e3)
        return times_ms[_SETTLE:]


def crowded_frame() -> Frame:
    """Six frames of the sample recording side by side, as if seen by a camera of 60 degrees."""
    columns, rows = _TILES
    with BagReader(sample_bag()) as reader:
        images = [image.image_bgr for image in reader.images()]
    chosen = np.linspace(0, len(images) - 1, columns * rows).round().astype(int).reshape(rows, columns)
    whole = np.vstack([np.hstack([images[i] for i in row]) for row in chosen])
    image = cv2.resize(whole, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return Frame(np.asarray(image, dtype=np.uint8), Camera.from_hfov(60.0, WIDTH_PX, HEIGHT_PX), 0)


def boxes_in(frame: Frame, pipeline: Pipeline, config: PipelineConfig) -> Array:
    """The detector's `max_people` best boxes, (N, 4). Raises InputError when it finds fewer."""
    pipeline.reconfigure(config)
    found = pipeline(frame).detections
    if len(found) != config.detector.max_people:
        raise InputError(
            "option --people",
            expected=f"at most the {len(found)} boxes that the detector finds in the image",
            got=f"{config.detector.max_people}",
            fix="Ask for fewer.",
        )
    return np.array([detection.box_xyxy_px for detection in found])
