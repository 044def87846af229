"""MuPoTS-3D as 3DMPPE distributes it: MuPoTS-3D.json beside the folder MultiPersonTestSet."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from pose3d_ros.evaluation.datasets.coco_json import CocoImage, dataset_origin, holds_keys, numbers, read_coco
from pose3d_ros.evaluation.datasets.coco_sequences import ImageReading, annotated_person, sequences_of
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, Selection, checked_dataset, file_of
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.records import Person
from pose3d_ros.skeletons import get_skeleton

NAME = "mupots"
_FILES = ("MuPoTS-3D.json", "data/MuPoTS-3D.json")
_RATE_HZ = 30.0
_SKELETON = get_skeleton("mupots17")


def is_mupots(path: Path) -> bool:
    """Whether a path names such a file, or a folder that holds it."""
    file = file_of(path, _FILES)
    return file is not None and holds_keys(file, "intrinsic", "keypoints_cam")


def read_mupots(path: Path, selection: Selection) -> Dataset:
    """Read the sequences TS1 to TS20. Annotations whose `is_valid` is 0 are left out. Raises InputError."""
    file = file_of(path, _FILES) or path
    origin = dataset_origin(file, "MuPoTS-3D")

    def people_of(image: CocoImage, camera: Camera) -> tuple[Person, ...]:
        valid = [(i, a) for i, a in enumerate(image.annotations, 1) if a.get("is_valid", 1)]
        return tuple(annotated_person(number, one, _SKELETON, camera, origin) for number, one in valid)

    reading = ImageReading(
        _SKELETON,
        _RATE_HZ,
        (selection.images,) if selection.images else (file.parent / "MultiPersonTestSet", file.parent),
        lambda image: PurePosixPath(image.file_name).parent.name or file.stem,
        lambda image: numbers(image.fields, "intrinsic", (4,), origin),
        people_of,
    )
    return checked_dataset(path, NAME, sequences_of(read_coco(file, origin), reading, selection), selection)
