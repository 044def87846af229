"""What every reader of a dataset gives: sequences of one camera, with the people of each image in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

NS_PER_S = 1_000_000_000
MM_PER_M = 1000.0
_APART_S = 200_000
"""Between the first stamps of two sequences, so that a stamp belongs to one image of the dataset. Human3.6M's last
sequence ends before 2^31 s, the last second that a ROS stamp has."""


@dataclass(frozen=True, eq=False)
class GroundTruthFrame:
    """An image and the people in it.

    name: the image's path in the dataset, unique in it. number: of the frame in its sequence, as the dataset counts.
    image: the image's file; None for a frame of the sequence's video. people: their score is the visible share of the
    body, and their box holds the whole body.
    """

    name: str
    number: int
    stamp_ns: int
    image: Path | None
    people: tuple[Person, ...]


@dataclass(frozen=True, eq=False)
class GroundTruthSequence:
    """Frames of one camera in order.

    camera: None where the dataset has none. rate_hz: of the camera. group: what results are listed by, such as the
    action; the name where the dataset has no such thing. video: file of the frames without an image of their own;
    first: number of its first frame.
    """

    name: str
    skeleton: Skeleton
    camera: Camera | None
    frames: tuple[GroundTruthFrame, ...]
    rate_hz: float
    group: str
    ground: GroundPlane | None = None
    video: Path | None = None
    first: int = 0


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset or the selected part of it. format: the reader's name."""

    path: Path
    format: str
    sequences: tuple[GroundTruthSequence, ...]

    @property
    def frames(self) -> tuple[GroundTruthFrame, ...]:
        """The frames of all sequences."""
        return tuple(frame for sequence in self.sequences for frame in sequence.frames)


@dataclass(frozen=True, eq=False)
class Selection:
    """Which part of a dataset is read, and what it does not say itself.

    sequences: (shell) patterns of their names. step: frames whose number is a multiple of it. views: names of the
    cameras that are read, of datasets with several; empty for all. universal: MPI-INF-3DHP's skeletons of one size.
    images: folder of the images, or their video. camera, ground: of a dataset without its own calibration.
    """

    sequences: tuple[str, ...] = ("*",)
    step: int = 1
    views: tuple[str, ...] = ()
    universal: bool = False
    images: Path | None = None
    camera: Camera | None = None
    ground: GroundPlane | None = None

    def has_sequence(self, name: str) -> bool:
        """Whether a sequence of that name is read."""
        return any(fnmatchcase(name, pattern) for pattern in self.sequences)

    def has_frame(self, number: int) -> bool:
        """Whether a frame of that number is read."""
        return number % self.step == 0


def stamp_ns(sequence: int, number: int, rate_hz: float) -> int:
    """A frame's stamp. sequence: index of the sequence in the whole dataset, whatever part of it is read."""
    return sequence * _APART_S * NS_PER_S + round(number * NS_PER_S / rate_hz)


def posed_person(
    track_id: int,
    joints_cam_m: Array,
    skeleton: Skeleton,
    camera: Camera,
    *,
    joints_img_px: Array | None = None,
    box_xyxy_px: Array | None = None,
    visible: float | None = None,
) -> Person:
    """A person of ground truth with joints (J, 3), metres, in the camera's optical frame.

    joints_img_px (J, 2): as annotated; projected when None. box_xyxy_px (4,): as annotated; around the joints when
    None. visible: share of the body; when None that of the joints that lie in the image.
    """
    joints_px = camera.project(joints_cam_m) if joints_img_px is None else joints_img_px
    known = joints_px[np.isfinite(joints_px).all(axis=-1)]
    if box_xyxy_px is None:
        box_xyxy_px = np.concatenate([known.min(axis=0), known.max(axis=0)]) if len(known) else np.full(4, np.nan)
    inside = ((known >= 0) & (known <= [camera.width_px - 1, camera.height_px - 1])).all(axis=-1)
    share = float(inside.mean()) if visible is None and len(known) else visible or 0.0
    scores = np.asarray(np.isfinite(joints_cam_m).all(axis=-1), dtype=np.float64)
    pose = Pose(
        joints_cam_m[skeleton.root].copy(),
        joints_cam_m,
        joints_px,
        scores,
        skeleton,
        Detection(box_xyxy_px, share),
    )
    return Person(track_id, TrackState.TRACKED, pose, np.zeros(3), share)


def boxed_person(
    track_id: int, box_xyxy_px: Array, skeleton: Skeleton, visible: float, root_cam_m: Array | None = None
) -> Person:
    """A person of ground truth of whom only the box (4,), and perhaps the root (3,), is known."""
    count = len(skeleton)
    root = np.full(3, np.nan) if root_cam_m is None else root_cam_m
    lost, none = np.full((count, 3), np.nan), np.zeros(count)
    pose = Pose(root, lost, lost[:, :2].copy(), none, skeleton, Detection(box_xyxy_px, visible))
    return Person(track_id, TrackState.TRACKED, pose, np.zeros(3), visible)


def xywh_to_xyxy(box_xywh: npt.ArrayLike) -> Array:
    """Left, top, width, height (4,) as x0, y0, x1, y1."""
    box = np.asarray(box_xywh, dtype=np.float64)
    return np.concatenate([box[:2], box[:2] + box[2:]])


def image_in(folders: Sequence[Path], name: str) -> Path:
    """The image's path in the first folder that has it, in the first folder when none has."""
    return next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)


def file_of(path: Path, names: Sequence[str]) -> Path | None:
    """The file that a path names, or the first of these that its folder has."""
    return next((one for one in (path, *(path / name for name in names)) if one.is_file()), None)


def checked_dataset(
    path: Path, format_name: str, sequences: Sequence[GroundTruthSequence], selection: Selection
) -> Dataset:
    """The dataset of the sequences that have frames. Raises InputError when there is none."""
    filled = tuple(sequence for sequence in sequences if sequence.frames)
    if not filled:
        raise InputError(
            f"dataset {path}",
            expected=f"frames of sequences {', '.join(selection.sequences)}",
            got=f"{len(sequences)} sequences without one" if sequences else f"none in this {format_name} dataset",
            fix="Look at the names of the sequences, and at the step between frames.",
        )
    return Dataset(path, format_name, filled)
