"""What is rigid and what bends only so far in a skeleton: bones, and limits of knees and elbows, by joint name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from pose3d_ros.skeletons import Skeleton

_LIMB, _TRUNK = 0.005, 0.02
"""Standard deviations of a bone's length over time, metres: of one bone, and of a chain of vertebrae."""
_BONES: tuple[tuple[str, str, float], ...] = (
    *((f"{s}_{a}", f"{s}_{b}", _LIMB) for s in "LR" for a, b in (
        ("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Wrist", "Hand"), ("Wrist", "Index"), ("Wrist", "Pinky"),
        ("Hip", "Knee"), ("Knee", "Ankle"), ("Ankle", "Toe"), ("Ankle", "Heel"), ("Heel", "Toe"),
    )),
    *(("Pelvis", f"{s}_Hip", _LIMB) for s in "LR"),
    *(("Thorax", f"{s}_Shoulder", _TRUNK) for s in "LR"),
    *(("Nose", f"{s}_{part}", _LIMB) for s in "LR" for part in ("Eye", "Ear", "Mouth")),
    ("L_Hip", "R_Hip", _LIMB), ("L_Shoulder", "R_Shoulder", _TRUNK), ("L_Ear", "R_Ear", _LIMB),
    ("Pelvis", "Spine", _TRUNK), ("Spine", "Thorax", _TRUNK), ("Thorax", "Neck", _TRUNK), ("Thorax", "Head", _TRUNK),
    ("Neck", "Head_top", _TRUNK), ("Head", "Head_top", _LIMB), ("Neck", "Nose", _TRUNK),
)  # fmt: skip
"""Pairs of joints whose distance hardly changes; a skeleton has those of which it has both."""
_HINGES: tuple[tuple[str, str, str], ...] = tuple(
    (f"{s}_{a}", f"{s}_{b}", f"{s}_{c}")
    for s in "LR"
    for a, b, c in (("Hip", "Knee", "Ankle"), ("Shoulder", "Elbow", "Wrist"))
)
LEAST_ANGLE_RAD = float(np.deg2rad(25.0))
"""Between the bones of a knee or an elbow that is bent as far as it goes."""
_Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class BodyModel:
    """Of a skeleton of J joints.

    bones (B, 2): pairs of joints; sigmas_m (B,): of their lengths; twins (B,): each bone's on the other side, itself
    for others. hinges (H, 2): the outer joints of knees and elbows; hinge_bones (H, 2): their bones. feet (F,): joints
    that may stand on the floor; feet_m (F,): their heights then.
    """

    bones: _Indices
    sigmas_m: npt.NDArray[np.float64]
    twins: _Indices
    hinges: _Indices
    hinge_bones: _Indices
    feet: _Indices
    feet_m: npt.NDArray[np.float64]


_STANDING_M = {"Ankle": 0.08, "Heel": 0.03, "Toe": 0.02}
"""Height of a joint whose foot stands: the centers of joints, in shoes."""


@cache
def body_model(skeleton: Skeleton) -> BodyModel:
    """The model of a skeleton; without bones where it has none of those known here."""
    at = skeleton.index_of
    bones = [(a, b, s) for a, b, s in _BONES if a in at and b in at]
    numbers = {frozenset(bone[:2]): i for i, bone in enumerate(bones)}
    twins = [numbers.get(frozenset(map(_mirrored, bone[:2])), i) for i, bone in enumerate(bones)]
    hinges = [h for h in _HINGES if all(name in at for name in h)]
    feet = [(at[f"{s}_{part}"], m) for part, m in _STANDING_M.items() for s in "LR" if f"{s}_{part}" in at]
    return BodyModel(
        _indices([(at[a], at[b]) for a, b, _ in bones], 2),
        np.array([sigma for *_, sigma in bones]),
        np.array(twins, dtype=np.intp),
        _indices([(at[a], at[c]) for a, _, c in hinges], 2),
        _indices([(numbers[frozenset((a, b))], numbers[frozenset((b, c))]) for a, b, c in hinges], 2),
        np.array([joint for joint, _ in feet], dtype=np.intp),
        np.array([height for _, height in feet]),
    )


def _mirrored(name: str) -> str:
    return {"L_": "R_", "R_": "L_"}.get(name[:2], name[:2]) + name[2:]


def _indices(rows: list[tuple[int, ...]], width: int) -> _Indices:
    return np.array(rows, dtype=np.intp).reshape(-1, width)
