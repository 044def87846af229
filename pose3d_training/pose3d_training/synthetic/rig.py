"""The CMU rig on a MakeHuman body: alignment of rest poses, forward kinematics, linear blend skinning.

Bones and skin weights are MakeHuman's `rigs/standard/rig.cmu_mb.json` (CC0).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.spatial.transform import Rotation

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.body import BaseMesh, load_base_mesh
from pose3d_training.synthetic.motion import BONES, Clip

_AT = {bone: i for i, bone in enumerate(BONES)}
_LEG_ABDUCTION_RAD = np.deg2rad(20.0)
"""CMU's zero pose spreads the legs, and the feet with them, by 20° (axis 0 0 20)."""


@dataclass(frozen=True, eq=False)
class Rig:
    """parents (31,); head_vertices: vertices whose mean is a bone's head; weights (V, 31) sparse, rows sum to 1."""

    parents: tuple[int, ...]
    head_vertices: tuple[IntArray, ...]
    weights: sparse.csr_matrix
    palm_vertices: dict[str, tuple[IntArray, ...]]

    def heads_m(self, vertices_m: Array32) -> Array:
        """Heads (31, 3) of the bones in a body's rest pose."""
        return np.stack([vertices_m[index].mean(axis=0) for index in self.head_vertices]).astype(np.float64)


@lru_cache(maxsize=8)
def load_rig(assets: Path) -> Rig:
    """Rig and weights from the folder of assets."""
    base = load_base_mesh(assets)
    folder = assets / "makehuman" / "rigs" / "standard"
    bones = json.loads((folder / "rig.cmu_mb.json").read_text())
    table = json.loads((folder / "weights.cmu_mb.json").read_text())["weights"]
    parents = tuple(_AT.get(bones[bone]["parent"], -1) for bone in BONES)
    heads = tuple(_end_vertices(bones[bone]["head"], base) for bone in BONES)
    rows = np.concatenate([np.array(table[bone], dtype=np.float64)[:, 0] for bone in BONES]).astype(np.int64)
    values = np.concatenate([np.array(table[bone], dtype=np.float64)[:, 1] for bone in BONES])
    columns = np.concatenate([np.full(len(table[bone]), i) for i, bone in enumerate(BONES)])
    weights = sparse.csr_matrix((values, (rows, columns)), shape=(len(base.vertices_m), len(BONES)))
    weights = sparse.diags(1.0 / np.asarray(weights.sum(axis=1)).ravel()) @ weights
    palms = {
        side: tuple(base.groups[f"joint-{side[0].lower()}-{end}"] for end in ("hand", "finger-2-1", "finger-5-1"))
        for side in ("Left", "Right")
    }
    return Rig(parents, heads, weights.astype(np.float32).tocsr(), palms)


def _end_vertices(end: dict[str, object], base: BaseMesh) -> IntArray:
    if end["strategy"] == "MEAN":
        return np.array(end["vertex_indices"], dtype=np.int64)
    return base.groups[str(end["cube_name"])]


def alignment(rig: Rig, vertices_m: Array32, clip: Clip) -> Array:
    """Rotations (31, 3, 3) that take the body's rest pose to the rest pose of the clip's skeleton, bone by bone.

    A limb's bone is turned from its direction on the body to its direction on the source by the least rotation on top
    of its parent's, so that hinges keep their axes; trunk and head stay as they are.
    """
    heads = rig.heads_m(vertices_m)
    align = np.tile(np.eye(3), (len(BONES), 1, 1))
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        _align_leg(align, heads, clip, side, sign)
        _align_arm(align, heads, clip, side, sign)
        _align_hand(align, rig, vertices_m, clip, side, sign)
    return align


def _align_leg(align: Array, heads: Array, clip: Clip, side: str, sign: float) -> None:
    thigh, shin, foot, toe = (_AT[side + part] for part in ("UpLeg", "Leg", "Foot", "ToeBase"))
    align[thigh] = _least_turn(heads[shin] - heads[thigh], clip.rest_dirs[thigh])
    align[shin] = _least_turn(align[thigh] @ (heads[foot] - heads[shin]), clip.rest_dirs[shin]) @ align[thigh]
    if clip.palms_down:
        rolled = Rotation.from_rotvec([0.0, 0.0, sign * _LEG_ABDUCTION_RAD]).as_matrix()
        toes_out = rolled.T @ clip.rest_dirs[foot]
        align[foot] = rolled @ _heading_turn(heads[toe] - heads[foot], toes_out)
    align[toe] = align[foot]


def _align_arm(align: Array, heads: Array, clip: Clip, side: str, sign: float) -> None:
    upper, lower, hand = (_AT[side + part] for part in ("Arm", "ForeArm", "Hand"))
    straight = _least_turn(heads[lower] - heads[upper], clip.rest_dirs[upper])
    # The hinge's twist keeps its sense on both sides: a rotation about x mirrors into itself.
    twist = Rotation.from_rotvec([-clip.arm_twist_rad, 0.0, 0.0]).as_matrix()
    align[upper] = twist @ straight
    align[lower] = _least_turn(align[upper] @ (heads[hand] - heads[lower]), clip.rest_dirs[lower]) @ align[upper]


def _align_hand(align: Array, rig: Rig, vertices_m: Array32, clip: Clip, side: str, sign: float) -> None:
    wrist, index, little = (vertices_m[v].mean(axis=0).astype(np.float64) for v in rig.palm_vertices[side])
    parts = [_AT[side + part] for part in ("Hand", "FingerBase", "HandFinger1")] + [_AT[side[0] + "Thumb"]]
    if not clip.palms_down:
        align[parts] = align[_AT[side + "ForeArm"]]
        return
    along = (index + little) / 2 - wrist
    back = np.cross(index - wrist, little - wrist) * sign
    source = _frame(along, back)
    target = _frame(np.array([sign, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    align[parts] = target @ source.T


def _frame(along: Array, up: Array) -> Array:
    x = along / np.linalg.norm(along)
    z = np.cross(x, up)
    z /= np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)


def _least_turn(source: Array, target: Array) -> Array:
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3)
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, float(a @ b))).as_matrix())


def _heading_turn(source: Array, target: Array) -> Array:
    """Rotation about y that turns one direction's heading into the other's."""
    angle = np.arctan2(target[0], target[2]) - np.arctan2(source[0], source[2])
    return np.asarray(Rotation.from_rotvec([0.0, angle, 0.0]).as_matrix())


def bone_rotations(rotations: Array, align: Array) -> Array:
    """Global rotations (31, 3, 3) of the body's bones for one frame of a clip, forearms sharing the hands' twist."""
    turned = np.asarray(rotations @ align)
    for side in ("Left", "Right"):
        _share_twist(turned, side)
    return turned


def _share_twist(turned: Array, side: str) -> None:
    """Half the hand's twist about the forearm is given to the forearm, as radius and ulna do; hides candy-wrapping."""
    lower, hand = _AT[side + "ForeArm"], _AT[side + "Hand"]
    local = Rotation.from_matrix(turned[lower].T @ turned[hand]).as_quat()
    rest_dir = _FOREARM_REST_DIR[side]
    twist = 2.0 * np.arctan2(local[:3] @ rest_dir, local[3])
    twist = (twist + np.pi) % (2 * np.pi) - np.pi
    turned[lower] = turned[lower] @ Rotation.from_rotvec(0.5 * twist * rest_dir).as_matrix()


_FOREARM_REST_DIR = {"Left": np.array([0.515, -0.527, 0.676]), "Right": np.array([-0.515, -0.527, 0.676])}
"""Unit direction of the forearm in the base mesh's rest pose; bodies differ from it by a few degrees."""


def bone_transforms(rig: Rig, rest_heads_m: Array, turned: Array) -> Array:
    """Affine maps (31, 3, 4) rest → world of all bones, the pelvis' head kept at its rest position."""
    heads = np.empty_like(rest_heads_m)
    for bone, parent in enumerate(rig.parents):
        if parent < 0:
            heads[bone] = rest_heads_m[bone]
            continue
        heads[bone] = heads[parent] + turned[parent] @ (rest_heads_m[bone] - rest_heads_m[parent])
    shift = heads - np.einsum("bij,bj->bi", turned, rest_heads_m)
    return np.concatenate([turned, shift[:, :, None]], axis=2)


def skin(weights: sparse.csr_matrix, rest_m: Array32, normals: Array32, transforms: Array) -> tuple[Array32, Array32]:
    """Linear blend skinning: posed vertices and normals, each (V, 3) float32; normals are not unit length."""
    blended = np.asarray(weights @ transforms.reshape(len(transforms), 12).astype(np.float32)).reshape(-1, 3, 4)
    turned = blended[:, :, :3]
    vertices = np.einsum("vij,vj->vi", turned, rest_m) + blended[:, :, 3]
    return vertices, np.einsum("vij,vj->vi", turned, normals)
