"""`pose3d evaluate`: the numbers of recorded results, of the engines run frame by frame, or on rendered pictures."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.cli.common_options import add_engine_options, pipeline_config
from pose3d_ros.cli.evaluate_rendered import add_held_out_options, check_options, execute_held_out
from pose3d_ros.cli.progress import ProgressBar
from pose3d_ros.cli.sample import sample_bag
from pose3d_ros.config.settings import PipelineConfig

if TYPE_CHECKING:
    from pose3d_ros.evaluation.recording.session import Session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--bag", metavar="BAG", help="recording with images, camera_info and ground truth")
    parser.add_argument(
        "--results", metavar="BAG", help="people recorded from the nodes; without it the engines are run frame by frame"
    )
    parser.add_argument("--json", metavar="FILE", help="write the numbers to this file")
    parser.add_argument(
        "--report", metavar="DIR", help="write summary.json, overlay.mp4 and report.html to this folder"
    )
    add_held_out_options(parser)
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    check_options(args)
    if args.synthetic is not None:
        return execute_held_out(args)
    from pose3d_ros.evaluation.recording.session import session_from_bags
    from pose3d_ros.evaluation.recording.summary import summarise
    from pose3d_ros.evaluation.report.html_report import ReportContent
    from pose3d_ros.evaluation.report.publish import publish
    from pose3d_ros.evaluation.report.summary_table import format_table

    bag = Path(args.bag) if args.bag else sample_bag()
    config = pipeline_config(args)
    session = session_from_bags(bag, Path(args.results)) if args.results else offline_session(bag, config)
    summary = summarise(session)
    if args.json:
        summary.write(Path(args.json))
    print(format_table(summary))
    if args.report:
        content = ReportContent("pose3d evaluation", f"{bag.name}, {session.how}.", command="pose3d evaluate")
        made = publish(session, bag, Path(args.report), content, ProgressBar("drawing"))
        print(f"\nReport: {made.report_html}")
    return 0


def offline_session(bag: Path, config: PipelineConfig) -> Session:
    """Run the engines of the configuration on a bag."""
    from pose3d_ros.evaluation.recording.offline import OfflineRun, run_offline
    from pose3d_ros.pipeline import open_pipeline, open_smoother

    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(config=config, smooth=False))
        smoother, model = None, pipeline.engines.names
        manifest, people = pipeline.engines.manifest, pipeline.skeleton.name
        fits = manifest.has_role("smoother") and manifest.for_role("smoother").skeleton == people
        if fits and not config.skeleton:
            smoother, engines = open_smoother(config)
            stack.enter_context(engines)
            model = f"{model} + {engines.names}"
        run = OfflineRun(pipeline, smoother, model, pipeline.engines.backend.name)
        return run_offline(bag, run, ProgressBar("evaluating"))
