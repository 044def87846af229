"""Clothes, shoes, hair and hats: MakeHuman's `.mhclo` files fitted to any body.

A line of three vertices, three weights and three offsets places one vertex of the cloth: the weighted mean of the
body's vertices plus the offsets, each scaled by a distance on the body over the one the cloth was made at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse

from pose3d_ros.errors import InputError
from pose3d_training.synthetic import Array32, IntArray
from pose3d_training.synthetic.body import BodyShape, read_obj, triangles


@dataclass(frozen=True, eq=False)
class Garment:
    """A fitted mesh: bind (N, V) sparse weights of the body's vertices, offsets (N, 3) in units of the scales.

    scales: per axis the two body vertices and the distance in decimetres at which an offset of 1 is one decimetre.
    hidden: body vertices under the cloth. triangles (F, 3) of its own vertices.
    """

    name: str
    bind: sparse.csr_matrix
    offsets: Array32
    scales: tuple[tuple[int, int, float], ...]
    hidden: IntArray
    triangles: IntArray

    def fit(self, vertices_m: Array32) -> Array32:
        """Vertices (N, 3) of the cloth on a body (V, 3), both in metres in the rest pose."""
        scale = [
            abs(float(vertices_m[a, axis] - vertices_m[b, axis])) / made_at
            for axis, (a, b, made_at) in enumerate(self.scales)
        ]
        return np.asarray(self.bind @ vertices_m + self.offsets * np.array(scale, dtype=np.float32), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class MhcloText:
    """Content of an `.mhclo` file: vertices (N, 3) int, weights and offsets (N, 3), scales, hidden body vertices."""

    vertices: IntArray
    weights: Array32
    offsets: Array32
    scales: tuple[tuple[int, int, float], ...]
    hidden: IntArray
    obj_file: str


def parse_mhclo(text: str) -> MhcloText:
    """Parse an `.mhclo` file; other keys may stand between the vertex lines. Raises InputError without vertices."""
    scales = {"x": (0, 0, 1.0), "y": (0, 0, 1.0), "z": (0, 0, 1.0)}
    rows: list[list[float]] = []
    hidden: list[str] = []
    obj_file, section = "", ""
    for words in (line.split() for line in text.splitlines()):
        if not words or words[0].startswith("#"):
            continue
        key = words[0]
        if key in ("verts", "delete_verts"):
            section = key
        elif key.endswith("_scale") and key[0] in scales:
            scales[key[0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif key == "obj_file":
            obj_file = words[1]
        elif key[0].isdigit() and section == "verts" and len(words) in (1, 9):
            rows.append([float(v) for v in words] if len(words) == 9 else [float(key)] * 3 + [1.0] + [0.0] * 5)
        elif key[0].isdigit() and section == "delete_verts":
            hidden += words
    if not rows:
        raise InputError("mhclo file", expected="lines of vertices after 'verts'", got="none", fix="Check the file.")
    table = np.array(rows)
    return MhcloText(
        table[:, :3].astype(np.int64),
        table[:, 3:6].astype(np.float32),
        table[:, 6:].astype(np.float32),
        (scales["x"], scales["y"], scales["z"]),
        _ranges(hidden),
        obj_file,
    )


def _ranges(words: list[str]) -> IntArray:
    """Vertices of a list like `3 5 - 8`."""
    out: list[int] = []
    for i, word in enumerate(words):
        if word == "-":
            out.extend(range(int(words[i - 1]) + 1, int(words[i + 1])))
        else:
            out.append(int(word))
    return np.array(sorted(out), dtype=np.int64)


def build_garment(name: str, text: MhcloText, faces: IntArray, body_vertices: int) -> Garment:
    """Garment of a parsed file and its quads (F, 4)."""
    count = len(text.vertices)
    rows = np.repeat(np.arange(count), 3)
    bind = sparse.csr_matrix((text.weights.ravel(), (rows, text.vertices.ravel())), shape=(count, body_vertices))
    # Scales compare distances in decimetres; bodies are in metres, and so is the fitted offset.
    return Garment(name, bind.astype(np.float32), text.offsets, text.scales, text.hidden, triangles(faces))


@lru_cache(maxsize=64)
def load_garment(assets: Path, name: str, body_vertices: int) -> Garment:
    """Garment by `clothes/<folder>/<file>` or `hair/<folder>/<file>`, without suffix."""
    path = assets / "makehuman" / f"{name}.mhclo"
    text = parse_mhclo(path.read_text(encoding="utf-8"))
    _, faces = read_obj(path.parent / text.obj_file)
    return build_garment(name, text, faces, body_vertices)


@lru_cache(maxsize=8)
def wardrobe(assets: Path) -> dict[str, tuple[str, ...]]:
    """Garments by kind: `male`, `female` suits, `shoes`, `male_hair`, `female_hair`, `hat`."""
    root = assets / "makehuman"
    names = sorted(str(path.relative_to(root).with_suffix("")) for path in root.glob("*/*/*.mhclo"))
    work = [name for name in names if "worksuit" in name]
    women_hair = ("bob", "braid", "long", "ponytail", "short03", "afro")
    return {
        "male": tuple(name for name in names if "/male_" in name),
        "female": tuple([name for name in names if "/female_" in name] + work),
        "shoes": tuple(name for name in names if "/shoes" in name),
        "male_hair": tuple(n for n in names if n.startswith("hair/") and ("short" in n or "afro" in n)),
        "female_hair": tuple(n for n in names if n.startswith("hair/") and any(w in n for w in women_hair)),
        "hat": tuple(name for name in names if "fedora" in name),
    }


SLEEVES = ("long", "short", "none")
LEGS = ("long", "short")
CARRIED = ("", "backpack", "bag", "box", "ball", "helmet")


@dataclass(frozen=True)
class Outfit:
    """Names of the garments; an empty name is none.

    sleeves, legs: where the suit's arms and legs are cut, see SLEEVES and LEGS. loose_m: how far the suit stands off
    where it was made to lie on the skin. skirt: its length as a share of the legs' length, 0 for none. carried: see
    CARRIED.
    """

    suit: str
    shoes: str
    hair: str
    hat: str
    sleeves: str = "long"
    legs: str = "long"
    loose_m: float = 0.0
    skirt: float = 0.0
    carried: str = ""

    @staticmethod
    def random(assets: Path, shape: BodyShape, seed: int) -> Outfit:
        """Garments that fit the body's gender, cut and widened at random."""
        rng = np.random.default_rng([seed, 2])
        kinds = wardrobe(assets)
        gender = "male" if shape.gender > 0.5 else "female"
        bald = gender == "male" and rng.random() < 0.12
        return Outfit(
            suit=str(rng.choice(kinds[gender])),
            shoes=str(rng.choice(kinds["shoes"])) if rng.random() < 0.93 else "",
            hair="" if bald else str(rng.choice(kinds[f"{gender}_hair"])),
            hat=str(rng.choice(kinds["hat"])) if rng.random() < 0.08 else "",
            sleeves=str(rng.choice(SLEEVES, p=(0.5, 0.38, 0.12))),
            legs=str(rng.choice(LEGS, p=(0.75, 0.25))),
            loose_m=float(rng.choice((0.0, rng.uniform(0.003, 0.015), rng.uniform(0.015, 0.04)), p=(0.4, 0.4, 0.2))),
            skirt=float(rng.uniform(0.25, 0.95)) if rng.random() < (0.3 if gender == "female" else 0.02) else 0.0,
            carried=str(rng.choice(CARRIED, p=(0.7, 0.1, 0.07, 0.03, 0.03, 0.07))),
        )
