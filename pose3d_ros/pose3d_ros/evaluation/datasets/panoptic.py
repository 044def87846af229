"""CMU Panoptic: calibration_NAME.json, hdPose3d_stage1_coco19/body3DScene_*.json (joints19, centimetres) and hdImgs."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
    image_in,
    posed_person,
    stamp_ns,
)
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import Origin, is_file
from pose3d_ros.reading.numbers import is_whole
from pose3d_ros.records import Person
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
        views = _cameras(folder)
        for index, (view, placed) in enumerate(views.items(), 1):
            name = f"{folder.name}/hd_{view}"
            if selection.has_sequence(name) and (not selection.views or view in selection.views):
                sequences.append(_sequence(folder, name, view, placed, 32 * number + index, selection))
    return checked_dataset(path, NAME, sequences, selection)


@dataclass(frozen=True, eq=False)
class _PlacedCamera:
    """X_cam = R X_world + t, metres."""

    camera: Camera
    rotation: Array
    translation_m: Array


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


def _sequence(
    folder: Path, name: str, view: str, placed: _PlacedCamera, index: int, selection: Selection
) -> GroundTruthSequence:
    frames = []
    images = selection.images or folder / "hdImgs"
    for number, file in _scenes(folder):
        if selection.has_frame(number):
            origin = dataset_origin(file, "CMU Panoptic")
            bodies = entries(read_large_json(file, origin), "bodies", origin)
            people = [_person(body, placed, origin) for body in bodies]
            image = f"{view}/{view}_{number:08d}"
            path = image_in((images,), f"{image}.png")
            path = path if is_file(path) else image_in((images,), f"{image}.jpg")
            seen = tuple(person for person in people if person.score > 0)
            stamp = stamp_ns(index, number, _RATE_HZ)
            frames.append(GroundTruthFrame(f"{folder.name}/{image}{path.suffix}", number, stamp, path, seen))
    video = (selection.images or folder / "hdVideos") / f"hd_{view}.mp4"
    has_video = is_file(video)
    return GroundTruthSequence(
        name, _SKELETON, placed.camera, tuple(frames), _RATE_HZ, folder.name, video=video if has_video else None
    )


def _scenes(folder: Path) -> list[tuple[int, Path]]:
    named = (
        (_SCENE.fullmatch(file.name), file) for file in folder.glob("hdPose3d_stage1_coco19/**/body3DScene_*.json")
    )
    return sorted((int(match[1]), file) for match, file in named if match)


def _person(body: Mapping[str, object], placed: _PlacedCamera, origin: Origin) -> Person:
    rows = numbers(body, "joints19", (len(_JOINTS19), 4), origin)
    number = body.get("id")
    if not is_whole(number):
        raise origin.error("an integer of at least 0", shown(number), ": id")
    joints = np.full((len(_SKELETON), 3), np.nan)
    for joint, (x, y, z, confidence) in zip(_JOINTS19, rows, strict=True):
        if confidence > _MIN_CONFIDENCE:
            world_m = np.array([x, y, z]) / _CM_PER_M
            joints[_SKELETON.index_of[joint]] = placed.rotation @ world_m + placed.translation_m
    return posed_person(number + 1, joints, _SKELETON, placed.camera)
