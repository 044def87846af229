"""Cutting, widening and making of clothes: shorts and short sleeves of long suits, skirts, carried objects."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.body import BODY_VERTICES
from pose3d_training.synthetic.clothes import Garment
from pose3d_training.synthetic.motion import BONES

Mask = npt.NDArray[np.bool_]

_HAND = ("Hand", "FingerBase", "HandFinger1", "Thumb")
_CUT_BONES = {
    "sleeves": {"long": (), "short": ("ForeArm", *_HAND), "none": ("Arm", "ForeArm", *_HAND)},
    "legs": {"long": (), "short": ("Leg", "Foot", "ToeBase")},
}
"""Bones whose part of the suit is cut off."""
_AROUND, _DOWN = 28, 12
_TORSO_BONES = tuple(i for i, b in enumerate(BONES) if b in ("Hips", "LHipJoint", "RHipJoint", "LowerBack", "Spine"))
_LEG_BONES = tuple(i for i, bone in enumerate(BONES) if bone.endswith("Leg"))


@dataclass(frozen=True, eq=False)
class Piece:
    """A mesh of our own making: rest_m (N, 3), triangles (F, 3), weights (N, 31)."""

    rest_m: Array32
    triangles: IntArray
    weights: sparse.csr_matrix


def cut_share(weights: sparse.csr_matrix, sleeves: str, legs: str) -> npt.NDArray[np.float32]:
    """How far each vertex (V,) moves with the bones that a cut lays bare, 0–1."""
    endings = _CUT_BONES["sleeves"][sleeves] + _CUT_BONES["legs"][legs]
    bones = [i for i, bone in enumerate(BONES) if _is_of(bone, endings)]
    if not bones:
        return np.zeros(weights.shape[0], np.float32)
    return np.asarray(weights[:, bones].sum(axis=1), np.float32).ravel()


def _is_of(bone: str, endings: tuple[str, ...]) -> bool:
    name = bone.removeprefix("Left").removeprefix("Right")
    return name in endings or (bone in ("LThumb", "RThumb") and "Thumb" in endings)


def cut(garment: Garment, garment_share: Array32, body_share: Array32) -> Garment:
    """A suit without the triangles beyond the cut; the body under them is seen again."""
    beyond = garment_share > 0.5
    kept = garment.triangles[~beyond[garment.triangles].any(axis=1)]
    hidden = garment.hidden[garment.hidden < len(body_share)]
    return replace(garment, triangles=kept, hidden=hidden[body_share[hidden] < 0.35])


def make_skirt(body_m: Array32, weights: sparse.csr_matrix, heads_m: Array, length: float, flare: float) -> Piece:
    """A skirt round the hips, from the waist down by a share of the legs' length (1: to the ankles).

    Every ring is an ellipse about the body's own width and depth at its height; its sides follow the thighs.
    """
    at = BONES.index
    top = float(heads_m[at("LowerBack"), 1]) + 0.05
    hip, ankle = float(heads_m[at("LeftUpLeg"), 1]), float(heads_m[at("LeftFoot"), 1])
    bottom = hip - length * (hip - ankle)
    share = np.asarray(weights[:BODY_VERTICES, [*_TORSO_BONES, *_LEG_BONES]].sum(axis=1)).ravel()
    trunk = body_m[:BODY_VERTICES][share > 0.5]
    angle = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    rings, center = [], trunk[:, [0, 2]].mean(axis=0)
    half = np.zeros(2)
    for y in np.linspace(top, bottom, _DOWN):
        slab = trunk[np.abs(trunk[:, 1] - y) < 0.03][:, [0, 2]]
        if len(slab) > 3:
            center = (slab.max(axis=0) + slab.min(axis=0)) / 2
            half = np.maximum(half, (slab.max(axis=0) - slab.min(axis=0)) / 2 + 0.015)
        wide = half + flare * (top - y)
        x, z = center[0] + wide[0] * np.cos(angle), center[1] + wide[1] * np.sin(angle)
        rings.append(np.stack([x, np.full(_AROUND, y), z], axis=1))
    rest = np.concatenate(rings).astype(np.float32)
    return Piece(rest, _tube_triangles(), _skirt_weights(rest, top, hip, half[0]))


def _tube_triangles() -> IntArray:
    i, j = np.meshgrid(np.arange(_DOWN - 1), np.arange(_AROUND), indexing="ij")
    a, b = i * _AROUND + j, i * _AROUND + (j + 1) % _AROUND
    c, d = a + _AROUND, b + _AROUND
    return np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([b, c, d], -1).reshape(-1, 3)])


def _skirt_weights(rest_m: Array32, top: float, hip: float, half_width: float) -> sparse.csr_matrix:
    legs = np.clip((top - rest_m[:, 1]) / max(top - hip + 0.25, 0.1), 0, 0.9)
    left = np.clip(0.5 + rest_m[:, 0] / max(half_width, 0.05), 0, 1)
    columns = [BONES.index(bone) for bone in ("Hips", "LeftUpLeg", "RightUpLeg")]
    values = np.stack([1 - legs, legs * left, legs * (1 - left)], axis=1)
    rows = np.repeat(np.arange(len(rest_m)), 3)
    table = (values.ravel(), (rows, np.tile(columns, len(rest_m))))
    return sparse.csr_matrix(table, shape=(len(rest_m), len(BONES))).astype(np.float32)


def make_carried(kind: str, body_m: Array32, heads_m: Array, rng: np.random.Generator) -> Piece:
    """A thing that moves with one bone: backpack, bag, box, ball or helmet. See `clothes.CARRIED`."""
    at = BONES.index
    side = "Left" if rng.random() < 0.5 else "Right"
    if kind == "backpack":
        spine = heads_m[at("Spine1")]
        near = body_m[:BODY_VERTICES][np.abs(body_m[:BODY_VERTICES, 1] - spine[1]) < 0.1]
        size = rng.uniform((0.24, 0.32, 0.12), (0.36, 0.55, 0.25))
        center = np.array([0.0, spine[1] - 0.02, float(near[:, 2].min()) - size[2] / 2])
        return _solid(_box(), center, size, at("Spine1"))
    if kind == "helmet":
        head = heads_m[at("Head")]
        skull = body_m[:BODY_VERTICES][body_m[:BODY_VERTICES, 1] > head[1] + 0.08]
        low, high = skull.min(axis=0), skull.max(axis=0)
        size = (high - low) * (1.1, 1.0, 1.1) + 0.02
        center = np.array([0.0, high[1] - size[1] * 0.45, (low[2] + high[2]) / 2 - 0.01])
        return _solid(_sphere(upper=True), center, size * (1.0, 1.15, 1.0), at("Head"))
    hand, finger = heads_m[at(side + "Hand")], heads_m[at(side + "HandFinger1")]
    along = (finger - hand) / max(float(np.linalg.norm(finger - hand)), 1e-6)
    if kind == "ball":
        size = np.full(3, rng.uniform(0.07, 0.26))
        return _solid(_sphere(upper=False), finger + along * size[0] / 2, size, at(side + "Hand"))
    low, high = ((0.2, 0.2, 0.06), (0.45, 0.4, 0.2)) if kind == "bag" else ((0.04, 0.08, 0.02), (0.35, 0.3, 0.3))
    size = rng.uniform(low, high)
    return _solid(_box(), finger + along * (size[1] / 2), size, at(side + "Hand"))


def _solid(mesh: tuple[Array, IntArray], center: Array, size: Array, bone: int) -> Piece:
    points, faces = mesh
    rest = (center + points * (size / 2)).astype(np.float32)
    rows, ones = np.arange(len(rest)), np.ones(len(rest), np.float32)
    return Piece(
        rest, faces, sparse.csr_matrix((ones, (rows, np.full(len(rest), bone))), shape=(len(rest), len(BONES)))
    )


def _box() -> tuple[Array, IntArray]:
    """A cube from -1 to 1 with corners of its own for every side, so that its edges are sharp."""
    points: list[Array] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            corner = np.zeros((4, 3))
            corner[:, axis] = sign
            corner[:, (axis + 1) % 3] = [-1, 1, 1, -1]
            corner[:, (axis + 2) % 3] = [-1, -1, 1, 1]
            start = 4 * len(points)
            points.append(corner)
            faces += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    return np.concatenate(points), np.array(faces, np.int64)


def _sphere(upper: bool) -> tuple[Array, IntArray]:
    """A unit sphere, or its part above -0.1."""
    rows, columns = 9, 18
    tilt = np.linspace(0, np.pi / 2 + 0.1 if upper else np.pi, rows)
    turn = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    t, a = np.meshgrid(tilt, turn, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(a), np.cos(t), np.sin(t) * np.sin(a)], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    p, q = i * columns + j, i * columns + (j + 1) % columns
    r, s = p + columns, q + columns
    faces = np.concatenate([np.stack([p, r, q], -1).reshape(-1, 3), np.stack([q, r, s], -1).reshape(-1, 3)])
    return points, faces
