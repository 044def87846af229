"""`pose3d predict`: the people of a source in one file, which `pose3d evaluate` scores."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pose3d_ros.cli.common_options import parameters_asked_for, warn_of
from pose3d_ros.cli.dataset_options import is_part
from pose3d_ros.cli.people_files import open_people_file
from pose3d_ros.cli.protocol_evaluation import add_protocol_options, dataset_of
from pose3d_ros.cli.recording_options import recording_choice
from pose3d_ros.cli.source_run import SOURCE_HELP, SourceJob, SourceRun, add_source_options
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.recording.prediction import open_predictor

_NOT_LIVE = ("detections", "frames", "ground", "depth")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="X.jsonl, or X.mcap with people and people_smoothed"
    )
    parser.add_argument(
        "--live", action="store_true", help="play a recording to the running nodes, in real time, and record X.mcap"
    )
    add_protocol_options(parser, "of a dataset, only the part that a benchmark scores")
    add_source_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    return _predict_live(args) if args.live else _predict(args)


def _predict(args: argparse.Namespace) -> int:
    is_chosen = args.protocol is not None or is_part(args)
    job = SourceJob.of(args.source, args, partial(dataset_of, args) if is_chosen else None)
    output = Path(args.output)
    file = open_people_file(output, stills=job.source.stills)
    with ExitStack() as stack:
        predictor = stack.enter_context(open_predictor(job.config, smooth=not job.source.stills))
        warn_of(predictor.pipeline.engine_problems)
        stack.enter_context(file)
        run = SourceRun(job, predictor, file, stack.enter_context(ProgressBar(Path(args.source).name)))
        run.process(args.frames)
    run.tell(args.frames, output)
    return 0


def _predict_live(args: argparse.Namespace) -> int:
    from pose3d_ros.cli.live_graph import Playback, record, require_ros
    from pose3d_ros.cli.scene_options import scene_parameters

    unused = next((name for name in _NOT_LIVE if getattr(args, name) is not None), None)
    if unused is not None:
        fix = f"Leave --live or --{unused} out."
        raise ConfigError("--live", expected="options that are parameters of nodes", got=f"--{unused}", fix=fix)
    output = Path(args.output)
    if output.suffix != ".mcap":
        raise ConfigError("--output", expected="a file that ends with .mcap", got=str(output), fix="Name such a file.")
    require_ros()
    play = Playback.of(Path(args.source), 1.0, recording_choice(args), args.hfov)
    record(play, output, {**parameters_asked_for(args), **scene_parameters(args)})
    print(f"Recorded in {output}: score it with `pose3d evaluate {output} --ground-truth {args.source}`.")
    return 0
