"""The plots of a held-out set, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, INK, STYLE, legend_above, new_figure
from pose3d_ros.evaluation.metrics.box_precision import precision_recall
from pose3d_ros.evaluation.metrics.pose_metrics import MM_PER_M
from pose3d_ros.evaluation.metrics.reliability import Reliability
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, ScoredScene
from pose3d_ros.evaluation.rendered.held_out_summary import HeldOutSummary, all_boxes, counted_pairs, depth_errors_m
from pose3d_ros.output_files import replacing

_DPI = 130
_LEAST_IN_BIN = 5
"""A share of fewer samples is not reliable: its mark is hollow."""
_MOST_SIGMAS = 4.0
_DISTANCE_EDGES_M = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0)


def write_plots(scenes: Sequence[ScoredScene], run: HeldOutRun, summary: HeldOutSummary, folder: Path) -> list[str]:
    """Write every plot that there is data for into the folder; their file names, in the order to show them in."""
    joints, boxes = summary.calibration.joint_score, summary.calibration.detection_score
    with mpl.rc_context(STYLE):
        figures = {
            "joint_error_by_distance.png": _joint_error_by_distance(summary),
            "depth_error_by_distance.png": _depth_error_by_distance(scenes),
            "joint_scores.png": _reliability(joints, "joint score", "share within 100 mm", "Joint scores"),
            "root_sigma.png": _sigma(scenes),
            "detections.png": _precision_recall(scenes, summary),
            "detection_scores.png": _reliability(
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
    _titled(axes, "Joint error by distance")
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
    _titled(axes, "Depth error (bands: quartiles)")
    return figure


def _reliability(of: Reliability, score: str, share: str, title: str) -> Figure | None:
    if not any(b.count for b in of.bins):
        return None
    figure = Figure(figsize=(5.4, 4.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    used = [b for b in of.bins if b.count]
    axes.plot([0, 1], [0, 1], color=GROUND_TRUTH_HEX, ls="--")
    x, y = np.array([b.mean_score for b in used]), np.array([b.right for b in used])
    many = np.array([b.count >= _LEAST_IN_BIN for b in used])
    axes.plot(x, y, color=ACCENT)
    axes.plot(x[many], y[many], "o", color=ACCENT, ms=6)
    axes.plot(x[~many], y[~many], "o", color=ACCENT, ms=6, mfc="white")
    axes.set(ylim=(-0.03, 1.03), xlim=(0, 1), ylabel=share)
    below.bar([(b.low + b.high) / 2 for b in of.bins], [b.count for b in of.bins], width=0.09, color=GROUND_TRUTH_HEX)
    below.set(xlabel=score, ylabel="count")
    _titled(axes, f"{title}: calibration error {of.expected_calibration_error:.3f}")
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
    _titled(axes, f"Detector: AP50 {100 * summary.detection.detector_ap50:.1f} %")
    return figure


def _sigma(scenes: Sequence[ScoredScene]) -> Figure | None:
    pairs = counted_pairs(scenes)
    ratios = np.abs(depth_errors_m(pairs)) / np.array([found.pose.root_sigma_m for found, _ in pairs])
    ratios = ratios[np.isfinite(ratios)]
    if not len(ratios):
        return None
    figure, axes = new_figure(5.4, 3.4)
    sigmas = np.linspace(0, _MOST_SIGMAS, 161)
    axes.plot(sigmas, 2 * norm.cdf(sigmas) - 1, color=GROUND_TRUTH_HEX, ls=":", label="normal")
    axes.plot(sigmas, 1 - np.exp(-np.sqrt(2) * sigmas), color=GROUND_TRUTH_HEX, ls="--", label="Laplace")
    axes.plot(sigmas, [(ratios <= s).mean() for s in sigmas], color=ACCENT, label="measured")
    for s in (1, 2):
        share = float((ratios <= s).mean())
        axes.plot([s], [share], "o", color=ACCENT, ms=5)
        axes.annotate(f"{100 * share:.0f} %", (s, share), xytext=(6, -12), textcoords="offset points")
    axes.set(xlim=(0, _MOST_SIGMAS), ylim=(0, 1.02), xlabel="depth error / stated sigma", ylabel="share of roots")
    _titled(axes, "Depth uncertainty")
    return figure


def _titled(axes: Axes, title: str) -> None:
    """The title at the left, and the legend, where there is one, below it."""
    axes.set_title(title, loc="left", fontweight="bold", pad=24 if axes.get_legend_handles_labels()[0] else 8)
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
