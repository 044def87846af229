"""Readings of the landmark net that are made by hand."""

from __future__ import annotations

import numpy as np

from pose3d_ros.engines import Normalization
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array

from ...conftest import AnsweringEngine, Shapes, Tensors, manifest_entry

LANDMARKS = get_skeleton("mediapipe33")
_FACE = ("Eye_Inner", "Eye", "Eye_Outer", "Ear", "Mouth")


def standing_m(turned: bool = False) -> Array:
    """Landmarks (33, 3), metres from the hips, camera axes, of somebody who stands and faces the camera, or away."""
    half: dict[str, tuple[float, float, float]] = {
        "Shoulder": (0.17, -0.48, 0.0),
        "Elbow": (0.22, -0.2, 0.02),
        "Wrist": (0.24, 0.05, -0.05),
        "Hip": (0.1, 0.0, 0.0),
        "Knee": (0.1, 0.42, 0.0),
        "Ankle": (0.1, 0.82, 0.04),
        "Heel": (0.1, 0.86, 0.06),
        "Toe": (0.11, 0.87, -0.1),
        **{name: (0.02 + 0.015 * i, -0.7, -0.1 + 0.02 * i) for i, name in enumerate(_FACE)},
        **{name: (0.24, 0.12 + 0.01 * i, -0.06) for i, name in enumerate(("Pinky", "Index", "Thumb"))},
    }
    joints = np.zeros((33, 3))
    for i, name in enumerate(LANDMARKS.joints):
        x, y, z = (0.0, -0.68, -0.12) if name == "Nose" else half[name[2:]]
        joints[i] = (x if name.startswith("L") else -x, y, z)
    return joints * [-1, 1, -1] if turned else joints


def reading(
    *middles_px: tuple[float, float], scale_px: float = 100.0, certainty: float = 0.7, turned: bool = False
) -> Landmarks:
    """People who stand with the middle of their hips at those pixels; scale_px: of a metre."""
    body = standing_m(turned)
    points = np.array([np.array(middle) + scale_px * body[:, :2] for middle in middles_px]).reshape(-1, 33, 2)
    count = len(points)
    sides = np.full(count, 2.4 * scale_px)
    return Landmarks(
        points,
        Regions(np.array(middles_px, dtype=np.float64).reshape(-1, 2), sides, np.zeros(count)),
        np.tile(body, (count, 1, 1)),
        np.full((count, 33), 0.9),
        np.full((count, 33), certainty),
        np.ones(count),
        np.tile(np.eye(3), (count, 1, 1)),
        np.tile(127.5 + 256 / 2.4 * body[:, :2], (count, 1, 1)),
    )


def landmark_answer(feeds: Tensors) -> Tensors:
    """Somebody who stands upright and fills a crop that is bright in the middle; nobody in a dark one.

    The next region is the same again.
    """
    bright = feeds["image"][:, :, 120:136, 120:136].mean(axis=(1, 2, 3)) > 0.1
    people = len(bright)
    at = np.zeros((people, 39, 5), dtype=np.float32)
    body = standing_m()
    at[:, :33, :2] = 128 + 110 * body[:, :2]
    at[:, 33:35, :2] = np.array([[128.0, 128.0], [128.0, 25.6]])
    at[..., 3:] = 3.0
    heat = np.full((people, 39, 64, 64), -20.0, dtype=np.float32)
    column, row = (np.floor(at[0, :33, axis] / 4).astype(int).clip(0, 63) for axis in (0, 1))
    heat[:, np.arange(33), row, column] = 1.5
    world = np.zeros((people, 39, 3), dtype=np.float32)
    world[:, :33] = body
    return {
        "landmarks": at.reshape(people, -1),
        "person": bright[:, None].astype(np.float32),
        "world": world.reshape(people, -1),
        "heat": heat,
    }


def landmark_engine() -> AnsweringEngine:
    """An engine with that answer."""
    outputs: Shapes = {"landmarks": ("b", 195), "person": ("b", 1), "world": ("b", 117), "heat": ("b", 39, 64, 64)}
    return AnsweringEngine(landmark_answer, {"image": ("b", 3, 256, 256)}, outputs)


LANDMARK_ENTRY = manifest_entry(
    "mediapipe_landmarks",
    name="landmarks",
    roles=("pose",),
    skeleton="mediapipe33",
    input_size_px=(256, 256),
    normalization=Normalization(1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "rgb"),
)
