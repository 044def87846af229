"""Render the sample bags: three people who cross in a living room, with transforms and ground truth; one with depth.

    python tools/make_sample_bag.py --assets DIR --output people_crossing.mcap --depth-output people_crossing_depth.mcap
    python tools/make_sample_bag.py --transforms-to OLD.mcap --output NEW.mcap    # an older recording, with transforms

Bodies, motions and the room are none that the engines were trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.depth_decoding import DEPTH_SUFFIX
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from pose3d_ros.geometry.camera import Camera
from pose3d_training.synthetic.crossing_ways import oval
from pose3d_training.synthetic.figure import Figure, Material, make_figure
from pose3d_training.synthetic.renderer import Light, Renderer
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sequence import Actor, SequenceFrame, SequenceRenderer
from pose3d_training.synthetic.sequence_bag import (
    FRAME_ID,
    START_NS,
    camera_mount,
    header,
    made,
    neighbors,
    people_of,
    with_sensor_noise,
    write_frame,
    write_transforms,
)
from pose3d_training.synthetic.sprites import EVAL_PERSON
from pose3d_training.synthetic.texture import Appearance
from pose3d_training.synthetic.walk import Piece, plan_walk
from sample_recording.room import render_room
from sample_recording.stereo_depth import stereo_depth_mm

FRAMES, RATE_HZ, STRIDE = 150, 15, 2
WIDTH_PX, HEIGHT_PX, HFOV_DEG = 640, 480, 62.0
CAMERA_HEIGHT_M, PITCH_DEG = 1.2, 6.0
DEPTH_FRAMES, DEPTH_STRIDE, DEPTH_QUALITY = 120, 2, 50
"""Of the recording with depth: how many frames it is from, every second of them, and its JPEGs' quality."""
DEPTH_TOPIC = "/camera/aligned_depth_to_color"
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


ROLES = (
    Role(
        500_000_058,
        1,
        (0.03, 0.09, 0.26),
        (0.30, 0.23, 0.14),
        (0.30, 0.30, 0.30),
        (_stride(0.85, False, 14),),
        oval(0.07, -3.59, 1.23, 0.85, 0.16, -1),
    ),
    Role(
        500_000_009,
        2,
        (0.62, 0.36, 0.05),
        (0.035, 0.045, 0.075),
        (0.55, 0.53, 0.5),
        (_stride(0.80, True, 14),),
        oval(0.42, -4.7, 1.73, 0.84, 0.235, 1),
    ),
    Role(
        500_000_006,
        3,
        (0.40, 0.05, 0.04),
        (0.06, 0.06, 0.065),
        (0.12, 0.06, 0.03),
        (_stride(0.78, False, 14),),
        oval(-0.19, -4.73, 0.84, 1.12, 0.36, 1),
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


def write_bag(
    frames: list[SequenceFrame], output: Path, jpeg_quality: int, depth_rng: np.random.Generator | None = None
) -> None:
    """Write transforms, images, camera and ground truth with the frames' times; with depth_rng, depth of every second.

    depth_rng: of the depth camera's noise.
    """
    camera = Camera.from_hfov(HFOV_DEG, WIDTH_PX, HEIGHT_PX)
    with BagWriter(output, jpeg_quality=jpeg_quality) as bag:
        write_transforms(bag, START_NS, camera_mount(CAMERA_HEIGHT_M, PITCH_DEG), static=True)
        for i, (before, frame, after) in enumerate(neighbors(frames)):
            if depth_rng is not None and i % DEPTH_STRIDE:
                continue
            stamp = START_NS + i * 1_000_000_000 // RATE_HZ
            write_frame(bag, stamp, camera, frame.image_bgr, people_of(before, frame, after, RATE_HZ, camera))
            if depth_rng is not None:
                write_depth(bag, stamp, stereo_depth_mm(frame.depth_m, camera.fx_px, depth_rng), camera)


def write_depth(bag: BagWriter, stamp_ns: int, depth_mm: npt.NDArray[np.uint16], camera: Camera) -> None:
    """A depth image as compressed_depth_image_transport has it, and its camera_info."""
    unfiltered = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    png = cv2.imencode(".png", depth_mm, unfiltered)[1].ravel()
    message = made(
        COMPRESSED_TYPE,
        header=header(stamp_ns, FRAME_ID),
        format="16UC1; compressedDepth png",
        data=np.concatenate([np.zeros(12, np.uint8), png]),
    )
    height_px, width_px = depth_mm.shape
    bag.write_camera(f"{DEPTH_TOPIC}/camera_info", stamp_ns, FRAME_ID, camera.resize(width_px, height_px))
    bag.write_message(f"{DEPTH_TOPIC}/image_raw{DEPTH_SUFFIX}", COMPRESSED_TYPE, stamp_ns, message)


def copy_with_transforms(recording: Path, output: Path) -> None:
    """An older recording's images, camera and ground truth as they are, with the transforms and today's messages."""
    with BagReader(recording) as old, BagWriter(output) as new:
        write_transforms(new, old.start_ns, camera_mount(CAMERA_HEIGHT_M, PITCH_DEG), static=True)
        copied = [topic for topic in old.topics.values() if topic.msgtype in (COMPRESSED_TYPE, CAMERA_INFO_TYPE)]
        for topic in copied:
            new.add_topic(topic.name, topic.msgtype)
        people = {message.stamp_ns: message for message in old.people()}
        for message in old.serialized([topic.name for topic in copied]):
            new.write_serialized(message.topic, message.received_ns, message.data)
            if message.topic == "/camera/image_raw/compressed":
                truth = people[message.received_ns]
                new.write_people(
                    "/ground_truth/people",
                    truth.stamp_ns,
                    truth.frame_id,
                    truth.people,
                    truth.skeleton,
                    id_prefix="gt_",
                    model=truth.model,
                )


def render(assets: Path, seed: int) -> Iterator[SequenceFrame]:
    """The frames of the video."""
    view = camera_view()
    room = render_room(view, seed)
    video = SequenceRenderer(Renderer(), LIGHT, actors(assets))
    rng = np.random.default_rng([seed, 13])
    for i in range(FRAMES):
        frame = video.frame(i * STRIDE, view, room)
        yield replace(frame, image_bgr=with_sensor_noise(frame.image_bgr, rng))
        if (i + 1) % 15 == 0:
            print(f"{i + 1}/{FRAMES} frames", flush=True)
    video.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--transforms-to", type=Path, metavar="BAG", help="a recording to copy, instead of rendering")
    parser.add_argument("--output", type=Path, required=True, help="the bag, name.mcap")
    parser.add_argument("--depth-output", type=Path, help="the bag with depth, name.mcap")
    parser.add_argument("--seed", type=int, default=5, help="of the room's details and the sensor's noise")
    parser.add_argument("--quality", type=int, default=82, help="of the JPEGs")
    a = parser.parse_args()
    if a.transforms_to is not None:
        copy_with_transforms(a.transforms_to, a.output)
        return
    if a.assets is None:
        parser.error("--assets or --transforms-to is needed")
    frames = list(render(a.assets, a.seed))
    write_bag(frames, a.output, a.quality)
    if a.depth_output is not None:
        write_bag(frames[:DEPTH_FRAMES], a.depth_output, DEPTH_QUALITY, np.random.default_rng([a.seed, 17]))
    least = {p.track_id: min(f.people[p.track_id - 1].visible for f in frames) for p in frames[0].people}
    print(f"{a.output}: {a.output.stat().st_size / 1e6:.2f} MB; least visible share {least}")


if __name__ == "__main__":
    main()
