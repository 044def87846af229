"""The metrics of a session: detection, accuracy, motion, speed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.json_file import plain, write_json
from pose3d_ros.evaluation.metrics.matching import detected, errors_of, recall, root_frame
from pose3d_ros.evaluation.metrics.splits import DEFINITION, groups_of
from pose3d_ros.evaluation.recording.groups import GroupMetrics, GroupsOf, group_metrics
from pose3d_ros.evaluation.recording.scoring import Pair, identities_of, jitter_of, match_session, motion_errors
from pose3d_ros.evaluation.recording.session import Session

MIN_VISIBLE = 0.3
"""A ground-truth person counts for detection_recall from this visible share of the body on."""

DEFINITIONS: dict[str, str] = {
    "frames": "images in the recording",
    "frames_processed": "images for which a people message came",
    "dropped": "frames - frames_processed",
    "fps": "people messages per second, first to last; at most the camera's rate when played in real time",
    "latency_ms": "from an image's time of capture (its arrival, for an offline run) to the publication of its people",
    "engine_ms": "mean milliseconds per frame spent in the stages that run engines; engine_stage_ms has the parts",
    "people_per_frame": "mean number of detected people (NEW or TRACKED; PREDICTED people are no detections)",
    "detection_recall": f"share of the ground-truth people at least {MIN_VISIBLE:.0%} visible who were "
    "matched to a detected person, over all frames, dropped ones included",
    "detection_recall_all": "the same over all ground-truth people, however occluded",
    "false_positives": "detected people matched to no ground-truth person",
    "joint_coverage": "share of the joints of matched people that have coordinates; the errors are means over these",
    "mpjpe_mm": "mean joint distance of matched people, each pose relative to its own root",
    "pa_mpjpe_mm": "the same after a similarity Procrustes of each pose (rotation, translation, scale; no reflection)",
    "pa_mpjpe_rigid_mm": "pa_mpjpe_mm without scale, as 3DMPPE evaluates",
    "mpjpe_abs_mm": "mean joint distance of matched people in camera space",
    "n_mpjpe_mm": "mpjpe_mm after the best scale of each pose",
    "mrpe_mm": "mean root distance of matched people in camera space; mrpe_xyz_mm is its |x|, |y|, |z|",
    "ap_root_25cm": "average precision of roots within 25 cm",
    "pck_150mm": "share of the root-relative joints strictly nearer than 150 mm; auc is its mean over 0, 5, …, 150 mm",
    "pck_abs_150mm": "pck_150mm of the joints in camera space; auc_abs likewise",
    "pss_50": "Pose Structure Score: share of matched people in the ground truth's cluster of 50 (pss_100: of 100)",
    "mpjpe_smoothed_mm": "mpjpe_mm of people_smoothed, on the same people of the same frames (likewise *_smoothed_mm)",
    "mpjve_mm": "mean error of the joints' velocity, mm/frame, each pose relative to its own root, over runs of frames "
    "in which a person keeps its id",
    "acceleration_error_mm": "the same of the joints' acceleration, mm/frame²",
    "mpjve_smoothed_mm": "mpjve_mm of people_smoothed; acceleration_error_smoothed_mm likewise",
    "groups": f"the same of groups of ground-truth people. {DEFINITION}",
    "jitter_raw": "mean third derivative of the camera-space joints over runs of consecutive TRACKED frames, m/s³",
    "jitter_smoothed": "the same of people_smoothed; jitter_truth: of the ground truth",
    "smoother_delay_frames": "frames by which the smoothed poses lag behind their stamps",
    "id_switches": "identity switches: a ground-truth person matched with another id than the last time",
    "fragments": "a ground-truth person is matched again after frames without a match",
    "mota": "1 - (missed people + false positives + identity switches) / ground-truth people (Bernardin 2008)",
    "idf1": "identity F1: of the best one-to-one assignment of ids (Ristani 2016)",
    "hota": "higher order tracking accuracy (Luiten 2021), the mean over 19 thresholds of the similarity in the image; "
    "a pair at the limit of matching has 0.5. All five by TrackEval",
}


@dataclass(frozen=True)
class Accuracy:
    """How near the matched people are to the ground truth. See DEFINITIONS."""

    joint_coverage: float
    mpjpe_mm: float
    n_mpjpe_mm: float
    pa_mpjpe_mm: float
    pa_mpjpe_rigid_mm: float
    mpjpe_abs_mm: float
    mrpe_mm: float
    mrpe_xyz_mm: tuple[float, float, float]
    ap_root_25cm: float
    pck_150mm: float
    auc: float
    pck_abs_150mm: float
    auc_abs: float
    pss_50: float
    pss_100: float
    mpjpe_smoothed_mm: float
    n_mpjpe_smoothed_mm: float
    pa_mpjpe_smoothed_mm: float
    mrpe_smoothed_mm: float


@dataclass(frozen=True)
class Completeness:
    """Who was found, and under which id; None and NaN for identities without TrackEval. See DEFINITIONS."""

    people_per_frame: float
    detection_recall: float
    detection_recall_all: float
    false_positives: int | None
    id_switches: int | None
    fragments: int | None
    mota: float
    idf1: float
    hota: float


@dataclass(frozen=True)
class Speed:
    """How many frames were processed and how fast. See DEFINITIONS."""

    frames: int
    frames_processed: int
    dropped: int
    fps: float
    latency_ms: dict[str, float]
    engine_ms: float
    engine_stage_ms: dict[str, float]
    backend: str


@dataclass(frozen=True)
class Smoothness:
    """How the people move. See DEFINITIONS."""

    mpjve_mm: float
    mpjve_smoothed_mm: float
    acceleration_error_mm: float
    acceleration_error_smoothed_mm: float
    jitter_raw: float
    jitter_smoothed: float
    jitter_truth: float
    smoother_delay_frames: int


@dataclass(frozen=True)
class Summary:
    """A metric that can't be computed (no ground truth, no smoother) is NaN here and null in the file."""

    speed: Speed
    completeness: Completeness
    accuracy: Accuracy
    smoothness: Smoothness
    model: str
    skeleton: str
    how: str
    groups: Mapping[str, Mapping[str, GroupMetrics]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """All metrics under their names in one level, NaN as None, then those of groups, and the definitions."""
        groups = (self.speed, self.completeness, self.accuracy, self.smoothness)
        numbers = {name: value for group in groups for name, value in asdict(group).items()}
        about = {"model": self.model, "skeleton": self.skeleton, "how": self.how}
        split = {kind: {name: asdict(one) for name, one in named.items()} for kind, named in self.groups.items()}
        values = {**numbers, **about, "groups": split}
        return {**{name: plain(value) for name, value in values.items()}, "definitions": DEFINITIONS}

    def write(self, path: Path) -> None:
        """Write `as_dict` as JSON."""
        write_json(path, self.as_dict())


FIELDS = frozenset(
    {one.name for group in (Speed, Completeness, Accuracy, Smoothness) for one in fields(group)}
    | {"groups", "model", "skeleton", "how"}
)
"""Names of `Summary.as_dict`, without the definitions."""


def summarize(session: Session, pairs: Sequence[Pair] | None = None, groups: GroupsOf | None = None) -> Summary:
    """Score a session. pairs: its `match_session`, if that is at hand already. groups: others than by the camera."""
    matched = match_session(session) if pairs is None else tuple(pairs)
    return Summary(
        _speed(session),
        _completeness(session, matched),
        _accuracy(session, matched),
        _smoothness(session, matched),
        session.model,
        session.skeleton.name,
        session.how,
        group_metrics(session, matched, groups or (lambda _, person: groups_of(person, session.camera))),
    )


def _speed(session: Session) -> Speed:
    processed = [f for f in session.frames if f.raw is not None]
    return Speed(
        frames=len(session.frames),
        frames_processed=len(processed),
        dropped=len(session.frames) - len(processed),
        fps=_rate_hz([f.received_ns for f in processed if f.received_ns is not None]),
        latency_ms=_percentiles([f.latency_ms for f in processed if f.latency_ms is not None]),
        engine_ms=sum(session.engine_ms.values()) if session.engine_ms else math.nan,
        engine_stage_ms=dict(session.engine_ms),
        backend=session.backend,
    )


def _completeness(session: Session, pairs: Sequence[Pair]) -> Completeness:
    found = [detected(frame.raw or ()) for frame in session.frames]
    seen = {(pair.frame, pair.ground_truth.track_id) for pair in pairs}
    ground_truth = [
        (t.score, (i, t.track_id) in seen) for i, frame in enumerate(session.frames) for t in frame.ground_truth
    ]
    identities = identities_of(session, pairs)
    total = sum(len(frame.scored) for frame in session.frames)
    return Completeness(
        people_per_frame=metrics.mean(
            [len(p) for p, f in zip(found, session.frames, strict=True) if f.raw is not None]
        ),
        detection_recall=recall([hit for visible, hit in ground_truth if visible >= MIN_VISIBLE]),
        detection_recall_all=recall([hit for _, hit in ground_truth]),
        false_positives=total - len(pairs) if session.has_ground_truth else None,
        id_switches=None if identities is None else identities.id_switches,
        fragments=None if identities is None else identities.fragments,
        mota=math.nan if identities is None else identities.mota,
        idf1=math.nan if identities is None else identities.idf1,
        hota=math.nan if identities is None else identities.hota,
    )


def _accuracy(session: Session, pairs: Sequence[Pair]) -> Accuracy:
    raw = errors_of([(p.raw, p.ground_truth) for p in pairs])
    smoothed = errors_of([(p.smoothed, p.ground_truth) for p in pairs if p.smoothed is not None])
    roots = [root_frame(f.scored, f.ground_truth) for f in session.frames if f.is_annotated]
    return Accuracy(
        joint_coverage=raw.coverage,
        mpjpe_mm=raw.mpjpe_mm,
        n_mpjpe_mm=raw.n_mpjpe_mm,
        pa_mpjpe_mm=raw.pa_mpjpe_mm,
        pa_mpjpe_rigid_mm=raw.pa_mpjpe_rigid_mm,
        mpjpe_abs_mm=metrics.mean(raw.absolute_mm),
        mrpe_mm=raw.root.mean_mm,
        mrpe_xyz_mm=(raw.root.x_mm, raw.root.y_mm, raw.root.z_mm),
        ap_root_25cm=metrics.average_precision_root(roots),
        pck_150mm=metrics.pck3d(raw.relative_mm),
        auc=metrics.auc3d(raw.relative_mm),
        pck_abs_150mm=metrics.pck3d(raw.absolute_mm),
        auc_abs=metrics.auc3d(raw.absolute_mm),
        pss_50=raw.pss_50,
        pss_100=raw.pss_100,
        mpjpe_smoothed_mm=smoothed.mpjpe_mm,
        n_mpjpe_smoothed_mm=smoothed.n_mpjpe_mm,
        pa_mpjpe_smoothed_mm=smoothed.pa_mpjpe_mm,
        mrpe_smoothed_mm=smoothed.root.mean_mm,
    )


def _smoothness(session: Session, pairs: Sequence[Pair]) -> Smoothness:
    raw = motion_errors(session, [(p.frame, p.raw, p.ground_truth) for p in pairs])
    smoothed = motion_errors(session, [(p.frame, p.smoothed, p.ground_truth) for p in pairs if p.smoothed is not None])
    return Smoothness(
        mpjve_mm=raw[0],
        mpjve_smoothed_mm=smoothed[0],
        acceleration_error_mm=raw[1],
        acceleration_error_smoothed_mm=smoothed[1],
        jitter_raw=jitter_of(session, [f.raw for f in session.frames]),
        jitter_smoothed=jitter_of(session, [f.smoothed for f in session.frames]),
        jitter_truth=jitter_of(session, [f.ground_truth for f in session.frames]),
        smoother_delay_frames=session.delay_frames,
    )


def _rate_hz(received_ns: Sequence[int]) -> float:
    if len(received_ns) < 2 or max(received_ns) <= min(received_ns):
        return math.nan
    return (len(received_ns) - 1) / ((max(received_ns) - min(received_ns)) * 1e-9)


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    finite = [v for v in values if math.isfinite(v)]
    return {f"p{q}": float(np.percentile(finite, q)) if finite else math.nan for q in (50, 95, 99)}
