"""The nodes as processes, a recording played to them in real time, and what they publish recorded.

player → image, camera_info → pose_node → people → smoother_node → people_smoothed → recorder, all over DDS.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.bags.message_types import CAMERA_INFO_TYPE, COMPRESSED_TYPE
from pose3d_ros.cli.processes import ChildGroup, wait_for_end, wait_until_idle
from pose3d_ros.cli.terminal import ProgressBar
from pose3d_ros.config.settings import parameters_of
from pose3d_ros.errors import BagError, ConfigError
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice, recorded_camera
from pose3d_ros.geometry.camera import Camera

RESULT_TOPICS = ("/people", "/people_smoothed", "/diagnostics", "/skeleton")
_START_LIMIT_S = 60.0
_SETTLE_S = 1.2  # for the last messages on their way, and for the nodes' last diagnostics
_CATCH_UP_LIMIT_S = 240.0
_QUEUE_SIZE = 200  # a slow or busy machine should lose time and no frame
# Below 102 no DDS port of a domain meets the ports that Linux gives to clients; the low ones are in common use.
_DOMAINS = (40, 101)
_CAMERA_PERIOD_S = 0.5
_GIVEN_CAMERA_TOPIC = "/given_camera/camera_info"


@dataclass(frozen=True)
class Playback:
    """What to play. transport: raw or compressed. duration_s: of the recording. camera: in place of camera_info.

    hfov_deg: what the node assumes without a camera, 0 for nothing.
    """

    bag: Path
    rate: float
    image_topic: str
    camera_topic: str
    transport: str
    duration_s: float
    camera: Camera | None = None
    hfov_deg: float = 0.0

    @classmethod
    def of(
        cls, bag: Path, rate: float, choice: RecordingChoice = ANY_RECORDING, hfov_deg: float | None = None
    ) -> Playback:
        """Look into a recording. Raises BagError unless it has the images, and their camera where none is given.

        hfov_deg: the field of view that is given in place of a calibration.
        """
        with BagReader(bag) as reader:
            image_topic = reader.image_topic(choice.image_topic)
            compressed = reader.topics[image_topic].msgtype == COMPRESSED_TYPE
            about = "compressed" if compressed else "raw", reader.duration_s
            if hfov_deg is not None:
                return cls(bag, rate, image_topic, _GIVEN_CAMERA_TOPIC, *about, None, hfov_deg)
            if choice.camera_of is not None:
                image = next(reader.images(image_topic, lambda _: None), None)
                if image is None:
                    fix = "Look at the node that published the images."
                    raise BagError(f"bag {bag}", expected="an image that can be decoded", got="none", fix=fix)
                camera = choice.camera_of(image.image_bgr.shape[1], image.image_bgr.shape[0])
                return cls(bag, rate, image_topic, _GIVEN_CAMERA_TOPIC, *about, camera)
            recorded_camera(reader, choice, lambda _: None)
            return cls(bag, rate, image_topic, reader.camera_topic(choice.camera_topic, choice.image_topic), *about)

    @property
    def node_topic(self) -> str:
        """The topic of the node's images, to which image_transport adds the transport."""
        return self.image_topic.removesuffix("/compressed")

    @property
    def topics(self) -> tuple[str, ...]:
        """Of the bag, that are played."""
        has_camera = self.camera is None and not self.hfov_deg
        return (self.image_topic, self.camera_topic) if has_camera else (self.image_topic,)


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
        if play.camera is not None:
            lasting_s = play.duration_s / play.rate + _START_LIMIT_S
            command = camera_command(play.camera, results.parent / "logs/camera.mcap", lasting_s)
            group.start("camera_player", command, no_images)
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
        **({"fallback_hfov_deg": float(play.hfov_deg)} if play.hfov_deg else {}),
    }
    remaps = {"image_raw": play.node_topic, "camera_info": play.camera_topic}
    return node_command("pose_node", parameters, remaps)


def recorder_command(results: Path) -> list[str]:
    """The recorder of the results."""
    return node_command("recorder", {"bag": str(results), "topics": ",".join(RESULT_TOPICS)})


def player_command(play: Playback) -> list[str]:
    """The player, which waits until every node has its subscriptions."""
    # Smoother and recorder listen to the people; the recorder may be the later one.
    waits = (*play.topics, "/people", "/people", "/people_smoothed")
    parameters = {
        "bag": str(play.bag),
        "rate": float(play.rate),
        "topics": ",".join(play.topics),
        "wait_for": ",".join(waits),
        "wait_timeout_s": _START_LIMIT_S,
        "delay_s": 1.0,
    }
    sent = f"{play.node_topic}/compressed" if play.transport == "compressed" else play.image_topic
    return node_command("bag_player", parameters, {} if sent == play.image_topic else {play.image_topic: sent})


def camera_command(camera: Camera, bag: Path, lasting_s: float) -> list[str]:
    """The player of a camera that is given in place of the recording's, from a bag of its own, for so long."""
    with BagWriter(bag) as writer:
        writer.add_topic(_GIVEN_CAMERA_TOPIC, CAMERA_INFO_TYPE, latched=True)
        for number in range(math.ceil(lasting_s / _CAMERA_PERIOD_S)):
            writer.write_camera(_GIVEN_CAMERA_TOPIC, round(number * _CAMERA_PERIOD_S * 1e9), "camera", camera)
    parameters = {"bag": str(bag), "wait_for": _GIVEN_CAMERA_TOPIC, "wait_timeout_s": _START_LIMIT_S}
    return node_command("bag_player", parameters, {"__node": "camera_player"})
