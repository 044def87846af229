"""What commands that find people in a source share: their options, and the way from its frames to a file of people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, warn_of
from pose3d_ros.cli.people_files import FoundFrame, PeopleFile
from pose3d_ros.cli.recording_options import add_camera_options, add_topic_options, recording_choice
from pose3d_ros.cli.recording_sources import open_any_source
from pose3d_ros.cli.scene_options import (
    DepthFolder,
    add_scene_options,
    floor_of_file,
    open_depth_folder,
    scene_parameters,
)
from pose3d_ros.cli.sources import BoxFile, camera_of_frame, open_camera, remarks_on
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.cli.video_source import Source, SourceFrame
from pose3d_ros.config.settings import NodeConfig, PipelineConfig
from pose3d_ros.errors import CameraError, InputError, Pose3DError
from pose3d_ros.evaluation.datasets.ground_truth import Dataset
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.nodes.frame_stamps import RateLimit
from pose3d_ros.records import Frame
from pose3d_ros.skeletons import SKELETONS

SOURCE_HELP = (
    "an image, a folder of images, a video, a recording (bag), a dataset, a camera (its number, or /dev/video0), or "
    "the URL of a stream"
)
# A container's number of frames may be an estimate.
_WHOLE_SHARE = 0.9


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """The options of what is read and how people are found in it."""
    hfov_help = "without either, photos have the focal length of their EXIF, recordings their camera_info"
    add_camera_options(parser, hfov_help)
    parser.add_argument("--skeleton", choices=sorted(SKELETONS), help="skeleton to write (default: the model's)")
    parser.add_argument(
        "--detections", metavar="JSON", help="bounding boxes {frame: [[x, y, w, h], …]} instead of the detector's"
    )
    parser.add_argument("--frames", type=int, metavar="N", help="stop after that many frames")
    add_topic_options(parser)
    add_scene_options(parser)
    add_engine_options(parser)


@dataclass(frozen=True, eq=False)
class Scene:
    """What is known of all frames: the camera (see `open_camera`), the floor, depth images."""

    camera: Camera | float | None
    ground: GroundPlane | None = None
    depth: DepthFolder | None = None


@dataclass(frozen=True, eq=False)
class SourceJob:
    """A source and what the options say of it.

    calibrated: whether its cameras are from calibrations. max_rate_hz: see the parameter.
    """

    source: Source
    config: PipelineConfig
    scene: Scene
    boxes: BoxFile | None
    calibrated: bool
    max_rate_hz: float = 0.0

    @classmethod
    def of(cls, text: str, args: argparse.Namespace, read: Callable[[Path], Dataset] | None = None) -> SourceJob:
        """Open a source, by the command's options. Raises our errors for what can't be used.

        read: see `open_any_source`.
        """
        given = NodeConfig.from_parameters({**parameters_asked_for(args), **scene_parameters(args)})
        choice = recording_choice(args, given.input.max_image_pixels)
        source = open_any_source(text, choice, given.pipeline, read)
        if source.skipped:
            warn_of((f"left out, no images: {_some(source.skipped)}",))
        camera = None if source.brings_cameras else open_camera(args.camera, args.hfov, stills=source.stills)
        scene = Scene(camera, floor_of_file(args.ground), open_depth_folder(args.depth))
        warn_of(remarks_on(args.camera))
        boxes = BoxFile(Path(args.detections)) if args.detections else None
        calibrated = args.camera is not None or (source.brings_cameras and args.hfov is None)
        return cls(source, given.pipeline, scene, boxes, calibrated, given.input.max_rate_hz)


def _some(names: Sequence[str]) -> str:
    """The first of many names."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


@dataclass(eq=False)
class SourceRun:
    """The way of a job's frames through the models, and how many frames and people there were.

    skipped: frames left out by max_rate_hz. errors: of frames that can't be used.
    """

    job: SourceJob
    predictor: Predictor
    file: PeopleFile
    bar: ProgressBar
    frames: int = 0
    people: int = 0
    skipped: int = 0
    errors: list[Pose3DError] = field(default_factory=list)

    def process(self, limit: int | None = None) -> None:
        """Process the frames of the source, at most `limit`. Ctrl-C ends a live camera properly.

        A frame that can't be used is reported on stderr and written with its error. Raises the first error when no
        frame could be used, and InputError when the overlay can't be written.
        """
        source = self.job.source
        limit_rate = RateLimit()
        total = source.count if limit is None else min(limit, source.count or limit)
        try:
            for number, item in enumerate(islice(source, None if limit is None else max(0, limit))):
                if not source.stills and not limit_rate.passes(item.stamp_ns, self.job.max_rate_hz):
                    self.skipped += 1
                    continue
                if source.stills:
                    self.predictor.pipeline.reset()  # the next image's people are other people
                self._process(item, number)
                self.bar(number + 1, total)
        except KeyboardInterrupt:
            if source.count is not None:
                raise
        if self.errors and not self.frames:
            raise self.errors[0].fresh()

    def tell(self, limit: int | None, where: Path) -> None:
        """Say how many there were, and what the user should know."""
        job, source = self.job, self.job.source
        warn_of(source.remarks)
        seen = self.frames + len(self.errors) + self.skipped
        if limit is None and source.count is not None and seen < _WHOLE_SHARE * source.count:
            warn_of((f"the source ends after {seen} of {source.count} frames: it is cut or damaged",))
        failed = f" Frames that could not be used: {len(self.errors)} (named above)." if self.errors else ""
        is_exif = job.scene.camera is None and not source.brings_cameras and self.frames
        by_exif = " Uncalibrated: focal lengths are those of the photos' EXIF." if is_exif else ""
        print(f"Frames: {self.frames}. Poses: {self.people}.{failed}{by_exif} Written to {where}.")
        if job.boxes is not None and job.boxes.unused:
            unused = job.boxes.unused
            print(f"{len(unused)} frames of the box file are not in the source: {_some(unused)}", file=sys.stderr)

    def _process(self, item: SourceFrame, number: int) -> None:
        if item.error is not None:
            self._fail(item, item.error)
            return
        try:
            frame = self._frame(item, number)
            boxes = self.job.boxes
            detections = item.detections if boxes is None else boxes.of_frame(item.name, number)
            found = self.predictor(frame, detections)
        except (InputError, CameraError) as error:
            self._fail(item, error)
            return
        made = FoundFrame(
            item.name,
            frame,
            self.predictor.skeleton,
            found.people,
            found.smoothed,
            calibrated=self.job.calibrated,
            model=self.predictor.model,
        )
        self.file.write(made)
        self.frames += 1
        self.people += len(found.people)

    def _fail(self, item: SourceFrame, error: Pose3DError) -> None:
        self.bar.say(f"{item.name}: {error}")
        self.file.write_error(item.name, item.stamp_ns, error)
        self.errors.append(error.fresh())

    def _frame(self, item: SourceFrame, number: int) -> Frame:
        scene, frame = self.job.scene, item.frame
        if frame is None:
            if item.image_bgr is None:
                raise InputError(str(item.name), expected="an image", got="none", fix="Check the source.")
            height_px, width_px = item.image_bgr.shape[:2]
            camera = camera_of_frame(scene.camera, item, width_px, height_px)
            frame = Frame(item.image_bgr, camera, item.stamp_ns)
        if scene.ground is not None:
            frame = replace(frame, ground=scene.ground)
        if scene.depth is not None:
            frame = replace(frame, depth=scene.depth.of_frame(item.name, number, frame.camera))
        return frame
