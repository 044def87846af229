"""A session as data for the report's 3D viewer: integer millimetres, small enough to be part of the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from pose3d_ros.evaluation.palette import PERSON_HEX, RAW_HEX, TRUTH_HEX, edge_hex
from pose3d_ros.evaluation.session import People, Session
from pose3d_ros.records import TrackState

RAW, SMOOTHED, TRUTH = "raw", "smoothed", "truth"

# How the viewer draws each set: bone width in metres, opacity, one colour or the sides' (None).
_STYLES: dict[str, dict[str, Any]] = {
    TRUTH: {"width": 0.06, "alpha": 0.45, "colour": TRUTH_HEX, "thin": True},
    RAW: {"width": 0.025, "alpha": 0.75, "colour": RAW_HEX, "thin": True},
    SMOOTHED: {"width": 0.05, "alpha": 1.0, "colour": None, "thin": False},
}
_LABELS = {TRUTH: "ground truth", RAW: "each frame alone", SMOOTHED: "smoothed"}
_FLOOR_PERCENTILE = 98.0


def sets_of(session: Session) -> dict[str, str]:
    """The sets of people that a session has, drawn in this order: name → label."""
    has = {
        TRUTH: any(frame.truth for frame in session.frames),
        RAW: any(frame.raw for frame in session.frames),
        SMOOTHED: any(frame.smoothed for frame in session.frames),
    }
    return {name: _LABELS[name] for name in _STYLES if has[name]}


def scene_data(session: Session) -> dict[str, Any]:
    """What assets/viewer.js reads, JSON types only. Lost joints are null."""
    sets = sets_of(session)
    camera, skeleton = session.camera, session.skeleton
    start_ns = session.frames[0].stamp_ns if session.frames else 0
    styles = {name: dict(_STYLES[name]) for name in sets}
    if RAW in styles and SMOOTHED not in styles:
        styles[RAW] = _STYLES[SMOOTHED]
    return {
        "skeleton": skeleton.name,
        "edges": [list(edge) for edge in skeleton.edges],
        "edge_colours": [edge_hex(skeleton, edge) for edge in skeleton.edges],
        "palette": list(PERSON_HEX),
        "sets": styles,
        "hfov_rad": round(2 * float(np.arctan(camera.width_px / 2 / camera.fx_px)), 4),
        "vfov_rad": round(2 * float(np.arctan(camera.height_px / 2 / camera.fy_px)), 4),
        "floor_m": floor_m(session),
        "first_frame": len(session.frames) // 3,
        "frames": [
            {
                "t": round((frame.stamp_ns - start_ns) * 1e-9, 3),
                "people": {
                    name: _people(people)
                    for name, people in ((TRUTH, frame.truth), (RAW, frame.raw), (SMOOTHED, frame.smoothed))
                    if people and name in sets
                },
            }
            for frame in session.frames
        ],
    }


def floor_m(session: Session) -> float | None:
    """Where the floor is: y of the lowest joints of the ground truth, else of what was found; None without people.

    A camera that looks level is assumed, which is good enough to draw a grid.
    """
    people = [p for f in session.frames for p in (f.truth or f.raw or ())]
    lowest = [
        float(np.nanmax(p.pose.joints_cam_m[:, 1])) for p in people if np.isfinite(p.pose.joints_cam_m[:, 1]).any()
    ]
    return round(float(np.percentile(lowest, _FLOOR_PERCENTILE)), 3) if lowest else None


def _people(people: People) -> list[dict[str, Any]]:
    return [
        {
            "id": person.track_id,
            "predicted": person.state == TrackState.PREDICTED,
            "joints": [
                round(float(v) * 1000) if np.isfinite(v) else None for v in _whole_joints(person.pose.joints_cam_m)
            ],
        }
        for person in people
        if person.state != TrackState.LOST
    ]


def _whole_joints(joints_cam_m: Any) -> Any:
    """Joints flattened; all three coordinates NaN where one is."""
    lost = np.isnan(joints_cam_m).any(axis=-1, keepdims=True)
    return np.where(lost, np.nan, joints_cam_m).ravel()
