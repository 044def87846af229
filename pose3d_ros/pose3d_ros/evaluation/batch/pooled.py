"""The metrics of many recordings together, from their tables, as if they were one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.json_file import plain
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE
from pose3d_ros.evaluation.recording.tables import PersonRow, Tables
from pose3d_ros.types import Array

_OF_JOINTS = ("mpjpe_mm", "n_mpjpe_mm", "pa_mpjpe_mm", "pck_150mm", "auc", "acceleration_error_mm")
_OF_SMOOTHED_JOINTS = (
    "mpjpe_smoothed_mm",
    "n_mpjpe_smoothed_mm",
    "pa_mpjpe_smoothed_mm",
    "acceleration_error_smoothed_mm",
)


@dataclass(frozen=True)
class RecordingResult:
    """What was made of a recording: the content of its summary.json, and its tables."""

    summary: Mapping[str, object]
    tables: Tables


def pooled_summary(results: Mapping[str, RecordingResult]) -> dict[str, object]:
    """Metrics under the names of summary.json, then "recordings": name → the numbers of its own summary.json.

    Errors are means over all people, frames and joints, not over recordings. Identities of different recordings are
    different ones: idf1 and mota are exact up to the four decimals of their summaries. What can't be pooled so (hota,
    jitter, velocities, the groups) is in the recordings only.
    """
    people = [row for result in results.values() for row in result.tables.people]
    frames = [row for result in results.values() for row in result.tables.frames]
    own = {name: _without_texts(result.summary) for name, result in results.items()}
    numbers = {
        "recordings_count": len(results),
        "frames": len(frames),
        "frames_processed": sum(row.processed for row in frames),
        "dropped": sum(not row.processed for row in frames),
        "latency_ms": _percentiles([row.latency_ms for row in frames]),
        "people_per_frame": metrics.mean([float(row.detected) for row in frames if row.processed]),
        "detection_recall": _share([row.found for row in people if row.visible >= MIN_VISIBLE]),
        "detection_recall_all": _share([row.found for row in people]),
        "false_positives": _total(results, "false_positives"),
        **_identities(results),
        **{name: _weighted(people, name, "joints") for name in _OF_JOINTS},
        "mrpe_mm": metrics.mean([row.mrpe_mm for row in people]),
        "mrpe_xyz_mm": [metrics.mean(np.abs([getattr(r, f"root_error_{axis}_mm") for r in people])) for axis in "xyz"],
        "ap_root_25cm": metrics.average_precision_root([f for r in results.values() for f in _root_frames(r.tables)]),
        **{name: _weighted(people, name, "joints_smoothed") for name in _OF_SMOOTHED_JOINTS},
        "mrpe_smoothed_mm": metrics.mean([row.mrpe_smoothed_mm for row in people]),
    }
    return {**{name: plain(value) for name, value in numbers.items()}, "recordings": own}


def _without_texts(summary: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in summary.items() if name not in ("definitions", "groups")}


def _weighted(people: Sequence[PersonRow], name: str, weight: str) -> float:
    values, weights = (np.array([float(getattr(row, of)) for row in people]) for of in (name, weight))
    known = np.isfinite(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else math.nan


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found) if found else math.nan


def _percentiles(values: Iterable[float]) -> dict[str, float]:
    known = [value for value in values if math.isfinite(value)]
    return {f"p{q}": float(np.percentile(known, q)) if known else math.nan for q in (50, 95, 99)}


def _number(result: RecordingResult, name: str) -> float | None:
    value = result.summary.get(name)
    return float(value) if isinstance(value, (int, float)) else None


def _total(results: Mapping[str, RecordingResult], name: str) -> int | None:
    """The sum over the recordings that have the number; None without any."""
    values = [value for result in results.values() if (value := _number(result, name)) is not None]
    return round(sum(values)) if values else None


def _identities(results: Mapping[str, RecordingResult]) -> dict[str, object]:
    """Sums of counts; IDF1 and MOTA are shares of counts, which add up."""
    identities = {name: _total(results, name) for name in ("id_switches", "fragments")}
    shares = {}
    for name, with_detections in (("mota", False), ("idf1", True)):
        known = [(value, r.tables) for r in results.values() if (value := _number(r, name)) is not None]
        counts = [len(tables.people) + with_detections * len(tables.detections) for _, tables in known]
        shares[name] = float(np.average([value for value, _ in known], weights=counts)) if sum(counts) else math.nan
    return {**identities, **shares}


def _root_frames(tables: Tables) -> list[metrics.RootFrame]:
    people: dict[int, list[tuple[float, float, float]]] = {row.stamp_ns: [] for row in tables.frames}
    found: dict[int, list[tuple[float, float, float, float]]] = {row.stamp_ns: [] for row in tables.frames}
    for row in tables.people:
        people[row.stamp_ns].append((row.root_x_m, row.root_y_m, row.root_z_m))
    for one in tables.detections:
        found[one.stamp_ns].append((one.root_x_m, one.root_y_m, one.root_z_m, one.score))
    return [
        metrics.RootFrame(_rows(found[stamp], 4)[:, :3], _rows(found[stamp], 4)[:, 3], _rows(people[stamp], 3))
        for stamp in people
    ]


def _rows(rows: Sequence[tuple[float, ...]], width: int) -> Array:
    return np.array(rows, dtype=np.float64).reshape(-1, width)
