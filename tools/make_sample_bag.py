"""Render the sample bag: three people who cross in a living room, with ground truth.

    python tools/make_sample_bag.py --assets DIR --output pose3d_ros/samples/people_crossing.mcap

Bodies, motions and the room are none that the engines were trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.figure import Figure, Material, make_figure
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sprites import EVAL_PERSON
from pose3d_training.synthetic.texture import Appearance
from sample_recording.room import render_room
from sample_recording.sequence import Actor, PersonGroundTruth, SequenceFrame, SequenceRenderer
from sample_recording.walk import Piece, plan_walk

FRAMES, RATE_HZ, STRIDE = 150, 15, 2
WIDTH_PX, HEIGHT_PX, HFOV_DEG = 640, 480, 62.0
CAMERA_HEIGHT_M, PITCH_DEG = 1.2, 6.0
FRAME_ID = "camera_optical_frame"
START_NS = 1_700_000_000_000_000_000
NOISE_LEVELS = 1.2
SKELETON = get_skeleton("muco21")
LIGHT = Light(
    sun_dir=np.array([0.25, 0.95, 0.2]), sun_color=np.array([0.62, 0.58, 0.52]),
    fill_dir=np.array([-0.3, 0.3, -0.9]), fill_color=np.array([0.22, 0.24, 0.27]),
    sky_color=np.array([0.62, 0.61, 0.58]), ground_color=np.array([0.27, 0.22, 0.17]),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Role:
    """A person and the way they walk.

    Seeds of body and of skin and hair; colors (linear RGB) of top, trousers and shoes; pieces of motion, and waypoints
    (x, z) in the world, metres.
    """

    person: int
    look: int
    top: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    pieces: tuple[Piece, ...]
    waypoints_m: tuple[tuple[float, float], ...]


def _stride(rate: float, mirrored: bool, repeats: int) -> Piece:
    """One whole stride of the held-out walk 02_02, and the frames that the seam takes."""
    return Piece("02_02", 35, 73, mirrored, rate, repeats)


def _oval(
    x_m: float, z_m: float, half_x_m: float, half_z_m: float, start_turn: float, direction: int, turns: float = 3.0
) -> tuple[tuple[float, float], ...]:
    """Waypoints around an oval on the floor; start_turn 0 is its right end, 0.25 its far side."""
    angle = 2 * np.pi * (start_turn + direction * np.linspace(0.0, turns, int(12 * turns) + 1))
    return tuple((float(x_m + half_x_m * np.cos(a)), float(z_m - half_z_m * np.sin(a))) for a in angle)


ROLES = (
    Role(
        500_000_058,
        1,
        (0.03, 0.09, 0.26),
        (0.30, 0.23, 0.14),
        (0.30, 0.30, 0.30),
        (_stride(0.85, False, 14),),
        _oval(0.07, -3.59, 1.23, 0.85, 0.16, -1),
    ),
    Role(
        500_000_009,
        2,
        (0.62, 0.36, 0.05),
        (0.035, 0.045, 0.075),
        (0.55, 0.53, 0.5),
        (_stride(0.80, True, 14),),
        _oval(0.42, -4.7, 1.73, 0.84, 0.235, 1),
    ),
    Role(
        500_000_006,
        3,
        (0.40, 0.05, 0.04),
        (0.06, 0.06, 0.065),
        (0.12, 0.06, 0.03),
        (_stride(0.78, False, 14),),
        _oval(-0.19, -4.73, 0.84, 1.12, 0.36, 1),
    ),
)


def camera_view() -> View:
    """The camera of the video."""
    camera = Camera.from_hfov(HFOV_DEG, WIDTH_PX, HEIGHT_PX)
    return view_at(camera.K_px, WIDTH_PX, HEIGHT_PX, CAMERA_HEIGHT_M, np.deg2rad(PITCH_DEG), 0.0)


def actors(assets: Path) -> list[Actor]:
    """The people of the video on their ways."""
    out = []
    for number, role in enumerate(ROLES, start=1):
        figure = make_figure(assets, EVAL_PERSON + role.person)
        walk = plan_walk(figure, role.pieces, np.array(role.waypoints_m), FRAMES * STRIDE)
        out.append(Actor(number, figure, _look(role, figure), walk))
    return out


def _look(role: Role, figure: Figure) -> Appearance:
    look = Appearance.random(EVAL_PERSON + role.look, figure.shape.gender, figure.shape.age)
    colors, folds, pattern = look.color_a.copy(), look.color_b.copy(), look.pattern.copy()
    for material, color in ((Material.UPPER, role.top), (Material.LOWER, role.trousers), (Material.SHOES, role.shoes)):
        colors[material], pattern[material, 0] = (*color, 0.1), 0.0
        folds[material, 3] = 0.35
    return replace(look, color_a=colors, color_b=folds, pattern=pattern)


def camera_frame(frame: SequenceFrame, rng: np.random.Generator) -> SequenceFrame:
    """The frame with the noise of a sensor."""
    noisy = frame.image_bgr + rng.normal(0.0, NOISE_LEVELS, frame.image_bgr.shape)
    return replace(frame, image_bgr=np.asarray(np.clip(np.rint(noisy), 0, 255), dtype=np.uint8))


def ground_truth(
    person: PersonGroundTruth, before: PersonGroundTruth, after: PersonGroundTruth, seconds: float, camera: Camera
) -> Person:
    """A person of the video as a tracked person; the velocity is the difference of its neighbors in time."""
    order = [SYNTH_JOINTS.index(name) for name in SKELETON.joints]
    joints = person.joints_cam_m[order]
    root = joints[SKELETON.root]
    pelvis = SYNTH_JOINTS.index(SKELETON.joints[SKELETON.root])
    velocity = (after.joints_cam_m[pelvis] - before.joints_cam_m[pelvis]) / seconds
    pose = Pose(
        root,
        joints,
        camera.project(joints),
        np.ones(len(order)),
        SKELETON,
        Detection(person.whole_box_px, person.visible),
        root_sigma_m=0.0,
    )
    return Person(person.track_id, TrackState.TRACKED, pose, velocity, person.visible)


def write_bag(frames: list[SequenceFrame], output: Path, jpeg_quality: int) -> None:
    """Write images, camera and ground truth with the frames' times."""
    camera = Camera.from_hfov(HFOV_DEG, WIDTH_PX, HEIGHT_PX)
    with BagWriter(output, jpeg_quality=jpeg_quality) as bag:
        for i, frame in enumerate(frames):
            stamp = START_NS + i * 1_000_000_000 // RATE_HZ
            low, high = max(i - 1, 0), min(i + 1, len(frames) - 1)
            people = tuple(
                ground_truth(p, a, b, (high - low) / RATE_HZ, camera)
                for p, a, b in zip(frame.people, frames[low].people, frames[high].people, strict=True)
            )
            bag.write_camera("/camera/camera_info", stamp, FRAME_ID, camera)
            bag.write_image("/camera/image_raw/compressed", stamp, FRAME_ID, frame.image_bgr)
            bag.write_people(
                "/ground_truth/people", stamp, FRAME_ID, people, SKELETON, id_prefix="gt_", model="rendered"
            )


def render(assets: Path, seed: int) -> Iterator[SequenceFrame]:
    """The frames of the video."""
    view = camera_view()
    room = render_room(view, seed)
    video = SequenceRenderer(Renderer(), view, room, LIGHT, actors(assets))
    rng = np.random.default_rng([seed, 13])
    for i in range(FRAMES):
        yield camera_frame(video.frame(i * STRIDE), rng)
        if (i + 1) % 15 == 0:
            print(f"{i + 1}/{FRAMES} frames", flush=True)
    video.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--output", type=Path, required=True, help="the bag, name.mcap")
    parser.add_argument("--seed", type=int, default=5, help="of the room's details and the sensor's noise")
    parser.add_argument("--quality", type=int, default=82, help="of the JPEGs")
    a = parser.parse_args()
    frames = list(render(a.assets, a.seed))
    write_bag(frames, a.output, a.quality)
    least = {p.track_id: min(f.people[p.track_id - 1].visible for f in frames) for p in frames[0].people}
    print(f"{a.output}: {a.output.stat().st_size / 1e6:.2f} MB; least visible share {least}")


if __name__ == "__main__":
    main()
