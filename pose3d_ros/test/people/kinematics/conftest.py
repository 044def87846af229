"""Bodies to measure: one that stands before a camera, and bodies of any pose."""

from __future__ import annotations

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.types import Array

FACING = RigidTransform(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]]), np.array([0.4, 0.2, 5.0]))
"""From the frame of a body that stands upright and looks into the camera to the camera's optical frame."""
LINK_OF = {
    f"{side.upper()}_{joint}": f"{side}_{link}"
    for side in "lr"
    for joint, link in (
        ("Shoulder", "y_shoulder"),
        ("Elbow", "elbow"),
        ("Wrist", "wrist"),
        ("Hip", "y_hip"),
        ("Knee", "knee"),
        ("Ankle", "ankle"),
    )
}
"""Measured joint → the link of the model whose origin it is."""


def standing_body() -> dict[str, Array]:
    """Joints in the frame of the body, arms hanging, all angles of the model 0."""
    points = {"Nose": (0.1, 0.0, 0.74), "Head": (0.0, 0.0, 0.66), "Head_top": (0.0, 0.0, 0.86)}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        points |= {
            f"{side}_Eye": (0.08, sign * 0.03, 0.78),
            f"{side}_Ear": (0.0, sign * 0.07, 0.76),
            f"{side}_Shoulder": (0.0, sign * 0.18, 0.55),
            f"{side}_Elbow": (0.0, sign * 0.18, 0.25),
            f"{side}_Wrist": (0.0, sign * 0.18, 0.0),
            f"{side}_Hip": (0.0, sign * 0.1, 0.0),
            f"{side}_Knee": (0.0, sign * 0.1, -0.42),
            f"{side}_Ankle": (0.0, sign * 0.1, -0.82),
        }
    return {name: np.array(point) for name, point in points.items()}


def seen(points_body: dict[str, Array], body2cam: RigidTransform = FACING) -> dict[str, Array]:
    """The same in the camera's frame."""
    return {name: body2cam.apply(point) for name, point in points_body.items()}


def random_body(seed: int) -> dict[str, Array]:
    """Limbs of any direction on a leaning, twisted, tilted trunk; both sides have bones of one length."""
    rng = np.random.default_rng(seed)

    def direction(preferred: Array, spread: float) -> Array:
        vector: Array = preferred + spread * rng.normal(size=3)
        return vector / np.linalg.norm(vector)

    points = standing_body()
    top = 0.55 * direction(np.array([0.0, 0.0, 1.0]), 0.5)
    shoulder = 0.18 * direction(np.array([0.0, 1.0, 0.0]), 0.4)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        points[f"{side}_Shoulder"] = top + sign * shoulder
        for chain in (("Shoulder", "Elbow", "Wrist"), ("Hip", "Knee", "Ankle")):
            first, second, third = (f"{side}_{joint}" for joint in chain)
            points[second] = points[first] + 0.35 * direction(np.zeros(3), 1.0)
            points[third] = points[second] + 0.3 * direction(np.zeros(3), 1.0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return seen(points, RigidTransform(turn * np.sign(np.linalg.det(turn)), rng.normal(size=3)))
