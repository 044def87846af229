"""Ground truth by stamp: of a bag, of people in JSON lines, or of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.bags.bag_files import is_bag
from pose3d_ros.bags.people_lines import SUFFIXES as PEOPLE_SUFFIXES
from pose3d_ros.bags.people_lines import PeopleLine, read_people_lines
from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.recording.bag_recording import read_recording, time_order
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice
from pose3d_ros.evaluation.recording.session import People
from pose3d_ros.geometry.camera import Camera

if TYPE_CHECKING:
    from pose3d_ros.evaluation.datasets.ground_truth import Dataset

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth of any origin. people: by stamp, of the frames that it knows. names: stamp of a frame by its name.

    stamps_ns: all frames, also those that it does not know. is_of_images: whether these are the images of a recording.
    are_stills: whether these are independent photographs.
    """

    path: Path
    stamps_ns: tuple[int, ...]
    people: Mapping[int, People]
    camera: Camera | None
    names: Mapping[str, int] = field(default_factory=dict)
    is_of_images: bool = False
    are_stills: bool = False
    problems: tuple[str, ...] = ()


def read_truth(path: Path, choice: RecordingChoice = ANY_RECORDING) -> Truth:
    """Read the ground truth of a bag, of JSON lines or of a dataset. Raises our errors for a path without any."""
    if path.suffix in PEOPLE_SUFFIXES:
        return _truth_of_lines(path)
    if is_bag(path):
        found = read_recording(path, choice)
        people = {stamp: message.people for stamp, message in found.ground_truth.items()}
        return Truth(path, found.stamps_ns, people, found.camera, {}, found.has_images, problems=found.problems)
    return truth_of_dataset(read_dataset(path))


def truth_of_dataset(dataset: Dataset) -> Truth:
    """The ground truth of a dataset's frames."""
    people = {frame.stamp_ns: frame.people for frame in dataset.frames}
    names = {frame.name: frame.stamp_ns for frame in dataset.frames}
    return Truth(dataset.path, tuple(people), people, dataset.sequences[0].camera, names)


def _truth_of_lines(path: Path) -> Truth:
    """Lines with an error are frames that it does not know."""
    lines = list(read_people_lines(path))
    stamps = stamps_of_lines(lines)
    people = {stamp: line.people for stamp, line in zip(stamps, lines, strict=True) if line.people is not None}
    camera = next((line.camera for line in lines if line.camera is not None), None)
    names = {str(line.name): stamp for stamp, line in zip(stamps, lines, strict=True)}
    if not people:
        fix = "Name a file that `pose3d predict` wrote, or a recording."
        raise InputError(f"ground truth {path}", expected="people", got=f"{len(lines)} lines without", fix=fix)
    return Truth(path, time_order(stamps), people, camera, names, are_stills=are_stills(lines))


def stamps_of_lines(lines: Sequence[PeopleLine]) -> tuple[int, ...]:
    """The stamps of the lines; those of photographs are seconds by their order."""
    independent = are_stills(lines)
    return tuple(at * NS_PER_S if independent else line.stamp_ns for at, line in enumerate(lines))


def are_stills(lines: Sequence[PeopleLine]) -> bool:
    """Whether lines are of independent photographs, whose stamps are all the same."""
    return len({line.stamp_ns for line in lines}) == 1 < len(lines)
