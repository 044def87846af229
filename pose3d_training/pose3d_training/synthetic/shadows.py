"""Shadows of people on the floor: their bones as thick lines, thrown along the sun's rays onto y = 0.

Sprites are cut out without their shadows, since composed people stand before other images than they were rendered
with. The floor is the sprites' own, so that shadows begin where feet stand.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.sprite_bank import Sprite

_THICK_BONES = (
    ("Head", "Neck", 0.17), ("Thorax", "Pelvis", 0.30), ("L_Shoulder", "R_Shoulder", 0.14), ("L_Hip", "R_Hip", 0.2),
    ("L_Shoulder", "L_Elbow", 0.10), ("L_Elbow", "L_Wrist", 0.08), ("R_Shoulder", "R_Elbow", 0.10),
    ("R_Elbow", "R_Wrist", 0.08), ("L_Hip", "L_Knee", 0.15), ("L_Knee", "L_Ankle", 0.11), ("R_Hip", "R_Knee", 0.15),
    ("R_Knee", "R_Ankle", 0.11), ("L_Ankle", "L_Toe", 0.10), ("R_Ankle", "R_Toe", 0.10),
)  # fmt: skip
"""Bones and how thick a person is about them, metres."""
_LOWEST_SUN = 0.3
_NEAREST_M = 0.3
_SKY_STRENGTH = 0.35
"""How much of the light under a person overcast sky loses."""
_SCALE = 4
"""Shadows are drawn at a quarter of the image's size: they are blurred anyway."""
_ENDS = np.array([[SYNTH_JOINTS.index(a), SYNTH_JOINTS.index(b)] for a, b, _ in _THICK_BONES])
_THICK_M = np.array([thick for _, _, thick in _THICK_BONES])
_SUB_PX_BITS = 4


def cast_on_floor(image_bgr: ImageArray, people: Sequence[Sprite], strength: float) -> None:
    """Darken the floor of an image (H, W, 3) of the people's camera where they shade it, in place.

    strength: 0–1, times the sun's share of the light.
    """
    height, width = image_bgr.shape[0] // _SCALE + 1, image_bgr.shape[1] // _SCALE + 1
    keep: ImageArray = np.full((height, width), 255, np.uint8)
    for direction, share, softness_m in _lights(people[0]) if people else ():
        mask = np.zeros((height, width), np.uint8)
        nearest_m = min(_draw(mask, person, direction) for person in people)
        if not np.isfinite(nearest_m):
            continue
        sigma = max(softness_m * float(people[0].K[0, 0]) / nearest_m / _SCALE, 0.6)
        soft = cv2.GaussianBlur(mask, (0, 0), min(sigma, 6.0))
        dimmed = cv2.LUT(soft, np.asarray(255 - np.arange(256) * share * strength, np.uint8))
        keep = np.asarray(cv2.multiply(keep, dimmed, scale=1 / 255), np.uint8)
    if keep.min() == 255:
        return
    large = cv2.resize(keep, (width * _SCALE, height * _SCALE), interpolation=cv2.INTER_LINEAR)
    large = large[: image_bgr.shape[0], : image_bgr.shape[1]]
    image_bgr[:] = cv2.multiply(image_bgr, cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), scale=1 / 255)


def _lights(first: Sprite) -> list[tuple[Array, float, float]]:
    """Direction, share of the light and softness on the floor (m): the sun, if not too low, and the sky above."""
    lights = [(np.array([0.0, 1.0, 0.0]), _SKY_STRENGTH * (1 - first.sun_share), 0.12)]
    if first.sun_dir[1] > _LOWEST_SUN:
        lights.append((np.asarray(first.sun_dir, np.float64), float(first.sun_share), 0.02))
    return lights


def _draw(mask: npt.NDArray[np.uint8], person: Sprite, direction: Array) -> float:
    """Draw one person's shadow; returns its nearest depth, infinite when nothing was drawn."""
    to_world = np.asarray(person.cam2world, np.float64)
    world = person.joints_cam_m @ to_world[:3, :3].T + to_world[:3, 3]
    floor = world - direction * (world[:, 1:2] / direction[1])
    cam = (floor - to_world[:3, 3]) @ to_world[:3, :3]
    K = np.asarray(person.K, np.float64)
    depth = cam[_ENDS, 2].min(axis=1)
    pixel = cam[:, :2] / np.maximum(cam[:, 2:], _NEAREST_M) * K[[0, 1], [0, 1]] + K[:2, 2]
    points = np.rint(np.clip((pixel + 0.5) / _SCALE - 0.5, -2000, 2000) * (1 << _SUB_PX_BITS)).astype(int).tolist()
    thickness = np.clip(np.rint(_THICK_M * 0.8 * K[0, 0] / np.maximum(depth, _NEAREST_M) / _SCALE), 1, 40).astype(int)
    drawn = np.flatnonzero(depth >= _NEAREST_M)
    for i in drawn:
        a, b = _ENDS[i]
        cv2.line(mask, points[a], points[b], 255, int(thickness[i]), cv2.LINE_AA, _SUB_PX_BITS)
    return float(depth[drawn].min()) if len(drawn) else np.inf
