"""The pipeline over minutes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pose3d_ros import Frame, open_pipeline

from .conftest import recorded_frames

_PERIOD_NS = 66_666_667
_WARM_UP, _FRAMES = 300, 3000


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
def test_memory_stays_flat_over_thousands_of_frames(record_promise: Any) -> None:
    frames = recorded_frames(0, 150)
    with open_pipeline() as pipeline:
        before_mib, found = 0.0, 0
        for number in range(_WARM_UP + _FRAMES):
            frame = frames[number % len(frames)]
            found += len(pipeline(Frame(frame.image_bgr, frame.camera, number * _PERIOD_NS)).people)
            if number == _WARM_UP:
                before_mib = resident_mib()
        assert found > _FRAMES
        after_mib = resident_mib()
    promise = "the memory of a pipeline without ROS is flat (< 2%)"
    figure = f"{before_mib:.0f} to {after_mib:.0f} MiB in {_FRAMES} frames"
    record_promise("pipeline", promise, figure, after_mib < 1.02 * before_mib)
