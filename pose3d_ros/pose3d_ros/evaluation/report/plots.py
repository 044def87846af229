"""The report's plots in groups, and those of places, motion and speed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, LEFT_HEX, RIGHT_HEX, person_hex
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, INK, STYLE, legend_above, new_figure
from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.accuracy_plots import distance_plot, joint_error_plot, pck_plot, root_precision_plot
from pose3d_ros.evaluation.report.calibration_plots import joint_score_plot, person_score_plot, sigma_plot
from pose3d_ros.evaluation.report.svg_plot import Plot, finished
from pose3d_ros.evaluation.report.timelines import (
    depth_limit_m,
    depth_plot,
    joint_error_over_time_plot,
    presence_plot,
    root_error_over_time_plot,
    root_tracks,
    times_of,
    tracks_plot,
)
from pose3d_ros.records import Person

Maker = Callable[[Session, Sequence[Pair]], Plot | None]


@dataclass(frozen=True)
class PlotGroup:
    """Plots under a heading."""

    title: str
    plots: tuple[Plot, ...]


def floor_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Root trajectories from above."""
    people = [f.smoothed if f.smoothed is not None else f.raw for f in session.frames]
    ground_truth, found = root_tracks([f.ground_truth for f in session.frames]), root_tracks(people)
    if not found:
        return None
    figure, axes = new_figure(5.4, 5.5)
    for roots in ground_truth.values():
        axes.plot(roots[:, 0], roots[:, 2], color=GROUND_TRUTH_HEX, lw=4.5, alpha=0.55, solid_capstyle="round")
    for track_id, roots in found.items():
        axes.plot(roots[:, 0], roots[:, 2], color=person_hex(track_id), label=f"P{track_id}")
    axes.plot(0, 0, marker="^", color=INK, ms=9, clip_on=False)
    axes.annotate("camera", (0, 0), textcoords="offset points", xytext=(9, -3))
    depth_m = depth_limit_m(ground_truth or found)
    axes.set(xlim=(-0.6 * depth_m, 0.6 * depth_m), ylim=(-0.5, depth_m), aspect="equal")
    axes.set(xlabel="x, to the right [m]", ylabel="z, away from the camera [m]")
    legend_above(axes)
    gray = "Gray: ground truth; colored: tracks." if ground_truth else "Colored by track."
    caption = f"Trajectories of the roots (pelvis) from above. {gray}"
    return finished(figure, "Root trajectories", caption)


def motion_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """One moving joint of the person tracked longest, before and after smoothing."""
    chosen = _longest_tracked(pairs)
    if chosen is None:
        return None
    times_s = times_of(session)
    joint = _moving_joint(session, chosen)
    gt_id = chosen[0].ground_truth.track_id
    ground_truth = {i: p for i, f in enumerate(session.frames) for p in f.ground_truth if p.track_id == gt_id}
    figure, axes = new_figure(11.0, 3.4)
    lines: tuple[tuple[Mapping[int, Person | None], dict[str, Any]], ...] = (
        (ground_truth, {"color": GROUND_TRUTH_HEX, "lw": 5, "alpha": 0.5, "label": "ground truth"}),
        ({p.frame: p.raw for p in chosen}, {"color": LEFT_HEX, "lw": 1.1, "label": "raw"}),
        ({p.frame: p.smoothed for p in chosen}, {"color": RIGHT_HEX, "lw": 1.9, "label": "smoothed"}),
    )
    for people, look in lines:
        shown = [people.get(i) for i in range(len(times_s))]  # gaps stay gaps
        axes.plot(times_s, [np.nan if p is None else p.pose.joints_cam_m[joint, 2] for p in shown], **look)
    name = session.skeleton.joints[joint].replace("_", " ")
    axes.set(xlabel="time [s]", ylabel="depth [m]")
    legend_above(axes)
    caption = f"Depth of one joint ({name}) of person {gt_id}, before and after smoothing."
    return finished(figure, f"Smoothing: {name}", caption, wide=True)


def sources_plot(sources: Sequence[SourceError]) -> Plot:
    """The root's error by distance, a bar for each source of distance."""
    bands = list(dict.fromkeys(band for source in sources for band in source.errors_mm))
    colors = (GROUND_TRUTH_HEX, ACCENT, ACCENT2, person_hex(2))
    with mpl.rc_context(STYLE):
        figure, axes = new_figure(5.4, 3.2)
        for number, source in enumerate(sources):
            places = np.arange(len(bands) + 1) + 0.8 * ((number + 0.5) / len(sources) - 0.5)
            errors = [source.mrpe_mm, *(source.errors_mm.get(band, np.nan) for band in bands)]
            label = "size only" if source.source == "none" else source.source
            axes.bar(places, errors, width=0.74 / len(sources), color=colors[number % len(colors)], label=label)
        axes.set_xticks(range(len(bands) + 1), ["all", *(f"{band} m" for band in bands)])
        axes.set(xlabel="distance from the camera", ylabel="error of the root [mm]")
        axes.grid(visible=False, axis="x")
        legend_above(axes)
        caption = "Mean distance of the root from its ground truth, with what the distance is taken from."
        return finished(figure, "Error of the root by source", caption)


def latency_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Histogram of the latency."""
    latency_ms = [f.latency_ms for f in session.frames if f.latency_ms is not None and np.isfinite(f.latency_ms)]
    if not latency_ms:
        return None
    figure, axes = new_figure(5.4, 2.9)
    axes.hist(latency_ms, bins=30, color=ACCENT)
    for share in (50, 95):
        value = float(np.percentile(latency_ms, share))
        axes.axvline(value, color=INK, lw=1, ls="--")
        axes.annotate(
            f"{share}%", (value, 1), xycoords=("data", "axes fraction"), xytext=(3, -10), textcoords="offset points"
        )
    axes.set(xlabel="latency [ms]", ylabel="frames")
    caption = "From an image's capture to the publication of its people."
    return finished(figure, "Latency", caption)


def _longest_tracked(pairs: Sequence[Pair]) -> list[Pair] | None:
    groups: dict[tuple[int, int], list[Pair]] = {}
    for pair in pairs:
        if pair.smoothed is not None:
            groups.setdefault((pair.ground_truth.track_id, pair.raw.track_id), []).append(pair)
    return max(groups.values(), key=len) if groups else None


def _moving_joint(session: Session, pairs: Sequence[Pair]) -> int:
    """The joint that moves most against its root, among those found in most frames."""
    relative = np.array([p.ground_truth.pose.joints_cam_m - p.ground_truth.pose.root_cam_m for p in pairs])
    found = np.isfinite([p.raw.pose.joints_cam_m[:, 2] for p in pairs]).mean(axis=0)
    spread = np.nan_to_num(np.nanstd(np.where(np.isfinite(relative), relative, 0.0), axis=0).sum(axis=-1))
    return int(np.argmax(np.where(found > 0.5, spread, -1.0)))


_GROUPS: tuple[tuple[str, tuple[Maker, ...]], ...] = (
    ("Identities over time", (presence_plot, tracks_plot)),
    ("Where people are", (floor_plot, sigma_plot, depth_plot, root_error_over_time_plot)),
    ("Accuracy", (pck_plot, root_precision_plot, joint_error_plot, distance_plot, joint_error_over_time_plot)),
    ("Are scores probabilities?", (joint_score_plot, person_score_plot)),
    ("Smoothing", (motion_plot,)),
    ("Speed", (latency_plot,)),
)


def session_plots(session: Session, pairs: Sequence[Pair]) -> tuple[PlotGroup, ...]:
    """Every plot that this session has data for; groups without any are left out."""
    with mpl.rc_context(STYLE):
        groups = [(title, [make(session, pairs) for make in makers]) for title, makers in _GROUPS]
    made = (PlotGroup(title, tuple(plot for plot in plots if plot is not None)) for title, plots in groups)
    return tuple(group for group in made if group.plots)
