"""The pipeline over minutes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose3d_ros import Frame, open_pipeline

from .conftest import recorded_frames

_PERIOD_NS = 66_666_667
_WARM_UP, _FRAMES = 300, 3000


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.slow
def test_memory_stays_flat_over_thousands_of_frames() -> None:
    frames = recorded_frames(0, 150)
    with open_pipeline() as pipeline:
        before_mib, found = 0.0, 0
        for number in range(_WARM_UP + _FRAMES):
            frame = frames[number % len(frames)]
            found += len(pipeline(Frame(frame.image_bgr, frame.camera, number * _PERIOD_NS)).people)
            if number == _WARM_UP:
                before_mib = resident_mib()
        assert found > _FRAMES
        assert resident_mib() < 1.02 * before_mib
