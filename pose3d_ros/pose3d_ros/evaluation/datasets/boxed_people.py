"""People of whom a dataset gives boxes and identities; their place in metres where the camera over a floor is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.datasets.ground_truth import (
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    boxed_person,
    stamp_ns,
)
from pose3d_ros.evaluation.datasets.tsai_camera import read_tsai
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

HIPS_M = 0.92
"""Of a grown-up who stands: the root's height over the floor."""
SKELETON = get_skeleton("muco21")
MOST_FRAMES, FARTHEST = 200_000, 1e9
"""Of a sequence; of any number of a box."""


@dataclass(frozen=True, eq=False)
class BoxRow:
    """A person's box in a frame: x0, y0, x1, y1 px of the image, whose first pixel is 0."""

    frame: int
    track_id: int
    box_xyxy_px: Array
    visible: float = 1.0


def boxed_sequence(
    name: str, index: int, rows: Sequence[BoxRow], images: Images, rate_hz: float, selection: Selection
) -> GroundTruthSequence:
    """The sequence of these rows: frames from the first to the last one that has a box, or an image."""
    placed = (selection.camera, selection.ground)
    by_frame: dict[int, list[BoxRow]] = {}
    for row in rows:
        by_frame.setdefault(row.frame, []).append(row)
    last = max([*by_frame, images.last], default=0)
    frames = []
    for number in range(min([*by_frame, 1 if images.last else last], default=0), last + 1):
        if selection.has_frame(number):
            people = tuple(_person(row, *placed) for row in by_frame.get(number, ()))
            path = images.path(number)
            frames.append(
                GroundTruthFrame(images.name(name, number), number, stamp_ns(index, number, rate_hz), path, people)
            )
    video = images.place if images.is_video else None
    first = images.first
    return GroundTruthSequence(name, SKELETON, placed[0], tuple(frames), rate_hz, name, placed[1], video, first)


@dataclass(frozen=True)
class Images:
    """Where frames are: a folder of images that are named by their number in its order, a video, or nowhere (None).

    first: the number of the first one.
    """

    place: Path | None
    files: tuple[Path, ...] = ()
    first: int = 1

    @classmethod
    def at(cls, place: Path | None, first: int = 1) -> Images:
        """The images of a folder, or a video's frames."""
        suffixes = (".jpg", ".jpeg", ".png", ".bmp")
        is_folder = place is not None and place.is_dir()
        found = sorted(f for f in place.iterdir() if f.suffix.lower() in suffixes) if place and is_folder else []
        return cls(place, tuple(found), first)

    @property
    def is_video(self) -> bool:
        """Whether the place is a video."""
        return self.place is not None and self.place.is_file()

    @property
    def last(self) -> int:
        """Number of the last image, 0 when it is not known."""
        return self.first + len(self.files) - 1 if self.files else 0

    def path(self, number: int) -> Path | None:
        """The file of a frame."""
        index = number - self.first
        return self.files[index] if 0 <= index < len(self.files) else None

    def name(self, sequence: str, number: int) -> str:
        """The name of a frame."""
        file = self.path(number)
        return f"{sequence}/{file.name if file else f'{number:06d}'}"


def with_calibration(selection: Selection, files: Iterator[Path]) -> Selection:
    """The selection with the camera and floor of the first of these files that is there, where it has no camera."""
    found = next((file for file in files if file.is_file()), None)
    if selection.camera is not None or found is None:
        return selection
    camera, ground = read_tsai(found)
    return replace(selection, camera=camera, ground=ground)


def hips_above_foot(foot_px: Array, camera: Camera, ground: GroundPlane) -> Array:
    """Where the hips (3,) of a person are who stands where a pixel's ray meets the floor; NaN above the horizon."""
    ray = camera.rays(foot_px[None])[0]
    hips: Array = ray * float(ground.scale_onto(ray)) + HIPS_M * ground.up_cam
    return hips


def _person(row: BoxRow, camera: Camera | None, ground: GroundPlane | None) -> Person:
    root = None
    if camera is not None and ground is not None:
        x0, _, x1, y1 = row.box_xyxy_px
        root = hips_above_foot(np.array([(x0 + x1) / 2, y1]), camera, ground)
    return boxed_person(row.track_id, row.box_xyxy_px, SKELETON, row.visible, root)
