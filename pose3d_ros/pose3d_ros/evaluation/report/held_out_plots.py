"""The plots of a held-out set, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, INK, STYLE, new_figure
from pose3d_ros.evaluation.metrics.box_precision import precision_recall
from pose3d_ros.evaluation.metrics.pose_metrics import MM_PER_M
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, ScoredScene
from pose3d_ros.evaluation.rendered.held_out_summary import HeldOutSummary, all_boxes, counted_pairs, depth_errors_m
from pose3d_ros.evaluation.report.calibration_plots import reliability_figure, sigma_figure, titled
from pose3d_ros.output_files import replacing
from pose3d_ros.types import Array

_DPI = 130
_LEAST_IN_BIN = 5
"""A share of fewer samples is not reliable: its mark is hollow."""
_DISTANCE_EDGES_M = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)


def write_plots(scenes: Sequence[ScoredScene], run: HeldOutRun, summary: HeldOutSummary, folder: Path) -> list[str]:
    """Write every plot that there is data for into the folder; their file names, in the order to show them in."""
    joints, boxes = summary.calibration.joint_score, summary.calibration.detection_score
    with mpl.rc_context(STYLE):
        figures = {
            "joint_error_by_distance.png": _joint_error_by_distance(summary),
            "depth_error_by_distance.png": _depth_error_by_distance(scenes),
            "joint_scores.png": reliability_figure(joints, "joint score", "share within 100 mm", "Joint scores"),
            "root_sigma.png": sigma_figure(_sigma_ratios(scenes), "Depth uncertainty"),
            "detections.png": _precision_recall(scenes, summary),
            "detection_scores.png": reliability_figure(
                boxes, "detection score", "share of true positives", "Detection scores"
            ),
        }
        drawn = {name: figure for name, figure in figures.items() if figure is not None}
        for name, figure in drawn.items():
            with replacing(folder / name) as path:
                figure.savefig(path, dpi=_DPI, facecolor="white", bbox_inches="tight", pad_inches=0.12)
    return list(drawn)


def _joint_error_by_distance(summary: HeldOutSummary) -> Figure | None:
    groups = summary.groups["distance"]
    if not any(n.recall > 0 for n in groups.values()):
        return None
    figure, axes = new_figure(5.4, 3.4)
    at = np.arange(len(groups))
    for color, line, label, values in (
        (GROUND_TRUTH_HEX, "--", "with joints of low confidence", [n.mpjpe_all_joints_mm for n in groups.values()]),
        (ACCENT, "-", "MPJPE", [n.mpjpe_mm for n in groups.values()]),
        (ACCENT2, "-", "PA-MPJPE", [n.pa_mpjpe_mm for n in groups.values()]),
    ):
        axes.plot(at, values, color=color, ls=line, marker="o", ms=5, label=label)
    axes.set_xticks(at, [f"{name}\n{n.people} people" for name, n in groups.items()])
    axes.set(xlim=(-0.4, len(groups) - 0.6), xlabel="distance", ylabel="mean joint error [mm]")
    axes.set_ylim(bottom=0)
    titled(axes, "Joint error by distance")
    return figure


def _depth_error_by_distance(scenes: Sequence[ScoredScene]) -> Figure | None:
    pairs = counted_pairs(scenes)
    if not pairs:
        return None
    distance_m = np.array([np.linalg.norm(ground_truth.pose.root_cam_m) for _, ground_truth in pairs])
    error_mm = MM_PER_M * depth_errors_m(pairs)
    figure, axes = new_figure(5.4, 3.4)
    axes.axhline(0, color=INK, lw=0.8)
    axes.plot(distance_m, error_mm, ".", ms=5, alpha=0.6, color=ACCENT, mew=0)
    for low, high in pairwise(_DISTANCE_EDGES_M):
        here = error_mm[(distance_m >= low) & (distance_m < high)]
        if len(here) >= _LEAST_IN_BIN:
            first, median, last = np.percentile(here, (25, 50, 75))
            axes.fill_between([low, high], first, last, color=ACCENT2, alpha=0.25, lw=0)
            axes.plot([low, high], [median, median], color=ACCENT2)
    axes.set(xlabel="distance [m]", ylabel="root depth error [mm]")
    titled(axes, "Depth error (bands: quartiles)")
    return figure


def _precision_recall(scenes: Sequence[ScoredScene], summary: HeldOutSummary) -> Figure | None:
    people = sum(p.ground_truth.counts for scene in scenes for p in scene.people)
    precision, recall = precision_recall(all_boxes(scenes), people)
    if not len(precision) or not people:
        return None
    figure, axes = new_figure(5.4, 3.4)
    axes.step(recall, np.maximum.accumulate(precision[::-1])[::-1], where="pre", color=ACCENT2, label="interpolated")
    axes.plot(recall, precision, color=ACCENT, lw=1.0, label="raw")
    axes.set(xlim=(0, 1.01), ylim=(min(0.5, 0.95 * float(precision.min())), 1.01), xlabel="recall", ylabel="precision")
    titled(axes, f"Detector: AP50 {100 * summary.detection.detector_ap50:.1f} %")
    return figure


def _sigma_ratios(scenes: Sequence[ScoredScene]) -> Array:
    """Depth error of each root over the standard deviation stated for it, where there is one."""
    pairs = counted_pairs(scenes)
    ratios = np.abs(depth_errors_m(pairs)) / np.array([found.pose.root_sigma_m for found, _ in pairs])
    finite: Array = ratios[np.isfinite(ratios)]
    return finite
