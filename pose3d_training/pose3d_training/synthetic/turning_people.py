"""People who turn in place behind a disc, as single images: one of the held-out set's groups.

A person is rendered in eight headings, alone; before the same background and in the same light each image exists with
the disc and without it, so that only what it hides differs. A turn depends on (seed, its number) alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.crop import aspect_box
from pose3d_ros.types import ImageArray
from pose3d_training.synthetic import postures
from pose3d_training.synthetic.augment import Disc
from pose3d_training.synthetic.compose import Scene, paste, scene_of
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.motion import evaluation_clips
from pose3d_training.synthetic.pose_sampling import (
    SampledPose,
    change_arms,
    loosen,
    random_frame,
    to_global,
    to_local,
)
from pose3d_training.synthetic.renderer import Light
from pose3d_training.synthetic.scene_camera import GroupCamera, View
from pose3d_training.synthetic.shadows import cast_on_floor
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import (
    EVAL_LOOK,
    EVAL_PERSON,
    Placed,
    SpriteMaker,
    box_of,
    check_same_bank,
    rectangle_of,
    write_groups,
)

HEADINGS = 8
HIDDEN_SHARE = (0.1, 0.5)
"""How much of the person a disc hides, least and most in any heading: all count as held-out people do."""
_FIRST_PERSON, _SEED_STRIDE = 700_000_000, 1_000
"""Seeds of bodies and looks start here within the split; those of other recordings and sprites are below."""
_STREAM, _DISC_STREAM = 23, 24
_NEAR_M, _FAR_M = 1.5, 8.0
_TRIES = 6
_MIN_HEIGHT_PX = 80.0
_SOLID = 127


class TurnMaker:
    """Renders people of the evaluation split who stand upright and turn, all of them in the image."""

    def __init__(self, assets: Path, seed: int) -> None:
        self._assets, self._seed, self._clips = assets, seed, evaluation_clips(assets)
        self._maker = SpriteMaker(assets, seed, "eval")

    def turn(self, number: int) -> Iterator[tuple[ImageArray, SpriteRecord]]:
        """Sprites of a person in HEADINGS headings around the vertical, with offset 0."""
        rng = np.random.default_rng([self._seed, _STREAM, number])
        person = _FIRST_PERSON + self._seed * _SEED_STRIDE + number
        figure = make_figure(self._assets, EVAL_PERSON + person)
        poses, start_rad = self._poses(figure, rng), rng.uniform(-np.pi, np.pi)
        camera, placed = _place(figure, poses, start_rad, rng)
        light = Light.random(rng)
        for one in placed:
            yield self._maker.sprite(figure, one, camera, light, number, EVAL_LOOK + person)

    def _poses(self, figure: Figure, rng: np.random.Generator) -> list[SampledPose]:
        """One stance, in every heading with the head and the limbs a little elsewhere."""
        clip, frame = random_frame(self._assets, self._clips, rng)
        local = to_local(figure, figure.bones(clip, frame))
        postures.stand(local, rng)
        change_arms(local, figure, True, self._assets, self._clips, rng)
        poses = []
        for _ in range(HEADINGS):
            moved = local.copy()
            loosen(moved, rng)
            poses.append(SampledPose(to_global(figure, moved), 0.0, clip.name, frame))
        return poses


def _place(
    figure: Figure, poses: Sequence[SampledPose], start_rad: float, rng: np.random.Generator
) -> tuple[GroupCamera, list[Placed]]:
    """A camera, and a place on the floor where it sees all of the person in each heading."""
    headings = start_rad + np.arange(len(poses)) * 2 * np.pi / len(poses)
    turned = [
        figure.pose(p.turned, 0.0, 0.0, heading, p.clearance_m) for p, heading in zip(poses, headings, strict=True)
    ]
    while True:
        camera = GroupCamera.random(rng)
        view = camera.view
        for _ in range(_TRIES):
            away = float(np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M))))
            u = rng.uniform(0.1, 0.9) * view.width_px
            shift = np.array([(u - view.K[0, 2]) / view.K[0, 0] * away, 0.0, -away])
            placed = []
            for sampled, posed in zip(poses, turned, strict=True):
                moved = posed.moved(shift)
                box = box_of(view, moved.vertices_m)
                at = rectangle_of(box, view) if box is not None and _is_whole(box, view) else None
                if box is None or at is None:
                    break
                placed.append(Placed(sampled, moved, box, at))
            else:
                return camera, placed


def _is_whole(box_px: npt.NDArray[np.float32], view: View) -> bool:
    """Whether a box (4,) lies in the image and is tall enough."""
    inside = (box_px[:2] > 0).all() and (box_px[2:] < [view.width_px - 1, view.height_px - 1]).all()
    return bool(inside and box_px[3] - box_px[1] >= _MIN_HEIGHT_PX)


def render_turns(assets: Path, output: Path, count: int, seed: int) -> None:
    """Render a bank of `count` turns, each a group. A stopped run is resumed.

    Raises InputError for a folder that holds another bank.
    """
    check_same_bank(output, {"seed": seed, "split": "eval", "people": "turning"})
    write_groups(output / "shard-00", range(count), TurnMaker(assets, seed).turn, "turning people")


class TurningPeople:
    """The scenes of a bank of turns by number, HEADINGS of each person after another."""

    def __init__(self, bank: SpriteBank, backgrounds: Backgrounds, seed: int, *, disc: bool) -> None:
        """disc: whether it is in the images; which joints it hides is known in either case."""
        self._bank, self._backgrounds, self._seed, self._with_disc = bank, backgrounds, seed, disc
        self._discs: dict[int, Disc] = {}

    def draw(self, number: int) -> Scene:
        """Scene of a person in a heading."""
        turn, heading = divmod(number, HEADINGS)
        rows = self._bank.group_members(turn)
        rng = np.random.default_rng([self._seed, _STREAM, turn])
        sprite = self._bank.sprite(int(rows[heading]))
        image = self._backgrounds.draw(rng, sprite.image_width_px, sprite.image_height_px)
        cast_on_floor(image, [sprite], rng.uniform(0.3, 1.0))
        owner = np.full(image.shape[:2], -1, np.int8)
        painted = paste(image, owner, sprite, 0, rng.uniform(0.75, 1.25) * rng.uniform(0.93, 1.07, 3))
        disc = self._disc(turn, [self._bank.sprite(int(row)) for row in rows])
        if self._with_disc:
            owner[disc.paint(image)] = -1
        scene = scene_of(image, owner, [sprite], [int(rows[heading])], [painted], sprite)
        return replace(scene, hidden_joints=disc.hides(scene.camera.project(scene.joints_cam_m)))

    def _disc(self, turn: int, sprites: Sequence[Sprite]) -> Disc:
        """One as the augmentation draws them, the first that hides neither too little nor too much in any heading."""
        if turn not in self._discs:
            rng = np.random.default_rng([self._seed, _DISC_STREAM, turn])
            boxes, first = np.array([s.alpha_box for s in sprites], np.float64), sprites[0]
            whole = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
            square = aspect_box(whole, first.image_width_px, first.image_height_px, 1.0)
            hidden: list[float] = []
            while not hidden or min(hidden) < HIDDEN_SHARE[0] or max(hidden) > HIDDEN_SHARE[1]:
                disc = Disc.random(square, rng)
                hidden = [hidden_share(disc, sprite) for sprite in sprites]
            self._discs[turn] = disc
        return self._discs[turn]


def hidden_share(disc: Disc, sprite: Sprite) -> float:
    """Share of the person's pixels that are behind the disc."""
    y, x = np.nonzero(sprite.rgba[..., 3] > _SOLID)
    return float(disc.hides(np.stack([x + sprite.x0_px, y + sprite.y0_px], axis=-1)).mean())
