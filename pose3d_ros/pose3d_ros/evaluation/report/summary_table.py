"""The metrics of recordings and of held-out sets as rows and lines of text, for the terminal and the reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pose3d_ros.evaluation.metrics.pose_metrics import mean
from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE, Summary
from pose3d_ros.evaluation.recording.tables import PersonRow
from pose3d_ros.evaluation.rendered.held_out_summary import HeldOutSummary, PeopleMetrics
from pose3d_ros.evaluation.rendered.round_occluder import RoundOccluder

_MISSING = "–"
_MOST_PEOPLE, _MOST_IDS = 40, 6
_OF_OCCLUDER = (
    "round_occluder: people who turn behind a disc, and the same images without it; errors of those found in both. "
    "hidden: the joints behind the disc, in both rows the same. reversed: people taken back to front."
)
_SOURCE_NAMES = {
    "none": "size only",
    "floor": "floor of TF",
    "depth": "depth images",
    "floor and depth": "floor and depth",
}


def source_rows(sources: Sequence[SourceError]) -> list[dict[str, str]]:
    """The root's error with each source of distance, overall and by distance, in millimetres."""
    bands = list(dict.fromkeys(band for source in sources for band in source.errors_mm))
    return [
        {
            "distance from": _SOURCE_NAMES.get(source.source, source.source),
            "MRPE": f"{_number(source.mrpe_mm)} mm",
            **{f"{band} m": f"{_number(source.errors_mm.get(band, math.nan))} mm" for band in bands},
            "error / sigma": _number(source.ratio_sigma, 2),
        }
        for source in sources
    ]


def split_rows(summary: Summary) -> list[dict[str, str]]:
    """A row for each group of ground-truth people; shares in percent, errors in millimetres."""
    return [
        {
            "group": f"{kind} {name}",
            "people": str(group.people),
            "recall %": _percent(group.recall),
            "joints %": _percent(group.joint_coverage),
            "MPJPE": _number(group.mpjpe_mm),
            "PA-MPJPE": _number(group.pa_mpjpe_mm),
            "3DPCK %": _percent(group.pck_150mm),
            "MRPE": _number(group.mrpe_mm),
        }
        for kind, named in summary.groups.items()
        for name, group in named.items()
    ]


def person_rows(people: Sequence[PersonRow]) -> list[dict[str, str]]:
    """A row for each ground-truth person, those who are there longest; errors in millimetres."""
    of_person: dict[int, list[PersonRow]] = {}
    for row in people:
        of_person.setdefault(row.person, []).append(row)
    shown = sorted(sorted(of_person, key=lambda i: -len(of_person[i]))[:_MOST_PEOPLE])
    return [{"person": str(person), **_person_cells(of_person[person])} for person in shown]


def _person_cells(rows: Sequence[PersonRow]) -> dict[str, str]:
    found = [row for row in rows if row.found]
    ids = list(dict.fromkeys(row.track for row in found))
    named = ", ".join(f"P{track}" for track in ids[:_MOST_IDS]) + (" …" if len(ids) > _MOST_IDS else "")
    return {
        "frames": str(len(rows)),
        "found %": _percent(len(found) / len(rows)),
        "ids": named or _MISSING,
        "switches": str(sum(row.switched for row in rows)),
        "distance m": _number(mean([row.distance_m for row in rows]), 1),
        "MPJPE": _number(mean([row.mpjpe_mm for row in found])),
        "PA-MPJPE": _number(mean([row.pa_mpjpe_mm for row in found])),
        "MRPE": _number(mean([row.mrpe_mm for row in found])),
        "depth bias": _number(mean([row.root_error_z_mm for row in found])),
    }


@dataclass(frozen=True)
class Headline:
    """name, value and unit as they are shown, and a short explanation."""

    name: str
    value: str
    unit: str
    meaning: str


def headlines(summary: Summary) -> tuple[Headline, ...]:
    """The metrics to show first; those that can't be computed (no ground truth, no smoother) are left out."""
    speed, found, accuracy, steady = summary.speed, summary.completeness, summary.accuracy, summary.smoothness
    p95, depth = _number(speed.latency_ms["p95"]), _number(accuracy.mrpe_xyz_mm[2])
    false_positives = math.nan if found.false_positives is None else found.false_positives
    switches = math.nan if found.id_switches is None else found.id_switches
    identity = f"MOTA {_number(found.mota, 3)}, IDF1 {_number(found.idf1, 3)}, HOTA {_number(found.hota, 3)}"
    ratio = steady.jitter_smoothed / steady.jitter_raw if steady.jitter_raw > 0 else math.nan

    def smoothed(value: float) -> str:
        return f"; smoothed: {_number(value)}" if math.isfinite(value) else ""

    n_mpjpe, pa_mpjpe = smoothed(accuracy.n_mpjpe_smoothed_mm), smoothed(accuracy.pa_mpjpe_smoothed_mm)
    truth = f"; ground truth: {_number(steady.jitter_truth)}" if math.isfinite(steady.jitter_truth) else ""
    acceleration = smoothed(steady.acceleration_error_smoothed_mm)
    rows: list[tuple[str, float, int, str, str]] = [
        ("Rate", speed.fps, 1, "frames/s", "people messages per second"),
        ("Latency", speed.latency_ms["p50"], 0, "ms", f"median, capture to publication; 95th percentile {p95} ms"),
        ("Inference", speed.engine_ms, 1, "ms/frame", f"all stages, on {speed.backend or 'unknown'}"),
        ("People", found.people_per_frame, 2, "/frame", "detected, on average"),
        ("Recall", 100 * found.detection_recall, 1, "%", f"of people at least {MIN_VISIBLE:.0%} visible"),
        ("False positives", false_positives, 0, "", "detections matched to no ground-truth person"),
        ("MPJPE", accuracy.mpjpe_mm, 0, "mm", "mean joint error, root-relative" + smoothed(accuracy.mpjpe_smoothed_mm)),
        ("N-MPJPE", accuracy.n_mpjpe_mm, 0, "mm", f"after scaling each pose{n_mpjpe}"),
        ("PA-MPJPE", accuracy.pa_mpjpe_mm, 0, "mm", f"after Procrustes alignment{pa_mpjpe}"),
        ("MRPE", accuracy.mrpe_mm, 0, "mm", f"mean root error in camera space; depth error {depth} mm"),
        ("MPJVE", steady.mpjve_mm, 0, "mm/frame", "mean joint velocity error" + smoothed(steady.mpjve_smoothed_mm)),
        ("Acceleration error", steady.acceleration_error_mm, 0, "mm/frame²", f"mean over the joints{acceleration}"),
        ("Jitter", steady.jitter_raw, 0, "m/s³", f"third derivative{truth}"),
        ("Jitter, smoothed", steady.jitter_smoothed, 0, "m/s³", f"{_percent(ratio, 0)}% of the raw one"),
        ("Identity switches", switches, 0, "", identity),
    ]
    processed = f"{speed.frames_processed} / {speed.frames}"
    first = Headline("Frames processed", processed, "", "images with a people message")
    return (
        first,
        *(
            Headline(name, _number(value, digits), unit, meaning)
            for name, value, digits, unit, meaning in rows
            if math.isfinite(value)
        ),
    )


def headline_rows(summary: Summary) -> list[dict[str, str]]:
    """The headlines as rows of a table: metric, value with its unit, meaning."""
    return [
        {"metric": row.name, "value": row.value, "unit": row.unit, "meaning": row.meaning} for row in headlines(summary)
    ]


def group_rows(summary: HeldOutSummary) -> list[dict[str, str]]:
    """A row for all people that count and one for each group; shares in percent, errors in millimetres."""
    groups = {"all that count": summary.people}
    for kind, named in summary.groups.items():
        groups |= {f"{kind} {name}": people for name, people in named.items()}
    return [{"group": name, **_cells(people)} for name, people in groups.items()]


def _cells(people: PeopleMetrics) -> dict[str, str]:
    return {
        "people": str(people.people),
        "box recall %": _percent(people.detector_recall),
        "recall %": _percent(people.recall),
        "joints %": _percent(people.joint_coverage),
        "MPJPE": _number(people.mpjpe_mm),
        "all joints": _number(people.mpjpe_all_joints_mm),
        "PA-MPJPE": _number(people.pa_mpjpe_mm),
        "PCK %": _percent(people.pck_150),
        "MRPE": _number(people.mrpe_mm),
        "depth": _number(people.mrpe_xyz_mm[2]),
        "AP 25cm %": _percent(people.ap_root_25cm),
    }


def round_occluder_rows(group: RoundOccluder) -> list[dict[str, str]]:
    """A row for people behind a disc and one for the same images without it; shares in percent, errors in mm."""
    return [
        {
            "round_occluder": name,
            "people": str(of.people),
            "recall %": _percent(of.recall),
            "visible joints %": _percent(of.joint_coverage_visible),
            "MPJPE": _number(of.mpjpe_visible_mm),
            "all": _number(of.mpjpe_visible_all_joints_mm),
            "hidden joints %": _percent(of.joint_coverage_hidden),
            "MPJPE of hidden": _number(of.mpjpe_hidden_mm),
            "all hidden": _number(of.mpjpe_hidden_all_joints_mm),
            "MRPE": _number(of.mrpe_mm),
            "reversed %": _percent(of.reversed),
        }
        for name, of in (("behind a disc", group.occluded), ("without it", group.clear))
    ]


def held_out_lines(summary: HeldOutSummary) -> list[str]:
    """The metrics of detection and calibration, and what the columns of `group_rows` mean."""
    detection, calibration, sigma = summary.detection, summary.calibration, summary.calibration.root_sigma
    return [
        f"Detector: AP50 {_percent(detection.detector_ap50)} %, "
        f"{_number(detection.detector_false_positives_per_image, 2)} false positives per image. "
        f"People: {_number(detection.false_positives_per_image, 2)} false positives per image.",
        "Expected calibration error: joint scores "
        f"{_number(calibration.joint_score.expected_calibration_error, 3)}, detection scores "
        f"{_number(calibration.detection_score.expected_calibration_error, 3)}.",
        f"Roots within 1 stated sigma {_percent(sigma.within_1_sigma)} %, within 2 "
        f"{_percent(sigma.within_2_sigma)} % (Laplace distribution: 75.7, 94.1).",
        "box recall: people with a box of the detector. recall: people matched to a detected person. joints: those "
        "with coordinates.",
        "MPJPE, all joints (MPJPE with those of low confidence too), PA-MPJPE, MRPE and depth error in mm. PCK at "
        "150 mm.",
        *([] if summary.round_occluder is None else [_OF_OCCLUDER]),
    ]


def _percent(share: float, digits: int = 1) -> str:
    return _number(100 * share, digits)


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else _MISSING
