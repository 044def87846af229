"""MuCo-3DHP as 3DMPPE distributes it: MuCo-3DHP.json beside augmented_set and unaugmented_set."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from pose3d_ros.evaluation.datasets.coco_json import CocoImage, dataset_origin, holds_keys, numbers, read_coco
from pose3d_ros.evaluation.datasets.coco_sequences import ImageReading, annotated_person, sequences_of
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection, checked_dataset, file_of
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

NAME = "muco"
_FILES = ("MuCo-3DHP.json", "data/MuCo-3DHP.json")
_RATE_HZ = 0.4
"""Images are independent: a pause of 2.5 s between them ends all tracks."""
_SKELETON = get_skeleton("muco21")


def is_muco(path: Path) -> bool:
    """Whether a path names such a file, or a folder that holds it."""
    file = file_of(path, _FILES)
    return file is not None and holds_keys(file, "keypoints_cam", "f", "c") and not holds_keys(file, "intrinsic")


def read_muco(path: Path, selection: Selection) -> Dataset:
    """Read a sequence for each folder of images and camera. Raises InputError."""
    file = file_of(path, _FILES) or path
    origin = dataset_origin(file, "MuCo-3DHP")

    def focal_center_px(image: CocoImage) -> Array:
        return np.concatenate([numbers(image.fields, key, (2,), origin) for key in ("f", "c")])

    def people_of(image: CocoImage, camera: Camera) -> tuple[Person, ...]:
        return tuple(annotated_person(i, one, _SKELETON, camera, origin) for i, one in enumerate(image.annotations, 1))

    reading = ImageReading(
        _SKELETON,
        _RATE_HZ,
        (selection.images or file.parent,),
        lambda image: PurePosixPath(image.file_name).parts[0],
        focal_center_px,
        people_of,
    )
    return checked_dataset(path, NAME, sequences_of(read_coco(file, origin), reading, selection), selection)
