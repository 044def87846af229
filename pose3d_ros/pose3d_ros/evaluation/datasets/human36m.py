"""Human3.6M as 3DMPPE distributes it: data, camera and joint_3d files of each subject, beside the folder images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.errors import shown
from pose3d_ros.evaluation.datasets.coco_json import (
    CocoImage,
    Fields,
    dataset_origin,
    numbers,
    read_coco,
    read_large_json,
)
from pose3d_ros.evaluation.datasets.ground_truth import (
    MM_PER_M,
    Dataset,
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    checked_dataset,
    image_in,
    posed_person,
    stamp_ns,
    xywh_to_xyxy,
)
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.documents import fields_of
from pose3d_ros.reading.files import Origin
from pose3d_ros.reading.numbers import is_whole
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

NAME = "h36m"
_RATE_HZ = 50.0
_SKELETON = get_skeleton("h36m17")
_DATA = re.compile(r"Human36M_subject(\d{1,3})_data\.json")
_KEYS = ("subject", "action_idx", "subaction_idx", "cam_idx")


@dataclass(frozen=True)
class _Recording:
    """One subject's action, taken by one camera."""

    subject: int
    action: int
    take: int
    view: int

    @property
    def name(self) -> str:
        """As the folders of images are named."""
        return f"s_{self.subject:02d}_act_{self.action:02d}_subact_{self.take:02d}_ca_{self.view:02d}"

    @property
    def index(self) -> int:
        """Of the sequence among those of all subjects."""
        return ((self.subject * 20 + self.action) * 4 + self.take) * 8 + self.view


def is_human36m(path: Path) -> bool:
    """Whether a folder holds such files, itself or in its folder `annotations`."""
    return bool(_data_files(path))


def read_human36m(path: Path, selection: Selection) -> Dataset:
    """Read a sequence for each action, take and camera; files of subjects that are not selected stay closed.

    Raises InputError.
    """
    sequences: list[GroundTruthSequence] = []
    for subject, file in _data_files(path).items():
        if any(_may_be_of(subject, pattern) for pattern in selection.sequences):
            sequences += _subject(file, subject, selection)
    return checked_dataset(path, NAME, sequences, selection)


def _may_be_of(subject: int, pattern: str) -> bool:
    """Whether a pattern may fit a sequence of the subject, by what stands before its first wildcard."""
    start = f"s_{subject:02d}_"
    return start.startswith(re.split(r"[*?\[]", pattern)[0][: len(start)])


def _data_files(path: Path) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for folder in (path, path / "annotations"):
        for file in folder.glob("Human36M_subject*_data.json") if folder.is_dir() else ():
            if match := _DATA.fullmatch(file.name):
                found[int(match[1])] = file
    return dict(sorted(found.items()))


def _subject(data: Path, subject: int, selection: Selection) -> Iterator[GroundTruthSequence]:
    camera_file, joint_file = (
        data.with_name(f"Human36M_subject{subject}_{kind}.json") for kind in ("camera", "joint_3d")
    )
    origins = [dataset_origin(file, "Human3.6M") for file in (data, camera_file, joint_file)]
    images: dict[_Recording, list[CocoImage]] = {}
    for image in read_coco(data, origins[0]):
        images.setdefault(_recording(image, origins[0]), []).append(image)
    cameras = read_large_json(camera_file, origins[1])
    joints = read_large_json(joint_file, origins[2])
    for recording, members in sorted(images.items(), key=lambda one: one[0].index):
        if selection.has_sequence(recording.name):
            view = _View.of(cameras, recording, members[0], origins[1])
            takes = _inner(_inner(joints, recording.action, origins[2]), recording.take, origins[2])
            yield _sequence(recording, members, view, takes, _Files(data, origins[0], origins[2]), selection)


@dataclass(frozen=True)
class _Files:
    data: Path
    data_origin: Origin
    joint_origin: Origin


@dataclass(frozen=True, eq=False)
class _View:
    """A camera and its place: X_cam = R X_world + t, millimetres."""

    camera: Camera
    rotation: Array
    translation_mm: Array

    @classmethod
    def of(cls, cameras: Fields, recording: _Recording, image: CocoImage, origin: Origin) -> _View:
        fields = _inner(cameras, recording.view, origin)
        (fx, fy), (cx, cy) = (numbers(fields, key, (2,), origin) for key in ("f", "c"))
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        camera = Camera(matrix, image.width_px, image.height_px)
        return cls(camera, numbers(fields, "R", (3, 3), origin), numbers(fields, "t", (3,), origin))


def _sequence(
    recording: _Recording,
    images: Sequence[CocoImage],
    view: _View,
    poses: Mapping[str, object],
    files: _Files,
    selection: Selection,
) -> GroundTruthSequence:
    frames, group = [], recording.name
    folders = (selection.images,) if selection.images else (files.data.parent.parent / "images", files.data.parent)
    for image in images:
        number, group = _whole(image, "frame_idx", files.data_origin), str(image.fields.get("action_name", group))
        if not selection.has_frame(number):
            continue
        world_mm = numbers(poses, str(number), (len(_SKELETON), 3), files.joint_origin)
        joints_m = (world_mm @ view.rotation.T + view.translation_mm) / MM_PER_M
        boxes = [xywh_to_xyxy(numbers(one, "bbox", (4,), files.data_origin)) for one in image.annotations[:1]]
        person = posed_person(1, joints_m, _SKELETON, view.camera, box_xyxy_px=boxes[0] if boxes else None)
        stamp = stamp_ns(recording.index, number, _RATE_HZ)
        frames.append(GroundTruthFrame(image.file_name, number, stamp, image_in(folders, image.file_name), (person,)))
    frames.sort(key=lambda frame: frame.number)
    return GroundTruthSequence(recording.name, _SKELETON, view.camera, tuple(frames), _RATE_HZ, group)


def _recording(image: CocoImage, origin: Origin) -> _Recording:
    return _Recording(*(_whole(image, key, origin) for key in _KEYS))


def _whole(image: CocoImage, key: str, origin: Origin) -> int:
    value = image.fields.get(key)
    if not is_whole(value):
        raise origin.error("an integer of at least 0", shown(value), f": {key}")
    return value


def _inner(fields: Fields, key: int, origin: Origin) -> Mapping[str, object]:
    return fields_of(fields.get(str(key)), origin, f": {key}")
