"""Where people stand on a floor that is known: errors of their positions, and identities by distance in metres."""

from __future__ import annotations

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.identity import IdentityFrame, has_trackeval, score_identities
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.protocols.scored import Scored
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.types import Array

ZERO_DISTANCE_M = 2.0
"""From here on the similarity of two positions is 0, so that 0.5 is at 1 m (MOT challenge's 3D, TrackEval)."""


def ground_figures(scored: Scored) -> dict[str, float]:
    """Errors of matched people on the floor, and MOTA, IDF1 and HOTA of all people by distance on it.

    ground_error_*: distance on the floor. distance_error_percent: median of |ln(found / true distance)| of the roots;
    distance_bias_percent: its median with its sign. Identities are in percent. NaN where no floor is known.
    """
    errors_m, logs = [], []
    for pair in scored.pairs:
        ground = scored.sequences[scored.sequence_of[pair.frame]].ground
        roots = pair.raw.pose.root_cam_m, pair.ground_truth.pose.root_cam_m
        if ground is not None and np.isfinite(roots).all():
            places = [_on_floor(root[None], ground)[0] for root in roots]
            errors_m.append(float(np.linalg.norm(places[0] - places[1])))
            logs.append(float(np.log(np.linalg.norm(roots[0]) / np.linalg.norm(roots[1]))))
    none = float("nan")
    return {
        "ground_error_mean_m": metrics.mean(errors_m),
        "ground_error_median_m": float(np.median(errors_m)) if errors_m else none,
        "distance_error_percent": 100.0 * float(np.median(np.abs(logs))) if logs else none,
        "distance_bias_percent": 100.0 * float(np.median(logs)) if logs else none,
        **_identities(scored),
    }


def _identities(scored: Scored) -> dict[str, float]:
    names = ("mota_1m", "idf1_1m", "hota_1m", "id_switches_1m")
    frames = [frame for index in range(len(scored.session.frames)) if (frame := _frame(scored, index)) is not None]
    if not has_trackeval() or not frames:
        return dict.fromkeys(names, float("nan"))
    found = score_identities(frames)
    values = (100 * found.mota, 100 * found.idf1, 100 * found.hota, float(found.id_switches))
    return dict(zip(names, values, strict=True))


def _frame(scored: Scored, index: int) -> IdentityFrame | None:
    ground, frame = scored.sequences[scored.sequence_of[index]].ground, scored.session.frames[index]
    if ground is None:
        return None
    predicted = detected(frame.raw or ())
    known = [person for person in frame.ground_truth if np.isfinite(person.pose.root_cam_m).all()]
    places = [
        _on_floor(np.array([person.pose.root_cam_m for person in people]).reshape(-1, 3), ground)
        for people in (known, predicted)
    ]
    distances_m = np.linalg.norm(places[0][:, None] - places[1][None], axis=-1)
    similarity = np.nan_to_num(np.clip(1.0 - distances_m / ZERO_DISTANCE_M, 0.0, 1.0), nan=0.0)
    return IdentityFrame(tuple(p.track_id for p in known), tuple(p.track_id for p in predicted), similarity)


def _on_floor(points_cam_m: Array, ground: GroundPlane) -> Array:
    """The points (N, 3) moved along the vertical onto the floor."""
    moved: Array = points_cam_m - ground.heights_m(points_cam_m)[:, None] * ground.up_cam
    return moved
