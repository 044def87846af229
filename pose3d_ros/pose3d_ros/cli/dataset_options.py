"""Options that say what of a dataset is used, and what it does not say itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from pose3d_ros.cli.sources import open_camera
from pose3d_ros.errors import ConfigError, InputError
from pose3d_ros.evaluation.datasets.boxed_people import Images
from pose3d_ros.evaluation.datasets.dataset_formats import AUTO, FORMATS
from pose3d_ros.evaluation.datasets.ground_truth import Selection
from pose3d_ros.evaluation.datasets.tsai_camera import read_tsai
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.reading.files import is_file, is_there

_TSAI_SUFFIX = ".xml"


def add_dataset_options(parser: argparse.ArgumentParser) -> None:
    """--format, --sequence, --view and --images."""
    group = parser.add_argument_group("dataset")
    group.add_argument(
        "--format", choices=(AUTO, *FORMATS), default=AUTO, help="of the dataset (default: by its content)"
    )
    group.add_argument("--sequence", nargs="+", metavar="NAME", help="sequences by name or pattern (default: all)")
    group.add_argument("--view", nargs="+", metavar="NAME", help="cameras by name, such as 00_16 of CMU Panoptic")
    group.add_argument("--images", type=Path, metavar="PATH", help="folder of the images, or their video")


def is_part(args: argparse.Namespace) -> bool:
    """Whether the options choose a part of a dataset, or its format."""
    return args.format != AUTO or any(one is not None for one in (args.sequence, args.view, args.images))


def selection_of(args: argparse.Namespace, dataset: Path, step: int = 1) -> Selection:
    """What the options select. Raises InputError for images that are not there, and as `read_tsai` and `open_camera`.

    A camera of a dataset without its own comes from --camera, Tsai's as XML too, or --hfov.
    """
    if args.images is not None and not is_there(args.images):
        raise InputError(f"images {args.images}", expected="a folder or a video", got="nothing", fix="Check the path.")
    if step < 1:
        raise ConfigError("--step", expected="1 or more", got=f"{step}", fix="Leave it out for all frames.")
    camera, ground = _camera(args, dataset)
    sequences = tuple(args.sequence) if args.sequence else Selection().sequences
    return Selection(sequences, step, tuple(args.view or ()), images=args.images, camera=camera, ground=ground)


def _camera(args: argparse.Namespace, dataset: Path) -> tuple[Camera | None, GroundPlane | None]:
    if args.camera is not None and args.camera.lower().endswith(_TSAI_SUFFIX):
        return read_tsai(Path(args.camera))
    if args.camera is None and args.hfov is None:
        return None, None
    found = open_camera(args.camera, args.hfov)
    if isinstance(found, Camera) or found is None:
        return found, None
    size = _size(args.images or dataset / "img1")
    return None if size is None else Camera.from_hfov(found, *size), None


def _size(place: Path) -> tuple[int, int] | None:
    """Width and height of the images, None where there are none."""
    from pose3d_ros.bags.image_decoding import image_file
    from pose3d_ros.cli.video_source import Video

    first = next(iter(Images.at(place).files), None)
    if first is not None:
        image = image_file(first)[0]
    elif is_file(place):
        frame = next(iter(Video(place)))
        if frame.image_bgr is None:
            raise InputError(f"video {place}", expected="a frame", got="none", fix="Check the file.")
        image = frame.image_bgr
    else:
        return None
    return image.shape[1], image.shape[0]
