"""The metrics to show first, with what they mean, for the terminal and the report."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE, Summary

_MISSING = "–"


@dataclass(frozen=True)
class Headline:
    """name, value and unit as they are shown, and a short explanation."""

    name: str
    value: str
    unit: str
    meaning: str


def headlines(summary: Summary) -> tuple[Headline, ...]:
    """The metrics to show first; those that can't be computed (no ground truth, no smoother) are left out."""
    speed, found, accuracy, steady = summary.speed, summary.completeness, summary.accuracy, summary.steadiness
    p95, depth = _number(speed.latency_ms["p95"]), _number(accuracy.mrpe_xyz_mm[2])
    ratio = _number(100 * steady.jitter_smoothed / steady.jitter_raw if steady.jitter_raw > 0 else math.nan)
    rows = [
        Headline("Frames processed", f"{speed.frames_processed} / {speed.frames}", "", "images with a people message"),
        Headline("Rate", _number(speed.fps, 1), "frames/s", "people messages per second"),
        Headline("Latency", _number(speed.latency_ms["p50"]), "ms", f"median; 95th percentile {p95} ms"),
        Headline("Inference", _number(speed.engine_ms, 1), "ms", f"per frame, on {speed.backend or 'unknown backend'}"),
        Headline("People", _number(found.people_per_frame, 2), "/ frame", "detected, on average"),
        Headline(
            "Recall", _number(100 * found.detection_recall, 1), "%", f"of people at least {MIN_VISIBLE:.0%} visible"
        ),
        Headline("MPJPE", _number(accuracy.mpjpe_mm), "mm", "mean joint error, relative to the root"),
        Headline("PA-MPJPE", _number(accuracy.pa_mpjpe_mm), "mm", "after Procrustes alignment"),
        Headline("MRPE", _number(accuracy.mrpe_mm), "mm", f"mean root error; depth error {depth} mm"),
        Headline("MPJPE, smoothed", _number(accuracy.mpjpe_smoothed_mm), "mm", "after the smoother"),
        Headline("Jitter", _number(steady.jitter_raw), "m/s³", f"ground truth: {_number(steady.jitter_truth)}"),
        Headline("Jitter, smoothed", _number(steady.jitter_smoothed), "m/s³", f"{ratio}% of the raw jitter"),
        Headline("Identity switches", str(found.id_switches), "", f"IDF1 {_number(found.idf1, 3)}"),
    ]
    return tuple(row for row in rows if row.value != _MISSING)


def headline_rows(summary: Summary) -> list[dict[str, str]]:
    """The headlines as rows of a table: metric, value with its unit, meaning."""
    return [
        {"metric": row.name, "value": f"{row.value} {row.unit}".rstrip(), "meaning": row.meaning}
        for row in headlines(summary)
    ]


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else _MISSING
