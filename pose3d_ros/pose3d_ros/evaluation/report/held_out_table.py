"""The metrics of a held-out set as rows and lines of text."""

from __future__ import annotations

import math

from pose3d_ros.evaluation.rendered.held_out_summary import HeldOutSummary, PeopleNumbers


def group_rows(summary: HeldOutSummary) -> list[dict[str, str]]:
    """A row for all people that count and one for each group; shares in percent, errors in millimetres."""
    groups = {"all that count": summary.people}
    for kind, named in summary.groups.items():
        groups |= {f"{kind} {name}": numbers for name, numbers in named.items()}
    return [{"group": name, **_cells(numbers)} for name, numbers in groups.items()]


def _cells(numbers: PeopleNumbers) -> dict[str, str]:
    return {
        "people": str(numbers.people),
        "boxed %": _percent(numbers.detector_recall),
        "recall %": _percent(numbers.recall),
        "joints %": _percent(numbers.joint_coverage),
        "MPJPE": _number(numbers.mpjpe_mm),
        "all joints": _number(numbers.mpjpe_all_joints_mm),
        "PA-MPJPE": _number(numbers.pa_mpjpe_mm),
        "PCK %": _percent(numbers.pck_150),
        "MRPE": _number(numbers.mrpe_mm),
        "depth": _number(numbers.mrpe_xyz_mm[2]),
        "AP 25cm %": _percent(numbers.ap_root_25cm),
    }


def summary_lines(summary: HeldOutSummary) -> list[str]:
    """The detector's and the calibration's metrics, and what the columns of `group_rows` mean."""
    boxes, calibration = summary.boxes, summary.calibration
    sigma = calibration.root_sigma
    return [
        f"Detector: AP50 {_percent(boxes.detector_ap50)} %, "
        f"{_number(boxes.detector_false_positives_per_image, 2)} false positives per image. "
        f"People: {_number(boxes.false_positives_per_image, 2)} false positives per image.",
        "Expected calibration error: joint scores "
        f"{_number(calibration.joint_score.expected_calibration_error, 3)}, detection scores "
        f"{_number(calibration.detection_score.expected_calibration_error, 3)}.",
        f"Roots within 1 stated sigma {_percent(sigma.within_1_sigma)} %, within 2 "
        f"{_percent(sigma.within_2_sigma)} % (Laplace distribution: 75.7, 94.1).",
        "boxed: people with a box of the detector. recall: people matched to a detected person. joints: joints with "
        "coordinates.",
        "MPJPE, all joints (MPJPE with those of low confidence too), PA-MPJPE, MRPE and depth error in mm. PCK at "
        "150 mm.",
    ]


def _percent(value: float) -> str:
    return _number(100 * value, 1)


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"
