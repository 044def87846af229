"""A session as data for the report's 3D viewer: integer millimetres, small enough to be part of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, PERSON_HEX, RAW_HEX, edge_hex
from pose3d_ros.evaluation.recording.session import People, Session
from pose3d_ros.records import TrackState
from pose3d_ros.types import Array

RAW, SMOOTHED, GROUND_TRUTH = "raw", "smoothed", "ground_truth"

# How the viewer draws each set: bone width in metres, opacity, one color or the sides' (None).
_STYLES: dict[str, dict[str, Any]] = {
    GROUND_TRUTH: {"width": 0.06, "alpha": 0.45, "color": GROUND_TRUTH_HEX, "thin": True},
    RAW: {"width": 0.025, "alpha": 0.75, "color": RAW_HEX, "thin": True},
    SMOOTHED: {"width": 0.05, "alpha": 1.0, "color": None, "thin": False},
}
_LABELS = {GROUND_TRUTH: "ground truth", RAW: "raw", SMOOTHED: "smoothed"}
_REACH_M = 200.0
"""How far the viewer draws: its floor has a line for each metre."""
_FLOOR_PERCENTILE = 98.0
_FLOOR_ROUNDS = 6
_FOOT_LIFT_M = 0.03
_MIN_DEPTH_RANGE_M = 0.8


def sets_of(session: Session) -> dict[str, str]:
    """The sets of people that a session has, drawn in this order: name → label."""
    has = {
        GROUND_TRUTH: any(frame.ground_truth for frame in session.frames),
        RAW: any(frame.raw for frame in session.frames),
        SMOOTHED: any(frame.smoothed for frame in session.frames),
    }
    return {name: _LABELS[name] for name in _STYLES if has[name]}


def scene_data(session: Session) -> dict[str, Any]:
    """What assets/viewer.js reads, JSON types only. Lost joints are null."""
    sets = sets_of(session)
    camera, skeleton, floor = session.camera, session.skeleton, find_floor(session)
    start_ns = session.frames[0].stamp_ns if session.frames else 0
    styles = {name: dict(_STYLES[name]) for name in sets}
    if RAW in styles and SMOOTHED not in styles:
        styles[RAW] = _STYLES[SMOOTHED]
    return {
        "skeleton": skeleton.name,
        "edges": [list(edge) for edge in skeleton.edges],
        "edge_colors": [edge_hex(skeleton, edge) for edge in skeleton.edges],
        "palette": list(PERSON_HEX),
        "sets": styles,
        "hfov_rad": round(2 * float(np.arctan(camera.width_px / 2 / camera.fx_px)), 4),
        "vfov_rad": round(2 * float(np.arctan(camera.height_px / 2 / camera.fy_px)), 4),
        "floor_m": None if floor is None else round(floor.height_m, 3),
        "tilt_rad": 0.0 if floor is None else round(floor.tilt_rad, 4),
        "first_frame": len(session.frames) // 3,
        "frames": [
            {
                "t": round((frame.stamp_ns - start_ns) * 1e-9, 3),
                "people": {
                    name: _people(people, floor)
                    for name, people in (
                        (GROUND_TRUTH, frame.ground_truth),
                        (RAW, frame.raw),
                        (SMOOTHED, frame.smoothed),
                    )
                    if people and name in sets
                },
            }
            for frame in session.frames
        ],
    }


@dataclass(frozen=True)
class Floor:
    """The floor as a level plane. tilt_rad: how far the camera looks down. height_m: of the camera above the floor."""

    tilt_rad: float
    height_m: float

    def level(self, points_cam_m: Array) -> Array:
        """Points (..., 3) in axes like the camera's but level: y straight down, the floor at y = height_m."""
        sine, cosine = math.sin(self.tilt_rad), math.cos(self.tilt_rad)
        rotation = np.array([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
        leveled: Array = points_cam_m @ rotation.T
        return leveled


def find_floor(session: Session) -> Floor | None:
    """The floor under the people's feet, for a camera without roll; None without people.

    With y down and z forward, a camera that looks down by t sees the floor at y = h / cos t - z tan t. The line is
    fitted to the lowest joint of each person, again and again without those who are above it (a foot in the air).
    """
    people = [p.pose.joints_cam_m for f in session.frames for p in (f.ground_truth or f.raw or ())]
    lowest = [joints[np.nanargmax(joints[:, 1])] for joints in people if np.isfinite(joints[:, 1]).any()]
    if not lowest:
        return None
    y_m, z_m = np.array(lowest)[:, 1], np.array(lowest)[:, 2]
    slope, offset = 0.0, float(np.percentile(y_m, _FLOOR_PERCENTILE))
    if np.ptp(z_m) > _MIN_DEPTH_RANGE_M:
        near: npt.NDArray[np.bool_] = np.ones(len(y_m), dtype=np.bool_)
        for _ in range(_FLOOR_ROUNDS):
            slope, offset = (float(v) for v in np.polyfit(z_m[near], y_m[near], 1))
            near = y_m - (slope * z_m + offset) > -_FOOT_LIFT_M
        offset += float(np.percentile(y_m[near] - (slope * z_m[near] + offset), 90))
    tilt_rad = math.atan(-slope)
    return Floor(tilt_rad, offset * math.cos(tilt_rad))


def _people(people: People, floor: Floor | None) -> list[dict[str, Any]]:
    return [
        {
            "id": person.track_id,
            "predicted": person.state == TrackState.PREDICTED,
            "joints": [
                round(float(v) * 1000) if np.isfinite(v) else None for v in _joints(person.pose.joints_cam_m, floor)
            ],
        }
        for person in people
        if person.state != TrackState.LOST
    ]


def _joints(joints_cam_m: Array, floor: Floor | None) -> Array:
    """Joints leveled and flattened; all three coordinates NaN where one is, or lies where nothing is drawn."""
    lost = ~(np.abs(joints_cam_m) <= _REACH_M).all(axis=-1, keepdims=True)
    leveled = joints_cam_m if floor is None else floor.level(joints_cam_m)
    return np.where(lost, np.nan, leveled).ravel()
