"""The numbers of a held-out set as lines of text."""

from __future__ import annotations

import math

from pose3d_ros.evaluation.rendered.held_out_numbers import HeldOutSummary, PeopleNumbers

_HEAD = ("", "people", "boxed", "found", "joints", "MPJPE", "all", "PA", "PCK", "root", "depth", "AP 25cm")


def format_held_out(summary: HeldOutSummary) -> str:
    """A line for all people and one a group, then the detector's and the calibration's numbers."""
    rows = [_HEAD, ("all who count", *_cells(summary.people))]
    for kind, named in summary.groups.items():
        rows += [(f"{kind} {name}", *_cells(numbers)) for name, numbers in named.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    table = [_line(row, widths) for row in rows]
    boxes, calibration = summary.boxes, summary.calibration
    sigma = calibration.root_sigma
    return "\n".join(
        [
            *table,
            "",
            f"  Detector: AP50 {_share(boxes.detector_ap50)} %, "
            f"{_number(boxes.detector_false_positives_per_image, 2)} wrong boxes an image; "
            f"{_number(boxes.false_positives_per_image, 2)} people an image where nobody is.",
            "  Calibration error: joint scores "
            f"{_number(calibration.joint_score.expected_calibration_error, 3)}, detection scores "
            f"{_number(calibration.detection_score.expected_calibration_error, 3)}.",
            f"  Roots within 1 stated sigma {_share(sigma.within_1_sigma)} %, within 2 "
            f"{_share(sigma.within_2_sigma)} % (Laplace: 75.7, 94.1).",
            "",
            "  boxed, found: % with a box of the detector, % matched to a detected person.",
            "  joints: % with coordinates. MPJPE, all (unsure joints too), PA, root, depth: mm. PCK (150 mm), AP: %.",
        ]
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, *rest = row
    return "  " + "  ".join([first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(rest, widths[1:], strict=True))])


def _cells(numbers: PeopleNumbers) -> tuple[str, ...]:
    return (
        str(numbers.people),
        _share(numbers.detector_recall),
        _share(numbers.recall),
        _share(numbers.joint_coverage),
        _number(numbers.mpjpe_mm),
        _number(numbers.mpjpe_all_joints_mm),
        _number(numbers.pa_mpjpe_mm),
        _share(numbers.pck_150),
        _number(numbers.mrpe_mm),
        _number(numbers.mrpe_xyz_mm[2]),
        _share(numbers.ap_root_25cm),
    )


def _share(value: float) -> str:
    return _number(100 * value, 1)


def _number(value: float, digits: int = 0) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"
