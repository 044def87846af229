"""`pose3d run`: people in images, a video or a camera, without ROS."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pose3d_ros.cli.common_options import add_engine_options, pipeline_config
from pose3d_ros.cli.detections_file import BoxFile
from pose3d_ros.cli.run_output import OverlayWriter, error_line, frame_line
from pose3d_ros.cli.sources import CameraChoice, Source, SourceFrame, open_source
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.engines.engine_set import open_engine_set
from pose3d_ros.errors import CameraError, InputError, Pose3DError
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import Frame, Person
from pose3d_ros.skeletons import SKELETONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--source", required=True, metavar="SOURCE", help="an image, a folder of images, a video, or a camera's number"
    )
    camera = parser.add_mutually_exclusive_group(required=True)
    camera.add_argument("--camera", metavar="YAML", help="ROS calibration file of the camera")
    camera.add_argument("--hfov", type=float, metavar="DEG", help="horizontal field of view, without a calibration")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for people.jsonl and the overlay")
    parser.add_argument("--skeleton", choices=sorted(SKELETONS), help="skeleton to write (default: the engine's)")
    parser.add_argument("--detections", metavar="JSON", help="{frame: [[x, y, w, h], …]}, instead of the detector")
    parser.add_argument("--no-overlay", action="store_true", help="write people.jsonl only")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after that many frames")
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    source = open_source(args.source, calibrated=args.camera is not None)
    camera = CameraChoice.of(args.camera, args.hfov)
    boxes = BoxFile(Path(args.detections)) if args.detections else None
    config = pipeline_config(args)
    engines = open_engine_set(config)
    output = _folder(args.output)
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(engines, config, smooth=not source.stills))
        lines = stack.enter_context((output / "people.jsonl").open("w", encoding="utf-8"))
        overlay = None if args.no_overlay else stack.enter_context(OverlayWriter(output, source))
        bar = stack.enter_context(ProgressBar(Path(args.source).name))
        job = Job(pipeline, camera, boxes, source.stills, lines, overlay, bar)
        counts = run_job(job, source, args.frames)
    _say(counts, output, boxes)
    return 0


@dataclass
class Counts:
    """What happened: frames done, frames that could not be, the first reason, people found in all."""

    done: int = 0
    failed: int = 0
    first_error: Pose3DError | None = None
    people: int = 0


@dataclass(frozen=True, eq=False)
class Job:
    """Everything that a frame passes through."""

    pipeline: Pipeline
    camera: CameraChoice
    boxes: BoxFile | None
    stills: bool
    lines: IO[str]
    overlay: OverlayWriter | None
    bar: ProgressBar


def run_job(job: Job, source: Source, limit: int | None = None) -> Counts:
    """Process the frames of a source, at most `limit`. Ctrl-C ends a live camera properly.

    A frame that can't be used is reported on stderr and gets a line with its error; the next one follows. Raises the
    first error when no frame could be used.
    """
    counts = Counts()
    total = source.count if limit is None else min(limit, source.count or limit)
    try:
        for number, item in enumerate(source):
            if limit is not None and number >= limit:
                break
            _process(job, item, number, counts)
            job.bar(number + 1, total)
    except KeyboardInterrupt:
        if source.count is not None:
            raise
    if counts.first_error is not None and counts.done == 0:
        raise counts.first_error
    return counts


def _process(job: Job, item: SourceFrame, number: int, counts: Counts) -> None:
    try:
        frame, people = _people(job, item, number)
    except (InputError, CameraError) as error:
        job.bar.say(f"{item.name}: {error}")
        job.lines.write(error_line(item.name, error) + "\n")
        counts.failed += 1
        counts.first_error = counts.first_error or error
        return
    job.lines.write(frame_line(item.name, frame, job.pipeline.skeleton, people) + "\n")
    job.lines.flush()
    if job.overlay is not None:
        job.overlay.write(item.name, frame, people)
    counts.done += 1
    counts.people += len(people)


def _people(job: Job, item: SourceFrame, number: int) -> tuple[Frame, tuple[Person, ...]]:
    if item.image_bgr is None:
        raise item.error or InputError(str(item.name), expected="an image", got="none", fix="Check the source.")
    height_px, width_px = item.image_bgr.shape[:2]
    frame = Frame(item.image_bgr, job.camera.of_size(width_px, height_px), item.stamp_ns)
    if job.stills:
        job.pipeline.reset()  # the next photo's people are other people
    detections = None if job.boxes is None else job.boxes.of_frame(item.name, number)
    return frame, job.pipeline(frame, detections).people


def _folder(text: str) -> Path:
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"output {folder}", expected="a folder to write to", got=str(error), fix="Choose another one."
        ) from error
    return folder


def _say(counts: Counts, output: Path, boxes: BoxFile | None) -> None:
    failed = f", {counts.failed} could not be used (see people.jsonl)" if counts.failed else ""
    print(f"{counts.done} frames, {counts.people} people{failed}. Written to {output}.")
    if boxes is not None and boxes.unused:
        shown = ", ".join(boxes.unused[:5]) + (" …" if len(boxes.unused) > 5 else "")
        print(f"{len(boxes.unused)} frames of the box file are not in the source: {shown}", file=sys.stderr)
