"""Rendered recordings of people who cross, hide each other, leave and enter, for trackers and smoothers.

`pose3d synth crossings` is its command line. A recording depends on (kind, seed, split) and its length alone. Bodies,
clothes and motions of the split `eval` are none that a net is trained on; what is learned about tracking is learned on
the split `train`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.types import Array
from pose3d_training.synthetic import sequence_bag as bags
from pose3d_training.synthetic.crossing_ways import (
    HIDDEN_S,
    KINDS,
    Board,
    Kind,
    camera_yaw_rad,
    draw_boards,
    draw_way,
    hidden_runs_s,
    keep_apart,
    people_count,
)
from pose3d_training.synthetic.figure import Figure, make_figure
from pose3d_training.synthetic.motion import FPS
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sequence import Actor, SequenceFrame, SequenceRenderer
from pose3d_training.synthetic.sprites import EVAL_LOOK, EVAL_PERSON, check_seed
from pose3d_training.synthetic.surroundings import Surroundings, turned
from pose3d_training.synthetic.texture import Appearance
from pose3d_training.synthetic.walk import Gait, Piece, Walk, make_gait, walk_along

_WIDTH_PX, _HEIGHT_PX = 640, 480
_JPEG_QUALITY = 82
_STRIDES = {"train": ("02_01", 44, 33), "eval": ("02_02", 35, 29)}
"""Clip, first frame and length of one whole stride."""
_BLEND = 8
_FIRST_PERSON = 600_000_000
"""Seeds of bodies and looks start here within a split; those of sprites and of the sample recording are below."""
_PEOPLE_PER_SCENE = 16
_STREAM = 17
_TRIES = 200


@dataclass(frozen=True)
class CrossingChoice:
    """Which recording: a kind and a seed (0 to 99), of a split, `frames` images at rate_hz (10, 15 or 30)."""

    kind: Kind
    seed: int
    split: str = "eval"
    frames: int = 150
    rate_hz: int = 15


@dataclass(frozen=True, eq=False)
class Crossing:
    """A scene before it is drawn.

    view: of the camera not turned, height_m and pitch_deg over the floor. yaws_rad: its turn in every frame at FPS.
    """

    actors: tuple[Actor, ...]
    view: View
    height_m: float
    pitch_deg: float
    yaws_rad: Array
    boards: tuple[Board, ...]
    light: Light


def write_crossing(
    choice: CrossingChoice, assets: Path, output: Path, progress: Callable[[int, int], None] = lambda done, of: None
) -> None:
    """Render a recording into a bag; progress is called with (frames done, of how many).

    Raises InputError for a choice that can't be used, BagError and OutputError as BagWriter does.
    """
    _check(choice)
    rng = np.random.default_rng([choice.seed, _STREAM, KINDS.index(choice.kind), choice.split == "eval"])
    scene = plan_crossing(choice, assets, rng)
    camera = Camera(scene.view.K, scene.view.width_px, scene.view.height_px)
    with BagWriter(output, jpeg_quality=_JPEG_QUALITY) as bag:
        bags.write_transforms(bag, bags.START_NS, bags.camera_mount(scene.height_m, scene.pitch_deg), static=True)
        for i, (before, frame, after) in enumerate(bags.neighbors(_frames(choice, scene, rng))):
            stamp_ns = bags.START_NS + i * 1_000_000_000 // choice.rate_hz
            yaw_deg = float(np.rad2deg(scene.yaws_rad[i * _step(choice)]))
            turn = bags.Transform(bags.WORLD_FRAME, bags.FLOOR_FRAME, turn_deg=(0.0, 0.0, yaw_deg))
            bags.write_transforms(bag, stamp_ns, [turn], static=False)
            people = bags.people_of(before, frame, after, choice.rate_hz, camera)
            bags.write_frame(bag, stamp_ns, camera, frame.image_bgr, people)
            progress(i + 1, choice.frames)


def _check(choice: CrossingChoice) -> None:
    check_seed(choice.seed)
    if choice.frames < 1:
        raise InputError("frames", expected="at least 1", got=str(choice.frames), fix="Ask for more.")


def _step(choice: CrossingChoice) -> int:
    """Frames of motion from one image to the next."""
    return int(FPS) // choice.rate_hz


def plan_crossing(choice: CrossingChoice, assets: Path, rng: np.random.Generator) -> Crossing:
    """Who walks where, seen from where."""
    frames = (choice.frames - 1) * _step(choice) + 1
    height_m, pitch_deg = rng.uniform(1.0, 1.7), rng.uniform(0.0, 7.0)
    K = Camera.from_hfov(rng.uniform(58.0, 66.0), _WIDTH_PX, _HEIGHT_PX).K_px
    boards = draw_boards(choice.kind, rng)
    first = (choice.seed * len(KINDS) + KINDS.index(choice.kind)) * _PEOPLE_PER_SCENE + _FIRST_PERSON
    people = [first + number for number in range(people_count(choice.kind))]
    person0, look0 = (EVAL_PERSON, EVAL_LOOK) if choice.split == "eval" else (0, 0)
    figures = [make_figure(assets, person0 + person) for person in people]
    looks = [Appearance.random(look0 + p, f.shape.gender, f.shape.age) for p, f in zip(people, figures, strict=True)]
    walks = _walks(choice, figures, boards, frames, rng)
    return Crossing(
        tuple(Actor(i + 1, *of) for i, of in enumerate(zip(figures, looks, walks, strict=True))),
        view_at(K, _WIDTH_PX, _HEIGHT_PX, height_m, np.deg2rad(pitch_deg), 0.0),
        height_m,
        pitch_deg,
        camera_yaw_rad(choice.kind, frames, rng),
        boards,
        Light.random(rng),
    )


def _walks(
    choice: CrossingChoice, figures: list[Figure], boards: tuple[Board, ...], frames: int, rng: np.random.Generator
) -> list[Walk]:
    walks = [
        _walk(choice, number, _gait(choice.split, figure, frames, rng), boards, rng)
        for number, figure in enumerate(figures)
    ]
    apart = keep_apart(np.array([np.stack([walk.x_m, walk.z_m], axis=1) for walk in walks]))
    return [replace(walk, x_m=at[:, 0], z_m=at[:, 1]) for walk, at in zip(walks, apart, strict=True)]


def _walk(choice: CrossingChoice, number: int, gait: Gait, boards: tuple[Board, ...], rng: np.random.Generator) -> Walk:
    """A way on which nothing hides the person for too long."""
    for _ in range(_TRIES):
        walk = walk_along(gait, draw_way(choice.kind, number, float(gait.ahead_m[-1]) + 1.0, rng))
        hidden_s = hidden_runs_s(boards, np.stack([walk.x_m, walk.z_m], axis=1))
        if hidden_s.max(initial=0.0) <= HIDDEN_S:
            return walk
    raise InputError(
        f"scene {choice.kind}, seed {choice.seed}",
        expected=f"ways hidden for at most {HIDDEN_S:.0f} s",
        got=f"none in {_TRIES} tries",
        fix="Choose another seed.",
    )


def _gait(split: str, figure: Figure, frames: int, rng: np.random.Generator) -> Gait:
    """A walk of its own speed, begun at any point of the stride."""
    clip, start, stride = _STRIDES[split]
    rate, late = rng.uniform(0.7, 1.0), int(rng.integers(stride))
    end = start + stride + round(_BLEND * rate)
    repeats = int((frames + late) / (stride / rate - 1)) + 2
    piece = Piece(clip, start, end, bool(rng.integers(2)), rate, repeats)
    whole = make_gait(figure, [piece], frames + late, _BLEND)
    return Gait(whole.turned[late:], whole.ahead_m[late:] - whole.ahead_m[late], whole.aside_m[late:])


def _frames(choice: CrossingChoice, scene: Crossing, rng: np.random.Generator) -> Iterator[SequenceFrame]:
    surroundings = Surroundings(scene.view, scene.yaws_rad.tolist(), scene.boards, rng)
    renderer = Renderer()
    video = SequenceRenderer(renderer, scene.light, scene.actors)
    backdrop = None
    for i in range(choice.frames):
        index = i * _step(choice)
        view = turned(scene.view, float(scene.yaws_rad[index]))
        if backdrop is None or choice.kind == "turning_camera":
            backdrop = surroundings.backdrop(view)
        frame = video.frame(index, view, backdrop)
        yield replace(frame, image_bgr=bags.with_sensor_noise(frame.image_bgr, rng))
    video.close()
    renderer.close()
