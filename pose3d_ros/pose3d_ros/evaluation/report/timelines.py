"""What happened when: who was found under which id, the states of tracks, distances and errors over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, person_hex
from pose3d_ros.drawing.plot_style import INK, legend_above, new_figure
from pose3d_ros.evaluation.metrics.matching import detected, errors_of
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.evaluation.report.svg_plot import Plot, finished
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array

_MOST_ROWS = 30
_MOST_POINTS = 600
"""Of a line over time: more are averaged, so that the page of a long recording opens quickly."""
_MM_PER_M = 1000.0
_STATE_LOOKS = {TrackState.NEW: (14.0, 0.35), TrackState.TRACKED: (14.0, 1.0), TrackState.PREDICTED: (3.0, 0.9)}
"""State → width in points and opacity of its bar."""


def presence_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """A row for each ground-truth person, colored by the id it was matched to."""
    frames_of: dict[int, list[int]] = {}
    for index, frame in enumerate(session.frames):
        for person in frame.ground_truth:
            frames_of.setdefault(person.track_id, []).append(index)
    if not frames_of:
        return None
    shown = sorted(sorted(frames_of, key=lambda i: -len(frames_of[i]))[:_MOST_ROWS])
    times_s, (figure, axes) = times_of(session), _rows([f"person {i}" for i in shown])
    for row, gt_id in enumerate(shown):
        _bars(axes, times_s, frames_of[gt_id], row, GROUND_TRUTH_HEX, 3.0, 0.7)
        found = {p.frame: p.raw.track_id for p in pairs if p.ground_truth.track_id == gt_id}
        for track_id in sorted(set(found.values())):
            hits = [i for i, matched in found.items() if matched == track_id]
            _bars(axes, times_s, hits, row, person_hex(track_id), 14.0)
        _mark_switches(axes, times_s, found, row)
    caption = (
        "Each row is a ground-truth person. Thick: found, in the color of its track's id; thin and gray: present, "
        "perhaps hidden, and missed. P7 over a mark: the id changed to 7, an identity switch."
    )
    return finished(figure, "Who was found", caption + _left_out(len(frames_of)), wide=True)


def _mark_switches(axes: Axes, times_s: Array, found: Mapping[int, int], row: int) -> None:
    frames = sorted(found)
    for before, after in pairwise(frames):
        if found[before] != found[after]:
            axes.plot(times_s[after], row - 0.34, "v", color=INK, ms=5, clip_on=False)
            axes.annotate(
                f"P{found[after]}",
                (float(times_s[after]), row - 0.34),
                xytext=(4, -1),
                textcoords="offset points",
                fontsize=7.5,
            )


def tracks_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """A row for each track, its states over time."""
    states: dict[int, dict[TrackState, list[int]]] = {}
    for index, frame in enumerate(session.frames):
        for person in frame.raw or ():
            states.setdefault(person.track_id, {}).setdefault(person.state, []).append(index)
    if not states:
        return None
    longest = sorted(states, key=lambda i: -sum(map(len, states[i].values())))
    shown = sorted(longest[:_MOST_ROWS])
    times_s, (figure, axes) = times_of(session), _rows([f"P{i}" for i in shown])
    for row, track_id in enumerate(shown):
        for state, (width, alpha) in _STATE_LOOKS.items():
            _bars(axes, times_s, states[track_id].get(state, []), row, person_hex(track_id), width, alpha)
        lost = states[track_id].get(TrackState.LOST, [])
        axes.plot(times_s[lost], np.full(len(lost), row), "x", color=INK, ms=5)
    caption = "Each row is a track. Thick: TRACKED, pale: NEW, thin: PREDICTED, that is not seen; cross: LOST."
    return finished(figure, "States of the tracks", caption + _left_out(len(states)), wide=True)


def _rows(names: Sequence[str]) -> tuple[Figure, Axes]:
    figure, axes = new_figure(11.0, 0.8 + 0.42 * len(names))
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("time [s]")
    axes.grid(visible=False, axis="y")
    return figure, axes


def _left_out(count: int) -> str:
    return f" The {_MOST_ROWS} longest of {count} are shown." if count > _MOST_ROWS else ""


def _bars(
    axes: Axes, times_s: Array, frames: Sequence[int], row: int, color: str, width: float, alpha: float = 1.0
) -> None:
    """A bar for each run of consecutive frames."""
    if not frames:
        return
    index = np.sort(np.array(frames))
    step_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    runs = np.split(index, np.flatnonzero(np.diff(index) > 1) + 1)
    starts, ends = [times_s[run[0]] for run in runs], [times_s[run[-1]] + step_s for run in runs]
    axes.hlines([row] * len(runs), starts, ends, color=color, lw=width, alpha=alpha)


def depth_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Depth of the roots over time."""
    times_s = times_of(session)
    ground_truth = root_tracks([f.ground_truth for f in session.frames])
    raw = root_tracks([f.raw for f in session.frames])
    smoothed = root_tracks([f.smoothed for f in session.frames])
    if not raw:
        return None
    figure, axes = new_figure(11.0, 3.7)
    for roots in ground_truth.values():
        axes.plot(times_s, roots[:, 2], color=GROUND_TRUTH_HEX, lw=4.5, alpha=0.5)
    for track_id, roots in raw.items():
        axes.plot(times_s, roots[:, 2], ".", color=person_hex(track_id), ms=3, alpha=0.55)
    for track_id, roots in smoothed.items():
        axes.plot(times_s, roots[:, 2], color=person_hex(track_id), label=f"P{track_id}")
    axes.set_ylim(top=depth_limit_m(ground_truth or raw))
    axes.set(xlabel="time [s]", ylabel="root depth [m]")
    if smoothed:
        legend_above(axes)
    shown = (("Gray: ground truth", ground_truth), ("dots: raw", True), ("lines: smoothed", smoothed))
    names = "; ".join(name for name, has in shown if has)
    caption = f"Depth (z) of each root. {names[0].upper()}{names[1:]}."
    return finished(figure, "Root depth over time", caption, wide=True)


def joint_error_over_time_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """MPJPE of each ground-truth person over time."""
    caption = "Mean joint error of each matched person, root-relative. Dots: raw; lines: smoothed."
    return _over_time(session, pairs, _mpjpe_mm, "MPJPE [mm]", "Joint error over time", caption)


def root_error_over_time_plot(session: Session, pairs: Sequence[Pair]) -> Plot | None:
    """Signed error of the roots' depth over time."""
    caption = (
        "Root depth minus its ground truth for each matched person; above zero: too far. Dots: raw; lines: smoothed."
    )
    return _over_time(session, pairs, _depth_errors_mm, "depth error [mm]", "Depth error over time", caption)


def _over_time(
    session: Session,
    pairs: Sequence[Pair],
    errors_of_pairs: Callable[[Sequence[tuple[Person, Person]]], Array],
    label: str,
    title: str,
    caption: str,
) -> Plot | None:
    if not pairs:
        return None
    times_s, (figure, axes) = times_of(session), new_figure(11.0, 3.2)
    axes.axhline(0, color=INK, lw=0.8)
    for gt_id in sorted({p.ground_truth.track_id for p in pairs}):
        of_one = [p for p in pairs if p.ground_truth.track_id == gt_id]
        raw = errors_of_pairs([(p.raw, p.ground_truth) for p in of_one])
        axes.plot(*_thinned(times_s[[p.frame for p in of_one]], raw), ".", ms=3.5, color=person_hex(gt_id), alpha=0.5)
        smoothed = [(p.frame, p.smoothed, p.ground_truth) for p in of_one if p.smoothed is not None]
        if smoothed:
            line = np.full(len(times_s), np.nan)  # gaps stay gaps
            line[[frame for frame, *_ in smoothed]] = errors_of_pairs([(found, truth) for _, found, truth in smoothed])
            axes.plot(*_thinned(times_s, line), lw=1.3, color=person_hex(gt_id))
        axes.plot([], [], ".", ms=8, color=person_hex(gt_id), label=f"person {gt_id}")
    axes.set(xlabel="time [s]", ylabel=label)
    legend_above(axes)
    if not any(p.smoothed is not None for p in pairs):
        caption = caption.removesuffix(" Dots: raw; lines: smoothed.")
    return finished(figure, title, caption, wide=True)


def _mpjpe_mm(pairs: Sequence[tuple[Person, Person]]) -> Array:
    errors_mm = errors_of(pairs).relative_mm
    known = np.isfinite(errors_mm).sum(axis=-1)
    means: Array = np.divide(np.nansum(errors_mm, axis=-1), known, out=np.full(len(known), np.nan), where=known > 0)
    return means


def _depth_errors_mm(pairs: Sequence[tuple[Person, Person]]) -> Array:
    return np.array([_MM_PER_M * float((p.pose.root_cam_m - t.pose.root_cam_m)[2]) for p, t in pairs])


def _thinned(times_s: Array, values: Array) -> tuple[Array, Array]:
    """Means over stretches of equally many points, where there are too many; one without any value stays a gap."""
    size = -(-len(values) // _MOST_POINTS)
    if size < 2:
        return times_s, values
    padding = (0, -len(values) % size)
    blocks = [np.pad(v, padding, constant_values=np.nan).reshape(-1, size) for v in (times_s, values)]
    known = [np.isfinite(block) for block in blocks]
    means = [
        np.divide(np.nansum(block, axis=1), have.sum(axis=1), out=np.full(len(block), np.nan), where=have.any(axis=1))
        for block, have in zip(blocks, known, strict=True)
    ]
    return means[0], means[1]


def times_of(session: Session) -> Array:
    """Seconds since the first frame (T,)."""
    return np.array([1e-9 * (frame.stamp_ns - session.frames[0].stamp_ns) for frame in session.frames])


def root_tracks(frames: Sequence[People | None]) -> dict[int, Array]:
    """Id → roots (T, 3), NaN where that person is not seen in the frame itself."""
    tracks: dict[int, npt.NDArray[np.float64]] = {}
    for i, people in enumerate(frames):
        for person in detected(people or ()):
            tracks.setdefault(person.track_id, np.full((len(frames), 3), np.nan))[i] = person.pose.root_cam_m
    return dict(sorted(tracks.items()))


def depth_limit_m(tracks: Mapping[int, Array]) -> float:
    """Upper end of a depth axis: a few false positives far away are cut off rather than make the rest small."""
    return 1.5 + float(np.nanquantile(np.concatenate([roots[:, 2] for roots in tracks.values()]), 0.98))
