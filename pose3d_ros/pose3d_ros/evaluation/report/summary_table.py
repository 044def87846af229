"""The headline numbers with what they mean, for the terminal and the report."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE, Summary


@dataclass(frozen=True)
class Headline:
    """name, value and unit as they are shown, and a short explanation."""

    name: str
    value: str
    unit: str
    meaning: str


def headlines(summary: Summary) -> tuple[Headline, ...]:
    """The numbers to show first; those without ground truth are left out where there is none."""
    speed, found, accuracy, steady = summary.speed, summary.completeness, summary.accuracy, summary.steadiness
    rows = [
        Headline("Frames processed", f"{speed.frames_processed} / {speed.frames}", "", "images that became people"),
        Headline("Rate", _number(speed.fps, 1), "frames/s", "people messages a second"),
        Headline("Latency", _number(speed.latency_ms["p50"], 0), "ms", f"median; 95% under {_p95(summary)} ms"),
        Headline("Engines", _number(speed.engine_ms, 1), "ms", f"a frame, on {speed.backend or 'an unknown backend'}"),
        Headline("People", _number(found.people_per_frame, 2), "/ frame", "detected, on average"),
        Headline(
            "Recall", _number(100 * found.detection_recall, 1), "%", f"of people at least {MIN_VISIBLE:.0%} visible"
        ),
        Headline("Joint error", _number(accuracy.mpjpe_mm, 0), "mm", "MPJPE: relative to the root"),
        Headline("Shape error", _number(accuracy.pa_mpjpe_mm, 0), "mm", "PA-MPJPE: after alignment"),
        Headline("Root error", _number(accuracy.mrpe_mm, 0), "mm", f"MRPE; along the view {_depth(summary)} mm"),
        Headline("Joint error, smoothed", _number(accuracy.mpjpe_smoothed_mm, 0), "mm", "MPJPE after the smoother"),
        Headline("Jitter", _number(steady.jitter_raw, 0), "m/s³", f"of the true motion: {_truth_jitter(summary)}"),
        Headline("Jitter, smoothed", _number(steady.jitter_smoothed, 0), "m/s³", _jitter_ratio(summary)),
        Headline("Identity switches", str(found.id_switches), "", f"IDF1 {_number(found.idf1, 3)}"),
    ]
    return tuple(row for row in rows if row.value != _MISSING)


def format_table(summary: Summary) -> str:
    """The headlines as lines of text."""
    rows = headlines(summary)
    width = max(len(row.name) for row in rows)
    values = [f"{row.value} {row.unit}".rstrip() for row in rows]
    value_width = max(len(v) for v in values)
    return "\n".join(
        f"  {row.name:<{width}}  {value:>{value_width}}  {row.meaning}" for row, value in zip(rows, values, strict=True)
    )


_MISSING = "–"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else _MISSING


def _p95(summary: Summary) -> str:
    return _number(summary.speed.latency_ms["p95"], 0)


def _depth(summary: Summary) -> str:
    return _number(summary.accuracy.mrpe_xyz_mm[2], 0)


def _truth_jitter(summary: Summary) -> str:
    return _number(summary.steadiness.jitter_truth, 0)


def _jitter_ratio(summary: Summary) -> str:
    steady = summary.steadiness
    if not steady.jitter_raw > 0:
        return "after the smoother"
    return f"{_number(100 * steady.jitter_smoothed / steady.jitter_raw, 0)}% of the raw jitter"
