"""Render people in recorded motions and keep what chains say: `python -m pose3d_training.tasks.motion_rendering`.

    python -m pose3d_training.tasks.motion_rendering --assets assets --output motion_runs.npz --scenes 40

The smoother's training resamples it, see `motion_runs`. A scene is two people for four seconds, and with both of the
package's chains twenty seconds of computing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose3d_ros.geometry.camera import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import Frame, Person, TrackState
from pose3d_ros.types import Array, ImageArray
from pose3d_training.synthetic import Array32
from pose3d_training.synthetic.augment import photograph
from pose3d_training.synthetic.background import procedural_background
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, PosedFigure, make_figure
from pose3d_training.synthetic.motion import FPS, Clip, evaluation_clips, load_clip, training_clips
from pose3d_training.synthetic.renderer import Light, Mesh, Renderer
from pose3d_training.synthetic.rig import bone_rotations
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sprites import EVAL_LOOK, EVAL_PERSON, box_of, rectangle_of
from pose3d_training.synthetic.texture import Appearance
from pose3d_training.synthetic.walk import Piece, Walk, plan_walk
from pose3d_training.tasks.motion_runs import MotionRun, save_runs

SceneFrame = tuple[ImageArray, Camera, list[Array | None]]
FRAMES, PEOPLE = 120, 2
_WIDTH_PX, _HEIGHT_PX = 640, 480
_NEAR_M, _FAR_M = 2.3, 6.0
_WALKERS, _LEAST_CLIP = 0.65, 36
_STRIDES = {"train": ("02_01", "03_01", "03_02"), "eval": ("02_02", "02_10", "03_04")}
"""Clips of walking, of which whole ones are repeated."""
_MATCHED = 0.15
"""Mean distance in the image, as a share of the person's height, within which a found person is a rendered one."""
_LEAST_FRAMES = 40
_MOST_CLEARANCE_M = 0.5
_SEEN = (TrackState.NEW, TrackState.TRACKED)


@dataclass(frozen=True, eq=False)
class _ClipMotion:
    """A person who does a clip on its own path, played to and fro if short; see `Walk`."""

    clip: Clip
    frames: Array
    align: Array
    path_m: Array
    heading_rad: float

    def pose(self, figure: Figure, frame: int) -> PosedFigure:
        at, (x_m, z_m) = int(self.frames[frame]), self.path_m[frame]
        turned = bone_rotations(self.clip.rotations[at], self.align)
        is_jump = not self.clip.name.startswith("01")  # those climb
        clearance_m = float(self.clip.clearance_m[at]) * figure.leg_length_m / self.clip.leg_length_m
        high_m = min(clearance_m, _MOST_CLEARANCE_M) if is_jump else 0.0
        return figure.pose(turned, float(x_m), float(z_m), self.heading_rad, high_m)


@dataclass(frozen=True, eq=False)
class _Actor:
    figure: Figure
    mesh: Mesh
    motion: Walk | _ClipMotion


def rendered_scene(assets: Path, seed: int, split: str, renderer: Renderer) -> Iterator[SceneFrame]:
    """Images of one scene at FPS, their camera, and the joints (27, 3) of each person, None behind the camera.

    Scenes of the splits `train` and `eval` share no body, outfit or clip.
    """
    rng = np.random.default_rng([seed, 77, split == "eval"])
    actors = [_actor(assets, PEOPLE * seed + i, split, renderer, rng) for i in range(PEOPLE)]
    view, light, look = _view(rng), Light.random(rng), int(rng.integers(1 << 30))
    small = View(view.K * [[0.5], [0.5], [1.0]], _WIDTH_PX // 2, _HEIGHT_PX // 2, view.cam2world)
    background = cv2.resize(procedural_background(small, rng), (_WIDTH_PX, _HEIGHT_PX)).astype(np.float32)
    camera = Camera(view.K, _WIDTH_PX, _HEIGHT_PX)
    for frame in range(FRAMES):
        posed = [actor.motion.pose(actor.figure, frame) for actor in actors]
        image: Array32 = background + rng.normal(0, 1.2, (_HEIGHT_PX, _WIDTH_PX, 1)).astype(np.float32)
        joints = [view.to_cam(p.joints_m) for p in posed]
        for i in sorted(range(PEOPLE), key=lambda i: -joints[i][0, 2]):
            _draw(image, renderer, actors[i].mesh, posed[i], view, light)
        photo = photograph(np.clip(image, 0, 255).astype(np.uint8), np.random.default_rng(look))
        yield photo, camera, [j if j[:, 2].min() > 0.5 else None for j in joints]
    for actor in actors:
        actor.mesh.release()


def _actor(assets: Path, number: int, split: str, renderer: Renderer, rng: np.random.Generator) -> _Actor:
    person, outfit = (EVAL_PERSON, EVAL_LOOK) if split == "eval" else (500_009, 500_009)
    figure = make_figure(assets, person + number)
    look = Appearance.random(outfit + number, figure.shape.gender, figure.shape.age, printed=False)
    away_m = float(np.exp(rng.uniform(np.log(_NEAR_M), np.log(_FAR_M))))
    middle = np.array([rng.uniform(-0.3, 0.3) * away_m, -away_m])
    motion = _walk(figure, split, middle, rng) if rng.random() < _WALKERS else _in_place(figure, split, middle, rng)
    return _Actor(figure, renderer.mesh(figure, look, outfit + number), motion)


def _walk(figure: Figure, split: str, middle: Array, rng: np.random.Generator) -> Walk:
    """Round an oval about a place on the floor."""
    clip = str(rng.choice(_STRIDES[split]))
    frames, rate = len(load_clip(figure.assets, clip)), float(rng.uniform(0.65, 1.15))
    repeats = 1 + int(np.ceil(FRAMES / (frames / rate - 10)))
    angle = 2 * np.pi * (rng.random() + rng.choice((-1, 1)) * np.linspace(0, 5, 61))
    half = rng.uniform(0.4, 1.6), min(rng.uniform(0.4, 1.1), max(-middle[1] - 1.6, 0.4))
    way = middle + np.stack([half[0] * np.cos(angle), half[1] * np.sin(angle)], axis=1)
    return plan_walk(figure, [Piece(clip, 0, frames, bool(rng.random() < 0.5), rate, repeats)], way, FRAMES)


def _in_place(figure: Figure, split: str, middle: Array, rng: np.random.Generator) -> _ClipMotion:
    clips = training_clips(figure.assets) if split == "train" else evaluation_clips(figure.assets)
    long_ones = [name for name in clips if len(load_clip(figure.assets, name)) >= _LEAST_CLIP]
    clip = load_clip(figure.assets, str(rng.choice(long_ones)), bool(rng.random() < 0.5))
    last, played = len(clip) - 1, np.arange(FRAMES) * rng.uniform(0.8, 1.15)
    frames = np.rint(last - np.abs((rng.uniform(0, last) + played) % (2 * last) - last))
    heading = float(rng.uniform(-np.pi, np.pi))
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    path = clip.root_m[frames.astype(int)][:, [0, 2]] @ turn * (figure.leg_length_m / clip.leg_length_m)
    return _ClipMotion(clip, frames, figure.align(clip), path - path.mean(axis=0) + middle, heading)


def _view(rng: np.random.Generator) -> View:
    """A robot's camera, about level."""
    focal = _WIDTH_PX / 2 / np.tan(np.deg2rad(rng.uniform(50, 78)) / 2)
    K = np.array([[focal, 0, (_WIDTH_PX - 1) / 2], [0, focal, (_HEIGHT_PX - 1) / 2], [0, 0, 1]])
    high_m = float(rng.uniform(0.6, 1.8))
    pitch, roll = (high_m - 1) * 12 + rng.normal(0, 4), rng.normal(0, 1.5)
    return view_at(K, _WIDTH_PX, _HEIGHT_PX, high_m, float(np.deg2rad(pitch)), float(np.deg2rad(roll)))


def _draw(image: Array32, renderer: Renderer, mesh: Mesh, posed: PosedFigure, view: View, light: Light) -> None:
    box = box_of(view, posed.vertices_m)
    at = None if box is None else rectangle_of(box, view)
    if at is None:
        return
    rgba, _ = renderer.draw(mesh, posed, view.crop(at.x0, at.y0, at.x1 - at.x0, at.y1 - at.y0), light)
    target, alpha = image[at.y0 : at.y1, at.x0 : at.x1], rgba[..., 3:].astype(np.float32) / 255
    target += alpha * (rgba[..., 2::-1].astype(np.float32) - target)


def runs_of(pipelines: Sequence[Pipeline], scene: Iterable[SceneFrame]) -> list[MotionRun]:
    """What each pipeline says of each person of a scene, one run a track."""
    kept: dict[tuple[int, int, int], list[tuple[int, Array, Array]]] = {}
    for number, (image, camera, people) in enumerate(scene):
        frame = Frame(image, camera, 1_000_000_000 + round(number * 1e9 / FPS))
        for chain, pipeline in enumerate(pipelines):
            for found in (p for p in pipeline(frame).people if p.state in _SEEN):
                who = _who(found, people, camera)
                if who is not None:
                    row = number, _measured(found), np.asarray(people[who])
                    kept.setdefault((chain, who, found.track_id), []).append(row)
    for pipeline in pipelines:
        pipeline.reset()
    rows = [list(zip(*run, strict=True)) for run in kept.values() if len(run) >= _LEAST_FRAMES]
    return [MotionRun(np.array(frames), np.array(measured), np.array(true)) for frames, measured, true in rows]


def _who(found: Person, people: Sequence[Array | None], camera: Camera) -> int | None:
    """Index of the rendered person that a found one is."""
    order = [SYNTH_JOINTS.index(name) for name in found.pose.skeleton.joints]
    apart = []
    for i, joints in enumerate(people):
        if joints is not None:
            pixels = camera.project(joints[order])
            mean = np.nanmean(np.linalg.norm(pixels - found.pose.joints_img_px, axis=1))
            apart.append((float(mean / max(np.ptp(pixels[:, 1]), 40.0)), i))
    nearest = min(apart, default=(_MATCHED, 0))
    return nearest[1] if nearest[0] < _MATCHED else None


def _measured(found: Person) -> Array:
    """Joints (27, 3), the root where the person's is."""
    pose, out = found.pose, np.full((len(SYNTH_JOINTS), 3), np.nan)
    out[[SYNTH_JOINTS.index(name) for name in pose.skeleton.joints]] = pose.joints_cam_m
    out[SYNTH_JOINTS.index(pose.skeleton.joints[pose.skeleton.root])] = pose.root_cam_m
    return out


def main(arguments: list[str] | None = None) -> int:
    """Render scenes, run the chains, write what they said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, metavar="DIR", help="bodies and recorded motions")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="an .npz")
    parser.add_argument("--engines", nargs="+", default=["mediapipe-full", "embedded"], metavar="NAME")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split", choices=("train", "eval"), default="train")
    parsed = parser.parse_args(arguments)
    runs: list[MotionRun] = []
    with ExitStack() as stack:
        pipelines = [stack.enter_context(open_pipeline(name, smooth=False)) for name in parsed.engines]
        renderer = Renderer()
        for number in range(parsed.scenes):
            scene = rendered_scene(parsed.assets, 1000 * parsed.seed + number, parsed.split, renderer)
            runs += runs_of(pipelines, scene)
            save_runs(runs, parsed.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
