"""Who of the ground truth belongs to which group: by distance, visible share, truncation and posture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.types import Array

DEFINITION = (
    "distance: camera to root; visible: share of the body that the image shows; truncated: share of the box beyond the "
    "image; posture: lying (trunk more than 60° from the vertical), else sitting (thighs more than 50°), else bent "
    "(trunk more than 30°), else upright; the vertical is that of the floor, else the image's"
)
_LYING_DEG, _BENT_DEG, _SEATED_DEG = 60.0, 30.0, 50.0
_DISTANCES_M = ((0, 2), (2, 3), (3, 5), (5, 7), (7, 10), (10, 20), (20, np.inf))
_IMAGE_UP = np.array([0.0, -1.0, 0.0])


def groups_of(person: Person, camera: Camera | None, ground: GroundPlane | None = None) -> dict[str, str]:
    """Kind of split → the group of a ground-truth person; without a kind whose values are not known."""
    found = {
        "distance": _distance(person),
        "visible": _of(person.score, {"below 30%": 0.3, "30–50%": 0.5, "50–90%": 0.9, "90% or more": np.inf}),
        "truncated": "" if camera is None else _truncated(person.pose.detection.box_xyxy_px, camera),
        "posture": posture_of(person, _IMAGE_UP if ground is None else ground.up_cam),
    }
    return {kind: name for kind, name in found.items() if name}


def posture_of(person: Person, up_cam: Array) -> str:
    """lying, sitting, bent or upright (see `DEFINITION`); "" where hips, shoulders or knees are not known."""
    trunk = _mean(person, ("L_Shoulder", "R_Shoulder")) - _mean(person, ("L_Hip", "R_Hip"))
    thighs = [_angle_deg(_mean(person, (f"{side}_Knee",)) - _mean(person, (f"{side}_Hip",)), -up_cam) for side in "LR"]
    lean, spread = _angle_deg(trunk, up_cam), float(np.mean(thighs))
    if not np.isfinite(lean + spread):
        return ""
    if lean > _LYING_DEG:
        return "lying"
    return "sitting" if spread > _SEATED_DEG else "bent" if lean > _BENT_DEG else "upright"


def _distance(person: Person) -> str:
    distance_m = float(np.linalg.norm(person.pose.root_cam_m))
    found = next(((a, b) for a, b in _DISTANCES_M if a <= distance_m < b), None)
    return "" if found is None else f"{found[0]}–{found[1]} m" if np.isfinite(found[1]) else f"{found[0]} m or more"


def _truncated(box_xyxy_px: Array, camera: Camera) -> str:
    low = np.clip(box_xyxy_px[:2], -0.5, [camera.width_px - 0.5, camera.height_px - 0.5])
    high = np.clip(box_xyxy_px[2:], -0.5, [camera.width_px - 0.5, camera.height_px - 0.5])
    area = float(np.prod(box_xyxy_px[2:] - box_xyxy_px[:2]))
    if not area > 0:
        return ""
    beyond = 1.0 - float(np.prod(high - low)) / area
    return _of(beyond, {"none": 1e-6, "below 25%": 0.25, "25% or more": np.inf})


def _of(value: float, limits: Mapping[str, float]) -> str:
    return next((name for name, limit in limits.items() if value < limit), "")


def _mean(person: Person, names: tuple[str, ...]) -> Array:
    index = person.pose.skeleton.index_of
    if any(name not in index for name in names):
        return np.full(3, np.nan)
    mean: Array = person.pose.joints_cam_m[[index[name] for name in names]].mean(axis=0)
    return mean


def _angle_deg(vector: Array, axis: Array) -> float:
    length = float(np.linalg.norm(vector))
    return float(np.degrees(np.arccos(np.clip(vector @ axis / length, -1, 1)))) if length > 0 else float("nan")
