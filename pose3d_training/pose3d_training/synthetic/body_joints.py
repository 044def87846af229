"""Ground-truth joints: points fixed to bones, given by vertices of the base mesh, so exact in every pose."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.body import BODY_VERTICES, BaseMesh, load_base_mesh
from pose3d_training.synthetic.motion import BONES

SYNTH_JOINTS: tuple[str, ...] = (
    "Pelvis", "Spine", "Thorax", "Neck", "Head", "Head_top", "Nose", "L_Eye", "R_Eye", "L_Ear", "R_Ear",
    "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist", "L_Hand", "R_Hand",
    "L_Hip", "R_Hip", "L_Knee", "R_Knee", "L_Ankle", "R_Ankle", "L_Toe", "R_Toe",
)  # fmt: skip

# Landmarks of the base mesh, metres, left side: the nearest skin vertex is taken.
_CROWN_M = (0.0, 0.849, 0.0696)
_NOSE_TIP_M = (0.0, 0.6938, 0.168)
_EAR_M = (0.073, 0.715, 0.062)


@lru_cache(maxsize=8)
def _specification(assets: Path) -> tuple[tuple[tuple[IntArray, ...], int], ...]:
    """For every joint the groups of vertices (each group's mean, then the mean of those) and the bone it follows."""
    base = load_base_mesh(assets)
    mid = _central(base)
    sides = [_sided(base, side) for side in ("Left", "Right")]
    table = {**mid, **sides[0], **sides[1]}
    return tuple((table[name][0], BONES.index(table[name][1])) for name in SYNTH_JOINTS)


def _central(base: BaseMesh) -> dict[str, tuple[tuple[IntArray, ...], str]]:
    cube = base.groups
    hips = (cube["joint-l-upper-leg"], cube["joint-r-upper-leg"])
    shoulders = (cube["joint-l-shoulder"], cube["joint-r-shoulder"])
    ears = (_nearest(base, _EAR_M), _nearest(base, _mirrored(_EAR_M)))
    crown = _nearest(base, _CROWN_M)
    return {
        "Pelvis": (hips, "Hips"),
        "Spine": ((cube["joint-spine-2"],), "Spine"),
        # Half-way between the shoulders' line and the root of the neck, on the spine's side.
        "Thorax": ((*shoulders, cube["joint-neck"], cube["joint-neck"]), "Spine1"),
        "Neck": ((cube["joint-neck"],), "Neck"),
        "Head": ((*ears, crown), "Head"),
        "Head_top": ((crown,), "Head"),
        "Nose": ((_nearest(base, _NOSE_TIP_M),), "Head"),
    }


def _sided(base: BaseMesh, side: str) -> dict[str, tuple[tuple[IntArray, ...], str]]:
    s, cube = side[0], base.groups
    low = s.lower()
    eye = cube[f"helper-{low}-eye"]
    cornea = eye[base.vertices_m[eye, 2] >= base.vertices_m[eye, 2].max() - 1e-4]
    ear = _EAR_M if s == "L" else _mirrored(_EAR_M)
    return {
        f"{s}_Eye": ((cornea,), "Head"),
        f"{s}_Ear": ((_nearest(base, ear),), "Head"),
        f"{s}_Shoulder": ((cube[f"joint-{low}-shoulder"],), f"{side}Arm"),
        f"{s}_Elbow": ((cube[f"joint-{low}-elbow"],), f"{side}ForeArm"),
        f"{s}_Wrist": ((cube[f"joint-{low}-hand"],), f"{side}Hand"),
        f"{s}_Hand": ((cube[f"joint-{low}-hand"], cube[f"joint-{low}-finger-3-1"]), f"{side}Hand"),
        f"{s}_Hip": ((cube[f"joint-{low}-upper-leg"],), f"{side}UpLeg"),
        f"{s}_Knee": ((cube[f"joint-{low}-knee"],), f"{side}Leg"),
        f"{s}_Ankle": ((cube[f"joint-{low}-ankle"],), f"{side}Foot"),
        f"{s}_Toe": ((cube[f"joint-{low}-toe-1-3"], cube[f"joint-{low}-toe-3-4"]), f"{side}ToeBase"),
    }


def _mirrored(point: tuple[float, float, float]) -> tuple[float, float, float]:
    return (-point[0], point[1], point[2])


def _nearest(base: BaseMesh, point: tuple[float, float, float]) -> IntArray:
    distance = np.linalg.norm(base.vertices_m[:BODY_VERTICES] - np.array(point, dtype=np.float32), axis=1)
    return np.array([int(distance.argmin())])


def rest_joints(assets: Path, vertices_m: Array32) -> Array:
    """Joints (J, 3) of a body in its rest pose, in SYNTH_JOINTS' order, metres."""
    return np.array(
        [np.mean([vertices_m[group].mean(axis=0) for group in groups], axis=0) for groups, _ in _specification(assets)],
        dtype=np.float64,
    )


def posed_joints(assets: Path, rest_joints_m: Array, transforms: Array) -> Array:
    """Joints (J, 3) after the bones' affine maps (31, 3, 4)."""
    maps = transforms[[bone for _, bone in _specification(assets)]]
    return np.asarray(np.einsum("jik,jk->ji", maps[:, :, :3], rest_joints_m) + maps[:, :, 3])
