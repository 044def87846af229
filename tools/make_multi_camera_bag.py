"""Render one scene by several cameras into one bag: the people of the sample recording, seen from several corners.

    python tools/make_multi_camera_bag.py --assets DIR --output two_cameras.mcap
    python tools/make_multi_camera_bag.py --assets DIR --output two_cameras_apart.mcap --offset-ms 33

Each camera has a namespace (`/left/image_raw/compressed`, `/left/camera_info`, `/left/ground_truth/people`) and its
place in /tf_static, under `map`, whose plane z = 0 is the floor. `benchmarks/multi_camera.py` scores such a bag.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from make_sample_bag import HEIGHT_PX, HFOV_DEG, LIGHT, RATE_HZ, STRIDE, WIDTH_PX, actors
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.geometry.camera import Camera
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.synthetic.scene_camera import View, view_at
from pose3d_training.synthetic.sequence import Actor, SequenceFrame, SequenceRenderer
from pose3d_training.synthetic.sequence_bag import (
    START_NS,
    RecordedCamera,
    Transform,
    neighbors,
    people_of,
    with_sensor_noise,
    write_frame,
    write_transforms,
)
from pose3d_training.synthetic.surroundings import turned
from sample_recording.room import render_room

MAP_FRAME = "map"
MOTION_MS = 1000 / (RATE_HZ * STRIDE)


@dataclass(frozen=True)
class Place:
    """Where a camera stands: x and z in the world and height over the floor; how far it is turned left and down."""

    name: str
    x_m: float
    z_m: float
    height_m: float
    yaw_deg: float
    pitch_deg: float

    def view(self, camera: Camera) -> View:
        """The camera in the world."""
        pitch_rad, yaw_rad = np.deg2rad(self.pitch_deg), float(np.deg2rad(self.yaw_deg))
        level = view_at(camera.K_px, camera.width_px, camera.height_px, self.height_m, pitch_rad, 0.0)
        view = turned(level, yaw_rad)
        view.cam2world[:3, 3] = self.x_m, self.height_m, self.z_m
        return view

    def mount(self) -> tuple[Transform, Transform]:
        """The camera in the frame MAP_FRAME: x ahead of the room's door, y left, z up (REP 103)."""
        at_m = (-self.z_m, -self.x_m, self.height_m)
        link = f"{self.name}_link"
        return (
            Transform(MAP_FRAME, link, at_m, (0.0, self.pitch_deg, self.yaw_deg)),
            Transform(link, RecordedCamera.named(self.name).frame_id, turn_deg=(-90.0, 0.0, -90.0)),
        )


PLACES = (
    Place("left", -2.4, -0.6, 1.4, -32.0, 8.0),
    Place("right", 2.9, -1.2, 1.9, 42.0, 14.0),
    Place("far", 3.6, -7.4, 2.1, 128.0, 16.0),
)


def render(
    video: SequenceRenderer, place: Place, first: int, camera: Camera, a: argparse.Namespace
) -> Iterator[SequenceFrame]:
    """The frames of one camera. first: of the motion, by which this camera is late."""
    view = place.view(camera)
    room = render_room(view, a.seed)
    rng = np.random.default_rng([a.seed, 19, PLACES.index(place)])
    for i in range(a.frames):
        frame = video.frame(first + i * STRIDE, view, room)
        yield replace(frame, image_bgr=with_sensor_noise(frame.image_bgr, rng))
        if (i + 1) % 15 == 0:
            print(f"{place.name}: {i + 1}/{a.frames} frames", flush=True)


def write_bag(output: Path, places: tuple[Place, ...], cast: list[Actor], a: argparse.Namespace) -> None:
    """Render and write all cameras. Of a phase offset every camera has one more than the one before it."""
    camera = Camera.from_hfov(HFOV_DEG, WIDTH_PX, HEIGHT_PX)
    steps = round(a.offset_ms / MOTION_MS)
    video = SequenceRenderer(Renderer(), LIGHT, cast)
    with BagWriter(output, jpeg_quality=a.quality) as bag:
        write_transforms(bag, START_NS, [one for place in places for one in place.mount()], static=True)
        starts = [number * steps for number in range(len(places))]
        videos = [neighbors(render(video, *of, camera, a)) for of in zip(places, starts, strict=True)]
        for i, together in enumerate(zip(*videos, strict=True)):
            for place, first, frames in zip(places, starts, together, strict=True):
                stamp_ns = START_NS + round((first + i * STRIDE) * MOTION_MS * 1e6)
                before, frame, after = frames
                people = people_of(before, frame, after, RATE_HZ, camera)
                write_frame(bag, stamp_ns, camera, frame.image_bgr, people, RecordedCamera.named(place.name))
    video.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="folder with makehuman/ and cmu_mocap/")
    parser.add_argument("--output", type=Path, required=True, help="the bag, name.mcap")
    parser.add_argument("--cameras", type=int, default=2, choices=range(1, len(PLACES) + 1), help="how many")
    parser.add_argument("--frames", type=int, default=140, help="of each camera")
    parser.add_argument("--offset-ms", type=float, default=0.0, help="by which each camera is later than the last")
    parser.add_argument("--seed", type=int, default=5, help="of the room's details and the sensor's noise")
    parser.add_argument("--quality", type=int, default=82, help="of the JPEGs")
    a = parser.parse_args()
    write_bag(a.output, PLACES[: a.cameras], actors(a.assets), a)
    print(f"{a.output}: {a.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
