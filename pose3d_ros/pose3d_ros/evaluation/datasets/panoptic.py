"""CMU Panoptic: calibration_NAME.json, hdPose3d_stage1_coco19/body3DScene_*.json (joints19, centimetres) and hdImgs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.errors import shown
from pose3d_ros.evaluation.datasets.coco_json import Fields, dataset_origin, entries, numbers, read_large_json
from pose3d_ros.evaluation.datasets.ground_truth import (
    Dataset,
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    checked_dataset,
    posed_person,
    stamp_ns,
)
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import Origin, is_file
from pose3d_ros.reading.numbers import is_whole
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

NAME = "panoptic"
_RATE_HZ = 29.97
_CM_PER_M = 100.0
_MIN_CONFIDENCE = 0.1
"""From which the toolbox of the dataset draws a joint."""
_SKELETON = get_skeleton("body40")
_JOINTS19 = (
    "Thorax Nose Pelvis L_Shoulder L_Elbow L_Wrist L_Hip L_Knee L_Ankle R_Shoulder R_Elbow R_Wrist R_Hip R_Knee "
    "R_Ankle L_Eye L_Ear R_Eye R_Ear"
).split()
"""Its neck is the middle of the shoulders, our thorax."""
_PLACES = [_SKELETON.index_of[name] for name in _JOINTS19]
_VIEWS = 32
"""More than the HD cameras of the studio."""
_SCENE = re.compile(r"body3DScene_(\d{1,15})\.json")


def is_panoptic(path: Path) -> bool:
    """Whether a folder is such a sequence, or holds some."""
    return bool(_sequence_folders(path))


def read_panoptic(path: Path, selection: Selection) -> Dataset:
    """Read a sequence for each recording and HD camera, `NAME/hd_00_00`; `selection.views`: `00_16` and so on.

    People of whom no joint lies in the image before the camera are left out, as are joints of a confidence of 0.1 or
    less. Raises InputError.
    """
    sequences: list[GroundTruthSequence] = []
    for number, folder in enumerate(_sequence_folders(path)):
        scenes: list[_Scene] | None = None
        for index, (view, placed) in enumerate(_cameras(folder).items(), 1):
            name = f"{folder.name}/hd_{view}"
            if selection.has_sequence(name) and (not selection.views or view in selection.views):
                scenes = _scenes(folder, selection) if scenes is None else scenes
                images = _ViewImages.of(folder, view, selection)
                sequences.append(_sequence(name, images, placed, scenes, _VIEWS * number + index))
    return checked_dataset(path, NAME, sequences, selection)


@dataclass(frozen=True, eq=False)
class _PlacedCamera:
    """X_cam = R X_world + t, metres."""

    camera: Camera
    rotation: Array
    translation_m: Array

    def seen(self, joints_m: Array) -> Array:
        """Joints (J, 3) of the world in the camera's frame."""
        placed: Array = joints_m @ self.rotation.T + self.translation_m
        return placed


def _sequence_folders(path: Path) -> list[Path]:
    found = [
        folder for folder in (path, *sorted(path.glob("*/"))) if is_file(folder / f"calibration_{folder.name}.json")
    ]
    if not found and path.is_dir() and next(path.glob("calibration_*.json"), None):
        return [path]
    return found


def _cameras(folder: Path) -> dict[str, _PlacedCamera]:
    file = next(folder.glob("calibration_*.json"))
    origin = dataset_origin(file, "CMU Panoptic")
    cameras = entries(read_large_json(file, origin), "cameras", origin)
    hd = [one for one in cameras if one.get("type", "hd") == "hd"]
    return {_view(one, origin): _placed(one, origin) for one in hd}


def _view(fields: Fields, origin: Origin) -> str:
    panel, node = (fields.get(key) for key in ("panel", "node"))
    if not is_whole(panel) or not is_whole(node):
        raise origin.error("two integers", f"{shown(panel)} and {shown(node)}", ": panel, node")
    return f"{panel:02d}_{node:02d}"


def _placed(fields: Fields, origin: Origin) -> _PlacedCamera:
    width, height = numbers(fields, "resolution", (2,), origin).astype(int).tolist()
    lens = numbers(fields, "distCoef", (5,), origin)
    camera = Camera(numbers(fields, "K", (3, 3), origin), width, height, lens, "plumb_bob")
    translation_m = numbers(fields, "t", (3,), origin) / _CM_PER_M
    return _PlacedCamera(camera, numbers(fields, "R", (3, 3), origin), translation_m)


@dataclass(frozen=True, eq=False)
class _Scene:
    """A frame's people: number and joints (40, 3) in the world, metres, those without confidence NaN."""

    number: int
    bodies: tuple[tuple[int, Array], ...]


@dataclass(frozen=True)
class _ViewImages:
    """The images of a camera: hdImgs/00_16/00_16_00000100.jpg, or hdVideos/hd_00_16.mp4."""

    recording: str
    view: str
    folder: Path
    video: Path | None

    @classmethod
    def of(cls, folder: Path, view: str, selection: Selection) -> _ViewImages:
        """Where they are."""
        given = selection.images
        places = (folder / "hdVideos" / f"hd_{view}.mp4",) if given is None else (given, given / f"hd_{view}.mp4")
        video = next((place for place in places if is_file(place)), None)
        return cls(folder.name, view, given or folder / "hdImgs", video)

    def frame(self, number: int) -> tuple[str, Path | None]:
        """Name and file of a frame; None for one of the video."""
        name = f"{self.view}/{self.view}_{number:08d}"
        files = [self.folder / f"{name}{suffix}" for suffix in (".png", ".jpg")]
        found = next((file for file in files if is_file(file)), None if self.video else files[-1])
        return f"{self.recording}/{name}{'.jpg' if found is None else found.suffix}", found


def _sequence(
    name: str, images: _ViewImages, placed: _PlacedCamera, scenes: Sequence[_Scene], index: int
) -> GroundTruthSequence:
    frames = []
    for scene in scenes:
        people = [
            posed_person(number, placed.seen(joints_m), _SKELETON, placed.camera) for number, joints_m in scene.bodies
        ]
        seen = tuple(person for person in people if person.score > 0)
        name_of_image, file = images.frame(scene.number)
        stamp = stamp_ns(index, scene.number, _RATE_HZ)
        frames.append(GroundTruthFrame(name_of_image, scene.number, stamp, file, seen))
    return GroundTruthSequence(
        name, _SKELETON, placed.camera, tuple(frames), _RATE_HZ, images.recording, video=images.video
    )


def _scenes(folder: Path, selection: Selection) -> list[_Scene]:
    files = folder.glob("hdPose3d_stage1_coco19/**/body3DScene_*.json")
    named = sorted((int(match[1]), file) for file in files if (match := _SCENE.fullmatch(file.name)))
    made = []
    for number, file in named:
        if selection.has_frame(number):
            origin = dataset_origin(file, "CMU Panoptic")
            bodies = entries(read_large_json(file, origin), "bodies", origin)
            made.append(_Scene(number, tuple(_body(body, origin) for body in bodies)))
    return made


def _body(body: Mapping[str, object], origin: Origin) -> tuple[int, Array]:
    rows = numbers(body, "joints19", (len(_JOINTS19), 4), origin)
    number = body.get("id")
    if not is_whole(number):
        raise origin.error("an integer of at least 0", shown(number), ": id")
    joints_m = np.full((len(_SKELETON), 3), np.nan)
    joints_m[_PLACES] = np.where(rows[:, 3:] > _MIN_CONFIDENCE, rows[:, :3] / _CM_PER_M, np.nan)
    return number + 1, joints_m
