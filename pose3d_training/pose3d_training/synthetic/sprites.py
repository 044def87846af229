"""Render a sprite bank: groups of people before one camera each, every person alone.

`pose3d synth people` is its command line. A stopped run is resumed. Bodies, clips, looks and cameras of the
two splits never meet.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.figure import Figure, PosedFigure, make_figure
from pose3d_training.synthetic.image_folders import load_images
from pose3d_training.synthetic.motion import evaluation_clips, training_clips
from pose3d_training.synthetic.pose_sampling import SampledPose, sample_pose
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import GroupCamera, View
from pose3d_training.synthetic.sprite_bank import SpriteBank as SpriteBank
from pose3d_training.synthetic.sprite_bank import SpriteRecord, load_index, save_index
from pose3d_training.synthetic.texture import Appearance

GROUP_SIZE = 24
_FIGURES_PER_GROUP = 8
EVAL_PERSON, EVAL_LOOK = 1_000_000_000, 1_800_000_000
"""Seeds of the evaluation split's people and looks start here; with seeds below 100 training's stay below."""
MAX_SEED = 99
_SEED_STRIDE = 1_000_003
_NEAR_M, _FAR_M = 1.0, 9.0
_MIN_SIDE_PX = 14
_SLACK_M = 0.10


@dataclass(frozen=True, eq=False)
class Rectangle:
    """Part of the image a sprite covers, integer pixels, x1 and y1 exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int


def box_of(view: View, vertices_m: Array32 | Array) -> npt.NDArray[np.float32] | None:
    """Box (4,) x0, y0, x1, y1 in pixels of a mesh in the world; None when part of it is behind the camera."""
    cam = view.to_cam(vertices_m.astype(np.float64))
    if cam[:, 2].min() < 0.2:
        return None
    pixel = view.project(cam)
    return np.asarray(np.concatenate([pixel.min(axis=0), pixel.max(axis=0)]), dtype=np.float32)


def rectangle_of(box_px: npt.NDArray[np.float32], view: View) -> Rectangle | None:
    """The pixels of the image a box touches; None when too few are left to see anything."""
    x0, y0 = np.maximum(np.floor(box_px[:2]).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(box_px[2:]).astype(int) + 1, [view.width_px, view.height_px])
    whole = max(float((box_px[2] - box_px[0]) * (box_px[3] - box_px[1])), 1.0)
    if x1 - x0 < _MIN_SIDE_PX or y1 - y0 < _MIN_SIDE_PX or (x1 - x0) * (y1 - y0) < 0.12 * whole:
        return None
    return Rectangle(int(x0), int(y0), int(x1), int(y1))


def self_visible(view: View, depth_m: Array32, at: Rectangle, joints_cam_m: Array) -> npt.NDArray[np.bool_]:
    """Which joints (J,) lie in the image with at most 10 cm of the own body before them."""
    pixel = np.rint(view.project(joints_cam_m)).astype(int) - [at.x0, at.y0]
    h, w = depth_m.shape
    inside = (pixel >= 0).all(axis=1) & (pixel[:, 0] < w) & (pixel[:, 1] < h) & (joints_cam_m[:, 2] > 0.1)
    seen = np.zeros(len(joints_cam_m), dtype=bool)
    seen[inside] = joints_cam_m[inside, 2] < depth_m[pixel[inside, 1], pixel[inside, 0]] + _SLACK_M
    return seen


@dataclass(frozen=True, eq=False)
class Placed:
    """A figure in a pose before a camera: box_px (4,) of the whole mesh, `at` the part of the image that it touches."""

    sampled: SampledPose
    posed: PosedFigure
    box_px: npt.NDArray[np.float32]
    at: Rectangle


class SpriteMaker:
    """Renders groups of sprites; a group depends on (seed, split, number) alone."""

    def __init__(self, assets: Path, seed: int, split: str, prints: Sequence[ImageArray] = ()) -> None:
        """prints: (H, W, 3) uint8, printed on some of the clothes; without any those have other patterns."""
        self._assets, self._seed, self._split = assets, seed, split
        self._clips = training_clips(assets) if split == "train" else evaluation_clips(assets)
        self._person0, self._look0 = (0, 0) if split == "train" else (EVAL_PERSON, EVAL_LOOK)
        self._prints = prints
        self._renderer = Renderer()

    def group(self, number: int) -> Iterator[tuple[ImageArray, SpriteRecord]]:
        """Sprites of a group, with offset 0."""
        rng = np.random.default_rng([self._seed, self._person0, number])
        camera, light = GroupCamera.random(rng), Light.random(rng)
        for k in range(_FIGURES_PER_GROUP):
            person = self._seed * _SEED_STRIDE + number * _FIGURES_PER_GROUP + k
            figure = make_figure(self._assets, self._person0 + person)
            for i in range(GROUP_SIZE // _FIGURES_PER_GROUP):
                placed = self._place(figure, camera.view, rng)
                yield self.sprite(figure, placed, camera, light, number, self._look0 + 8 * person + i)

    def sprite(
        self, figure: Figure, placed: Placed, camera: GroupCamera, light: Light, group: int, look_seed: int
    ) -> tuple[ImageArray, SpriteRecord]:
        """Draw one, with offset 0."""
        view, posed, at, sampled = camera.view, placed.posed, placed.at, placed.sampled
        look = Appearance.random(look_seed, figure.shape.gender, figure.shape.age, printed=bool(self._prints))
        if self._prints:
            self._renderer.set_print(self._prints[look_seed % len(self._prints)])
        mesh = self._renderer.mesh(figure, look, look_seed)
        part = view.crop(at.x0, at.y0, at.x1 - at.x0, at.y1 - at.y0)
        rgba, depth_m = self._renderer.draw(mesh, posed, part, light)
        mesh.release()
        joints_cam_m = view.to_cam(posed.joints_m)
        return rgba, SpriteRecord(
            offset=0, width_px=part.width_px, height_px=part.height_px, x0_px=at.x0, y0_px=at.y0, group=group,
            image_width_px=view.width_px, image_height_px=view.height_px, K=view.K,
            joints_cam_m=joints_cam_m.astype(np.float32),
            joint_self_visible=self_visible(view, depth_m, at, joints_cam_m),
            alpha_box=placed.box_px, height_m=figure.height_m, clearance_m=sampled.clearance_m,
            camera_height_m=camera.height_m, pitch_rad=camera.pitch_rad, roll_rad=camera.roll_rad,
            cam2world=view.cam2world, sun_dir=light.sun_dir, sun_share=light.sun_share, person_seed=figure.seed,
            look_seed=look_seed, clip=sampled.clip, frame=sampled.frame,
        )  # fmt: skip

    def _place(self, figure: Figure, view: View, rng: np.random.Generator) -> Placed:
        """A pose at a position on the floor where some of the person is in the image."""
        while True:
            sampled = sample_pose(self._assets, self._clips, figure, rng)
            posed = figure.pose(sampled.turned, 0.0, 0.0, rng.uniform(-np.pi, np.pi), sampled.clearance_m)
            for _ in range(6):
                away = float(np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M))))
                u = rng.uniform(-0.08, 1.08) * view.width_px
                shift = np.array([(u - view.K[0, 2]) / view.K[0, 0] * away, 0.0, -away])
                moved = posed.moved(shift)
                box = box_of(view, moved.vertices_m)
                at = rectangle_of(box, view) if box is not None else None
                if box is not None and at is not None:
                    return Placed(sampled, moved, box, at)


class ShardWriter:
    """Appends groups to a shard's files; the index is written every few groups and marks what counts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._index = folder / "index.npz"
        self._before = load_index(self._index) if self._index.exists() else None
        self._records: list[SpriteRecord] = []
        self._file = (folder / "pixels.bin").open("r+b" if self._before is not None else "wb")
        self._end = self._bytes_indexed()
        self._file.truncate(self._end)
        self._file.seek(self._end)

    def _bytes_indexed(self) -> int:
        if self._before is None:
            return 0
        last = [int(self._before[name][-1]) for name in ("offset", "width_px", "height_px")]
        return last[0] + 4 * last[1] * last[2]

    @property
    def groups_done(self) -> set[int]:
        """Groups that are in the index."""
        return set() if self._before is None else {int(g) for g in self._before["group"]}

    def add(self, rgba: ImageArray, record: SpriteRecord) -> None:
        """Append a sprite."""
        self._records.append(SpriteRecord(**{**vars(record), "offset": self._end}))
        self._file.write(np.ascontiguousarray(rgba).tobytes())
        self._end += rgba.size

    def checkpoint(self) -> None:
        """Make everything added so far count."""
        self._file.flush()
        if self._records:
            save_index(self._index, self._records, self._before)
            self._before, self._records = load_index(self._index), []


def render_bank(
    assets: Path, output: Path, count: int, seed: int, split: str, shard: int, shards: int, prints: Sequence[Path] = ()
) -> None:
    """Render this shard's groups of a bank of `count` sprites.

    prints: folders of what clothes are printed with. Raises InputError for a seed beyond MAX_SEED, and for a folder
    that holds a bank of another seed or split.
    """
    check_seed(seed)
    os.environ.setdefault("LP_NUM_THREADS", "0")  # Mesa's rasterizer: shards are the parallelism
    check_same_bank(output, {"seed": seed, "split": split})
    maker = SpriteMaker(assets, seed, split, load_images(prints))
    groups = range(shard, -(-count // GROUP_SIZE), shards)
    write_groups(output / f"shard-{shard:02d}", groups, maker.group, f"shard {shard}/{shards}")


def write_groups(
    folder: Path, groups: Sequence[int], render: Callable[[int], Iterator[tuple[ImageArray, SpriteRecord]]], name: str
) -> None:
    """Render those groups that a shard's folder lacks. name: before the lines of progress."""
    writer = ShardWriter(folder)
    todo = [group for group in groups if group not in writer.groups_done]
    start, images = time.monotonic(), 0
    for n, number in enumerate(todo, start=1):
        for rgba, record in render(number):
            writer.add(rgba, record)
            images += 1
        if n % 10 == 0 or n == len(todo):
            writer.checkpoint()
            rate = images / (time.monotonic() - start)
            print(f"{name}: {n}/{len(todo)} groups, {rate:.1f} images/s", flush=True)


def check_seed(seed: int) -> None:
    """Raise InputError for a seed whose people would meet those of the other split."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(
            "seed (--seed, or --synthetic of evaluate)",
            expected=f"0 to {MAX_SEED}",
            got=str(seed),
            fix="Choose another one.",
        )


def check_same_bank(folder: Path, made_of: dict[str, int | str]) -> None:
    """Note in a new bank's folder what it is made of; raise InputError when it is a bank of something else."""
    note = folder / "made_of.json"
    if note.exists() and json.loads(note.read_text()) != made_of:
        raise InputError(
            f"bank {folder}",
            expected=f"people of {made_of}",
            got=f"those of {json.loads(note.read_text())}",
            fix="Choose another folder, or delete this one.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(made_of) + "\n")
