"""`pose3d convert`: a dataset as a bag with images, camera and ground truth, and ground truth back as text or JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.cli.dataset_options import add_dataset_options, selection_of
from pose3d_ros.cli.recording_sources import DatasetSource
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.evaluation.datasets.annotation_export import MupotsFile, mot_text_of
from pose3d_ros.evaluation.datasets.bag_sequence import NAME as BAG
from pose3d_ros.evaluation.datasets.dataset_bag import write_sequence
from pose3d_ros.evaluation.datasets.dataset_formats import read_dataset
from pose3d_ros.evaluation.datasets.ground_truth import Dataset, GroundTruthFrame, GroundTruthSequence
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING
from pose3d_ros.output_files import write_file
from pose3d_ros.types import ImageArray

_BAG, _TEXT, _JSON = ".mcap", ".txt", ".json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="a dataset, or a recording with ground truth")
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="X.mcap: a bag; a folder: a bag for each sequence; X.txt: boxes as the MOT challenge has them; "
        "X.json: images and poses as 3DMPPE has MuPoTS-3D",
    )
    parser.add_argument("--step", type=int, default=1, metavar="N", help="every Nth frame, by the dataset's numbers")
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument(
        "--camera", metavar="FILE", help="calibration of a dataset without one (ROS, OpenCV, Kalibr; Tsai's XML)"
    )
    camera.add_argument("--hfov", type=float, metavar="DEG", help="horizontal field of view of such a dataset")
    add_dataset_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    dataset = read_dataset(args.dataset, selection_of(args, args.dataset, args.step), args.format)
    writers = {_BAG: _write_bag, _TEXT: _write_text, _JSON: _write_json, "": _write_bags}
    suffix = args.output.suffix.lower()
    if suffix not in writers:
        fix = "Name X.mcap, X.txt, X.json, or a folder."
        raise ConfigError("OUT", expected="a name that says what to write", got=str(args.output), fix=fix)
    with ProgressBar("converting") as bar:
        images = writers[suffix](dataset, args.output, _Images(dataset, bar))
    people = sum(len(frame.people) for frame in dataset.frames)
    what = f"Sequences: {len(dataset.sequences)}. Images: {images}. Annotated people: {people}."
    print(f"{what} Written to {args.output}.")
    return 0


class _Images:
    """The images of a dataset's sequences, in order; progress is shown."""

    def __init__(self, dataset: Dataset, bar: ProgressBar) -> None:
        self._dataset, self._bar = dataset, bar
        self._done, self._total = 0, len(dataset.frames)

    def of(self, sequence: GroundTruthSequence) -> Iterator[tuple[GroundTruthFrame, ImageArray]]:
        """Frames and their images. Raises InputError for a frame without one, CameraError without a camera."""
        images = self._recorded(sequence) if self._dataset.format == BAG else self._images(sequence)
        for frame, image in zip(sequence.frames, images, strict=True):
            self._done += 1
            self._bar(self._done, self._total)
            yield frame, image

    def _images(self, sequence: GroundTruthSequence) -> Iterator[ImageArray]:
        for item in DatasetSource(replace(self._dataset, sequences=(sequence,)), ANY_RECORDING):
            if item.image_bgr is None:
                raise item.error or InputError(str(item.name), expected="an image", got="none", fix="Check it.")
            yield item.image_bgr

    def _recorded(self, sequence: GroundTruthSequence) -> Iterator[ImageArray]:
        stamps = {frame.stamp_ns for frame in sequence.frames}
        with BagReader(self._dataset.path) as bag:
            for message in bag.images():
                if message.stamp_ns in stamps:
                    yield message.image_bgr


def _write_bag(dataset: Dataset, output: Path, images: _Images) -> int:
    if len(dataset.sequences) > 1:
        names = ", ".join(sequence.name for sequence in dataset.sequences[:8])
        fix = "Choose one with --sequence or --view, or name a folder, which gets a bag for each."
        got = f"{len(dataset.sequences)}: {names}{', …' if len(dataset.sequences) > 8 else ''}"
        raise ConfigError(f"OUT {output}", expected="one sequence of one camera", got=got, fix=fix)
    return write_sequence(output, dataset.sequences[0], images.of(dataset.sequences[0]))


def _write_bags(dataset: Dataset, output: Path, images: _Images) -> int:
    named = ((sequence, output / f"{sequence.name.replace('/', '_')}{_BAG}") for sequence in dataset.sequences)
    return sum(write_sequence(path, sequence, images.of(sequence)) for sequence, path in named)


def _write_text(dataset: Dataset, output: Path, images: _Images) -> int:
    if len(dataset.sequences) > 1:
        return _write_bag(dataset, output, images)  # the same error
    write_file(output, mot_text_of(dataset.sequences[0]))
    return len(dataset.frames)


def _write_json(dataset: Dataset, output: Path, images: _Images) -> int:
    file, count = MupotsFile(output), 0
    for sequence in dataset.sequences:
        for frame, image_bgr in images.of(sequence):
            file.add(sequence, frame, image_bgr)
            count += 1
    file.close()
    if file.left_out:
        print(f"People left out, since not all of the 17 joints are known: {file.left_out}.")
    return count
