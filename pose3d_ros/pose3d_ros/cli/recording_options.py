"""Options that say what of a bag is used: topics, and the camera where it has none."""

from __future__ import annotations

import argparse
from functools import partial

from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS
from pose3d_ros.bags.topic_choice import CAMERA_OPTION, IMAGE_OPTION
from pose3d_ros.cli.sources import camera_of_size, open_camera
from pose3d_ros.evaluation.recording.recorded_frames import RecordingChoice


def add_camera_options(parser: argparse.ArgumentParser, hfov_help: str = "in place of camera_info") -> None:
    """--camera and --hfov, which exclude each other."""
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--camera", metavar="YAML", help="calibration file of the camera (ROS, OpenCV, Kalibr)")
    camera.add_argument(
        "--hfov",
        type=float,
        metavar="DEG",
        help=f"horizontal field of view in degrees, instead of a calibration; {hfov_help}",
    )


def add_topic_options(parser: argparse.ArgumentParser) -> None:
    """--image-topic and --camera-info-topic."""
    group = parser.add_argument_group("recording", "which of several cameras of a bag")
    group.add_argument(IMAGE_OPTION, metavar="TOPIC", default="*", help="images (default: the only ones)")
    group.add_argument(CAMERA_OPTION, metavar="TOPIC", default="*", help="camera_info (default: beside the images)")


def recording_choice(args: argparse.Namespace, max_image_pixels: int = MAX_IMAGE_PIXELS) -> RecordingChoice:
    """What the options choose. Raises CameraError for an unusable calibration or field of view."""
    camera_of = None
    if args.camera is not None or args.hfov is not None:
        camera = open_camera(args.camera, args.hfov)
        camera_of = None if camera is None else partial(camera_of_size, camera)
    return RecordingChoice(args.image_topic, args.camera_info_topic, camera_of, max_image_pixels)
