"""A dressed person: body, suit, shoes, hair and hat as one mesh that is skinned at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pose3d_ros.types import Array
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.body import (
    BODY_VERTICES,
    BodyShape,
    load_base_mesh,
    posed_joints,
    rest_joints,
    shape_vertices,
)
from pose3d_training.synthetic.clothes import Garment, Outfit, load_garment
from pose3d_training.synthetic.motion import BONES, Clip
from pose3d_training.synthetic.rig import alignment, bone_rotations, bone_transforms, load_rig, skin
from pose3d_training.synthetic.tailor import Piece, cut, cut_share, make_carried, make_skirt

_WAIST_M = 0.12
_KNEE_M = -0.34
"""Heights in the base mesh: where trousers end at the top, and the knees."""


class Material(IntEnum):
    """What a vertex is made of; index of the fragment shader's tables."""

    SKIN = 0
    UPPER = 1
    LOWER = 2
    SHOES = 3
    HAIR = 4
    EYES = 5
    HAT = 6
    THING = 7


@dataclass(frozen=True, eq=False)
class PosedFigure:
    """A figure in the world: x right, y up, z towards the viewer, floor at y = 0.

    vertices_m, normals (V, 3) float32; joints_m (J, 3) in SYNTH_JOINTS' order.
    """

    vertices_m: Array32
    normals: Array32
    joints_m: Array

    def moved(self, shift_m: Array) -> PosedFigure:
        """The same elsewhere, by (3,)."""
        return PosedFigure(self.vertices_m + shift_m.astype(np.float32), self.normals, self.joints_m + shift_m)


@dataclass(frozen=True, eq=False)
class Figure:
    """A person's mesh in the rest pose.

    rest_m, normals (V, 3) float32; canonical_m (V, 3) float32: the same vertices on MakeHuman's neutral body, the
    coordinates of textures; material (V,) uint8; triangles (F, 3) int32, of
    which the first closed_triangles (skin, eyes) are only seen from outside; weights (V, 31). heads_m (31, 3) and
    joints_rest_m (J, 3): bones and joints at rest. body_m (19158, 3): the undressed body with its helpers. grounded
    (V,): what can stand on the floor: skirts and carried things go through it rather than lift their owner.
    """

    assets: Path
    seed: int
    shape: BodyShape
    outfit: Outfit
    rest_m: Array32
    normals: Array32
    canonical_m: Array32
    material: npt.NDArray[np.uint8]
    triangles: npt.NDArray[np.int32]
    closed_triangles: int
    weights: sparse.csr_matrix
    heads_m: Array
    joints_rest_m: Array
    body_m: Array32
    grounded: npt.NDArray[np.bool_]

    @property
    def height_m(self) -> float:
        """Stature: floor to crown without hair, hat or heels."""
        return float(self.body_m[:BODY_VERTICES, 1].max() - self.body_m[:BODY_VERTICES, 1].min())

    @property
    def leg_length_m(self) -> float:
        """Hip to knee to ankle."""
        index = [BONES.index(bone) for bone in ("LeftUpLeg", "LeftLeg", "LeftFoot")]
        return float(np.linalg.norm(np.diff(self.heads_m[index], axis=0), axis=1).sum())

    def align(self, clip: Clip) -> Array:
        """Rest-pose alignment (31, 3, 3) of this body with a clip's skeleton."""
        return alignment(load_rig(self.assets), self.body_m, clip)

    def bones(self, clip: Clip, frame: int) -> Array:
        """Global rotations (31, 3, 3) of this body's bones in a frame of a clip."""
        return bone_rotations(clip.rotations[frame], self.align(clip))

    def pose(self, turned: Array, x_m: float, z_m: float, heading_rad: float, clearance_m: float) -> PosedFigure:
        """Pose the figure with global bone rotations (31, 3, 3), turned about y, its pelvis over (x, z).

        Its lowest vertex is clearance_m above the floor.
        """
        c, s = np.cos(heading_rad), np.sin(heading_rad)
        turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        maps = turn @ bone_transforms(load_rig(self.assets), self.heads_m, turned)
        vertices, normals = skin(self.weights, self.rest_m, self.normals, maps)
        joints = posed_joints(self.assets, self.joints_rest_m, maps)
        lowest_m = float(vertices[self.grounded, 1].min())
        shift = np.array([x_m - joints[0, 0], clearance_m - lowest_m, z_m - joints[0, 2]])
        return PosedFigure(vertices + shift.astype(np.float32), normals, joints + shift)


@dataclass(frozen=True, eq=False)
class _Part:
    """A piece of the mesh before it is joined: bind (N, 19158) of the body's vertices gives the skin weights."""

    rest_m: Array32
    canonical_m: Array32
    triangles: IntArray
    material: npt.NDArray[np.uint8]
    weights: sparse.csr_matrix


def make_figure(assets: Path, seed: int) -> Figure:
    """The person with this seed: the same seed gives the same body and garments."""
    shape = BodyShape.random(seed)
    return dress(assets, shape, Outfit.random(assets, shape, seed), seed)


def dress(assets: Path, shape: BodyShape, outfit: Outfit, seed: int = 0) -> Figure:
    """A body with an outfit."""
    body = shape_vertices(assets, shape)
    garments = [
        (load_garment(assets, name, len(body)), material)
        for name, material in ((outfit.suit, Material.UPPER), (outfit.shoes, Material.SHOES),
                               (outfit.hair if not outfit.hat else "", Material.HAIR), (outfit.hat, Material.HAT))
        if name
    ]  # fmt: skip
    garments = [(_cut(assets, g, outfit) if m is Material.UPPER else g, m) for g, m in garments]
    parts = [_skin_part(assets, body, garments)]
    parts += [_garment_part(assets, body, g, m, outfit.loose_m if m is Material.UPPER else 0.0) for g, m in garments]
    parts += _made_parts(assets, body, outfit, seed)
    starts = np.cumsum([0] + [len(part.rest_m) for part in parts])
    faces = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=False)])
    rest = np.concatenate([part.rest_m for part in parts])
    is_used = np.zeros(len(rest), dtype=bool)
    is_used[faces] = True
    used = np.flatnonzero(is_used)
    lookup = np.cumsum(is_used) - 1
    faces, rest = lookup[faces], rest[used]
    return Figure(
        assets=assets, seed=seed, shape=shape, outfit=outfit, rest_m=rest, normals=vertex_normals(rest, faces),
        canonical_m=np.concatenate([part.canonical_m for part in parts])[used],
        material=np.concatenate([part.material for part in parts])[used],
        triangles=faces.astype(np.int32), closed_triangles=len(parts[0].triangles),
        weights=sparse.vstack([part.weights for part in parts]).tocsr()[used],
        heads_m=load_rig(assets).heads_m(body), joints_rest_m=rest_joints(assets, body), body_m=body,
        grounded=(np.arange(len(is_used)) < starts[1 + len(garments)])[used],
    )  # fmt: skip


def _cut(assets: Path, garment: Garment, outfit: Outfit) -> Garment:
    weights = load_rig(assets).weights
    body_share = cut_share(weights, outfit.sleeves, outfit.legs)
    return cut(garment, np.asarray(garment.bind @ body_share), body_share)


def _made_parts(assets: Path, body: Array32, outfit: Outfit, seed: int) -> list[_Part]:
    """Skirt and carried thing."""
    rng = np.random.default_rng([seed, 5])
    rig = load_rig(assets)
    heads_m = rig.heads_m(body)
    made: list[tuple[Piece, Material]] = []
    if outfit.skirt:
        skirt = make_skirt(body, rig.weights, heads_m, outfit.skirt, float(rng.uniform(0.0, 0.3)))
        made.append((skirt, Material.LOWER))
    if outfit.carried:
        made.append((make_carried(outfit.carried, body, heads_m, rng), Material.THING))
    return [_Part(p.rest_m, p.rest_m, p.triangles, np.full(len(p.rest_m), m, np.uint8), p.weights) for p, m in made]


def _skin_part(assets: Path, body: Array32, garments: list[tuple[Garment, Material]]) -> _Part:
    base = load_base_mesh(assets)
    under = np.zeros(len(body), dtype=bool)
    for garment, _ in garments:
        under[garment.hidden[garment.hidden < len(body)]] = True
    seen = base.skin_triangles[~under[base.skin_triangles].all(axis=1)]
    material = np.full(len(body), Material.SKIN, dtype=np.uint8)
    material[np.unique(base.eye_triangles)] = Material.EYES
    return _Part(body, base.vertices_m, np.concatenate([seen, base.eye_triangles]), material, load_rig(assets).weights)


def _garment_part(assets: Path, body: Array32, garment: Garment, material: Material, loose_m: float) -> _Part:
    canonical, rest = garment.fit(load_base_mesh(assets).vertices_m), garment.fit(body)
    table = np.full(len(canonical), material, dtype=np.uint8)
    if material is Material.UPPER:
        table[_lower_half(canonical, garment.triangles)] = Material.LOWER
    if loose_m:
        rest = rest + np.float32(loose_m) * vertex_normals(rest, garment.triangles)
    return _Part(rest, canonical, garment.triangles, table, garment.bind @ load_rig(assets).weights)


def _lower_half(canonical_m: Array32, faces: IntArray) -> npt.NDArray[np.bool_]:
    """Which vertices (N,) of a suit are trousers or skirt: pieces by their middle, one-piece suits at the waist."""
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(edges)), edges.T), shape=(len(canonical_m), len(canonical_m)))
    count, label = connected_components(graph, directed=False)
    lower = np.zeros(len(canonical_m), dtype=bool)
    for piece in range(count):
        member = label == piece
        y = canonical_m[member, 1]
        if y.min() < _KNEE_M and y.max() > 0.35:
            lower[member] = y < _WAIST_M
        else:
            lower[member] = (y.min() + y.max()) / 2 < _WAIST_M - 0.05
    return lower


def vertex_normals(vertices_m: Array32, faces: IntArray) -> Array32:
    """Area-weighted unit normals (V, 3)."""
    a, b, c = (vertices_m[faces[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    rows = faces.T.ravel()
    spread = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, np.tile(np.arange(len(faces)), 3))),
        shape=(len(vertices_m), len(faces)),
    )
    normals = np.asarray(spread @ face)
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12), dtype=np.float32)
