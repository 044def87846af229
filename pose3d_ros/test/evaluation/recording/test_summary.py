from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import BagError
from pose3d_ros.evaluation.recording.scoring import match_session, tracked_runs
from pose3d_ros.evaluation.recording.session import Session, SessionFrame, session_from_bags
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.evaluation.report.summary_table import headline_rows, headlines
from pose3d_ros.records import Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton

MUCO = get_skeleton("muco21")
FRAME = "camera_optical_frame"


def session_of(scene: Any, raw: Any, smoothed: Any = None) -> Session:
    frames = tuple(
        SessionFrame(stamp, truth, raw[i], smoothed[i] if smoothed else None, stamp + 40_000_000, 40.0)
        for i, (stamp, truth) in enumerate(zip(scene.stamps_ns, scene.truth, strict=True))
    )
    return Session(scene.camera, MUCO, frames, engine_ms={"detect": 3.0, "pose": 5.5}, backend="onnxruntime")


def moved(person: Person, shift_m: tuple[float, float, float], **changes: Any) -> Person:
    pose: Pose = person.pose
    shifted = replace(pose, root_cam_m=pose.root_cam_m + shift_m, joints_cam_m=pose.joints_cam_m + shift_m)
    return replace(person, pose=shifted, **changes)


def test_the_truth_itself_scores_perfectly(scene: Any) -> None:
    summary = summarize(session_of(scene, scene.truth, scene.truth))
    assert (summary.speed.frames, summary.speed.frames_processed, summary.speed.dropped) == (30, 30, 0)
    assert summary.completeness.detection_recall == 1.0
    assert summary.completeness.id_switches == 0
    assert summary.completeness.idf1 == 1.0
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-9)
    assert summary.accuracy.mrpe_mm == 0.0
    assert summary.accuracy.joint_coverage == 1.0
    assert summary.steadiness.jitter_raw == summary.steadiness.jitter_truth == summary.steadiness.jitter_smoothed
    assert summary.speed.fps == pytest.approx(15.0)
    assert summary.speed.engine_ms == 8.5


def test_a_shifted_person_has_a_root_error_and_no_joint_error(scene: Any) -> None:
    raw = [tuple(moved(p, (0.0, 0.0, 0.2)) for p in people) for people in scene.truth]
    accuracy = summarize(session_of(scene, raw)).accuracy
    assert accuracy.mrpe_mm == pytest.approx(200.0)
    assert accuracy.mrpe_xyz_mm == pytest.approx((0.0, 0.0, 200.0))
    assert accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert accuracy.ap_root_25cm == 1.0
    assert math.isnan(accuracy.mpjpe_smoothed_mm)


def test_smoothed_people_are_scored_on_the_same_people(scene: Any) -> None:
    smoothed = [tuple(moved(p, (0.0, 0.3, 0.0)) for p in people[:2]) for people in scene.truth]
    accuracy = summarize(session_of(scene, scene.truth, smoothed)).accuracy
    assert accuracy.mrpe_smoothed_mm == pytest.approx(300.0)
    assert accuracy.mrpe_mm == 0.0


def test_dropped_frames_and_lost_people_lower_the_recall(scene: Any) -> None:
    raw: list[Any] = [people[:2] for people in scene.truth]
    raw[5] = None
    session = session_of(scene, raw)
    summary = summarize(session)
    assert summary.speed.dropped == 1
    assert summary.completeness.detection_recall == pytest.approx(29 * 2 / 90)
    assert summary.completeness.people_per_frame == 2.0


def test_hidden_people_count_only_for_the_recall_of_all(scene: Any) -> None:
    truth = [(*people[:2], replace(people[2], score=0.29)) for people in scene.truth]
    session = session_of(scene, [people[:2] for people in scene.truth])
    frames = tuple(replace(f, truth=t) for f, t in zip(session.frames, truth, strict=True))
    found = summarize(replace(session, frames=frames)).completeness
    assert found.detection_recall == 1.0
    assert found.detection_recall_all == pytest.approx(2 / 3)


def test_predicted_people_are_no_detections(scene: Any) -> None:
    raw = [tuple(replace(p, state=TrackState.PREDICTED) for p in people) for people in scene.truth]
    summary = summarize(session_of(scene, raw))
    assert summary.completeness.detection_recall == 0.0
    assert summary.completeness.people_per_frame == 0.0
    assert summary.completeness.false_positives == 0


def test_somebody_where_nobody_is_is_a_false_positive(scene: Any) -> None:
    session = session_of(scene, scene.truth)
    frames = (replace(session.frames[0], truth=()), *session.frames[1:])
    assert summarize(replace(session, frames=frames)).completeness.false_positives == 3


def test_swapped_ids_are_counted(scene: Any) -> None:
    raw = list(scene.truth)
    for i in range(10, len(raw)):
        a, b, c = raw[i]
        raw[i] = (replace(a, track_id=2), replace(b, track_id=1), c)
    found = summarize(session_of(scene, raw)).completeness
    assert found.id_switches == 2
    assert found.idf1 == pytest.approx((30 + 20 + 20) / 90)


def test_runs_end_at_other_states_missing_frames_and_pauses(scene: Any) -> None:
    raw: list[Any] = [people[:1] for people in scene.truth]
    raw[4] = None  # 0–3 is a run of four
    raw[8] = tuple(replace(p, state=TrackState.PREDICTED) for p in raw[8])  # 5–7 is too short
    session = session_of(scene, raw)
    lengths = [len(run.stamps_ns) for run in tracked_runs(session, raw)]
    assert lengths == [4, 21]
    late = tuple(
        replace(f, stamp_ns=f.stamp_ns + (1_000_000_000 if i >= 20 else 0)) for i, f in enumerate(session.frames)
    )
    lengths = [len(run.stamps_ns) for run in tracked_runs(replace(session, frames=late), raw)]
    assert lengths == [4, 11, 10]


def test_noise_raises_the_jitter(scene: Any) -> None:
    steady = summarize(session_of(scene, scene.noisy(0.05), scene.noisy(0.005))).steadiness
    assert steady.jitter_raw > 5 * steady.jitter_smoothed > 5 * steady.jitter_truth


def test_without_ground_truth_there_are_no_errors(scene: Any) -> None:
    session = session_of(scene, scene.truth)
    frames = tuple(replace(f, truth=()) for f in session.frames)
    summary = summarize(replace(session, frames=frames, has_truth=False))
    assert math.isnan(summary.accuracy.mpjpe_mm)
    assert math.isnan(summary.completeness.detection_recall)
    assert summary.completeness.false_positives == 0
    assert summary.as_dict()["mpjpe_mm"] is None
    names = [row.name for row in headlines(summary)]
    assert "MPJPE" not in names
    assert "Rate" in names


def test_the_file_has_every_required_field(scene: Any, tmp_path: Path) -> None:
    summarize(session_of(scene, scene.noisy(0.02), scene.noisy(0.01))).write(tmp_path / "out" / "summary.json")
    read = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    required = (
        "frames frames_processed fps latency_ms engine_ms backend people_per_frame detection_recall mpjpe_mm "
        "pa_mpjpe_mm mrpe_mm mpjpe_smoothed_mm jitter_raw jitter_smoothed id_switches"
    ).split()
    assert set(required) <= set(read)
    assert set(read["latency_ms"]) == {"p50", "p95", "p99"}
    assert read["latency_ms"]["p50"] == 40.0
    assert read["backend"] == "onnxruntime"
    assert set(read["definitions"]) <= set(read)


def test_the_table_names_the_metrics(scene: Any) -> None:
    rows = {
        row["metric"]: row["value"] for row in headline_rows(summarize(session_of(scene, scene.truth, scene.truth)))
    }
    assert (rows["Frames processed"], rows["Identity switches"], rows["MPJPE"]) == ("30 / 30", "0", "0 mm")


def write_recording(scene: Any, path: Path) -> None:
    with BagWriter(path) as bag:
        for i, stamp in enumerate(scene.stamps_ns):
            bag.write_image("/camera/image_raw/compressed", stamp, FRAME, scene.image(i))
            bag.write_camera("/camera/camera_info", stamp, FRAME, scene.camera)
            bag.write_people("/ground_truth/people", stamp, FRAME, scene.truth[i], MUCO, id_prefix="gt_")


def write_results(scene: Any, path: Path, *, topics: tuple[str, ...] = ("/people", "/people_smoothed")) -> None:
    with BagWriter(path) as bag:
        for stamp, people in list(zip(scene.stamps_ns, scene.noisy(0.0), strict=True))[1:]:
            for topic in topics:
                bag.write_people(topic, stamp, FRAME, people, MUCO, model="m", latency_ms=30.0, received_ns=stamp)


def test_bags_are_joined_by_stamp(scene: Any, tmp_path: Path) -> None:
    write_recording(scene, tmp_path / "sample.mcap")
    write_results(scene, tmp_path / "people.mcap")
    session = session_from_bags(tmp_path / "sample.mcap", tmp_path / "people.mcap")
    assert session.frames[0].raw is None
    assert session.model == "m"
    assert len(match_session(session)) == 29 * 3
    summary = summarize(session)
    assert summary.speed.dropped == 1
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert summary.accuracy.mpjpe_smoothed_mm == pytest.approx(0.0, abs=1e-6)


def test_results_of_another_recording_are_refused(scene: Any, tmp_path: Path) -> None:
    write_recording(scene, tmp_path / "sample.mcap")
    later = replace(scene, stamps_ns=tuple(s + 10**12 for s in scene.stamps_ns))
    write_results(later, tmp_path / "people.mcap")
    with pytest.raises(BagError, match="stamps of the recording"):
        session_from_bags(tmp_path / "sample.mcap", tmp_path / "people.mcap")


def test_results_without_people_list_the_topics(scene: Any, tmp_path: Path) -> None:
    write_recording(scene, tmp_path / "sample.mcap")
    with pytest.raises(BagError, match="/camera/camera_info"):
        session_from_bags(tmp_path / "sample.mcap", tmp_path / "sample.mcap")


def test_another_skeleton_is_scored_on_the_joints_in_common(scene: Any, tmp_path: Path) -> None:
    write_recording(scene, tmp_path / "sample.mcap")
    mpii = get_skeleton("mpii16")
    from pose3d_ros.stages.skeleton_conversion import convert_people

    with BagWriter(tmp_path / "people.mcap") as bag:
        for stamp, people in zip(scene.stamps_ns, scene.truth, strict=True):
            bag.write_people("people", stamp, FRAME, convert_people(people, mpii), mpii)
    session = session_from_bags(tmp_path / "sample.mcap", tmp_path / "people.mcap")
    accuracy = summarize(session).accuracy
    assert accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(session.frames[0].truth[0].pose.joints_cam_m[mpii.index_of["L_Hip"]]).all()
