"""`pose3d demo`: the nodes as processes, a recording played to them in real time, a report of the results.

player → image, camera_info → pose_node → people → smoother_node → people_smoothed → recorder, all over DDS.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.bag_reader import SAMPLE_WITH_DEPTH, BagReader, sample_bag
from pose3d_ros.bags.message_types import COMPRESSED_TYPE
from pose3d_ros.cli.common_options import add_engine_options, parameters_asked_for, pipeline_config, warn_of
from pose3d_ros.cli.processes import ChildGroup, wait_for_end, wait_until_idle
from pose3d_ros.cli.terminal import ProgressBar, print_table
from pose3d_ros.config.settings import PipelineConfig, parameters_of
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.engines import choose_backend
from pose3d_ros.errors import ConfigError

RESULT_TOPICS = ("/people", "/people_smoothed", "/diagnostics", "/skeleton")
_START_LIMIT_S = 60.0
_SETTLE_S = 1.2  # for the last messages on their way, and for the nodes' last diagnostics
_CATCH_UP_LIMIT_S = 240.0
_QUEUE_SIZE = 200  # a slow or busy machine should lose time and no frame
# Below 102 no DDS port of a domain meets the ports that Linux gives to clients; the low ones are in common use.
_DOMAINS = (40, 101)
_LEAD = (
    "One camera, several people, every joint in metres: the recording was played to the running nodes over DDS, and "
    "this is what they published, beside the ground truth."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--output", metavar="DIR", default="out/demo", help="folder for the results (%(default)s)")
    parser.add_argument("--bag", metavar="BAG", help="recording to play (default: the package's sample recording)")
    parser.add_argument("--rate", type=float, default=1.0, help="playback rate (%(default)s)")
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
    play = Playback.of(Path(args.bag) if args.bag else sample_bag(), args.rate)
    output = Path(args.output)
    started_s = time.monotonic()
    record(play, output / "people.mcap", parameters_asked_for(args))
    write_results(play.bag, output, config, Path(args.bag) if args.bag else sample_bag(SAMPLE_WITH_DEPTH))
    print(f"\nFinished in {time.monotonic() - started_s:.0f} s.")
    return 0


@dataclass(frozen=True)
class Playback:
    """What to play. transport: raw or compressed. duration_s: of the recording."""

    bag: Path
    rate: float
    image_topic: str
    camera_topic: str
    transport: str
    duration_s: float

    @classmethod
    def of(cls, bag: Path, rate: float) -> Playback:
        """Look into a recording. Raises BagError unless it has one image topic and one camera_info."""
        with BagReader(bag) as reader:
            image_topic, camera_topic = reader.image_topic(), reader.camera_topic()
            transport = "compressed" if reader.topics[image_topic].msgtype == COMPRESSED_TYPE else "raw"
            return cls(bag, rate, image_topic, camera_topic, transport, reader.duration_s)


def require_ros() -> None:
    """Raises ConfigError without rclpy or pose3d_msgs."""
    missing = [name for name in ("rclpy", "pose3d_msgs") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            "ROS",
            expected="rclpy and pose3d_msgs",
            got=f"no {' and no '.join(missing)}",
            fix="Run `make demo`, or source a workspace with this package; `pose3d evaluate` needs no ROS.",
        )


def demo_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The nodes' environment: a domain of their own on this machine only, and a transport that carries images."""
    from pose3d_ros.nodes.dds_profile import transport_environment

    own = transport_environment(environment)
    own["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(*_DOMAINS))
    own["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    own.pop("ROS_STATIC_PEERS", None)
    own["PYTHONUNBUFFERED"] = "1"
    if environment.get("ROS_DISTRO") == "humble":  # which does not know the discovery range yet
        own["ROS_LOCALHOST_ONLY"] = "1"
    return own


def record(play: Playback, results: Path, settings: Mapping[str, object]) -> None:
    """Start the nodes, play the recording, record the results, and end everything, also after a failure."""
    from pose3d_ros.nodes.dds_profile import profile_setting

    results.parent.mkdir(parents=True, exist_ok=True)
    with ChildGroup(results.parent / "logs", demo_environment(os.environ)) as group:
        no_images = profile_setting(os.environ, sends_images=False)
        recorder = group.start("recorder", recorder_command(results), no_images)
        smoother_command = node_command("smoother_node", settings_of("smoother_node", settings))
        nodes = [
            group.start("pose_node", pose_command(play, settings)),
            group.start("smoother_node", smoother_command, no_images),
        ]
        player = group.start("bag_player", player_command(play))
        limit_s, total_s = play.duration_s / play.rate + 2 * _START_LIMIT_S, max(1, round(play.duration_s / play.rate))
        with ProgressBar("playing through the nodes", "s") as bar:
            wait_for_end(player, [recorder, *nodes], limit_s, lambda s: bar(min(round(s), total_s), total_s))
        time.sleep(_SETTLE_S)
        wait_until_idle(nodes, _CATCH_UP_LIMIT_S)
        for child in (*nodes, recorder):
            child.check()
            child.stop()


def settings_of(node: str, settings: Mapping[str, object]) -> dict[str, object]:
    """The settings that are parameters of a node."""
    known = {parameter.name for parameter in parameters_of(node)}
    return {name: value for name, value in settings.items() if name in known}


def node_command(node: str, parameters: Mapping[str, object], remaps: Mapping[str, str] | None = None) -> list[str]:
    """How to start a node with this Python."""
    command = [sys.executable, "-m", f"pose3d_ros.nodes.{node}", "--ros-args"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={json.dumps(value)}"]
    for old, new in (remaps or {}).items():
        command += ["-r", f"{old}:={new}"]
    return command


def pose_command(play: Playback, settings: Mapping[str, object]) -> list[str]:
    """The pose node on the recording's topics."""
    parameters = {
        **settings_of("pose_node", settings),
        "image_transport": play.transport,
        "image_reliability": "reliable",
        "queue_size": _QUEUE_SIZE,
    }
    remaps = {"image_raw": play.image_topic.removesuffix("/compressed"), "camera_info": play.camera_topic}
    return node_command("pose_node", parameters, remaps)


def recorder_command(results: Path) -> list[str]:
    """The recorder of the results."""
    return node_command("recorder", {"bag": str(results), "topics": ",".join(RESULT_TOPICS)})


def player_command(play: Playback) -> list[str]:
    """The player, which waits until every node has its subscriptions."""
    # Smoother and recorder listen to the people; the recorder may be the later one.
    waits = (play.image_topic, play.camera_topic, "/people", "/people", "/people_smoothed")
    parameters = {
        "bag": str(play.bag),
        "rate": float(play.rate),
        "topics": f"{play.image_topic},{play.camera_topic}",
        "wait_for": ",".join(waits),
        "wait_timeout_s": _START_LIMIT_S,
        "delay_s": 1.0,
    }
    return node_command("bag_player", parameters)


def write_results(bag: Path, output: Path, config: PipelineConfig, sources_bag: Path) -> None:
    """Score what was recorded, write the report, and print the metrics and where the files are.

    config: what runs on the report's photographs and on sources_bag, whose floor and depth are compared.
    """
    from pose3d_ros.evaluation.recording.distance_sources import compare_sources
    from pose3d_ros.evaluation.recording.session import session_from_bags
    from pose3d_ros.evaluation.report.html_report import ReportContent
    from pose3d_ros.evaluation.report.photographs import FOLDER, photograph_stills
    from pose3d_ros.evaluation.report.publish import publish
    from pose3d_ros.evaluation.report.summary_table import headline_rows, source_rows
    from pose3d_ros.pipeline import open_pipeline

    results = output / "people.mcap"
    with open_pipeline(config=config, smooth=False) as pipeline:
        photographs = photograph_stills(pipeline, share_file(FOLDER))
        with ProgressBar("with floor and depth") as bar:
            sources = compare_sources(sources_bag, pipeline, bar)
        content = ReportContent(
            "pose3d demo",
            _LEAD,
            command="pose3d demo",
            photographs=photographs,
            photographs_by=pipeline.engines.names,
            sources=sources,
        )
    with ProgressBar("drawing") as bar:
        made = publish(session_from_bags(bag, results), bag, output, content, bar)
    print_table(headline_rows(made.summary), right=("value",))
    print()
    if sources:
        print_table(source_rows(sources), right=[*source_rows(sources)[0]][1:])
        print()
    files = {
        made.report_html: "the report: open it in a browser",
        made.overlay_mp4: "skeletons on the image beside the view from above",
        made.summary_json: "every metric, with its definition",
        results: "what the nodes published, for ros2 bag, Foxglove or `pose3d evaluate --results`",
    }
    print_table([{"": path, " ": text} for path, text in files.items()])
