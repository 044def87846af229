"""The protocols by name: part of the dataset, joints, matching, and the figures that papers report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pose3d_ros.errors import ConfigError, shown
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.identity import box_frame, has_trackeval, score_identities
from pose3d_ros.evaluation.metrics.matching import detected, root_frame
from pose3d_ros.evaluation.protocols import person_matching as matching
from pose3d_ros.evaluation.protocols.ground_positions import ground_figures
from pose3d_ros.evaluation.protocols.pck_scores import pck_scores
from pose3d_ros.evaluation.protocols.scored import Scored
from pose3d_ros.skeletons import convert, get_skeleton

Figures = dict[str, float]

_LIMBS = tuple(f"{s}_{j}" for s in "LR" for j in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle"))
_PANOPTIC15 = ("Thorax", "Nose", "Pelvis", *_LIMBS)


@dataclass(frozen=True)
class Protocol:
    """How a benchmark is scored.

    format: of the dataset. selection: its part. joints: of the skeleton, those that count. figures: what papers report.
    about: subsets and frames, in words. source: where the protocol is from. is_video: whether frames follow each other.
    """

    name: str
    format: str
    selection: Selection
    skeleton: str
    joints: tuple[str, ...]
    matching: matching.Matching
    figures: Callable[[Scored], Figures]
    about: str
    source: str
    is_video: bool = True


def get_protocol(name: str) -> Protocol:
    """Look a protocol up. Raises ConfigError for an unknown name."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    expected = "one of " + ", ".join(PROTOCOLS)
    raise ConfigError("--protocol", expected=expected, got=shown(name), fix="Name one of them, or bag.")


def _h36m_p1(scored: Scored) -> Figures:
    """3DMPPE aligns with the thorax, the middle of the shoulders, as an 18th joint, whose error does not count."""
    source, target = get_skeleton("h36m17"), get_skeleton("h36m18")
    pairs = [(pair.raw, pair.ground_truth) for pair in scored.pairs]
    poses = [
        convert(np.array([pair[side].pose.joints_cam_m for pair in pairs]).reshape(-1, len(source), 3), source, target)
        for side in (0, 1)
    ]
    errors = [metrics.aligned_errors_mm(*poses, scale=scale)[:, : len(source)] for scale in (False, True)]
    return {"pa_mpjpe_rigid_mm": metrics.mean(errors[0]), "pa_mpjpe_mm": metrics.mean(errors[1])}


def _h36m_p2(scored: Scored) -> Figures:
    found = scored.summary.accuracy
    return {"mpjpe_mm": found.mpjpe_mm, "mrpe_mm": found.mrpe_mm, **_axes(found.mrpe_xyz_mm)}


def _axes(values: tuple[float, float, float]) -> Figures:
    return {f"mrpe_{axis}_mm": value for axis, value in zip("xyz", values, strict=True)}


def _mupots(scored: Scored) -> Figures:
    return {**_pck(scored, "rel", relative=True), "ap_root_25cm": _ap_root(scored)}


def _mupots_abs(scored: Scored) -> Figures:
    return {**_pck(scored, "abs", relative=False), "ap_root_25cm": _ap_root(scored)}


def _pck(scored: Scored, kind: str, *, relative: bool) -> Figures:
    rows = scored.by_sequence()
    made: Figures = {}
    for suffix, rescaled in (("", True), ("_unscaled", False)):
        found = pck_scores(rows, relative=relative, rescaled=rescaled)
        made[f"pck_{kind}_all{suffix}"], made[f"pck_{kind}_matched{suffix}"] = found.pck_all, found.pck_matched
        made[f"auc_{kind}_all{suffix}"], made[f"auc_{kind}_matched{suffix}"] = found.auc_all, found.auc_matched
    return made


def _ap_root(scored: Scored) -> float:
    """Of the frames with people, percent: RootNet's script leaves the others out."""
    frames = [frame for frame in scored.session.frames if frame.ground_truth]
    return 100.0 * metrics.average_precision_root(
        [root_frame(detected(frame.raw or ()), frame.ground_truth) for frame in frames]
    )


def _3dhp(scored: Scored) -> Figures:
    rows = [[pair for rows in scored.by_sequence() for pair in rows]]
    found = pck_scores(rows, relative=True, rescaled=False)
    return {"pck_150mm": found.pck_all, "auc": found.auc_all, "mpjpe_mm": scored.summary.accuracy.mpjpe_mm}


def _pw3d(scored: Scored) -> Figures:
    found = scored.summary.accuracy
    poses = {"mpjpe_mm": found.mpjpe_mm, "pa_mpjpe_mm": found.pa_mpjpe_mm}
    return {"mrpe_mm": found.mrpe_mm, **_axes(found.mrpe_xyz_mm), **poses}


def _panoptic(scored: Scored) -> Figures:
    groups = scored.summary.groups.get("sequence", {})
    each = [group.mpjpe_mm for group in groups.values()] or [scored.summary.accuracy.mpjpe_mm]
    return {"mpjpe_mm": metrics.mean(each), "recall": 100.0 * scored.summary.completeness.detection_recall_all}


def _mot(scored: Scored) -> Figures:
    if not has_trackeval():
        return dict.fromkeys(("mota", "idf1", "hota", "id_switches", "fragments"), float("nan"))
    frames = []
    for frame in scored.session.frames:
        people, found = frame.ground_truth, detected(frame.raw or ())
        boxes = [np.array([p.pose.detection.box_xyxy_px for p in one]).reshape(-1, 4) for one in (people, found)]
        ids = [[p.track_id for p in one] for one in (people, found)]
        frames.append(box_frame(ids[0], boxes[0], ids[1], boxes[1], [True] * len(people)))
    made = score_identities(frames)
    counts = {"id_switches": float(made.id_switches), "fragments": float(made.fragments)}
    return {"mota": 100 * made.mota, "idf1": 100 * made.idf1, "hota": 100 * made.hota, **counts}


def _muco(scored: Scored) -> Figures:
    found = scored.summary.accuracy
    return {"mpjpe_mm": found.mpjpe_mm, "mpjpe_abs_mm": found.mpjpe_abs_mm, "mrpe_mm": found.mrpe_mm}


def _all(skeleton: str) -> tuple[str, ...]:
    return get_skeleton(skeleton).joints


_S11, _S9_S11 = Selection(("s_11_*",), 64), Selection(("s_09_*", "s_11_*"), 64)
_HD = Selection(views=("00_16", "00_30"))
_SMAP = "Zhen 2020 (SMAP), after Zanfir 2018"

PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        Protocol("h36m-p1", "h36m", _S11, "h36m17", _all("h36m17"), matching.of_single_person, _h36m_p1,
                 "S11, every 64th frame, all cameras", "Moon 2019 (3DMPPE), protocol 1", is_video=False),
        Protocol("h36m-p2", "h36m", _S9_S11, "h36m17", _all("h36m17"), matching.of_single_person, _h36m_p2,
                 "S9 and S11, every 64th frame, all cameras", "Moon 2019 (3DMPPE), protocol 2", is_video=False),
        Protocol("mupots", "mupots", Selection(), "mupots17", _all("mupots17"), matching.of_mupots, _mupots,
                 "TS1 to TS20, valid people", "Mehta 2018, Moon 2019"),
        Protocol("mupots-abs", "mupots", Selection(), "mupots17", _all("mupots17"), matching.of_mupots, _mupots_abs,
                 "TS1 to TS20, valid people", "Moon 2019"),
        Protocol("3dhp", "3dhp", Selection(universal=True), "mupots17", _all("mupots17"), matching.of_single_person,
                 _3dhp, "TS1 to TS6, valid frames, universal skeletons", "Mehta 2017"),
        Protocol("3dpw", "3dpw", Selection(), "muco21", ("Pelvis", *_LIMBS), matching.by_skeleton, _pw3d,
                 "test set", "Moon 2019 (RootNet)"),
        Protocol("panoptic", "panoptic", _HD, "body40", _PANOPTIC15, matching.of_panoptic, _panoptic,
                 "HD cameras 16 and 30", _SMAP),
        Protocol("muco", "muco", Selection(), "muco21", _all("muco21"), matching.by_skeleton, _muco,
                 "all images", "Mehta 2018; a training set, no published protocol", is_video=False),
        Protocol("mot", "mot", Selection(), "muco21", (), matching.by_box, _mot,
                 "class 1 with a confidence above 0", "Dendorfer 2020 (MOT challenge)"),
        Protocol("pets-ground", "pets", Selection(), "muco21", (), matching.by_box, ground_figures,
                 "all frames, floor of the Tsai calibration", "Andriyenko 2011: 1 m on the floor"),
    )
}  # fmt: skip
