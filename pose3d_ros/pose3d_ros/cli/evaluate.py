"""`pose3d evaluate`: scores predictions, the models on a recording or on rendered people, or the running nodes."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pose3d_ros.bags.bag_reader import sample_bag
from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, pipeline_config, warn_of
from pose3d_ros.cli.compare_results import compare_results
from pose3d_ros.cli.evaluation_job import EvaluationJob
from pose3d_ros.cli.extensions import extension, has_extension
from pose3d_ros.cli.many_recordings import add_executor_options, evaluate_recordings, recordings_asked_for
from pose3d_ros.cli.protocol_evaluation import add_protocol_options, evaluate_by_protocol
from pose3d_ros.cli.recording_options import add_camera_options, add_topic_options, recording_choice
from pose3d_ros.cli.terminal import ProgressBar, print_table
from pose3d_ros.config.settings import NodeConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.protocols.protocol_run import BAG

if TYPE_CHECKING:
    from pose3d_ros.evaluation.report.requirements import Requirement

EXIT_NOT_KEPT = 1
_MOST_NAMED = 10
_OF_SYNTHETIC = ("assets", "scenes", "backgrounds", "cache", "oracle_boxes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "predictions",
        metavar="X",
        nargs="*",
        type=Path,
        help="people that were found: X.jsonl of `pose3d predict`, or a bag (default: run the models on --bag); or "
        "several recordings, or a folder of recordings, to run the models on",
    )
    parser.add_argument(
        "--ground-truth",
        metavar="Y",
        type=Path,
        help="a recording, people as .jsonl, or a dataset (default: what X or --bag has, else the sample)",
    )
    parser.add_argument("--bag", metavar="BAG", type=Path, help="recording with the images (default: the sample)")
    parser.add_argument(
        "--live", action="store_true", help="play --bag to the running nodes: adds latency, drops and rate"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write all metrics to this file")
    parser.add_argument(
        "--report",
        metavar="DIR",
        type=Path,
        help="write report.html with its video, plots and summary.json to this folder",
    )
    parser.add_argument(
        "--tables", metavar="DIR", type=Path, help="write summary.json and the figures of each person and frame as CSV"
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("A", "B"),
        type=Path,
        help="whether results B are better than A: folders of --report, or X as above with --ground-truth or --bag",
    )
    parser.add_argument(
        "--require",
        action="append",
        default=[],
        metavar="FIELD<=NUMBER",
        help="end with exit code 1 unless this number of summary.json keeps to it, for example 'mpjpe_mm<=80' or "
        "'latency_ms.p95<100'; < <= > >= ==; may be repeated",
    )
    add_protocol_options(parser, "score X on the dataset --ground-truth as a benchmark does")
    add_camera_options(parser)
    add_topic_options(parser)
    add_executor_options(parser)
    group = parser.add_argument_group("held-out set of rendered people")
    group.add_argument(
        "--synthetic", type=int, metavar="SEED", help="score single rendered images instead of a recording"
    )
    group.add_argument("--assets", type=Path, metavar="DIR", help="folder with makehuman/ and cmu_mocap/")
    group.add_argument("--scenes", type=int, metavar="N", help="number of images (default: 600)")
    group.add_argument(
        "--backgrounds", type=Path, nargs="+", metavar="DIR", help="images without people (default: rendered ones)"
    )
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="cache folder of the rendered people (default: out/held_out/SEED-N)"
    )
    oracle = "estimate poses in ground-truth boxes instead of the detector's"
    group.add_argument("--oracle-boxes", action="store_true", default=None, help=oracle)
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring. 1 where a requirement is not kept or a recording failed."""
    from pose3d_ros.evaluation.recording.summary import FIELDS
    from pose3d_ros.evaluation.report.requirements import check_fields, parse_requirements

    requirements = parse_requirements(args.require)
    recordings = recordings_asked_for(args)
    args.predictions = args.predictions[0] if args.predictions else None
    _check_options(args)
    if not args.compare and args.synthetic is None and args.protocol in (None, BAG):
        check_fields(requirements, FIELDS | ({"recordings", "recordings_count"} if recordings else set()))
    if recordings:
        summary, failed = evaluate_recordings(recordings, args)
        return max(_exit_code(summary, requirements), EXIT_NOT_KEPT if failed else 0)
    if args.compare:
        summary = compare_results(args.compare, args.ground_truth or args.bag or sample_bag(), args.json, args.report)
    elif args.protocol not in (None, BAG):
        summary = evaluate_by_protocol(args)
    else:
        summary = _evaluate_recording(args) if args.synthetic is None else _evaluate_rendered(args)
    return _exit_code(summary, requirements)


def _exit_code(summary: Mapping[str, object], requirements: Sequence[Requirement]) -> int:
    """Print whether the requirements are kept, and return the command's exit code."""
    from pose3d_ros.evaluation.report.requirements import check_requirements, requirement_rows

    checked = check_requirements(summary, requirements)
    if checked:
        print()
        print_table(requirement_rows(checked), right=("measured",))
    failed = [one.failure for one in checked if not one.kept]
    for failure in failed:
        print(f"pose3d evaluate: {failure}", file=sys.stderr)
    return EXIT_NOT_KEPT if failed else 0


def _check_options(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that exclude each other, or that need another one."""
    if args.compare and (args.predictions or args.synthetic is not None):
        other = "--synthetic" if args.predictions is None else str(args.predictions)
        raise ConfigError("--compare", expected="two results", got=f"{other} too", fix=f"Leave {other} out.")
    if args.synthetic is None:
        for name in _OF_SYNTHETIC:
            if getattr(args, name) is not None:
                option, fix = f"--{name.replace('_', '-')}", "It is an option of the held-out set."
                raise ConfigError(option, expected="--synthetic SEED beside it", got="none", fix=fix)
        return
    for name in ("bag", "predictions", "ground_truth", "live"):
        if getattr(args, name):
            option = "predictions" if name == "predictions" else f"--{name.replace('_', '-')}"
            fix = f"Leave --synthetic or {option} out."
            raise ConfigError("--synthetic", expected="rendered images or a recording", got=f"{option} too", fix=fix)
    if args.assets is None:
        fix = "Name the folder with makehuman/ and cmu_mocap/ that people are rendered from."
        raise ConfigError("--synthetic", expected="--assets DIR", got="none", fix=fix)


def _evaluate_recording(args: argparse.Namespace) -> dict[str, object]:
    """Score a recording, print and write the metrics, and return those of summary.json."""
    from pose3d_ros.evaluation.recording.summary import summarize
    from pose3d_ros.evaluation.report.html_report import ReportContent
    from pose3d_ros.evaluation.report.publish import publish, write_scores
    from pose3d_ros.evaluation.report.summary_table import headline_rows

    config = NodeConfig.from_parameters(parameters_asked_for(args))
    job = EvaluationJob.of(args, recording_choice(args, config.input.max_image_pixels))
    session = job.session(config.pipeline, parameters_asked_for(args))
    if session.problems:
        warn_of((f"left out, or not complete: {len(session.problems)}", *session.problems[:_MOST_NAMED]))
    summary = summarize(session)
    if args.json:
        summary.write(args.json)
    if args.tables:
        write_scores(session, summary, args.tables)
    print_table(headline_rows(summary), right=("value",))
    if args.report:
        content = ReportContent("pose3d evaluation", f"{job.bag.name}, {session.how}.", command="pose3d evaluate")
        with ProgressBar("drawing") as bar:
            made = publish(session, job.bag, args.report, content, bar, job.choice)
        print(f"\nReport: {made.report_html}")
    return summary.as_dict()


def _evaluate_rendered(args: argparse.Namespace) -> dict[str, object]:
    """Render the images where they are missing, run the models, print, write and return the metrics."""
    if has_extension("held-out-set") and importlib.util.find_spec("moderngl") is None:
        raise ConfigError(
            "rendering", expected="moderngl", got="none installed", fix="Run `make setup`, or pip install it."
        )
    from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, run_held_out
    from pose3d_ros.evaluation.rendered.held_out_summary import summarize_held_out
    from pose3d_ros.evaluation.rendered.round_occluder import summarize_round_occluder
    from pose3d_ros.evaluation.report.summary_table import group_rows, held_out_lines, round_occluder_rows
    from pose3d_ros.pipeline import open_pipeline

    rendering = extension("held-out-set")

    asked = pipeline_config(args)
    # Every joint comes out, so that one run gives the metrics with and without joints of low confidence.
    config = replace(asked, pose=replace(asked.pose, joint_score_threshold=0.0), skeleton="")
    scenes = rendering.DEFAULT_SCENES if args.scenes is None else args.scenes
    folder = args.cache or Path("out") / "held_out" / f"{args.synthetic}-{scenes}"
    choice = rendering.HeldOutChoice(args.assets, args.synthetic, scenes, folder, tuple(args.backgrounds or ()))
    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(config=config, smooth=False))
        warn_of(pipeline.engine_problems)
        images = rendering.open_held_out(choice, pipeline.skeleton)
        oracle, engines = bool(args.oracle_boxes), pipeline.engines
        run = HeldOutRun(asked.pose.joint_score_threshold, oracle, engines.names, engines.backend.name)
        bar = stack.enter_context(ProgressBar("evaluating", "images"))
        group = rendering.open_round_occluder(choice, pipeline.skeleton)
        scored, occluded, clear = (run_held_out(scenes, pipeline, run, bar) for scenes in (images, *group))
    about: dict[str, str | int | float] = {
        "seed": args.synthetic,
        "skeleton": pipeline.skeleton.name,
        "oracle_boxes": oracle,
        "detector.score_threshold": asked.detector.score_threshold,
        "pose.joint_score_threshold": asked.pose.joint_score_threshold,
    }
    occluder = summarize_round_occluder(occluded, clear, run)
    summary = summarize_held_out(scored, run, about, occluder)
    if args.json:
        summary.write(args.json)
    rows = group_rows(summary)
    print_table(rows, right=[*rows[0]][1:])
    print()
    occluder_rows = round_occluder_rows(occluder)
    print_table(occluder_rows, right=[*occluder_rows[0]][1:])
    print("\n" + "\n".join(f"  {line}" for line in held_out_lines(summary)))
    if args.report:
        from pose3d_ros.evaluation.report.held_out_report import write_held_out_report

        print(f"\nReport: {write_held_out_report(images, scored, run, summary, args.report)}")
    return summary.as_dict()
