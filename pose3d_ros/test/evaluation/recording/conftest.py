"""Sessions of walking people, as plain functions."""

from __future__ import annotations

from typing import Any

from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.skeletons import get_skeleton

MUCO = get_skeleton("muco21")


def session_of(scene: Any, raw: Any, smoothed: Any = None) -> Session:
    frames = tuple(
        SessionFrame(stamp, ground_truth, raw[i], smoothed[i] if smoothed else None, stamp + 40_000_000, 40.0)
        for i, (stamp, ground_truth) in enumerate(zip(scene.stamps_ns, scene.ground_truth, strict=True))
    )
    return Session(scene.camera, MUCO, frames, engine_ms={"detect": 3.0, "pose": 5.5}, backend="onnxruntime")
