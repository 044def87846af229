"""Whether scores are probabilities, and whether errors are as large as the standard deviations stated for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX
from pose3d_ros.drawing.plot_style import ACCENT, legend_above, new_figure
from pose3d_ros.evaluation.metrics.matching import detected, errors_of
from pose3d_ros.evaluation.metrics.reliability import Reliability, reliability, sigma_coverage
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.svg_plot import Plot, finished
from pose3d_ros.types import Array

_LEAST_IN_BIN = 5
"""A share of fewer samples is not reliable: its mark is hollow."""
_MOST_SIGMAS = 4.0
_JOINT_RIGHT_MM = 100.0


def joint_score_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Joint scores against the share of joints that are right."""
    if not pairs:
        return None
    errors_mm = errors_of([(p.raw, p.ground_truth) for p in pairs]).relative_mm
    known = np.isfinite(errors_mm)
    scores = np.array([p.raw.pose.scores for p in pairs])[known]
    caption = f"A joint is right within {_JOINT_RIGHT_MM:.0f} mm of the ground truth, root-relative."
    return _calibration("Joint scores", caption, scores, errors_mm[known] < _JOINT_RIGHT_MM, "joint score")


def person_score_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """People's scores against the share of detected people who are real."""
    if not session.has_ground_truth:
        return None
    matched = {(p.frame, p.raw.track_id) for p in pairs}
    people = [(i, p) for i, frame in enumerate(session.frames) for p in detected(frame.raw or ())]
    scores = np.array([p.score for _, p in people])
    right = np.array([(i, p.track_id) in matched for i, p in people], dtype=np.bool_)
    caption = "A detected person is right where it was matched with a ground-truth person."
    return _calibration("Scores of people", caption, scores, right, "person score")


def sigma_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Errors of the distance against the standard deviations that are stated for them."""
    errors_m = np.array(
        [np.linalg.norm(p.raw.pose.root_cam_m) - np.linalg.norm(p.ground_truth.pose.root_cam_m) for p in pairs]
    )
    coverage = sigma_coverage(errors_m, np.array([p.raw.pose.root_sigma_m for p in pairs]))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.abs(errors_m) / np.array([p.raw.pose.root_sigma_m for p in pairs])
    figure = sigma_figure(ratios[np.isfinite(ratios)])
    if figure is None:
        return None
    caption = (
        "Error of the root's distance over the standard deviation stated for it: the share of roots below each ratio, "
        f"beside what a normal and a Laplace distribution have. The median sigma is {coverage.median_sigma_mm:.0f} mm."
    )
    return finished(figure, "Uncertainty of distances", caption)


def _calibration(title: str, caption: str, scores: Array, right: np.typing.NDArray[np.bool_], name: str) -> Plot | None:
    if not len(scores):
        return None
    of = reliability(scores, right)
    figure = reliability_figure(of, name, "share that is right")
    if figure is None:
        return None
    rest = (
        f" On the dashed line scores are probabilities; the expected calibration error is "
        f"{of.expected_calibration_error:.3f}. Hollow: fewer than {_LEAST_IN_BIN}."
    )
    return finished(figure, title, caption + rest)


def reliability_figure(of: Reliability, score: str, share: str, title: str = "") -> Figure | None:
    """Share that was right over the score, ten bins, and below how many there are; None without any."""
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
    if title:
        titled(axes, f"{title}: calibration error {of.expected_calibration_error:.3f}")
    return figure


def sigma_figure(ratios: Array, title: str = "") -> Figure | None:
    """Share of errors below so many standard deviations, beside those of distributions; None without ratios (N,)."""
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
    axes.set(
        xlim=(0, _MOST_SIGMAS), ylim=(0, 1.02), xlabel="error of the distance / stated sigma", ylabel="share of roots"
    )
    titled(axes, title)
    return figure


def titled(axes: Axes, title: str) -> None:
    """The title at the left, and the legend, where there is one, below it."""
    axes.set_title(title, loc="left", fontweight="bold", pad=24 if axes.get_legend_handles_labels()[0] else 8)
    if axes.get_legend_handles_labels()[0]:
        legend_above(axes)
