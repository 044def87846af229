"""How well identities last: CLEAR MOT, IDF1 and HOTA, all by TrackEval."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.types import Array


@dataclass(frozen=True, eq=False)
class IdentityFrame:
    """One image: ids of ground-truth people (G) and of predicted ones (P), and their similarity (G, P), 0 to 1."""

    gt_ids: tuple[int, ...]
    predicted_ids: tuple[int, ...]
    similarity: Array


@dataclass(frozen=True)
class IdentityScores:
    """Of a recording.

    mota (Bernardin 2008), idf1 (Ristani 2016) and hota (Luiten 2021) are at most 1. id_switches: a ground-truth person
    is matched with another id than the last one. fragments: a ground-truth person is found again after a gap.
    """

    mota: float
    idf1: float
    hota: float
    id_switches: int
    fragments: int


def box_frame(
    gt_ids: Sequence[int], gt_xyxy: Array, predicted_ids: Sequence[int], predicted_xyxy: Array, counts: Sequence[bool]
) -> IdentityFrame:
    """A frame whose similarity is the boxes' intersection over union.

    counts (G,): which ground-truth people count. A prediction that belongs to one of the others (IoU from 0.5 on, best
    one-to-one assignment) is left out, as MOT challenges do with people who may be found or not.
    """
    similarity = iou_matrix(gt_xyxy.reshape(-1, 4), predicted_xyxy.reshape(-1, 4))
    counted = np.asarray(counts, dtype=bool)
    rows, columns = linear_sum_assignment(np.where(similarity >= 0.5, similarity, 0.0), maximize=True)
    spare = [c for r, c in zip(rows, columns, strict=True) if not counted[r] and similarity[r, c] >= 0.5]
    kept = np.setdiff1d(np.arange(len(predicted_ids)), np.array(spare, dtype=int))
    return IdentityFrame(
        tuple(int(gt_ids[i]) for i in np.flatnonzero(counted)),
        tuple(int(predicted_ids[i]) for i in kept),
        similarity[counted][:, kept],
    )


def has_trackeval() -> bool:
    """Whether the metrics can be computed here."""
    try:
        _trackeval()
    except ConfigError:
        return False
    return True


def score_identities(frames: Iterable[IdentityFrame], threshold: float = 0.5) -> IdentityScores:
    """Score a recording, its frames in time order.

    threshold: similarity from which on a pair may be a match, for all but HOTA, which averages over 0.05 to 0.95.
    All but counts are NaN without ground truth. Raises ConfigError where TrackEval is not installed.
    """
    trackeval = _trackeval()
    data = _data(tuple(frames))
    config = {"THRESHOLD": threshold, "PRINT_CONFIG": False}
    clear = trackeval.CLEAR(config).eval_sequence(data)
    identity = trackeval.Identity(config).eval_sequence(data)
    hota = trackeval.HOTA().eval_sequence(data)
    known = data["num_gt_dets"] > 0
    return IdentityScores(
        float(clear["MOTA"]) if known else math.nan,
        float(identity["IDF1"]) if known else math.nan,
        float(np.mean(hota["HOTA"])) if known else math.nan,
        int(clear["IDSW"]),
        int(clear["Frag"]),
    )


def _trackeval() -> Any:
    try:
        # The import prints what it lacks for other data sets.
        with contextlib.redirect_stdout(io.StringIO()):
            from trackeval import metrics
    except ImportError as error:
        raise ConfigError(
            "metrics of identities",
            expected="TrackEval",
            got="none installed",
            fix="Run `make setup`, or `pip install --no-deps trackeval`.",
        ) from error
    return metrics


def _data(frames: tuple[IdentityFrame, ...]) -> dict[str, Any]:
    """The frames as TrackEval wants them: ids from 0 on."""
    gt, predicted = (_numbers(ids) for ids in ([f.gt_ids for f in frames], [f.predicted_ids for f in frames]))
    return {
        "num_timesteps": len(frames),
        "num_gt_ids": gt.count,
        "num_tracker_ids": predicted.count,
        "num_gt_dets": sum(map(len, gt.frames)),
        "num_tracker_dets": sum(map(len, predicted.frames)),
        "gt_ids": gt.frames,
        "tracker_ids": predicted.frames,
        "similarity_scores": [f.similarity.reshape(len(f.gt_ids), len(f.predicted_ids)) for f in frames],
    }


@dataclass(frozen=True, eq=False)
class _Numbers:
    count: int
    frames: list[npt.NDArray[np.int64]]


def _numbers(frames: Sequence[tuple[int, ...]]) -> _Numbers:
    number = {one: i for i, one in enumerate(sorted({one for ids in frames for one in ids}))}
    return _Numbers(len(number), [np.array([number[one] for one in ids], dtype=np.int64) for ids in frames])
