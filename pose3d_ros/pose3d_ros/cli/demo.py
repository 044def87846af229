"""`pose3d demo`: a recording played to the nodes in real time, and a report of what they publish."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from pose3d_ros.bags.bag_reader import SAMPLE_WITH_DEPTH, sample_bag
from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, pipeline_config, warn_of
from pose3d_ros.cli.live_graph import Playback, record, require_ros
from pose3d_ros.cli.recording_options import add_camera_options, add_topic_options, recording_choice
from pose3d_ros.cli.terminal import ProgressBar, print_table
from pose3d_ros.config.settings import PipelineConfig
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.engines import choose_backend
from pose3d_ros.errors import ConfigError
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice

_LEAD = (
    "One camera, several people, every joint in metres: the recording was played to the running nodes over DDS, and "
    "this is what they published, beside the ground truth."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--output", metavar="DIR", default="out/demo", help="folder for the results (%(default)s)")
    parser.add_argument("--bag", metavar="BAG", help="recording to play (default: the package's sample recording)")
    parser.add_argument("--rate", type=float, default=1.0, help="playback rate (%(default)s)")
    add_camera_options(parser)
    add_topic_options(parser)
    add_engine_options(parser)


def execute(args: argparse.Namespace) -> int:
    """Run the command; see its module's docstring."""
    from pose3d_ros.engines.engine_set import open_manifest

    require_ros()
    config = pipeline_config(args)
    # These two fail here, with a clear message, rather than in a node's log.
    warn_of(open_manifest(config.engine).problems)
    choose_backend(config.engine.backend)
    if not 0.01 <= args.rate <= 100.0:
        raise ConfigError("--rate", expected="0.01 to 100", got=str(args.rate), fix="1 is real time.")
    choice = recording_choice(args)
    play = Playback.of(Path(args.bag) if args.bag else sample_bag(), args.rate, choice, args.hfov)
    output = Path(args.output)
    started_s = time.monotonic()
    record(play, output / "people.mcap", parameters_asked_for(args))
    write_results(play.bag, output, config, Path(args.bag) if args.bag else sample_bag(SAMPLE_WITH_DEPTH), choice)
    print(f"\nFinished in {time.monotonic() - started_s:.0f} s.")
    return 0


def write_results(
    bag: Path, output: Path, config: PipelineConfig, sources_bag: Path, choice: RecordingChoice = ANY_RECORDING
) -> None:
    """Score what was recorded, write the report, and print the metrics and where the files are.

    config: what runs on the report's photographs and on sources_bag, whose floor and depth are compared.
    """
    from pose3d_ros.evaluation.recording.distance_sources import compare_sources
    from pose3d_ros.evaluation.recording.joining import session_of_files
    from pose3d_ros.evaluation.report.html_report import ReportContent
    from pose3d_ros.evaluation.report.photographs import FOLDER, photograph_stills
    from pose3d_ros.evaluation.report.publish import publish
    from pose3d_ros.evaluation.report.summary_table import headline_rows, source_rows
    from pose3d_ros.pipeline import open_pipeline

    results = output / "people.mcap"
    with open_pipeline(config=config, smooth=False) as pipeline:
        photographs = photograph_stills(pipeline, share_file(FOLDER))
        with ProgressBar("with floor and depth") as bar:
            sources = compare_sources(sources_bag, pipeline, bar, choice)
        content = ReportContent(
            "pose3d demo",
            _LEAD,
            command="pose3d demo",
            photographs=photographs,
            photographs_by=pipeline.engines.names,
            sources=sources,
        )
    session = session_of_files(results, bag, choice)
    with ProgressBar("drawing") as bar:
        made = publish(session, bag, output, content, bar, choice)
    warn_of((*session.problems, *made.problems))
    print_table(headline_rows(made.summary), right=("value",))
    print()
    if sources:
        print_table(source_rows(sources), right=[*source_rows(sources)[0]][1:])
        print()
    files = {
        made.report_html: "the report: open it in a browser",
        made.overlay_mp4: "skeletons on the image beside the view from above",
        made.summary_json: "every metric, with its definition",
        results: "what the nodes published, for ros2 bag, Foxglove or `pose3d evaluate`",
    }
    print_table([{"": path, " ": text} for path, text in files.items()])
