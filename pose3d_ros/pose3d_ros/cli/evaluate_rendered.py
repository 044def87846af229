"""`pose3d evaluate --synthetic`: the engines on rendered people that they were not trained on."""

from __future__ import annotations

import argparse
import importlib.util
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pose3d_ros.cli.common_options import pipeline_config
from pose3d_ros.cli.extensions import extension
from pose3d_ros.cli.progress import ProgressBar
from pose3d_ros.errors import ConfigError

_OF_SYNTHETIC = ("assets", "scenes", "backgrounds", "cache", "oracle_boxes")


def add_held_out_options(parser: argparse.ArgumentParser) -> None:
    """--synthetic and what belongs to it."""
    group = parser.add_argument_group("held-out rendered people")
    group.add_argument(
        "--synthetic", type=int, metavar="SEED", help="score single rendered pictures instead of a recording"
    )
    group.add_argument("--assets", type=Path, metavar="DIR", help="folder with makehuman/ and cmu_mocap/")
    group.add_argument("--scenes", type=int, metavar="N", help="how many pictures (default: 600)")
    group.add_argument(
        "--backgrounds", type=Path, nargs="+", metavar="DIR", help="pictures without people (default: rendered ones)"
    )
    group.add_argument(
        "--cache", type=Path, metavar="DIR", help="where the rendered people stay (default: out/held_out/SEED-N)"
    )
    group.add_argument(
        "--oracle-boxes", action="store_true", default=None, help="poses on the true boxes instead of the detector's"
    )


def check_options(args: argparse.Namespace) -> None:
    """Raises ConfigError for options that exclude each other, or that need another one."""
    if args.synthetic is None:
        given = [name for name in _OF_SYNTHETIC if getattr(args, name) is not None]
        if given:
            raise ConfigError(
                f"--{given[0].replace('_', '-')}",
                expected="--synthetic SEED beside it",
                got="none",
                fix="It belongs to the rendered pictures.",
            )
        return
    for name in ("bag", "results"):
        if getattr(args, name):
            raise ConfigError(
                "--synthetic",
                expected="rendered pictures or a recording",
                got=f"--{name} too",
                fix=f"Leave --synthetic or --{name} out.",
            )
    if args.assets is None:
        raise ConfigError(
            "--synthetic",
            expected="--assets DIR",
            got="none",
            fix="Name the folder with makehuman/ and cmu_mocap/ that people are rendered from.",
        )


def execute_held_out(args: argparse.Namespace) -> int:
    """Render the pictures where they are missing, run the engines, print and write the numbers."""
    if importlib.util.find_spec("moderngl") is None:
        raise ConfigError(
            "rendering", expected="moderngl", got="none installed", fix="Run `make setup`, or pip install it."
        )
    from pose3d_ros.evaluation.rendered.held_out_numbers import summarise_held_out
    from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, run_held_out
    from pose3d_ros.evaluation.report.held_out_table import format_held_out
    from pose3d_ros.pipeline import open_pipeline

    rendering = extension("held-out-set")

    asked = pipeline_config(args)
    # Every joint comes out, so that one run gives the numbers with and without the unsure ones.
    config = replace(asked, pose=replace(asked.pose, joint_score_threshold=0.0), skeleton="")
    scenes = rendering.DEFAULT_SCENES if args.scenes is None else args.scenes
    folder = args.cache or Path("out") / "held_out" / f"{args.synthetic}-{scenes}"
    choice = rendering.HeldOutChoice(args.assets, args.synthetic, scenes, folder, tuple(args.backgrounds or ()))
    with ExitStack() as stack:
        pipeline = stack.enter_context(open_pipeline(config=config, smooth=False))
        pictures = rendering.open_held_out(choice, pipeline.skeleton)
        oracle = bool(args.oracle_boxes)
        run = HeldOutRun(
            asked.pose.joint_score_threshold, oracle, pipeline.engines.names, pipeline.engines.backend.name
        )
        judged = run_held_out(pictures, pipeline, run, ProgressBar("evaluating", "pictures"))
    about: dict[str, str | int | float] = {
        "seed": args.synthetic,
        "skeleton": pipeline.skeleton.name,
        "oracle_boxes": oracle,
        "detector.score_threshold": asked.detector.score_threshold,
        "pose.joint_score_threshold": asked.pose.joint_score_threshold,
    }
    summary = summarise_held_out(judged, run, about)
    if args.json:
        summary.write(Path(args.json))
    print(format_held_out(summary))
    if args.report:
        from pose3d_ros.evaluation.report.held_out_report import write_held_out_report

        print(f"\nReport: {write_held_out_report(pictures, judged, run, summary, Path(args.report))}")
    return 0
