from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.evaluation.metrics.matching import MAX_IMAGE_COST
from pose3d_ros.evaluation.recording import scoring
from pose3d_ros.evaluation.recording.scoring import jitter_of
from pose3d_ros.evaluation.recording.summary import FIELDS, summarize
from pose3d_ros.evaluation.report.summary_table import headline_rows, headlines
from pose3d_ros.records import Person, TrackState

from ...conftest import Scene
from .conftest import session_of, summary_of


def moved(person: Person, shift_m: tuple[float, float, float]) -> Person:
    pose = person.pose
    shifted = replace(pose, root_cam_m=pose.root_cam_m + shift_m, joints_cam_m=pose.joints_cam_m + shift_m)
    return replace(person, pose=shifted)


def test_ground_truth_itself_has_no_errors(scene: Scene) -> None:
    summary = summary_of(scene, scene.ground_truth, scene.ground_truth)
    assert (summary.speed.frames, summary.speed.frames_processed, summary.speed.dropped) == (30, 30, 0)
    assert summary.speed.fps == pytest.approx(15.0)
    assert summary.speed.engine_ms == 8.5
    assert summary.completeness.detection_recall == summary.completeness.idf1 == 1.0
    assert summary.completeness.id_switches == 0
    assert summary.accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-9)
    assert (summary.accuracy.mrpe_mm, summary.accuracy.joint_coverage) == (0.0, 1.0)
    assert summary.smoothness.jitter_raw == summary.smoothness.jitter_truth == summary.smoothness.jitter_smoothed


def test_shifted_people_have_a_root_error_and_no_joint_error(scene: Scene) -> None:
    raw = [tuple(moved(p, (0.0, 0.0, 0.2)) for p in people) for people in scene.ground_truth]
    accuracy = summary_of(scene, raw).accuracy
    assert accuracy.mrpe_mm == pytest.approx(200.0)
    assert accuracy.mrpe_xyz_mm == pytest.approx((0.0, 0.0, 200.0))
    assert accuracy.mpjpe_mm == pytest.approx(0.0, abs=1e-6)
    assert accuracy.ap_root_25cm == 1.0
    assert math.isnan(accuracy.mpjpe_smoothed_mm)


def test_smoothed_people_are_scored_on_the_same_people(scene: Scene) -> None:
    smoothed = [tuple(moved(p, (0.0, 0.3, 0.0)) for p in people[:2]) for people in scene.ground_truth]
    accuracy = summary_of(scene, scene.ground_truth, smoothed).accuracy
    assert accuracy.mrpe_smoothed_mm == pytest.approx(300.0)
    assert accuracy.mrpe_mm == 0.0


def test_dropped_frames_and_missed_people_lower_the_recall(scene: Scene) -> None:
    raw = [None if i == 5 else people[:2] for i, people in enumerate(scene.ground_truth)]
    summary = summary_of(scene, raw)
    assert summary.speed.dropped == 1
    assert summary.completeness.detection_recall == pytest.approx(29 * 2 / 90)
    assert summary.completeness.people_per_frame == 2.0


def test_hidden_people_count_for_detection_recall_all_only(scene: Scene) -> None:
    hidden = tuple((*people[:2], replace(people[2], score=0.29)) for people in scene.ground_truth)
    found = summary_of(replace(scene, ground_truth=hidden), [people[:2] for people in hidden]).completeness
    assert found.detection_recall == 1.0
    assert found.detection_recall_all == pytest.approx(2 / 3)


def test_predicted_people_are_no_detections(scene: Scene) -> None:
    raw = [tuple(replace(p, state=TrackState.PREDICTED) for p in people) for people in scene.ground_truth]
    found = summary_of(scene, raw).completeness
    assert (found.detection_recall, found.people_per_frame, found.false_positives) == (0.0, 0.0, 0)


def test_unmatched_people_are_false_positives(scene: Scene) -> None:
    first_empty = replace(scene, ground_truth=((), *scene.ground_truth[1:]))
    assert summary_of(first_empty, scene.ground_truth).completeness.false_positives == 3


def test_swapped_ids_are_switches(scene: Scene) -> None:
    swapped = [(replace(a, track_id=2), replace(b, track_id=1), c) for a, b, c in scene.ground_truth]
    found = summary_of(scene, [*scene.ground_truth[:10], *swapped[10:]]).completeness
    assert (found.id_switches, found.fragments) == (2, 0)
    assert found.idf1 == pytest.approx((30 + 20 + 20) / 90)
    assert found.mota == pytest.approx(1 - 2 / 90)
    assert found.hota < 1.0


def test_poses_off_by_half_the_limit_lower_hota_alone(scene: Scene) -> None:
    exact = summary_of(scene, scene.ground_truth).completeness
    moved = [tuple(_aside(p, 0.5 * MAX_IMAGE_COST) for p in people) for people in scene.ground_truth]
    found = summary_of(scene, moved).completeness
    assert (exact.mota, exact.idf1, exact.hota) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.mota, found.idf1) == pytest.approx((1.0, 1.0))
    assert found.hota == pytest.approx(15 / 19, abs=0.06)  # similarity 0.75: right at 14 or 15 of 19 thresholds


def _aside(person: Person, share: float) -> Person:
    """The person's pixels moved by a share of the side of its box."""
    x0, y0, x1, y1 = person.pose.detection.box_xyxy_px
    shift_px = np.array([share * np.sqrt((x1 - x0) * (y1 - y0)), 0.0])
    return replace(person, pose=replace(person.pose, joints_img_px=person.pose.joints_img_px + shift_px))


def test_without_trackeval_identities_are_null(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "has_trackeval", lambda: False)
    summary = summary_of(scene, scene.ground_truth)
    assert {name: summary.as_dict()[name] for name in ("mota", "idf1", "hota", "id_switches", "fragments")} == {
        "mota": None, "idf1": None, "hota": None, "id_switches": None, "fragments": None,
    }  # fmt: skip
    assert "Identity switches" not in [row.name for row in headlines(summary)]


def test_jitter_is_measured_while_tracked(scene: Scene) -> None:
    raw = [people[:1] for people in scene.noisy(0.05)]
    session = session_of(scene, raw)
    predicted = [tuple(replace(p, state=TrackState.PREDICTED) for p in people) for people in raw]
    assert jitter_of(session, raw) > 0
    assert math.isnan(jitter_of(session, predicted))
    assert math.isnan(jitter_of(session, [people if i % 4 else None for i, people in enumerate(raw)]))


def test_noise_raises_jitter_and_motion_errors(scene: Scene) -> None:
    steady = summary_of(scene, scene.noisy(0.05), scene.noisy(0.005)).smoothness
    assert steady.jitter_raw > 5 * steady.jitter_smoothed > 5 * steady.jitter_truth
    assert steady.mpjve_mm > 5 * steady.mpjve_smoothed_mm > 0
    assert steady.acceleration_error_mm > 5 * steady.acceleration_error_smoothed_mm > 0


def test_session_without_ground_truth_has_no_errors(scene: Scene) -> None:
    session = session_of(replace(scene, ground_truth=((),) * 30), scene.ground_truth)
    summary = summarize(replace(session, has_ground_truth=False))
    assert math.isnan(summary.accuracy.mpjpe_mm)
    assert math.isnan(summary.completeness.detection_recall)
    assert summary.completeness.false_positives is None
    assert summary.as_dict()["mpjpe_mm"] is None
    names = [row.name for row in headlines(summary)]
    assert "MPJPE" not in names
    assert "Rate" in names


def test_file_has_every_field(scene: Scene, tmp_path: Path) -> None:
    summary_of(scene, scene.noisy(0.02), scene.noisy(0.01)).write(tmp_path / "out" / "summary.json")
    read = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert set(read) == {*FIELDS, "definitions"}
    required = (
        "frames frames_processed fps latency_ms engine_ms backend people_per_frame detection_recall mpjpe_mm "
        "pa_mpjpe_mm mrpe_mm mpjpe_smoothed_mm jitter_raw jitter_smoothed id_switches"
    ).split()
    assert set(required) <= set(read)
    assert set(read["latency_ms"]) == {"p50", "p95", "p99"}
    assert (read["latency_ms"]["p50"], read["backend"]) == (40.0, "onnxruntime")
    assert set(read["definitions"]) <= set(read)


def test_table_names_the_metrics(scene: Scene) -> None:
    rows = {row["metric"]: row["value"] for row in headline_rows(summary_of(scene, scene.ground_truth))}
    assert (rows["Frames processed"], rows["Identity switches"], rows["MPJPE"]) == ("30 / 30", "0", "0")
