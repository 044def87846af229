"""Named skeletons and conversions between them by joint name.

The joint orders are those of the datasets and of the networks trained on them: Human3.6M (17 joints as in
3DMPPE, with the thorax as an 18th, without the nose 16 as in SemGCN), MuCo-3DHP (21), MuPoTS-3D (its first
17), MPII (16), COCO (17), OpenPose's BODY_25 and the landmarks of MediaPipe Pose (33); body40 is MuCo-3DHP's joints
and then those that only MediaPipe has. common14 is what OpenPose, MuCo-3DHP and MuPoTS-3D share (Véges 2020).
epipolar16 and hg3d16 are Human3.6M's joints in MPII's order, of EpipolarPose and of pytorch-pose-hg-3d.
A name means the same place on the body in every skeleton here, so that a conversion is a look-up by name:
Human3.6M's "Head" is the crown of the head (`Head_top`) and its "Torso" the middle of the spine (`Spine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import SkeletonError, shown

_PARENT: dict[str, str] = {
    "Spine": "Pelvis",
    "Thorax": "Spine",
    "Neck": "Thorax",
    "Head": "Neck",
    "Nose": "Head",
    "Head_top": "Head",
    "L_Eye": "Nose",
    "R_Eye": "Nose",
    "L_Ear": "L_Eye",
    "R_Ear": "R_Eye",
    **{f"{s}_Hip": "Pelvis" for s in "LR"},
    **{f"{s}_Knee": f"{s}_Hip" for s in "LR"},
    **{f"{s}_Ankle": f"{s}_Knee" for s in "LR"},
    **{f"{s}_Toe": f"{s}_Ankle" for s in "LR"},
    **{f"{s}_Shoulder": "Thorax" for s in "LR"},
    **{f"{s}_Elbow": f"{s}_Shoulder" for s in "LR"},
    **{f"{s}_Wrist": f"{s}_Elbow" for s in "LR"},
    **{f"{s}_Hand": f"{s}_Wrist" for s in "LR"},
    **{f"{s}_{part}": "Nose" for s in "LR" for part in ("Eye_Inner", "Eye_Outer", "Mouth")},
    **{f"{s}_{finger}": f"{s}_Wrist" for s in "LR" for finger in ("Pinky", "Index", "Thumb")},
    **{f"{s}_{part}": f"{s}_Ankle" for s in "LR" for part in ("Heel", "Small_Toe")},
}
"""Body tree over all joint names; a skeleton that lacks a parent uses the nearest ancestor it has."""

# A joint that a source skeleton lacks but that its other joints determine: the mean of these.
DERIVED: dict[str, tuple[str, ...]] = {
    "Pelvis": ("L_Hip", "R_Hip"),
    "Thorax": ("L_Shoulder", "R_Shoulder"),
}


@dataclass(frozen=True)
class Skeleton:
    """A joint order with its tree.

    Attributes
    ----------
    name : str
        As `get_skeleton` knows it.
    joints : tuple of str
        Names, in the order of the arrays.
    parents : tuple of int
        Index of each joint's parent, -1 for the root.
    edges : tuple of (int, int)
        The bones to draw, as (parent, child).
    flip_pairs : tuple of (int, int)
        The (left, right) indices that a mirror image swaps.
    root : int
        Index of the root joint.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    flip_pairs: tuple[tuple[int, int], ...]
    root: int

    def __len__(self) -> int:
        return len(self.joints)

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Joint name → index."""
        return {name: i for i, name in enumerate(self.joints)}

    @cached_property
    def flip_order(self) -> tuple[int, ...]:
        """Index order that a mirrored image's joints take, so that `mirrored[flip_order]` is in this order."""
        order = list(range(len(self.joints)))
        for a, b in self.flip_pairs:
            order[a], order[b] = b, a
        return tuple(order)


def ancestors(joint: str) -> tuple[str, ...]:
    """Names of a joint's ancestors in the body tree over all joint names, the parent first; empty for the pelvis."""
    parent = _PARENT.get(joint)
    return () if parent is None else (parent, *ancestors(parent))


def _nearest_ancestor(joint: str, joints: Sequence[str]) -> str | None:
    return next((name for name in ancestors(joint) if name in joints), None)


def _build(name: str, joints: Sequence[str], root: str, extra_parents: dict[str, str] | None = None) -> Skeleton:
    index = {j: i for i, j in enumerate(joints)}
    parents = []
    for joint in joints:
        parent = (extra_parents or {}).get(joint) or _nearest_ancestor(joint, joints)
        parents.append(-1 if joint == root else index[parent] if parent is not None else index[root])
    edges = tuple((p, i) for i, p in enumerate(parents) if p >= 0)
    pairs = tuple((index[j], index["R" + j[1:]]) for j in joints if j.startswith("L_"))
    return Skeleton(name, tuple(joints), tuple(parents), edges, pairs, index[root])


_MUCO = (
    "Head_top Thorax R_Shoulder R_Elbow R_Wrist L_Shoulder L_Elbow L_Wrist R_Hip R_Knee R_Ankle L_Hip L_Knee L_Ankle "
    "Pelvis Spine Head R_Hand L_Hand R_Toe L_Toe"
).split()
_H36M = (
    "Pelvis R_Hip R_Knee R_Ankle L_Hip L_Knee L_Ankle Spine Neck Nose Head_top L_Shoulder L_Elbow L_Wrist "
    "R_Shoulder R_Elbow R_Wrist"
).split()
_MPII = (
    "R_Ankle R_Knee R_Hip L_Hip L_Knee L_Ankle Pelvis Thorax Neck Head_top R_Wrist R_Elbow R_Shoulder "
    "L_Shoulder L_Elbow L_Wrist"
).split()
_COCO = (
    "Nose L_Eye R_Eye L_Ear R_Ear L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist L_Hip R_Hip L_Knee R_Knee "
    "L_Ankle R_Ankle"
).split()
_COCO_PARENTS = {
    "L_Shoulder": "Nose",
    "R_Shoulder": "Nose",
    "L_Hip": "L_Shoulder",
    "R_Hip": "R_Shoulder",
}

# google-ai-edge/mediapipe, python/solutions/pose.py: PoseLandmark. Its foot index is the tip of the toes.
_MEDIAPIPE = (
    "Nose L_Eye_Inner L_Eye L_Eye_Outer R_Eye_Inner R_Eye R_Eye_Outer L_Ear R_Ear L_Mouth R_Mouth "
    "L_Shoulder R_Shoulder L_Elbow R_Elbow L_Wrist R_Wrist L_Pinky R_Pinky L_Index R_Index L_Thumb R_Thumb "
    "L_Hip R_Hip L_Knee R_Knee L_Ankle R_Ankle L_Heel R_Heel L_Toe R_Toe"
).split()
_FACE_PARENTS = {
    **{f"{s}_Eye": f"{s}_Eye_Inner" for s in "LR"},
    **{f"{s}_Eye_Outer": f"{s}_Eye" for s in "LR"},
    **{f"{s}_Ear": f"{s}_Eye_Outer" for s in "LR"},
}
# CMU's OpenPose, BODY_25: its neck is the middle of the shoulders, its toes are the big ones.
_OPENPOSE = (
    "Nose Thorax R_Shoulder R_Elbow R_Wrist L_Shoulder L_Elbow L_Wrist Pelvis R_Hip R_Knee R_Ankle L_Hip L_Knee "
    "L_Ankle R_Eye L_Eye R_Ear L_Ear L_Toe L_Small_Toe L_Heel R_Toe R_Small_Toe R_Heel"
).split()
# vegesm/depthpose, databases/mupots_3d.py: COMMON2D14_NAMES.
_COMMON = (
    "Pelvis R_Hip R_Knee R_Ankle L_Hip L_Knee L_Ankle Thorax L_Shoulder L_Elbow L_Wrist R_Shoulder R_Elbow R_Wrist"
).split()
# Where MPII has thorax and upper neck: mkocabas/EpipolarPose, lib/dataset, H36M_TO_MPII_PERM; and
# xingyizhou/pytorch-pose-hg-3d, lib/datasets/h36m.py, h36m_to_mpii.
_EPIPOLAR = [{"Thorax": "Neck", "Neck": "Nose"}.get(joint, joint) for joint in _MPII]
_HG3D = [{"Thorax": "Spine"}.get(joint, joint) for joint in _MPII]
_BODY = [*_MUCO, *(joint for joint in _MEDIAPIPE if joint not in _MUCO)]

# In Human3.6M the shoulders hang off the neck joint, and the crown off the nose.
_NECK_PARENTS = {"L_Shoulder": "Neck", "R_Shoulder": "Neck"}
_H36M_PARENTS = {**_NECK_PARENTS, "Head_top": "Nose"}

SKELETONS: dict[str, Skeleton] = {
    s.name: s
    for s in (
        _build("h36m17", _H36M, "Pelvis", _H36M_PARENTS),
        _build("h36m18", [*_H36M, "Thorax"], "Pelvis", {"Head_top": "Nose"}),
        _build("muco21", _MUCO, "Pelvis"),
        _build("mupots17", _MUCO[:17], "Pelvis"),
        _build("mpii16", _MPII, "Pelvis"),
        _build("coco17", _COCO, "Nose", _COCO_PARENTS),
        _build("h36m16", [j for j in _H36M if j != "Nose"], "Pelvis", _NECK_PARENTS),
        _build("mediapipe33", _MEDIAPIPE, "Nose", {**_COCO_PARENTS, **_FACE_PARENTS}),
        _build("body40", _BODY, "Pelvis", _FACE_PARENTS),
        _build("body25", _OPENPOSE, "Pelvis"),
        _build("common14", _COMMON, "Pelvis"),
        _build("epipolar16", _EPIPOLAR, "Pelvis", _H36M_PARENTS),
        _build("hg3d16", _HG3D, "Pelvis", _NECK_PARENTS),
    )
}
"""The skeletons by name. `coco17` and `mediapipe33` have no pelvis: their trees start at the nose."""


def get_skeleton(name: str) -> Skeleton:
    """Look a skeleton up by its name.

    Parameters
    ----------
    name : str
        One of `SKELETONS`.

    Returns
    -------
    Skeleton
        Of that name.

    Raises
    ------
    SkeletonError
        For an unknown name.
    """
    try:
        return SKELETONS[name]
    except KeyError:
        raise SkeletonError(
            "skeleton",
            expected="one of " + ", ".join(sorted(SKELETONS)),
            got=shown(name),
            fix="Choose a skeleton from that list.",
        ) from None


def convert(points: npt.NDArray[np.floating], source: Skeleton, target: Skeleton) -> npt.NDArray[np.float64]:
    """Reorder joints by name.

    A pelvis or thorax that only the target has is the mean of the hips or shoulders (linear, so right for 3D points
    and for a pinhole's near-planar pixels); any other joint that the source lacks is NaN.

    Parameters
    ----------
    points : ndarray
        (..., J_source, C), in any frame and unit.
    source, target : Skeleton
        The points' skeleton, and the wanted one.

    Returns
    -------
    ndarray
        (..., J_target, C) float64, in the same frame and unit.

    Raises
    ------
    SkeletonError
        When the array's joint axis does not fit `source`.
    """
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise SkeletonError(
            f"joints of {source.name}",
            expected=f"an array (..., {len(source)}, C)",
            got=f"shape {points.shape}",
            fix="Name the skeleton these joints are in.",
        )
    out = np.full((*points.shape[:-2], len(target), points.shape[-1]), np.nan)
    for i, name in enumerate(target.joints):
        if name in source.index_of:
            out[..., i, :] = points[..., source.index_of[name], :]
        elif all(j in source.index_of for j in DERIVED.get(name, ("",))):
            out[..., i, :] = np.mean([points[..., source.index_of[j], :] for j in DERIVED[name]], axis=0)
    return out
