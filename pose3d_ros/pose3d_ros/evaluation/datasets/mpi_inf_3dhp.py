"""The test set of MPI-INF-3DHP: folders TS1 to TS6 with annot_data.mat (MATLAB 7.3 or older) and imageSequence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pose3d_ros.bags.image_decoding import image_file
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.coco_sequences import natural
from pose3d_ros.evaluation.datasets.ground_truth import (
    MM_PER_M,
    Dataset,
    GroundTruthFrame,
    GroundTruthSequence,
    Selection,
    checked_dataset,
    posed_person,
    stamp_ns,
)
from pose3d_ros.evaluation.datasets.mat_file import read_mat
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.reading.files import Origin, is_file
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array

NAME = "3dhp"
FILE = "annot_data.mat"
_RATE_HZ = 25.0
_SKELETON = get_skeleton("mupots17")
_FIELDS = ("annot2", "annot3", "univ_annot3", "valid_frame")
_SIZES_PX = ((2048, 2048), (1920, 1080))
"""Of TS1 to TS4, and of TS5 and TS6, which were taken outdoors."""
_OUTDOORS = ("TS5", "TS6")
_LEAST_POINTS, _STEEPEST, _FARTHEST_PX = 8, 100.0, 1e6


def is_3dhp(path: Path) -> bool:
    """Whether a path is such a file, its folder, or a folder of these."""
    return bool(_files(path))


def read_3dhp(path: Path, selection: Selection) -> Dataset:
    """Read the frames that are valid. `selection.universal`: skeletons of one size instead of the people's own.

    Raises InputError, also where h5py is missing for a file of MATLAB 7.3.
    """
    sequences = []
    for index, file in enumerate(_files(path), 1):
        if selection.has_sequence(file.parent.name):
            sequences.append(_sequence(file, index, selection))
    return checked_dataset(path, NAME, sequences, selection)


def _files(path: Path) -> list[Path]:
    if is_file(path) and path.name == FILE:
        return [path]
    found = [path / FILE] if is_file(path / FILE) else list(path.glob(f"TS*/{FILE}"))
    return sorted(found, key=lambda file: natural(file.parent.name))


def _sequence(file: Path, index: int, selection: Selection) -> GroundTruthSequence:
    origin = Origin(InputError, f"MPI-INF-3DHP annotations {file}", "Use the file as the dataset distributes it.")
    name, folder = file.parent.name, selection.images or file.parent / "imageSequence"
    values = _checked(read_mat(file, _FIELDS, origin), origin)
    valid = values["valid_frame"].reshape(-1) > 0
    metric_m, points_px = values["annot3"] / MM_PER_M, values["annot2"]
    first = next((i for i in range(len(valid)) if is_file(_image(folder, i))), None)
    size_px = _SIZES_PX[name in _OUTDOORS] if first is None else _size(_image(folder, first))
    camera = _fitted(points_px[valid], metric_m[valid], size_px, origin)
    joints_m = values["univ_annot3"] / MM_PER_M if selection.universal else metric_m
    frames = []
    for number in range(len(valid)):
        if valid[number] and selection.has_frame(number):
            person = posed_person(1, joints_m[number], _SKELETON, camera, joints_img_px=points_px[number])
            image = _image(folder, number)
            stamp = stamp_ns(index, number, _RATE_HZ)
            frames.append(GroundTruthFrame(f"{name}/{image.name}", number, stamp, image, (person,)))
    return GroundTruthSequence(name, _SKELETON, camera, tuple(frames), _RATE_HZ, name)


def _image(folder: Path, number: int) -> Path:
    return folder / f"img_{number + 1:06d}.jpg"


def _size(image: Path) -> tuple[int, int]:
    height, width = image_file(image)[0].shape[:2]
    return width, height


def _checked(values: Mapping[str, Array], origin: Origin) -> dict[str, Array]:
    """Frames x joints x coordinates, of MATLAB's coordinates x joints x 1 x frames."""
    count, joints = values["valid_frame"].size, len(_SKELETON)
    made = {"valid_frame": values["valid_frame"]}
    for key, axes in (("annot2", 2), ("annot3", 3), ("univ_annot3", 3)):
        shape = values[key].shape
        if shape[:2] != (axes, joints) or values[key].size != axes * joints * count:
            raise origin.error(f"{axes} x {joints} x 1 x {count}", " x ".join(map(str, shape)), f": {key}")
        made[key] = values[key].reshape(axes, joints, count).transpose(2, 1, 0)
    return made


def _fitted(points_px: Array, joints_m: Array, size_px: tuple[int, int], origin: Origin) -> Camera:
    """The pinhole whose projections are the annotated points, which the dataset gives instead of intrinsics."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rays, points = joints_m[..., :2] / joints_m[..., 2:], points_px
    is_usual = (
        (joints_m[..., 2] > 0).all() and (np.abs(rays) < _STEEPEST).all() and (np.abs(points) < _FARTHEST_PX).all()
    )
    if rays[..., 0].size < _LEAST_POINTS or not is_usual:
        raise origin.error("valid frames of people in front of the camera", f"{len(joints_m)} frames", ": annot3")
    lines = [np.polynomial.polynomial.polyfit(rays[..., i].ravel(), points[..., i].ravel(), 1) for i in range(2)]
    (cx, fx), (cy, fy) = lines
    return Camera(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), *size_px)
