"""`pose3d run`: people in images, a video or a camera, without ROS."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, warn_of
from pose3d_ros.cli.run_output import RunOutput
from pose3d_ros.cli.scene_options import (
    DepthFolder,
    add_scene_options,
    floor_of_file,
    open_depth_folder,
    scene_parameters,
)
from pose3d_ros.cli.sources import BoxFile, camera_of_frame, open_camera, open_source, remarks_on
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.cli.video_source import Source, SourceFrame
from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.engines.engine_set import open_engine_set
from pose3d_ros.errors import CameraError, InputError, Pose3DError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, Person
from pose3d_ros.skeletons import SKELETONS

# A container's number of frames may be an estimate.
_WHOLE_SHARE = 0.9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--source",
        required=True,
        metavar="SOURCE",
        help="an image, a folder of images, a video, a camera (its number, or /dev/video0), or the URL of a stream",
    )
    camera = parser.add_mutually_exclusive_group()
    camera.add_argument("--camera", metavar="YAML", help="calibration file of the camera (ROS, OpenCV, Kalibr)")
    camera.add_argument(
        "--hfov",
        type=float,
        metavar="DEG",
        help="horizontal field of view in degrees, instead of a calibration; "
        "without either, photos have the focal length of their EXIF",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for people.jsonl and the overlay")
    parser.add_argument("--skeleton", choices=sorted(SKELETONS), help="skeleton to write (default: the model's)")
    parser.add_argument(
        "--detections", metavar="JSON", help="bounding boxes {frame: [[x, y, w, h], …]} instead of the detector's"
    )
    parser.add_argument("--no-overlay", action="store_true", help="write people.jsonl only")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after that many frames")
    add_scene_options(parser)
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    given = NodeConfig.from_parameters({**parameters_asked_for(args), **scene_parameters(args)})
    source = open_source(args.source, given.input.max_image_pixels)
    if source.skipped:
        warn_of((f"left out, no images: {_some(source.skipped)}",))
    camera = open_camera(args.camera, args.hfov, stills=source.stills)
    scene = Scene(camera, floor_of_file(args.ground), open_depth_folder(args.depth))
    warn_of(remarks_on(args.camera))
    boxes = BoxFile(Path(args.detections)) if args.detections else None
    config = given.pipeline
    engines = open_engine_set(config)
    output = Path(args.output)
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(engines, config, smooth=not source.stills))
        warn_of(pipeline.engine_problems)
        files = stack.enter_context(RunOutput(output, source, overlay=not args.no_overlay))
        run = Run(pipeline, scene, boxes, files, stack.enter_context(ProgressBar(Path(args.source).name)))
        run.process(source, args.frames)
    seen = run.frames + len(run.errors)
    if args.frames is None and source.count is not None and seen < _WHOLE_SHARE * source.count:
        warn_of((f"the video ends after {seen} of {source.count} frames: it is cut or damaged",))
    failed = f" Frames that could not be used: {len(run.errors)} (see people.jsonl)." if run.errors else ""
    by_exif = " Uncalibrated: focal lengths are those of the photos' EXIF." if camera is None and run.frames else ""
    print(f"Frames: {run.frames}. Poses: {run.people}.{failed}{by_exif} Written to {output}.")
    if boxes is not None and boxes.unused:
        print(
            f"{len(boxes.unused)} frames of the box file are not in the source: {_some(boxes.unused)}", file=sys.stderr
        )
    return 0


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@dataclass(frozen=True, eq=False)
class Scene:
    """What is known of all frames: the camera (see `open_camera`), the floor, depth images."""

    camera: Camera | float | None
    ground: GroundPlane | None = None
    depth: DepthFolder | None = None


@dataclass(eq=False)
class Run:
    """What frames pass through, and how many frames and people there were. errors: of frames that can't be used."""

    pipeline: Pipeline
    scene: Scene
    boxes: BoxFile | None
    files: RunOutput
    bar: ProgressBar
    frames: int = 0
    people: int = 0
    errors: list[Pose3DError] = field(default_factory=list)

    @property
    def calibrated(self) -> bool:
        """Whether the camera is from a calibration."""
        return isinstance(self.scene.camera, Camera)

    def process(self, source: Source, limit: int | None = None) -> None:
        """Process the frames of a source, at most `limit`. Ctrl-C ends a live camera properly.

        A frame that can't be used is reported on stderr and gets a line with its error. Raises the first error when
        no frame could be used, and InputError when the overlay can't be written.
        """
        total = source.count if limit is None else min(limit, source.count or limit)
        try:
            for number, item in enumerate(islice(source, None if limit is None else max(0, limit))):
                if source.stills:
                    self.pipeline.reset()  # the next image's people are other people
                try:
                    frame, people = self._found(item, number)
                except (InputError, CameraError) as error:
                    self.bar.say(f"{item.name}: {error}")
                    self.files.write_error(item.name, error)
                    self.errors.append(error.fresh())
                else:
                    self.files.write(item.name, frame, self.pipeline.skeleton, people, calibrated=self.calibrated)
                    self.frames += 1
                    self.people += len(people)
                self.bar(number + 1, total)
        except KeyboardInterrupt:
            if source.count is not None:
                raise
        if self.errors and not self.frames:
            raise self.errors[0].fresh()

    def _found(self, item: SourceFrame, number: int) -> tuple[Frame, tuple[Person, ...]]:
        if item.image_bgr is None:
            raise item.error or InputError(str(item.name), expected="an image", got="none", fix="Check the source.")
        height_px, width_px = item.image_bgr.shape[:2]
        camera = camera_of_frame(self.scene.camera, item, width_px, height_px)
        folder = self.scene.depth
        depth = None if folder is None else folder.of_frame(item.name, number, camera)
        frame = Frame(item.image_bgr, camera, item.stamp_ns, ground=self.scene.ground, depth=depth)
        detections = None if self.boxes is None else self.boxes.of_frame(item.name, number)
        return frame, self.pipeline(frame, detections).people
