from __future__ import annotations

from dataclasses import replace

import pytest

from pose3d_ros.evaluation.recording.session import Session

from ...conftest import Scene
from ..recording.conftest import session_of


@pytest.fixture(scope="session")
def session(scene: Scene) -> Session:
    """Three people, in raw results with errors in depth and in smoothed ones with less noise."""
    raw, smoothed = scene.noisy(0.03, depth_sigma_m=0.1), scene.noisy(0.01, 1)
    return replace(session_of(scene, raw, smoothed), model="some <model>")
