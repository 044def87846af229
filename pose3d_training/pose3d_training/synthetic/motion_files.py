"""Readers of the two motion formats: Acclaim ASF/AMC (CMU) and Biovision BVH (MakeHuman).

Formats: Acclaim skeleton file 1.10 as written by CMU's Vicon export; BVH as in Meredith & Maddock 2001, "Motion
Capture File Formats Explained". Both give, per frame, global rotations of every bone relative to its rest pose.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array

INCH_M = 0.0254


@dataclass(frozen=True, eq=False)
class Source:
    """A motion on the skeleton it was recorded with.

    names: B bones, parents first; parents: index of each bone's parent, -1 for the root.
    rest_head_m, rest_tail_m (B, 3): ends of the bones in the rest pose, root at its rest position, y up, left at +x.
    rotations (T, B, 3, 3): global rotation of a bone relative to the rest pose. root_m (T, 3): path of the root.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    rest_head_m: Array
    rest_tail_m: Array
    rotations: Array
    root_m: Array
    fps: float

    def heads_m(self) -> Array:
        """Positions (T, B, 3) of the bones' heads."""
        heads = np.empty((len(self.root_m), len(self.names), 3))
        for bone, parent in enumerate(self.parents):
            if parent < 0:
                heads[:, bone] = self.root_m
                continue
            offset = self.rest_head_m[bone] - self.rest_head_m[parent]
            heads[:, bone] = heads[:, parent] + self.rotations[:, parent] @ offset
        return heads

    def tails_m(self) -> Array:
        """Positions (T, B, 3) of the bones' tails."""
        length = (self.rest_tail_m - self.rest_head_m)[None, :, :, None]
        return self.heads_m() + (self.rotations @ length)[..., 0]


@dataclass(frozen=True, eq=False)
class _AsfBone:
    name: str
    direction: Array
    length_m: float
    axis: Array
    dof: tuple[str, ...]


def _read_text(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="latin-1") as stream:
            return stream.read()
    return path.read_text(encoding="latin-1")


def _asf_axis(degrees: list[float], order: str) -> Array:
    """Rotation (3, 3) of an Acclaim axis: extrinsic rotations in the written order."""
    return np.asarray(Rotation.from_euler(order.lower(), degrees, degrees=True).as_matrix())


def _asf_bone(block: list[list[str]], metres_per_unit: float) -> _AsfBone:
    words = {line[0]: line[1:] for line in block if line}
    axis = words["axis"]
    return _AsfBone(
        name=words["name"][0],
        direction=np.array(words["direction"][:3], dtype=float),
        length_m=float(words["length"][0]) * metres_per_unit,
        axis=_asf_axis([float(v) for v in axis[:3]], axis[3]),
        dof=tuple(words.get("dof", [])),
    )


def _asf_sections(text: str) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith(":"):
            current = sections.setdefault(line[1:].split()[0], [])
        elif line:
            current.append(line.split())
    return sections


def _blocks(lines: list[list[str]]) -> list[list[list[str]]]:
    blocks: list[list[list[str]]] = []
    for line in lines:
        if line[0] == "begin":
            blocks.append([])
        elif line[0] != "end" and blocks:
            blocks[-1].append(line)
    return blocks


def _asf_parents(hierarchy: list[list[str]]) -> dict[str, str]:
    return {child: line[0] for line in hierarchy if line[0] not in ("begin", "end") for child in line[1:]}


def _amc_frames(text: str) -> list[dict[str, list[float]]]:
    frames: list[dict[str, list[float]]] = []
    for line in text.splitlines():
        words = line.split()
        if not words or line[0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames:
            frames[-1][words[0]] = [float(v) for v in words[1:]]
    return frames


def read_asf_amc(asf: Path, amc: Path, fps: float = 30.0) -> Source:
    """Motion of an Acclaim pair; amc may be gzipped. The zero pose of ASF is the rest pose.

    Raises InputError when a bone of the skeleton's hierarchy is missing or no frame is found.
    """
    sections = _asf_sections(_read_text(asf))
    units = {line[0]: line[1] for line in sections.get("units", [])}
    metres_per_unit = INCH_M / float(units.get("length", "1"))
    bones = {b.name: b for b in (_asf_bone(block, metres_per_unit) for block in _blocks(sections.get("bonedata", [])))}
    parent_of = _asf_parents(sections.get("hierarchy", []))
    frames = _amc_frames(_read_text(amc))
    if not frames or not bones or not set(parent_of) <= set(bones):
        raise InputError(
            f"{asf.name} with {amc.name}",
            expected="bones, a hierarchy of them and frames",
            got=f"{len(bones)} bones, {len(frames)} frames",
            fix="Check that they belong together.",
        )
    names = ["root", *parent_of]
    parents = [-1, *(names.index(parent) for parent in parent_of.values())]
    root = np.array([frame["root"] for frame in frames])
    rotations = np.empty((len(frames), len(names), 3, 3))
    rotations[:, 0] = Rotation.from_euler("xyz", root[:, 3:6], degrees=True).as_matrix()
    heads, tails = np.zeros((len(names), 3)), np.zeros((len(names), 3))
    for i, name in enumerate(names[1:], start=1):
        bone, parent = bones[name], parents[i]
        heads[i] = tails[parent]
        tails[i] = heads[i] + bone.direction * bone.length_m
        rotations[:, i] = rotations[:, parent] @ _asf_local(bone, frames)
    return Source(tuple(names), tuple(parents), heads, tails, rotations, root[:, :3] * metres_per_unit, fps)


def _asf_local(bone: _AsfBone, frames: list[dict[str, list[float]]]) -> Array:
    angles = np.zeros((len(frames), 3))
    columns = ["xyz".index(dof[1]) for dof in bone.dof if dof.startswith("r")]
    if columns:
        angles[:, columns] = [frame.get(bone.name, [0.0] * len(columns))[: len(columns)] for frame in frames]
    turned = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return np.asarray(bone.axis @ turned @ bone.axis.T)


@dataclass(eq=False)
class _BvhJoint:
    name: str
    parent: int
    offset: Array
    channels: list[str]
    end: Array | None = None


def _bvh_hierarchy(lines: list[list[str]]) -> list[_BvhJoint]:
    joints: list[_BvhJoint] = []
    stack: list[int] = []
    in_end_site = False
    for words in lines:
        key = words[0]
        if key in ("ROOT", "JOINT"):
            joints.append(_BvhJoint(words[1], stack[-1] if stack else -1, np.zeros(3), []))
            stack.append(len(joints) - 1)
        elif key == "End":
            in_end_site = True
        elif key == "OFFSET":
            offset = np.array(words[1:4], dtype=float)
            if in_end_site:
                joints[stack[-1]].end = offset
            else:
                joints[stack[-1]].offset = offset
        elif key == "CHANNELS":
            joints[stack[-1]].channels = words[2:]
        elif key == "}":
            if in_end_site:
                in_end_site = False
            else:
                stack.pop()
    return joints


def read_bvh(path: Path, metres_per_unit: float = 0.1) -> Source:
    """Motion of a BVH file; a z-up file (as MakeHuman's) is turned y-up. The zero pose is the rest pose.

    Raises InputError when the file has no hierarchy or the frames don't fit its channels.
    """
    head, _, tail = path.read_text(encoding="latin-1").partition("MOTION")
    joints = _bvh_hierarchy([line.split() for line in head.splitlines() if line.split()])
    lines = tail.strip().splitlines()
    values = np.array([line.split() for line in lines[2:] if line.split()], dtype=float)
    channels = sum(len(joint.channels) for joint in joints)
    if not joints or values.ndim != 2 or values.shape[1] != channels:
        raise InputError(
            path.name,
            expected=f"frames of {channels} channels",
            got=f"an array of shape {values.shape}",
            fix="Check that the file is a complete BVH.",
        )
    parents = tuple(joint.parent for joint in joints)
    heads = np.zeros((len(joints), 3))
    for i, joint in enumerate(joints):
        heads[i] = joint.offset + (heads[joint.parent] if joint.parent >= 0 else 0.0)
    rotations, root = _bvh_motion(joints, values)
    tails = np.array([heads[i] + _bvh_tail(joints, i) for i in range(len(joints))])
    turn = _bvh_up_turn(heads)
    return Source(
        tuple(joint.name for joint in joints),
        parents,
        heads @ turn.T * metres_per_unit,
        tails @ turn.T * metres_per_unit,
        turn @ rotations @ turn.T,
        root @ turn.T * metres_per_unit,
        1.0 / float(lines[1].split(":")[1]),
    )


def _bvh_tail(joints: list[_BvhJoint], index: int) -> Array:
    if joints[index].end is not None:
        return np.asarray(joints[index].end)
    children = [joint.offset for joint in joints if joint.parent == index]
    return np.asarray(children[0] if children else np.zeros(3))


def _bvh_up_turn(heads: Array) -> Array:
    extent = np.ptp(heads, axis=0)
    return np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) if extent[2] > extent[1] else np.eye(3)


def _bvh_motion(joints: list[_BvhJoint], values: Array) -> tuple[Array, Array]:
    """Global rotations (T, B, 3, 3) and the root's path (T, 3) in the file's own axes and units."""
    rotations = np.empty((len(values), len(joints), 3, 3))
    root = np.tile(joints[0].offset, (len(values), 1))
    column = 0
    for i, joint in enumerate(joints):
        block = values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        turns = [k for k, channel in enumerate(joint.channels) if channel.endswith("rotation")]
        order = "".join(joint.channels[k][0] for k in turns)
        local = Rotation.from_euler(order.upper(), block[:, turns], degrees=True).as_matrix()
        rotations[:, i] = local if joint.parent < 0 else rotations[:, joint.parent] @ local
        if joint.parent < 0:
            for k, channel in enumerate(joint.channels):
                if channel.endswith("position"):
                    root[:, "XYZ".index(channel[0])] = block[:, k]
    return rotations, root
