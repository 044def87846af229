"""The report's plots, as SVG that takes the page's text color."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, LEFT_HEX, RIGHT_HEX, person_hex
from pose3d_ros.drawing.plot_style import ACCENT, ACCENT2, INK, STYLE, legend_above, new_figure
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import detected, errors_of
from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.records import Person
from pose3d_ros.types import Array


@dataclass(frozen=True)
class Plot:
    """An SVG with its title and what it shows. wide: takes the page's whole width."""

    title: str
    caption: str
    svg: str
    wide: bool


def session_plots(session: Session, pairs: Sequence[Pair]) -> tuple[Plot, ...]:
    """Every plot that this session has data for."""
    makers = (presence_plot, floor_plot, joint_error_plot, depth_plot, motion_plot, root_error_plot, latency_plot)
    with mpl.rc_context(STYLE):
        return tuple(plot for make in makers if (plot := make(session, pairs)) is not None)


def presence_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Detections over time: a row for each ground-truth person, colored by the id it was matched to."""
    ids = sorted({p.track_id for f in session.frames for p in f.ground_truth})
    if not ids:
        return None
    times_s = _times_s(session)
    found = {(p.frame, p.ground_truth.track_id): p.raw.track_id for p in pairs}
    figure, axes = new_figure(11.0, 0.8 + 0.5 * len(ids))
    for row, gt_id in enumerate(ids):
        present = [i for i, f in enumerate(session.frames) if any(p.track_id == gt_id for p in f.ground_truth)]
        axes.plot(times_s[present], np.full(len(present), row), "|", color=GROUND_TRUTH_HEX, ms=4, alpha=0.7)
        for track_id in sorted({found[i, gt_id] for i in present if (i, gt_id) in found}):
            hits = [i for i in present if found.get((i, gt_id)) == track_id]
            axes.plot(times_s[hits], np.full(len(hits), row), "|", color=person_hex(track_id), ms=15, mew=2.2)
    axes.set_yticks(range(len(ids)), [f"person {i}" for i in ids])
    axes.set_ylim(len(ids) - 0.5, -0.5)
    axes.set_xlabel("time [s]")
    axes.grid(visible=False, axis="y")
    caption = (
        "Each row is a ground-truth person. Tall mark: detected in this frame, in the color of its track id; "
        "a change of color is an identity switch. Small gray mark: present, perhaps hidden, and missed."
    )
    return finished(figure, "Detections over time", caption, wide=True)


def floor_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Root trajectories from above."""
    people = [f.smoothed if f.smoothed is not None else f.raw for f in session.frames]
    ground_truth, found = _root_tracks([f.ground_truth for f in session.frames]), _root_tracks(people)
    if not found:
        return None
    figure, axes = new_figure(5.4, 5.5)
    for roots in ground_truth.values():
        axes.plot(roots[:, 0], roots[:, 2], color=GROUND_TRUTH_HEX, lw=4.5, alpha=0.55, solid_capstyle="round")
    for track_id, roots in found.items():
        axes.plot(roots[:, 0], roots[:, 2], color=person_hex(track_id), label=f"P{track_id}")
    axes.plot(0, 0, marker="^", color=INK, ms=9, clip_on=False)
    axes.annotate("camera", (0, 0), textcoords="offset points", xytext=(9, -3))
    depth_m = _depth_limit_m(ground_truth or found)
    axes.set(xlim=(-0.6 * depth_m, 0.6 * depth_m), ylim=(-0.5, depth_m), aspect="equal")
    axes.set(xlabel="x, to the right [m]", ylabel="z, away from the camera [m]")
    legend_above(axes)
    caption = "Trajectories of the roots (pelvis) from above. Gray: ground truth; colored: tracks, smoothed."
    return finished(figure, "Root trajectories", caption)


def depth_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Depth of the roots over time."""
    times_s = _times_s(session)
    ground_truth = _root_tracks([f.ground_truth for f in session.frames])
    raw = _root_tracks([f.raw for f in session.frames])
    smoothed = _root_tracks([f.smoothed for f in session.frames])
    if not raw:
        return None
    figure, axes = new_figure(11.0, 3.7)
    for roots in ground_truth.values():
        axes.plot(times_s, roots[:, 2], color=GROUND_TRUTH_HEX, lw=4.5, alpha=0.5)
    for track_id, roots in raw.items():
        axes.plot(times_s, roots[:, 2], ".", color=person_hex(track_id), ms=3, alpha=0.55)
    for track_id, roots in smoothed.items():
        axes.plot(times_s, roots[:, 2], color=person_hex(track_id), label=f"P{track_id}")
    axes.set_ylim(top=_depth_limit_m(ground_truth or raw))
    axes.set(xlabel="time [s]", ylabel="root depth [m]")
    if smoothed:
        legend_above(axes)
    caption = "Depth (z) of each root. Gray: ground truth; dots: raw; lines: smoothed."
    return finished(figure, "Root depth over time", caption, wide=True)


def root_error_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Signed depth error over time."""
    if not pairs:
        return None
    times_s = _times_s(session)
    figure, axes = new_figure(5.4, 2.9)
    axes.axhline(0, color=INK, lw=0.8)
    for gt_id in sorted({p.ground_truth.track_id for p in pairs}):
        of_one = [p for p in pairs if p.ground_truth.track_id == gt_id]
        errors = [metrics.MM_PER_M * float((p.raw.pose.root_cam_m - p.ground_truth.pose.root_cam_m)[2]) for p in of_one]
        axes.plot(times_s[[p.frame for p in of_one]], errors, ".", ms=4, color=person_hex(gt_id), alpha=0.7)
        axes.plot([], [], ".", ms=8, color=person_hex(gt_id), label=f"person {gt_id}")
    axes.set(xlabel="time [s]", ylabel="depth error [mm]")
    legend_above(axes)
    caption = "Root depth minus its ground truth for each matched person, before smoothing. Above zero: too far."
    return finished(figure, "Depth error over time", caption)


def joint_error_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Mean error of each joint, raw and smoothed."""
    if not pairs:
        return None
    raw = _joint_means_mm([(p.raw, p.ground_truth) for p in pairs])
    order = np.argsort(np.nan_to_num(raw, nan=-1.0))
    rows = np.arange(len(order))
    figure, axes = new_figure(5.4, 0.8 + 0.2 * len(order))
    axes.barh(rows + 0.2, raw[order], height=0.38, color=ACCENT, label="raw")
    with_smoothed = [(p.smoothed, p.ground_truth) for p in pairs if p.smoothed is not None]
    if with_smoothed:
        smoothed = _joint_means_mm(with_smoothed)
        axes.barh(rows - 0.2, smoothed[order], height=0.38, color=ACCENT2, label="smoothed")
    axes.set_yticks(rows, [session.skeleton.joints[j].replace("_", " ") for j in order])
    axes.set_xlabel("mean error, root-relative [mm]")
    legend_above(axes)
    axes.grid(visible=False, axis="y")
    caption = "Mean distance of each joint from its ground truth, poses relative to their roots (MPJPE)."
    return finished(figure, "Error by joint", caption)


def motion_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """One moving joint of the person tracked longest, before and after smoothing."""
    chosen = _longest_tracked(pairs)
    if chosen is None:
        return None
    times_s = _times_s(session)
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


def _times_s(session: Session) -> Array:
    return np.array([1e-9 * (frame.stamp_ns - session.frames[0].stamp_ns) for frame in session.frames])


def _root_tracks(frames: Sequence[People | None]) -> dict[int, Array]:
    """Id → roots (T, 3), NaN where that person is not seen in the frame itself."""
    tracks: dict[int, Array] = {}
    for i, people in enumerate(frames):
        for person in detected(people or ()):
            tracks.setdefault(person.track_id, np.full((len(frames), 3), np.nan))[i] = person.pose.root_cam_m
    return dict(sorted(tracks.items()))


def _depth_limit_m(tracks: Mapping[int, Array]) -> float:
    """Upper end of a depth axis: a few false positives far away are cut off rather than make the rest small."""
    return 1.5 + float(np.nanquantile(np.concatenate([roots[:, 2] for roots in tracks.values()]), 0.98))


def _joint_means_mm(pairs: Sequence[tuple[Person, Person]]) -> Array:
    """Mean root-relative error of each joint (J,)."""
    return np.array([metrics.mean(errors) for errors in errors_of(pairs).relative_mm.T])


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


def finished(figure: Figure, title: str, caption: str, *, wide: bool = False) -> Plot:
    """The figure as a part of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Plot(title, caption, _inline(buffer.getvalue(), title), wide)


def plot_html(plot: Plot) -> str:
    """The plot with its title and caption."""
    wide = " wide" if plot.wide else ""
    return (
        f'<figure class="plot{wide}"><h3>{html.escape(plot.title)}</h3>{plot.svg}'
        f"<p>{html.escape(plot.caption)}</p></figure>"
    )


def _inline(svg: str, title: str) -> str:
    """The SVG element alone, its ids unique in the page, its lines in the page's text color, its size free."""
    body = svg[svg.index("<svg") :]
    prefix = re.sub(r"[^a-z]", "", title.lower())
    body = re.sub(r'(id="|url\(#|href="#)', lambda m: f"{m.group(1)}{prefix}-", body)
    body = re.sub(
        r'<svg [^>]*viewBox="([^"]+)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{title}">', body, count=1
    )
    return body.replace(INK, "currentColor").replace("xlink:href", "href")
