"""A scored session for the report's tests."""

from __future__ import annotations

from typing import Any

import pytest

from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.skeletons import get_skeleton


@pytest.fixture(scope="session")
def session(scene: Any) -> Session:
    raw, smoothed = scene.noisy(0.03, depth_sigma_m=0.1), scene.noisy(0.01, 1)
    frames = tuple(
        SessionFrame(stamp, scene.ground_truth[i], raw[i], smoothed[i], stamp, 30.0 + i % 5)
        for i, stamp in enumerate(scene.stamps_ns)
    )
    return Session(
        scene.camera,
        get_skeleton("muco21"),
        frames,
        model="some <model>",
        backend="onnxruntime",
        engine_ms={"pose": 9.0},
    )
