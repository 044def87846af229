"""3DPW as 3DMPPE distributes it: 3DPW_test.json and others beside imageFiles; 24 joints of SMPL, metres."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose3d_ros.evaluation.datasets.coco_json import (
    CocoImage,
    Fields,
    dataset_origin,
    holds_keys,
    numbers,
    read_coco,
)
from pose3d_ros.evaluation.datasets.coco_sequences import ImageReading, sequences_of
from pose3d_ros.evaluation.datasets.ground_truth import (
    Dataset,
    Selection,
    checked_dataset,
    file_of,
    posed_person,
    xywh_to_xyxy,
)
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.numbers import is_whole
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

NAME = "3dpw"
_FILES = ("3DPW_test.json", "data/3DPW_test.json")
_RATE_HZ = 30.0
_SKELETON = get_skeleton("muco21")
_SMPL = (
    "Pelvis L_Hip R_Hip - L_Knee R_Knee - L_Ankle R_Ankle - L_Toe R_Toe - - - - L_Shoulder R_Shoulder L_Elbow R_Elbow "
    "L_Wrist R_Wrist L_Hand R_Hand"
).split()
"""SMPL's joints that are the same places on the body as ours; its spine, neck, collars and head are others."""


def is_pw3d(path: Path) -> bool:
    """Whether a path names such a file, or a folder that holds that of the test set."""
    file = file_of(path, _FILES)
    return file is not None and holds_keys(file, "cam_param", "joint_cam")


def read_pw3d(path: Path, selection: Selection) -> Dataset:
    """Read the sequences of a file; joints that SMPL lacks are NaN. Raises InputError."""
    file = file_of(path, _FILES) or path
    origin = dataset_origin(file, "3DPW")

    def focal_center_px(image: CocoImage) -> Array:
        fields = image.fields.get("cam_param")
        if not isinstance(fields, dict):
            raise origin.error("a mapping", type(fields).__name__, ": cam_param")
        return np.concatenate([numbers(fields, key, (2,), origin) for key in ("focal", "princpt")])

    def person(number: int, annotation: Fields, camera: Camera) -> Person:
        given = numbers(annotation, "joint_cam", (len(_SMPL), 3), origin)
        joints = np.full((len(_SKELETON), 3), np.nan)
        for name, point in zip(_SMPL, given, strict=True):
            if name != "-":
                joints[_SKELETON.index_of[name]] = point
        box = xywh_to_xyxy(numbers(annotation, "bbox", (4,), origin))
        return posed_person(number, joints, _SKELETON, camera, box_xyxy_px=box)

    def people_of(image: CocoImage, camera: Camera) -> tuple[Person, ...]:
        return tuple(person(_id_of(one, i), one, camera) for i, one in enumerate(image.annotations, 1))

    folder = file.parent
    reading = ImageReading(
        _SKELETON,
        _RATE_HZ,
        (selection.images,) if selection.images else (folder / "imageFiles", folder.parent / "imageFiles", folder),
        lambda image: str(image.fields.get("sequence") or file.stem),
        focal_center_px,
        people_of,
    )
    return checked_dataset(
        path, NAME, sequences_of(_with_folders(read_coco(file, origin)), reading, selection), selection
    )


def _with_folders(images: list[CocoImage]) -> list[CocoImage]:
    """The images, named by their sequence's folder too: the file has the name within it."""
    named = [f"{image.fields['sequence']}/{image.file_name}" if "sequence" in image.fields else "" for image in images]
    return [
        CocoImage(image.id, name or image.file_name, image.width_px, image.height_px, image.fields, image.annotations)
        for image, name in zip(images, named, strict=True)
    ]


def _id_of(annotation: Fields, otherwise: int) -> int:
    number = annotation.get("person_id")
    return number + 1 if is_whole(number) else otherwise
