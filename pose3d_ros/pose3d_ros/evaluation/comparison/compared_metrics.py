"""What two results of the same ground truth differ in: each metric that is a mean over people and frames, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.comparison.paired_bootstrap import Difference, Paired, paired_difference
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE
from pose3d_ros.evaluation.recording.tables import FrameRow, PersonRow, Tables

BLOCK_S = 2.0
"""Length of a block: errors of neighboring frames are alike, over a second or so, through tracker and smoother."""
_SAME_PLACE_M = 0.001
_NEGLIGIBLE = 0.05
"""In a metric's unit, that is millimetres or per cent: less is no difference, even where rounding makes it sure."""
_NS_PER_S = 1e9
_MM, _PERCENT = "mm", "%"

Results = Mapping[str, Tables]
"""Tables by the name of their recording."""


@dataclass(frozen=True)
class _Metric:
    """A mean over ground-truth people by frame. weight: how much a person counts. as_total: the sum is shown."""

    name: str
    unit: str
    value: Callable[[PersonRow], float]
    weight: Callable[[PersonRow], float] = lambda _: 1.0
    higher_is_better: bool = False
    as_total: bool = False
    factor: float = 1.0


def _joints(row: PersonRow) -> float:
    return float(row.joints)


def _joints_smoothed(row: PersonRow) -> float:
    return float(row.joints_smoothed)


def _of_visible(row: PersonRow) -> float:
    return float(row.found) if row.visible >= MIN_VISIBLE else math.nan


_METRICS = (
    _Metric("detection_recall", _PERCENT, _of_visible, higher_is_better=True, factor=100.0),
    _Metric("detection_recall_all", _PERCENT, lambda r: float(r.found), higher_is_better=True, factor=100.0),
    _Metric("id_switches", "", lambda r: float(r.switched), as_total=True),
    _Metric("mpjpe_mm", _MM, lambda r: r.mpjpe_mm, _joints),
    _Metric("n_mpjpe_mm", _MM, lambda r: r.n_mpjpe_mm, _joints),
    _Metric("pa_mpjpe_mm", _MM, lambda r: r.pa_mpjpe_mm, _joints),
    _Metric("pck_150mm", _PERCENT, lambda r: r.pck_150mm, _joints, higher_is_better=True, factor=100.0),
    _Metric("auc", _PERCENT, lambda r: r.auc, _joints, higher_is_better=True, factor=100.0),
    _Metric("mrpe_mm", _MM, lambda r: r.mrpe_mm),
    _Metric("mrpe_z_mm", _MM, lambda r: abs(r.root_error_z_mm)),
    _Metric("acceleration_error_mm", "mm/frame²", lambda r: r.acceleration_error_mm, _joints),
    _Metric("mpjpe_smoothed_mm", _MM, lambda r: r.mpjpe_smoothed_mm, _joints_smoothed),
    _Metric("n_mpjpe_smoothed_mm", _MM, lambda r: r.n_mpjpe_smoothed_mm, _joints_smoothed),
    _Metric("pa_mpjpe_smoothed_mm", _MM, lambda r: r.pa_mpjpe_smoothed_mm, _joints_smoothed),
    _Metric("mrpe_smoothed_mm", _MM, lambda r: r.mrpe_smoothed_mm),
    _Metric(
        "acceleration_error_smoothed_mm", "mm/frame²", lambda r: r.acceleration_error_smoothed_mm, _joints_smoothed
    ),
)


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of both results. name: as in summary.json; it is over the samples that both have."""

    name: str
    unit: str
    higher_is_better: bool
    difference: Difference

    @property
    def verdict(self) -> str:
        """In words, whether the second result is better."""
        estimate = self.difference
        if math.isnan(estimate.low):
            return "too short to tell"
        if max(abs(estimate.low), abs(estimate.high)) < _NEGLIGIBLE:
            return "equal"
        if not estimate.excludes_zero:
            return "no difference shown"
        return "better" if (estimate.difference > 0) == self.higher_is_better else "worse"


@dataclass(frozen=True)
class Comparison:
    """Two results, by the names they are shown under, metric by metric. left_out: ground-truth people of one alone."""

    first: str
    second: str
    metrics: tuple[ComparedMetric, ...]
    pairs: tuple[tuple[PersonRow, PersonRow], ...]
    left_out: int


def compare(names: tuple[str, str], first: Results, second: Results) -> Comparison:
    """Compare two results of the same recordings.

    Raises InputError where they share no ground-truth person, or these are at other places.
    """
    rows = [
        {(name, row.stamp_ns, row.person): row for name, tables in results.items() for row in tables.people}
        for results in (first, second)
    ]
    keys = sorted(rows[0].keys() & rows[1].keys())
    pairs = tuple((rows[0][key], rows[1][key]) for key in keys)
    _check_same_ground_truth(names, pairs)
    blocks = _blocks([(f"{name} {person}", stamp_ns) for name, stamp_ns, person in keys])
    metrics = [_compared(metric, pairs, blocks) for metric in _METRICS]
    metrics.insert(2, _false_positives(first, second))
    left_out = len(rows[0].keys() ^ rows[1].keys())
    return Comparison(*names, tuple(m for m in metrics if m.difference.samples), pairs, left_out)


def _check_same_ground_truth(names: tuple[str, str], pairs: Sequence[tuple[PersonRow, PersonRow]]) -> None:
    subject, fix = f"{names[0]} and {names[1]}", "Compare results of the same recording with the same ground truth."
    if not pairs:
        raise InputError(subject, expected="ground-truth people of the same frames", got="none in common", fix=fix)
    places = np.array([[(r.root_x_m, r.root_y_m, r.root_z_m) for r in pair] for pair in pairs])
    apart_m = float(np.nanmax(np.abs(places[:, 0] - places[:, 1]), initial=0.0))
    if apart_m > _SAME_PLACE_M:
        got = f"some that are {apart_m:.3g} m apart"
        raise InputError(subject, expected="ground-truth people at the same places", got=got, fix=fix)


def _blocks(samples: Sequence[tuple[str, int]]) -> np.typing.NDArray[np.int64]:
    """The number of each sample's block: a stretch of `BLOCK_S` of one person or recording, (name, stamp in ns)."""
    start_ns: dict[str, int] = {}
    for name, stamp_ns in samples:
        start_ns[name] = min(stamp_ns, start_ns.get(name, stamp_ns))
    numbers: dict[tuple[str, int], int] = {}
    stretches = [(name, int((stamp_ns - start_ns[name]) / (BLOCK_S * _NS_PER_S))) for name, stamp_ns in samples]
    return np.array([numbers.setdefault(stretch, len(numbers)) for stretch in stretches], dtype=np.int64)


def _compared(
    metric: _Metric, pairs: Sequence[tuple[PersonRow, PersonRow]], blocks: np.typing.NDArray[np.int64]
) -> ComparedMetric:
    values, weights = (
        np.array([[of(row) for row in pair] for pair in pairs], dtype=np.float64)
        for of in (metric.value, metric.weight)
    )
    estimate = paired_difference(Paired(values[:, 0], values[:, 1], weights[:, 0], weights[:, 1], blocks))
    factor = float(estimate.samples) if metric.as_total else metric.factor
    return ComparedMetric(metric.name, metric.unit, metric.higher_is_better, estimate.scaled(factor))


def _false_positives(first: Results, second: Results) -> ComparedMetric:
    """In total, over the frames of both."""
    frames = [
        {(name, row.stamp_ns): row for name, tables in results.items() for row in tables.frames}
        for results in (first, second)
    ]
    keys = sorted(frames[0].keys() & frames[1].keys())
    counts = np.array([[_unmatched(side[key]) for side in frames] for key in keys]).reshape(-1, 2)
    ones = np.ones(len(keys))
    estimate = paired_difference(Paired(counts[:, 0], counts[:, 1], ones, ones, _blocks(keys)))
    return ComparedMetric("false_positives", "", False, estimate.scaled(float(estimate.samples)))


def _unmatched(frame: FrameRow) -> float:
    return float(frame.detected - frame.matched)
