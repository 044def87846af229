"""COCO-style images of 3DMPPE's files grouped to sequences of one camera, as MuPoTS-3D, MuCo and 3DPW need it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from pose3d_ros.evaluation.datasets.coco_json import CocoImage, Fields, numbers
from pose3d_ros.evaluation.datasets.ground_truth import (
    MM_PER_M,
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    image_in,
    posed_person,
    stamp_ns,
    xywh_to_xyxy,
)
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import Origin
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array


@dataclass(frozen=True, eq=False)
class ImageReading:
    """How the images of a dataset are read.

    folders: where its images may be. name_of: the sequence's name. focal_center_px: fx, fy, cx, cy of an image.
    """

    skeleton: Skeleton
    rate_hz: float
    folders: tuple[Path, ...]
    name_of: Callable[[CocoImage], str]
    focal_center_px: Callable[[CocoImage], Array]
    people_of: Callable[[CocoImage, Camera], tuple[Person, ...]]


def sequences_of(
    images: Sequence[CocoImage], reading: ImageReading, selection: Selection
) -> tuple[GroundTruthSequence, ...]:
    """The sequences of a file's images; images of one name but of several cameras are several sequences."""
    cameras: dict[str, dict[tuple[float, ...], list[CocoImage]]] = {}
    for image in images:
        key = (image.width_px, image.height_px, *reading.focal_center_px(image).tolist())
        cameras.setdefault(reading.name_of(image), {}).setdefault(key, []).append(image)
    named = [
        (name if len(views) == 1 else f"{name}_{number}", key, members)
        for name, views in cameras.items()
        for number, (key, members) in enumerate(views.items(), 1)
    ]
    return tuple(
        _sequence(index, name, members, key, reading, selection)
        for index, (name, key, members) in enumerate(sorted(named, key=lambda one: natural(one[0])), 1)
        if selection.has_sequence(name)
    )


def annotated_person(number: int, annotation: Fields, skeleton: Skeleton, camera: Camera, origin: Origin) -> Person:
    """The person of an annotation in millimetres: keypoints_cam, keypoints_img, bbox and perhaps keypoints_vis."""
    seen = numbers(annotation, "keypoints_vis", (-1,), origin) if "keypoints_vis" in annotation else np.ones(1)
    return posed_person(
        number,
        numbers(annotation, "keypoints_cam", (len(skeleton), 3), origin) / MM_PER_M,
        skeleton,
        camera,
        joints_img_px=numbers(annotation, "keypoints_img", (len(skeleton), 2), origin),
        box_xyxy_px=xywh_to_xyxy(numbers(annotation, "bbox", (4,), origin)),
        visible=float((seen > 0).mean()),
    )


def natural(name: str) -> tuple[object, ...]:
    """A key that sorts TS2 before TS10."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name))


def _sequence(
    index: int,
    name: str,
    images: Sequence[CocoImage],
    key: tuple[float, ...],
    reading: ImageReading,
    selection: Selection,
) -> GroundTruthSequence:
    width, height, fx, fy, cx, cy = key
    camera = Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), int(width), int(height))
    ordered = sorted(images, key=lambda one: natural(one.file_name))
    numbers = [_number_in(image.file_name, order) for order, image in enumerate(ordered)]
    are_times = all(a < b for a, b in itertools.pairwise(numbers))
    frames = []
    for order, (number, image) in enumerate(zip(numbers, ordered, strict=True)):
        if selection.has_frame(number):
            stamp = stamp_ns(index, number if are_times else order, reading.rate_hz)
            path = image_in(reading.folders, image.file_name)
            frames.append(GroundTruthFrame(image.file_name, number, stamp, path, reading.people_of(image, camera)))
    return GroundTruthSequence(name, reading.skeleton, camera, tuple(frames), reading.rate_hz, name)


def _number_in(file_name: str, otherwise: int) -> int:
    digits = re.search(r"(\d+)$", PurePosixPath(file_name).stem)
    return int(digits[1]) if digits and len(digits[1]) <= 15 else otherwise
