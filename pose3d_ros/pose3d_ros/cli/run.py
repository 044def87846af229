"""`pose3d run`: people in images, a video, a recording or a camera, without ROS."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from pose3d_ros.cli.common_options import warn_of
from pose3d_ros.cli.run_output import RunOutput
from pose3d_ros.cli.source_run import SOURCE_HELP, SourceJob, SourceRun, add_source_options
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.engines.engine_set import open_engine_set
from pose3d_ros.evaluation.recording.prediction import Predictor
from pose3d_ros.pipeline import Pipeline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--source", required=True, metavar="SOURCE", help=SOURCE_HELP)
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for people.jsonl and the overlay")
    parser.add_argument("--no-overlay", action="store_true", help="write people.jsonl only")
    add_source_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    job = SourceJob.of(args.source, args)
    output = Path(args.output)
    engines = open_engine_set(job.config)
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(engines, job.config, smooth=not job.source.stills))
        warn_of(pipeline.engine_problems)
        files = stack.enter_context(RunOutput(output, job.source, overlay=not args.no_overlay))
        bar = stack.enter_context(ProgressBar(Path(args.source).name))
        run = SourceRun(job, Predictor(pipeline), files, bar)
        run.process(args.frames)
    run.tell(args.frames, output)
    return 0
