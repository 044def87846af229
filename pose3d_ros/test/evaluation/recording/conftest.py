"""Sessions of walking people, as plain functions."""

from __future__ import annotations

from collections.abc import Sequence

from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.evaluation.recording.summary import Summary, summarize
from pose3d_ros.records import Person

from ...conftest import MUCO, Scene

People = Sequence[tuple[Person, ...] | None]


def session_of(scene: Scene, raw: People, smoothed: People | None = None) -> Session:
    frames = tuple(
        SessionFrame(stamp, ground_truth, raw[i], smoothed[i] if smoothed else None, stamp + 40_000_000, 40.0)
        for i, (stamp, ground_truth) in enumerate(zip(scene.stamps_ns, scene.ground_truth, strict=True))
    )
    return Session(scene.camera, MUCO, frames, engine_ms={"detect": 3.0, "pose": 5.5}, backend="onnxruntime")


def summary_of(scene: Scene, raw: People, smoothed: People | None = None) -> Summary:
    return summarize(session_of(scene, raw, smoothed))
