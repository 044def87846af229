"""The sprite bank on disk: people rendered alone with alpha and joints, to be composed anew in training.

A bank is a folder of shards, each a folder with `pixels.bin` (RGBA rows, uint8, one sprite after another) and
`index.npz` (one row per sprite). Sprites of one group share camera and light, so any of them form a scene; sort them by
the depth of their pelvis and draw the farthest first.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array, ImageArray


@dataclass(frozen=True, eq=False)
class SpriteRecord:
    """Everything about a sprite but its pixels; one row of the index.

    offset: first byte in pixels.bin. x0_px, y0_px: position of the rectangle in the full image; group: sprites with the
    same number share camera and light. K (3, 3); joints_cam_m (J, 3) in SYNTH_JOINTS' order; alpha_box (4,): x0, y0,
    x1, y1 of the whole silhouette, beyond the image's border too (edges; pixel centers are integers).
    joint_self_visible (J,): the joint is in the image and not hidden behind more than 10 cm of the own body.
    height_m: stature. camera_height_m, pitch_rad (down positive), roll_rad: the camera over the floor y = 0.
    cam2world (4, 4): x right, y up, z towards the viewer. clearance_m: lowest point over the floor. sun_dir (3,): unit,
    world, towards the sun; sun_share: how much of the light on the floor comes from it, 0–1.
    """

    offset: int
    width_px: int
    height_px: int
    x0_px: int
    y0_px: int
    group: int
    image_width_px: int
    image_height_px: int
    K: Array
    joints_cam_m: npt.NDArray[np.float32]
    joint_self_visible: npt.NDArray[np.bool_]
    alpha_box: npt.NDArray[np.float32]
    height_m: float
    clearance_m: float
    camera_height_m: float
    pitch_rad: float
    roll_rad: float
    cam2world: Array
    sun_dir: Array
    sun_share: float
    person_seed: int
    look_seed: int
    clip: str
    frame: int


@dataclass(frozen=True, eq=False)
class Sprite(SpriteRecord):
    """A person cut out of an image: rgba (h, w, 4) uint8 with straight alpha, beside its record."""

    rgba: ImageArray


class SpriteBank:
    """Reader of a bank; pixels stay on disk (memory-mapped). `index` holds the record's columns by name.

    Raises InputError when the folder holds no shard.
    """

    def __init__(self, path: Path | str) -> None:
        folders = sorted(p.parent for p in Path(path).glob("*/index.npz"))
        if not folders:
            raise InputError(
                str(path),
                expected="a sprite bank",
                got="no shard with index.npz",
                fix="Render one with `pose3d synth people`.",
            )
        indices = [load_index(folder / "index.npz") for folder in folders]
        self._pixels = [np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r") for folder in folders]
        self._shard = np.concatenate([np.full(len(ix["offset"]), k) for k, ix in enumerate(indices)])
        self.index = {name: np.concatenate([ix[name] for ix in indices]) for name in indices[0]}
        # Shards of several renderings may lie side by side: a number means one camera within its shard alone.
        group = self.index["group"] * len(folders) + self._shard
        order = np.argsort(group, kind="stable")
        groups, starts = np.unique(group[order], return_index=True)
        self._members = np.split(order, starts[1:]) if len(groups) else []

    def __len__(self) -> int:
        return len(self._shard)

    @property
    def group_count(self) -> int:
        """How many groups there are."""
        return len(self._members)

    def group_members(self, k: int) -> npt.NDArray[np.int64]:
        """Indices of the sprites of the k-th group, 0 ≤ k < group_count."""
        return np.asarray(self._members[k])

    def sprite(self, i: int) -> Sprite:
        """Sprite by index; its pixels are a read-only view of the file."""
        values = {name: column[i] for name, column in self.index.items()}
        h, w, start = int(values["height_px"]), int(values["width_px"]), int(values["offset"])
        rgba = self._pixels[self._shard[i]][start : start + h * w * 4].reshape(h, w, 4)
        scalars = {name: value.item() if value.ndim == 0 else value for name, value in values.items()}
        return Sprite(rgba=rgba, **scalars)


def load_index(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Columns of a shard's index. Raises InputError for one of an earlier version."""
    with np.load(path) as file:
        missing = sorted({f.name for f in fields(SpriteRecord)} - set(file.files))
        if missing:
            raise InputError(
                str(path), expected="every column of a sprite", got=f"no {', '.join(missing)}", fix="Render it anew."
            )
        return {name: file[name] for name in file.files}


def save_index(path: Path, records: list[SpriteRecord], before: dict[str, npt.NDArray[np.generic]] | None) -> None:
    """Write columns of records after those already there; a reader sees the old file or the new one, never a part."""
    columns = {f.name: np.array([getattr(r, f.name) for r in records]) for f in fields(SpriteRecord)}
    if before is not None:
        columns = {name: np.concatenate([before[name], column]) for name, column in columns.items()}
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **columns)  # type: ignore[arg-type]
    os.replace(partial, path)
