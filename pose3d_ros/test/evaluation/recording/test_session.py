from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import health_of, session_from_bags
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.skeletons import get_skeleton

from ...conftest import CAMERA_INFO, FRAME_ID, MUCO, Scene


def write_results(scene: Scene, path: Path) -> Path:
    """Raw and smoothed results of every frame but the first."""
    with BagWriter(path) as bag:
        for stamp, people in list(zip(scene.stamps_ns, scene.noisy(0.0), strict=True))[1:]:
            for topic in ("/people", "/people_smoothed"):
                bag.write_people(topic, stamp, FRAME_ID, people, MUCO, model="m", latency_ms=30.0, received_ns=stamp)
    return path


@pytest.fixture
def recording(scene: Scene, tmp_path: Path) -> Path:
    return scene.write(tmp_path / "sample.mcap")


def test_bags_are_joined_by_stamp(scene: Scene, recording: Path, tmp_path: Path) -> None:
    session = session_from_bags(recording, write_results(scene, tmp_path / "people.mcap"))
    assert session.frames[0].raw is None
    assert session.model == "m"
    assert len(match_session(session)) == 29 * 3
    summary = summarize(session)
    assert summary.speed.dropped == 1
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert summary.accuracy.mpjpe_smoothed_mm == pytest.approx(0.0, abs=1e-6)


def test_results_of_another_recording_are_an_error(scene: Scene, recording: Path, tmp_path: Path) -> None:
    later = replace(scene, stamps_ns=tuple(s + 10**12 for s in scene.stamps_ns))
    with pytest.raises(BagError, match="stamps of the recording"):
        session_from_bags(recording, write_results(later, tmp_path / "people.mcap"))


def test_results_without_people_are_an_error_that_lists_the_topics(recording: Path) -> None:
    with pytest.raises(BagError, match=CAMERA_INFO):
        session_from_bags(recording, recording)


def test_another_skeleton_is_scored_on_the_joints_in_common(scene: Scene, recording: Path, tmp_path: Path) -> None:
    mpii = get_skeleton("mpii16")
    with BagWriter(tmp_path / "people.mcap") as bag:
        for stamp, people in zip(scene.stamps_ns, scene.ground_truth, strict=True):
            bag.write_people("people", stamp, FRAME_ID, tuple(person.converted(mpii) for person in people), mpii)
    session = session_from_bags(recording, tmp_path / "people.mcap")
    assert summarize(session).accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(session.frames[0].ground_truth[0].pose.joints_cam_m[mpii.index_of["L_Hip"]]).all()


def test_health_is_the_mean_over_the_diagnostics() -> None:
    statuses = [
        {"backend": "onnxruntime (because)", "detect [ms]": "4.0", "pose [ms]": "10.0", "total [ms]": "15"},
        {"backend": "onnxruntime (because)", "detect [ms]": "6.0", "pose [ms]": "14.0"},
        {"backend": "onnxruntime (because)", "smooth [ms]": "1.5", "delay [frames]": "2"},
        {"state": "active"},
    ]
    health = health_of(statuses)
    assert health.backend == "onnxruntime"
    assert health.engine_ms == {"detect": 5.0, "pose": 12.0, "smooth": 1.5}
    assert health.delay_frames == 2
    assert health_of([]).backend == ""


def test_diagnostics_with_words_for_numbers_are_left_out() -> None:
    texts = ("fast", "", "nan", "inf", "1e999", "9" * 5000, "4.0.0")
    statuses = [{"detect [ms]": text, "delay [frames]": text} for text in texts]
    health = health_of([*statuses, {"detect [ms]": "4.0", "delay [frames]": "2"}])
    assert health.engine_ms == {"detect": 4.0}
    assert health.delay_frames == 2
