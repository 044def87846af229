"""How accurate the poses are: curves over thresholds, recall and distance, and each joint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, legend_above, new_figure
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import detected, errors_of, root_frame
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.svg_plot import Plot, finished
from pose3d_ros.records import Person
from pose3d_ros.types import Array

_CURVE_MM = tuple(float(t) for t in range(0, 301, 5))
_LEAST_IN_BAND = 5
_FEWEST_BANDS, _MOST_BANDS = 2, 6
_DISTANCES_M = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, np.inf)


def pck_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """3DPCK over its threshold, of which AUC is the mean up to 150 mm."""
    if not pairs:
        return None
    raw, smoothed = _both(pairs)
    figure, axes = new_figure(5.4, 3.4)
    axes.axvspan(0, metrics.PCK_THRESHOLD_MM, color=ACCENT, alpha=0.07, lw=0)
    for name, found, color in (("raw", raw, ACCENT), ("smoothed", smoothed, ACCENT2)):
        if found:
            errors_mm = errors_of(found).relative_mm
            label = f"{name}: AUC {100 * metrics.auc3d(errors_mm):.1f}%"
            axes.plot(_CURVE_MM, [100 * metrics.pck3d(errors_mm, t) for t in _CURVE_MM], color=color, label=label)
    absolute = metrics.joint_errors_mm(*(np.array([p[side].pose.joints_cam_m for p in raw]) for side in (0, 1)))
    shares = [100 * metrics.pck3d(absolute, t) for t in _CURVE_MM]
    axes.plot(_CURVE_MM, shares, color=ACCENT, ls=":", label="raw, in camera space")
    axes.set(xlim=(0, _CURVE_MM[-1]), ylim=(0, 102), xlabel="threshold [mm]", ylabel="joints within it [%]")
    axes.legend(loc="lower right")
    caption = (
        "3DPCK: share of the joints, root-relative, that are nearer than a threshold. AUC is its mean over the shaded "
        "part."
    )
    return finished(figure, "3DPCK", caption)


def root_precision_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Precision over recall of the roots within 25 cm, whose area is AP_root."""
    frames = [root_frame(detected(f.raw or ()), f.ground_truth) for f in session.frames]
    people = sum(len(frame.gt_m) for frame in frames)
    right = metrics.root_hits(frames)
    if not people or not len(right):
        return None
    found = np.cumsum(right)
    figure, axes = new_figure(5.4, 3.4)
    axes.plot(100 * found / people, 100 * found / np.arange(1, len(right) + 1), color=ACCENT)
    axes.set(xlim=(0, 101), ylim=(0, 102), xlabel="recall [%]", ylabel="precision [%]")
    share = 100 * metrics.average_precision_root(frames)
    caption = (
        f"Roots within 25 cm of the ground truth's, by falling score; AP_root is {share:.1f}%. A person whose distance "
        "is wrong by more counts as a false positive and a miss."
    )
    return finished(figure, "Precision and recall of roots", caption)


def distance_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """MPJPE and the root's error by distance from the camera."""
    raw, smoothed = _both(pairs)
    bands = _bands([_distance_m(truth) for _, truth in raw])
    if len(bands) < _FEWEST_BANDS:
        return None
    figure, axes = new_figure(5.4, 3.4)
    looks = ((raw, "", ACCENT, "-"), (smoothed, ", smoothed", ACCENT2, "--"))
    for found, suffix, color, line in looks:
        if found:
            inside = [[pair for pair in found if low <= _distance_m(pair[1]) < high] for low, high in bands]
            scored = [errors_of(part) for part in inside]
            roots = [e.root.mean_mm for e in scored]
            axes.plot(range(len(bands)), roots, color=color, ls=line, marker="o", ms=5, label=f"root{suffix}")
            joints = [e.mpjpe_mm for e in scored]
            axes.plot(
                range(len(bands)), joints, color=color, ls=line, marker="s", ms=4, alpha=0.55, label=f"joints{suffix}"
            )
    counts = [sum(low <= _distance_m(truth) < high for _, truth in raw) for low, high in bands]
    names = [f"{low:g}–{high:g} m" if np.isfinite(high) else f"from {low:g} m" for low, high in bands]
    axes.set_xticks(range(len(bands)), [f"{n}\n{c}" for n, c in zip(names, counts, strict=True)])
    axes.set(xlabel="distance, and people there over all frames", ylabel="mean error [mm]")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize=8.5)
    caption = "Error of the root's position (MRPE), and of the joints relative to it (MPJPE)."
    return finished(figure, "Error by distance", caption)


def joint_error_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Mean error of each joint, raw and smoothed."""
    if not pairs:
        return None
    with_raw, with_smoothed = _both(pairs)
    raw = _joint_means_mm(with_raw)
    order = np.argsort(np.nan_to_num(raw, nan=-1.0))
    rows = np.arange(len(order))
    figure, axes = new_figure(5.4, 0.8 + 0.2 * len(order))
    axes.barh(rows + 0.2, raw[order], height=0.38, color=ACCENT, label="raw")
    if with_smoothed:
        smoothed = _joint_means_mm(with_smoothed)
        axes.barh(rows - 0.2, smoothed[order], height=0.38, color=ACCENT2, label="smoothed")
    axes.set_yticks(rows, [session.skeleton.joints[j].replace("_", " ") for j in order])
    axes.set_xlabel("mean error, root-relative [mm]")
    legend_above(axes)
    axes.grid(visible=False, axis="y")
    caption = "Mean distance of each joint from its ground truth, poses relative to their roots (MPJPE)."
    return finished(figure, "Error by joint", caption)


def _both(pairs: Sequence[Pair]) -> tuple[list[tuple[Person, Person]], list[tuple[Person, Person]]]:
    """Pairs (found, ground truth): raw and smoothed."""
    raw = [(p.raw, p.ground_truth) for p in pairs]
    return raw, [(p.smoothed, p.ground_truth) for p in pairs if p.smoothed is not None]


def _distance_m(person: Person) -> float:
    return float(np.linalg.norm(person.pose.root_cam_m))


def _bands(distances_m: Sequence[float]) -> list[tuple[float, float]]:
    """Neighboring bands of distance that have people enough; the emptiest go where there are too many."""
    counts, _ = np.histogram(distances_m, _DISTANCES_M)
    enough = np.flatnonzero(counts >= _LEAST_IN_BAND)
    kept = sorted(sorted(enough, key=lambda i: -counts[i])[:_MOST_BANDS])
    return [(_DISTANCES_M[i], _DISTANCES_M[i + 1]) for i in kept]


def _joint_means_mm(pairs: Sequence[tuple[Person, Person]]) -> Array:
    """Mean root-relative error of each joint (J,)."""
    return np.array([metrics.mean(errors) for errors in errors_of(pairs).relative_mm.T])
