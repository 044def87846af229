"""Identity metrics: switches, IDF1 and recall, from who was matched to whom in each frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

FrameIds = Sequence[tuple[int, int]]
"""One frame's matches as (ground-truth id, predicted id)."""


def id_switches(frames: Iterable[FrameIds]) -> int:
    """How often a ground-truth person comes back under another id than the last one it was matched to.

    The frames are in time order. Frames without a match keep the last id, as in CLEAR MOT (Bernardin 2008).
    """
    last: dict[int, int] = {}
    switches = 0
    for matches in frames:
        for gt_id, predicted_id in matches:
            switches += last.get(gt_id, predicted_id) != predicted_id
            last[gt_id] = predicted_id
    return switches


def idf1(frames: Iterable[FrameIds], gt_count: int, predicted_count: int) -> float:
    """IDF1 = 2·IDTP / (ground truth + predictions), Ristani 2016, 0–1; NaN when there is neither.

    gt_count, predicted_count: person-frames in all. IDTP is the largest number of matched person-frames that
    one fixed pairing of ground-truth ids and predicted ids explains.
    """
    if not gt_count + predicted_count:
        return float("nan")
    together = Counter(pair for matches in frames for pair in matches)
    if not together:
        return 0.0
    gt_ids = sorted({t for t, _ in together})
    predicted_ids = sorted({p for _, p in together})
    counts = np.zeros((len(gt_ids), len(predicted_ids)))
    for (gt_id, predicted_id), count in together.items():
        counts[gt_ids.index(gt_id), predicted_ids.index(predicted_id)] = count
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(2.0 * counts[rows, columns].sum() / (gt_count + predicted_count))


def recall(found: Sequence[bool]) -> float:
    """Share of ground-truth person-frames that were found, 0–1; NaN without any."""
    return sum(found) / len(found) if found else float("nan")
