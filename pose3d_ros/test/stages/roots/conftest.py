"""A person of boxes and sticks who stands before a camera."""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry import Camera
from pose3d_ros.records import Detection, Pose, RootReading
from pose3d_ros.skeletons import get_skeleton

STANDING_M = {
    "Head_top": (0.0, 1.70), "Head": (0.0, 1.6), "Thorax": (0.0, 1.42), "Spine": (0.0, 1.15), "Pelvis": (0.0, 0.95),
    "Shoulder": (0.18, 1.40), "Elbow": (0.22, 1.12), "Wrist": (0.24, 0.86), "Hand": (0.24, 0.78),
    "Hip": (0.09, 0.92), "Knee": (0.09, 0.50), "Ankle": (0.09, 0.095), "Toe": (0.10, 0.04),
}  # fmt: skip
"""Distance from the middle and height above the floor, by joint without its side."""
CAMERA = Camera.from_hfov(60.0, 640, 480)


def person_at(z_m: float, height_m: float = 1.2, *, seen_at: float = 1.0, lifted_m: float = 0.0) -> Pose:
    """A person who stands at depth z_m on the floor height_m below a level camera.

    seen_at: factor on all distances of what the nets say. lifted_m: height of the soles above the floor.
    """
    skeleton = get_skeleton("muco21")
    places = []
    for joint in skeleton.joints:
        side = {"L": 1.0, "R": -1.0}.get(joint[0], 0.0) if joint[1] == "_" else 0.0
        away_m, up_m = STANDING_M[joint[2:] if side else joint]
        places.append((side * away_m, height_m - up_m - lifted_m, z_m))
    joints = np.array(places)
    pixels = CAMERA.project(joints)
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    seen_m = np.asarray(seen_at * joints)
    root = seen_m[skeleton.root]
    reading = RootReading("similarity", float(np.linalg.norm(root)), 0.07, by_size=True)
    return Pose(root, seen_m, pixels, np.ones(len(joints)), skeleton, Detection(box, 0.9), readings=(reading,))
