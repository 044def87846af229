"""What cameras in one process save: memory, processor time a frame, and the way from pose_node to smoother_node.

python benchmarks/one_process.py [--cameras 1 2 4] [--seconds 8] [--engines embedded]

Each number of cameras runs as `pose_node` and `smoother_node` in processes of their own, and as one `pose3d_container`,
on the same images of the sample recording. Memory is the proportional set size (PSS) of all processes, which counts
what they share once.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from array import array
from collections import defaultdict
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import report
from node_overhead import spin_until

from pose3d_ros.nodes.dds_profile import transport_environment

RATE_HZ = 4.0
_START_LIMIT_S = 90.0
_SETTLE_S = 2.0
_FRAMES = 40
_TICKS_HZ = os.sysconf("SC_CLK_TCK")


def images() -> list[bytes]:
    """Frames of the sample recording, as JPEG."""
    import cv2

    from pose3d_ros.bags.bag_reader import BagReader, sample_bag

    with BagReader(sample_bag()) as bag:
        return [cv2.imencode(".jpg", one.image_bgr)[1].tobytes() for one in islice(bag.images(), 30, 30 + _FRAMES)]


def commands(count: int, engines: str, *, together: bool) -> list[list[str]]:
    """The processes of so many cameras."""
    names = [f"camera{number}" for number in range(count)]
    given = {"engines": engines, "image_transport": "compressed", "fallback_hfov_deg": "60.0", "threads": "1"}
    parameters = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
    if together:
        own = ["-p", f"cameras:={', '.join(names)}"]
        return [[sys.executable, "-m", "pose3d_ros.launching.container_process", "--ros-args", *own, *parameters]]
    return [
        [sys.executable, "-m", f"pose3d_ros.nodes.{node}", "--ros-args", "-r", f"__ns:=/{name}", *parameters]
        for name in names
        for node in ("pose_node", "smoother_node")
    ]


def memory_mib(pids: list[int]) -> float:
    """Proportional set size of the processes together."""
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def busy_s(pids: list[int]) -> float:
    """Processor time of the processes so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(one[11]) + int(one[12]) for one in fields) / _TICKS_HZ


def measured(count: int, engines: str, seconds: float, *, together: bool) -> dict[str, object]:
    """Run so many cameras and send them images. Returns a row of the table."""
    import rclpy
    from pose3d_msgs.msg import Person3DArray
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CompressedImage
    from std_msgs.msg import Header

    started = commands(count, engines, together=together)
    children = [subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) for words in started]
    pids = [child.pid for child in children]
    rclpy.init()
    node = rclpy.create_node("benchmark")
    latencies_ms: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)

    def listen(camera: str, topic: str) -> None:
        def take(message: Any) -> None:
            stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
            latencies_ms[camera, stamp][topic] = message.latency_ms

        node.create_subscription(Person3DArray, f"/{camera}/{topic}", take, 10)

    publishers = []
    for number in range(count):
        topic = f"/camera{number}/image_raw/compressed"
        publishers.append(node.create_publisher(CompressedImage, topic, qos_profile_sensor_data))
        for name in ("people", "people_smoothed"):
            listen(f"camera{number}", name)
    spin_until(node, lambda: all(one.get_subscription_count() > 0 for one in publishers), _START_LIMIT_S)
    spin_until(node, lambda: False, _SETTLE_S)
    frames, start_s, before_s = images(), time.monotonic(), busy_s(pids)
    for number in range(round(seconds * RATE_HZ)):
        header = Header(frame_id="camera")
        header.stamp.sec, header.stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
        image = CompressedImage(header=header, format="jpeg", data=array("B", frames[number % _FRAMES]))
        for publisher in publishers:
            publisher.publish(image)
        left_s = start_s + (number + 1) / RATE_HZ - time.monotonic()
        spin_until(node, lambda: False, max(left_s, 0.0))
    spin_until(node, lambda: False, 1.0)
    cpu_s, pss_mib = busy_s(pids) - before_s, memory_mib(pids)
    for child in children:
        child.terminate()
    for child in children:
        child.wait()
    rclpy.shutdown()
    whole = [one for one in latencies_ms.values() if len(one) == 2]
    return {
        "cameras": count,
        "processes": len(children),
        "memory MiB": round(pss_mib),
        "cpu ms a frame": round(1e3 * cpu_s / max(len(whole), 1), 1),
        "people to smoothed ms": round(median(one["people_smoothed"] - one["people"] for one in whole), 2),
        "image to smoothed ms": round(float(np.median([one["people_smoothed"] for one in whole])), 1),
        "frames": len(whole),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4], help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of images (%(default)s)")
    parser.add_argument("--engines", default="embedded", help="models (%(default)s)")
    args = parser.parse_args()
    os.environ.update(transport_environment(os.environ))
    os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(40, 101))
    rows = [
        measured(count, args.engines, args.seconds, together=together)
        for count in args.cameras
        for together in (False, True)
    ]
    notes = {"images": f"640x480 JPEG at {RATE_HZ:g} Hz a camera, one thread an engine", "models": args.engines}
    report("one_process", rows, notes)


if __name__ == "__main__":
    main()
