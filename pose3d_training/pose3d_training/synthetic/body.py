"""Bodies: MakeHuman's base mesh shaped by its macro targets, and their ground-truth joints.

Mesh and targets are MakeHuman's (CC0). How macro values weigh the targets follows `macro.json`: along every axis the
two neighboring parts are blended linearly, and a target weighs the product over its axes. Joints are points
fixed to bones, given by vertices of the base mesh, so exact in every pose.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.motion import BONES

DECIMETRE_M = 0.1
BODY_VERTICES = 13380
"""The first vertices are the skin; the rest are helpers: joint cubes, eyes, the cloth proxies."""

SYNTH_JOINTS: tuple[str, ...] = (
    "Pelvis", "Spine", "Thorax", "Neck", "Head", "Head_top", "Nose", "L_Eye", "R_Eye", "L_Ear", "R_Ear",
    "L_Shoulder", "R_Shoulder", "L_Elbow", "R_Elbow", "L_Wrist", "R_Wrist", "L_Hand", "R_Hand",
    "L_Hip", "R_Hip", "L_Knee", "R_Knee", "L_Ankle", "R_Ankle", "L_Toe", "R_Toe",
)  # fmt: skip

# Landmarks of the base mesh, metres, left side: the nearest skin vertex is taken.
_CROWN_M = (0.0, 0.849, 0.0696)
_NOSE_TIP_M = (0.0, 0.6938, 0.168)
_EAR_M = (0.073, 0.715, 0.062)
_AXES = {
    "gender": ((0.0, "female"), (1.0, "male")),
    "age": ((0.0, "baby"), (0.1875, "child"), (0.5, "young"), (1.0, "old")),
    "muscle": ((0.0, "minmuscle"), (0.5, "averagemuscle"), (1.0, "maxmuscle")),
    "weight": ((0.0, "minweight"), (0.5, "averageweight"), (1.0, "maxweight")),
    "height": ((0.0, "minheight"), (0.5, ""), (1.0, "maxheight")),
}


@dataclass(frozen=True, eq=False)
class BaseMesh:
    """MakeHuman's neutral mesh: vertices_m (V, 3), y up, z front, left at +x; skin and eye triangles (F, 3).

    groups: name of a vertex group → its vertices; joint cubes are named `joint-…`.
    """

    vertices_m: Array32
    skin_triangles: IntArray
    eye_triangles: IntArray
    groups: dict[str, IntArray]


@dataclass(frozen=True)
class BodyShape:
    """Macro values in 0–1: gender 0 female – 1 male; age 0 baby, 0.19 ten years, 0.5 twenty-five, 1 ninety.

    african, asian and caucasian are shares that add up to 1.
    """

    gender: float
    age: float
    muscle: float
    weight: float
    height: float
    african: float
    asian: float
    caucasian: float

    @staticmethod
    def random(seed: int) -> BodyShape:
        """A person: one in ten a child of about 8 to 15 years, the others from young to old."""
        rng = np.random.default_rng([seed, 1])
        is_child = rng.random() < 0.10
        age = rng.uniform(0.15, 0.32) if is_child else float(np.clip(0.42 + rng.gamma(1.6, 0.12), 0.4, 0.98))
        gender = float(np.clip(rng.normal(0.06, 0.05), 0, 1))
        shares = rng.dirichlet([0.6, 0.6, 0.6])
        return BodyShape(
            gender=1.0 - gender if rng.random() < 0.5 else gender,
            age=age,
            muscle=float(np.clip(rng.normal(0.5, 0.16), 0.05, 0.95)),
            weight=float(np.clip(rng.normal(0.52, 0.2), 0.05, 1.0)),
            height=_height_value(rng.normal(_TALLER_M, _STATURE_SPREAD_M)),
            african=float(shares[0]), asian=float(shares[1]), caucasian=float(shares[2]),
        )  # fmt: skip


_TALLER_M, _STATURE_SPREAD_M = 0.03, 0.07
_SHORTER_UNIT_M, _TALLER_UNIT_M = 0.735, 1.45
"""MakeHuman's grown-ups of height 0.5 measure 1.60 m (women) and 1.72 m (men), 3 cm less than people of most countries
do; from there a unit of the slider is this much shorter or taller."""


def _height_value(difference_m: float) -> float:
    """MakeHuman's height value of a person that much taller than its average."""
    unit_m = _TALLER_UNIT_M if difference_m > 0 else _SHORTER_UNIT_M
    return float(np.clip(0.5 + difference_m / unit_m, 0.2, 0.8))


def _shares(axis: str, value: float) -> dict[str, float]:
    """Share of each part along an axis for a value in 0–1."""
    parts = _AXES[axis]
    shares = dict.fromkeys((name for _, name in parts), 0.0)
    for (low, low_name), (high, high_name) in pairwise(parts):
        if low <= value <= high:
            t = (value - low) / (high - low)
            shares[low_name], shares[high_name] = 1.0 - t, t
            break
    return shares


def _target_weights(shape: BodyShape) -> dict[str, float]:
    """Target name (below macrodetails, without suffix) → weight, those above zero."""
    by = {axis: _shares(axis, getattr(shape, axis)) for axis in _AXES}
    weights: dict[str, float] = {}
    for gender, g in by["gender"].items():
        for age, a in by["age"].items():
            for race in ("african", "asian", "caucasian"):
                weights[f"{race}-{gender}-{age}"] = g * a * getattr(shape, race)
            for muscle, m in by["muscle"].items():
                for weight, w in by["weight"].items():
                    build = f"{gender}-{age}-{muscle}-{weight}"
                    weights[f"universal-{build}"] = g * a * m * w
                    for height, h in by["height"].items():
                        if height:
                            weights[f"height/{build}-{height}"] = g * a * m * w * h
    return {name: value for name, value in weights.items() if value > 1e-4}


@lru_cache(maxsize=8)
def load_base_mesh(assets: Path) -> BaseMesh:
    """MakeHuman's base mesh with its vertex groups. Raises InputError when the folder has none."""
    path = assets / "makehuman" / "3dobjs" / "base.obj"
    if not path.exists():
        raise InputError(
            str(path), expected="MakeHuman's base mesh", got="no such file", fix="Give the folder of assets."
        )
    vertices, quads = read_obj(path)
    meta = json.loads((assets / "makehuman" / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())
    groups = {name: np.concatenate([np.arange(a, b + 1) for a, b in ranges]) for name, ranges in meta.items()}
    skin = quads[(quads < BODY_VERTICES).all(axis=1)]
    eyes = np.concatenate([groups["helper-l-eye"], groups["helper-r-eye"]])
    eye_quads = quads[np.isin(quads, eyes).all(axis=1)]
    return BaseMesh((vertices * DECIMETRE_M).astype(np.float32), triangles(skin), triangles(eye_quads), groups)


def read_obj(path: Path) -> tuple[Array, IntArray]:
    """Vertices (V, 3) and quads (Q, 4) of a Wavefront file; a triangle repeats its last vertex."""
    vertices: list[list[str]] = []
    faces: list[list[int]] = []
    with path.open() as stream:
        for line in stream:
            if line.startswith("v "):
                vertices.append(line.split()[1:4])
            elif line.startswith("f "):
                corner = [int(word.split("/")[0]) - 1 for word in line.split()[1:]]
                faces.append(corner if len(corner) == 4 else [*corner, corner[-1]])
    return np.array(vertices, dtype=np.float64), np.array(faces, dtype=np.int64).reshape(-1, 4)


def triangles(quads: IntArray) -> IntArray:
    """Triangles (F, 3) of quads (Q, 4), degenerate ones dropped."""
    both = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return np.asarray(both[both[:, 1] != both[:, 2]])


@lru_cache(maxsize=400)
def _target(assets: Path, name: str, count: int) -> Array32:
    """Offsets (count, 3) in metres of all vertices at weight 1."""
    path = assets / "makehuman" / "targets" / "macrodetails" / f"{name}.target.gz"
    with gzip.open(path, "rt") as stream:
        rows = [line.split() for line in stream if line.strip() and not line.startswith("#")]
    values = np.array(rows, dtype=np.float64).reshape(-1, 4)
    offsets_m = np.zeros((count, 3), dtype=np.float32)
    offsets_m[values[:, 0].astype(np.int64)] = values[:, 1:] * DECIMETRE_M
    return offsets_m


def shape_vertices(assets: Path, shape: BodyShape) -> Array32:
    """All vertices (19158, 3) of a body in its rest pose, metres, the lowest skin vertex at y = 0."""
    base = load_base_mesh(assets)
    vertices = base.vertices_m.copy()
    for name, weight in _target_weights(shape).items():
        vertices += np.float32(weight) * _target(assets, name, len(vertices))
    vertices[:, 1] -= vertices[:BODY_VERTICES, 1].min()
    return np.asarray(vertices)


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
