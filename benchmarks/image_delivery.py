"""Images from one process to another over DDS, with and without the package's Fast DDS profile.

Each case sends images at 30 Hz as a camera driver does and counts what arrives. The limit: nothing is lost.

    python benchmarks/image_delivery.py [--seconds 5]
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

import numpy as np
from common import report

RATE_HZ = 30.0
_QUIET_S = 2.0
_PEER_LIMIT_S = 60.0
_TOPIC = "benchmark/image"


@dataclass(frozen=True)
class Case:
    """One line of the table. reliable: the subscription's QoS; the publisher offers both."""

    size: tuple[int, int]
    compressed: bool
    reliable: bool
    profile: bool

    @property
    def title(self) -> str:
        kind = "jpeg" if self.compressed else "bgr8"
        return f"{self.size[0]}x{self.size[1]} {kind}"


CASES = (
    Case((640, 480), False, False, False),
    Case((640, 480), False, False, True),
    Case((640, 480), False, True, True),
    Case((640, 480), True, False, False),
    Case((640, 480), True, False, True),
    Case((1280, 720), False, False, True),
    Case((1280, 720), True, False, True),
)


def run_case(case: Case, count: int) -> Mapping[str, object]:
    """Send `count` images from a process of its own to another."""
    environment = environment_of(case.profile)
    options = json.dumps({**case.__dict__, "count": count})
    receiver = subprocess.Popen(
        [sys.executable, __file__, "--receive", options], env=environment, stdout=subprocess.PIPE, text=True
    )
    subprocess.run([sys.executable, __file__, "--send", options], env=environment, check=True)
    latencies_ms = json.loads(receiver.communicate(timeout=_PEER_LIMIT_S)[0])
    p50, p99 = (float(np.percentile(latencies_ms, q)) if latencies_ms else float("nan") for q in (50, 99))
    return {
        "image": case.title,
        "subscriber": "reliable" if case.reliable else "best effort",
        "profile": "ours" if case.profile else "default",
        "sent": count,
        "lost %": round(100.0 * (1 - len(latencies_ms) / count), 1),
        "p50 ms": round(p50, 2),
        "p99 ms": round(p99, 2),
    }


def environment_of(profile: bool) -> dict[str, str]:
    """Of both processes: a DDS domain of their own, and our profile or none."""
    from pose3d_ros.nodes.dds_profile import PROFILE_VARIABLES, transport_environment

    bare = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
    bare["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(40, 101))
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
    """The sender's process: waits for the receiver, then sends with the time in the header's stamp."""
    import rclpy
    from rclpy.qos import QoSProfile

    rclpy.init()
    node = rclpy.create_node("sender")
    message = make_message(tuple(options["size"]), options["compressed"])
    publisher = node.create_publisher(type(message), _TOPIC, QoSProfile(depth=1))
    while publisher.get_subscription_count() == 0:
        time.sleep(0.02)
    time.sleep(0.5)  # the receiver has to find the publisher as well
    due_s = time.monotonic()
    for _ in range(options["count"]):
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.monotonic_ns(), 1_000_000_000)
        publisher.publish(message)
        due_s += 1.0 / RATE_HZ
        time.sleep(max(0.0, due_s - time.monotonic()))
    time.sleep(0.5)
    rclpy.shutdown()


def receive(options: Mapping[str, Any]) -> None:
    """The receiver's process: prints the latencies once the sender has gone."""
    import rclpy
    from rclpy.qos import QoSProfile, ReliabilityPolicy

    rclpy.init()
    node = rclpy.create_node("receiver")
    kind = type(make_message((8, 8), options["compressed"]))
    latencies_ms: list[float] = []

    def take(message: Any) -> None:
        sent_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        latencies_ms.append((time.monotonic_ns() - sent_ns) * 1e-6)

    reliability = ReliabilityPolicy.RELIABLE if options["reliable"] else ReliabilityPolicy.BEST_EFFORT
    node.create_subscription(kind, _TOPIC, take, QoSProfile(depth=5, reliability=reliability))
    seen_s: float | None = None
    while seen_s is None or node.count_publishers(_TOPIC) or time.monotonic() - seen_s < _QUIET_S:
        rclpy.spin_once(node, timeout_sec=0.1)
        if node.count_publishers(_TOPIC):
            seen_s = time.monotonic()
    print(json.dumps(latencies_ms))
    rclpy.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of sending, for each case (%(default)s)")
    parser.add_argument("--send", help=argparse.SUPPRESS)
    parser.add_argument("--receive", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        send(json.loads(args.send))
    elif args.receive:
        receive(json.loads(args.receive))
    else:
        rows = [run_case(case, round(args.seconds * RATE_HZ)) for case in CASES]
        report("image_delivery", rows, {"rate": f"{RATE_HZ:g} Hz, two processes", "limit": "0% lost with our profile"})


if __name__ == "__main__":
    main()
