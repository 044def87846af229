"""What a person's 3D markers show: which joints, bones and colors, and where the label goes; nothing of ROS."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from pose3d_ros.drawing.colors import bgr, edge_hex, person_hex
from pose3d_ros.records import Person, TrackState

JOINT_M, BONE_M, LABEL_M = 0.06, 0.03, 0.18
"""Diameter of a joint, width of a bone, height of the label's letters."""

_PREDICTED_ALPHA = 0.35
_LABEL_JOINTS = ("Head_top", "Head", "Nose", "Neck", "Thorax")

Rgba = tuple[float, float, float, float]
"""Red, green, blue, opacity; 0–1."""


@dataclass(frozen=True)
class MarkerLines:
    """One person's markers; joints by their index in the skeleton.

    joints: those with a position. edges: bones with both ends among them, each with its color, by the side of the body.
    color: the person's, the same for the same id. label_joint: the highest of a few, None for the root. distance_m:
    from the camera to the root.
    """

    joints: tuple[int, ...]
    edges: tuple[tuple[tuple[int, int], Rgba], ...]
    color: Rgba
    label_joint: int | None
    distance_m: float


def marker_lines(person: Person) -> MarkerLines | None:
    """The markers of a person; None for one who is lost. A predicted person is faint."""
    if person.state == TrackState.LOST:
        return None
    alpha = _PREDICTED_ALPHA if person.state == TrackState.PREDICTED else 1.0
    pose, skeleton = person.pose, person.pose.skeleton
    valid = np.asarray(np.isfinite(pose.joints_cam_m).all(axis=1)).tolist()
    edges = [edge for edge in skeleton.edges if valid[edge[0]] and valid[edge[1]]]
    heads = [skeleton.index_of[name] for name in _LABEL_JOINTS if name in skeleton.index_of]
    return MarkerLines(
        joints=tuple(joint for joint, is_valid in enumerate(valid) if is_valid),
        edges=tuple((edge, rgba(edge_hex(skeleton, edge), alpha)) for edge in edges),
        color=rgba(person_hex(person.track_id), alpha),
        label_joint=next((joint for joint in heads if valid[joint]), None),
        distance_m=float(np.linalg.norm(pose.root_cam_m)),
    )


@functools.cache
def rgba(color_hex: str, alpha: float) -> Rgba:
    """`#rrggbb` as red, green, blue and opacity, 0–1."""
    blue, green, red = bgr(color_hex)
    return red / 255, green / 255, blue / 255, alpha
