"""Images from a camera driver to a pose node over DDS, with and without the package's Fast DDS profile.

Each case sends images at 30 Hz from a process of its own, and counts what a real pose node with a stand-in for the
models receives. The limit: 58 of 60, except where DDS itself delivers none, best-effort images above 512 KB without
the profile.

    python benchmarks/image_delivery.py [--seconds 2]
"""

from __future__ import annotations

import argparse
import array
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import numpy as np
from common import report

RATE_HZ = 30.0
_QUIET_S = 2.0
_PEER_LIMIT_S = 60.0
_TOPIC = "/benchmark/image"


@dataclass(frozen=True)
class Case:
    """One line of the table. reliable: what the driver offers. profile: who has it: `both`, `node` or `none`."""

    size: tuple[int, int]
    compressed: bool
    reliable: bool
    profile: str

    @property
    def title(self) -> str:
        kind = "jpeg" if self.compressed else "bgr8"
        return f"{self.size[0]}x{self.size[1]} {kind}"

    @property
    def deliverable(self) -> bool:
        """Whether DDS delivers such images at all."""
        return self.compressed or self.reliable or self.profile == "both"


SIZES = ((640, 480), (1280, 720))
CASES = (
    *(Case(size, False, True, profile) for size in SIZES for profile in ("none", "node", "both")),
    *(Case(size, False, False, profile) for size in SIZES for profile in ("none", "both")),
    *(Case(size, True, reliable, "none") for size in SIZES for reliable in (True, False)),
)


def run_case(case: Case, count: int) -> Mapping[str, object]:
    """Send `count` images from a process of its own to another."""
    domain = str(random.SystemRandom().randint(40, 101))
    options = json.dumps({**case.__dict__, "count": count})
    node, driver = environment_of(case.profile != "none", domain), environment_of(case.profile == "both", domain)
    receiver = subprocess.Popen(
        [sys.executable, __file__, "--receive", options], env=node, stdout=subprocess.PIPE, text=True
    )
    subprocess.run([sys.executable, __file__, "--send", options], env=driver, check=True)
    received = json.loads(receiver.communicate(timeout=_PEER_LIMIT_S)[0])
    latencies_ms = received["latencies_ms"]
    p50, p99 = (float(np.percentile(latencies_ms, q)) if latencies_ms else float("nan") for q in (50, 99))
    return {
        "image": case.title,
        "driver": "reliable" if case.reliable else "best effort",
        "profile": case.profile,
        "sent": count,
        "arrived": received["arrived"],
        "kept": "yes" if received["arrived"] * 60 >= 58 * count else "no" if case.deliverable else "not by DDS",
        "p50 ms": round(p50, 2),
        "p99 ms": round(p99, 2),
    }


def environment_of(profile: bool, domain: str) -> dict[str, str]:
    """Of a process: a DDS domain of the case's own, and our profile or none."""
    from pose3d_ros.nodes.dds_profile import PROFILE_VARIABLES, transport_environment

    bare = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
    bare["ROS_DOMAIN_ID"] = domain
    return transport_environment(bare) if profile else bare


def make_message(size: tuple[int, int], compressed: bool) -> Any:
    """An image with as much detail as a camera's: smooth shapes under a little noise."""
    import cv2
    from sensor_msgs.msg import CompressedImage, Image

    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    waves = 127 + 60 * np.sin(columns / 37) + 60 * np.cos(rows / 23)
    noise = np.random.default_rng(0).normal(0, 4, (height, width, 3))
    image = np.clip(waves[..., None] + noise, 0, 255).astype(np.uint8)
    if compressed:
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        return CompressedImage(format="jpeg", data=array.array("B", jpeg.tobytes()))
    data = array.array("B", image.tobytes())
    return Image(height=height, width=width, encoding="bgr8", step=width * 3, data=data)


def send(options: Mapping[str, Any]) -> None:
    """The driver's process: waits for the node, then sends with the time in the header's stamp."""
    import rclpy
    from rclpy.duration import Duration
    from sensor_msgs.msg import CameraInfo

    from pose3d_ros.nodes.topics import topic_qos

    rclpy.init()
    node = rclpy.create_node("sender")
    message = make_message(tuple(options["size"]), options["compressed"])
    topic = _TOPIC + ("/compressed" if options["compressed"] else "")
    publisher = node.create_publisher(type(message), topic, topic_qos(10, reliable=options["reliable"]))
    width, height = options["size"]
    info = CameraInfo(width=width, height=height, k=[500.0, 0.0, width / 2, 0.0, 500.0, height / 2, 0.0, 0.0, 1.0])
    infos = node.create_publisher(CameraInfo, "camera_info", 10)
    while publisher.get_subscription_count() == 0:
        time.sleep(0.02)
    time.sleep(0.5)  # the receiver has to find the publisher as well
    due_s = time.monotonic()
    for _ in range(options["count"]):
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.monotonic_ns(), 1_000_000_000)
        publisher.publish(message)
        infos.publish(info)
        due_s += 1.0 / RATE_HZ
        time.sleep(max(0.0, due_s - time.monotonic()))
    publisher.wait_for_all_acked(Duration(seconds=2.0))
    time.sleep(0.5)
    rclpy.shutdown()


def receive(options: Mapping[str, Any]) -> None:
    """The node's process: prints the latencies of the images that it got, once the driver has gone."""
    import rclpy
    from rclpy.parameter import Parameter

    from pose3d_ros.engines import BackendChoice
    from pose3d_ros.nodes.pose_node import PoseNode
    from pose3d_ros.pipeline import Pipeline
    from pose3d_ros.records import Frame, FrameResult
    from pose3d_ros.skeletons import get_skeleton
    from pose3d_ros.stages.roots.agreement import Agreement

    latencies_ms: list[float] = []

    def take(frame: Frame, detections: object) -> FrameResult:
        latencies_ms.append((time.monotonic_ns() - frame.stamp_ns) * 1e-6)
        return FrameResult((), (), {})

    pipeline = Mock(Pipeline, side_effect=take, skeleton=get_skeleton("muco21"), engine_problems=())
    pipeline.root_agreement = Agreement()
    pipeline.engines = Mock(names="none", backend=BackendChoice("onnxruntime", "not used"), statuses=())
    transport = "compressed" if options["compressed"] else "raw"
    settings = {"work_without_subscribers": True, "image_transport": transport}
    rclpy.init(args=["--ros-args", "-r", f"image_raw:={_TOPIC}"])
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    node = PoseNode(opener=lambda _: pipeline, parameter_overrides=overrides)
    node.autostart()
    work = node.work
    assert work is not None, "not configured: see the log"
    topic = _TOPIC + ("/compressed" if options["compressed"] else "")
    seen_s: float | None = None
    while seen_s is None or node.count_publishers(topic) or time.monotonic() - seen_s < _QUIET_S:
        rclpy.spin_once(node, timeout_sec=0.1)
        if node.count_publishers(topic):
            seen_s = time.monotonic()
    print(json.dumps({"arrived": int(work.values()["images"]), "latencies_ms": latencies_ms}))
    node.destroy_node()
    rclpy.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of sending, for each case (%(default)s)")
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--receive", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        send(json.loads(args.send))
    elif args.receive:
        receive(json.loads(args.receive))
    else:
        rows = [run_case(case, round(args.seconds * RATE_HZ)) for case in CASES]
        report("image_delivery", rows, {"rate": f"{RATE_HZ:g} Hz, two processes", "limit": "58 of 60"})


if __name__ == "__main__":
    main()
