"""What the nodes cost besides the networks.

Conversions, a frame's way through a pose node that does no work, and what a pose node with the default models reports
of its own callback on 1280x720 with two people.

python benchmarks/node_overhead.py [--seconds 5]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
import timeit
from array import array
from collections.abc import Callable, Mapping
from itertools import islice
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from common import report

from pose3d_ros.bags.image_decoding import decoded_bgr
from pose3d_ros.bags.image_encodings import image_bgr
from pose3d_ros.engines import BackendChoice
from pose3d_ros.nodes.dds_profile import transport_environment
from pose3d_ros.records import Detection, Frame, FrameResult, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.roots.agreement import Agreement

PEOPLE, SKELETON, SIZE = 10, get_skeleton("muco21"), (640, 480)
RATE_HZ = 30.0
PEOPLE_LIMIT_MS = 1.0
HD_SIZE, HD_RATE_HZ, HD_LIMIT_MS = (1280, 720), 10.0, 10.0
_STAGES = ("detect", "pose", "track", "engines")
_OVERHEAD = "callback besides engines"
_TWO_PEOPLE_FRAME = 60
_SETTLE_S = 3.0
_REPEATS = 7
_START_LIMIT_S = 60.0
_POLL_S = 0.02


def make_people() -> tuple[Person, ...]:
    """Ten people with 21 joints each."""
    rng = np.random.default_rng(0)
    count, center_m = len(SKELETON), np.array([0.0, 0.0, 4.0])
    return tuple(
        Person(
            i + 1,
            TrackState.TRACKED,
            Pose(
                rng.normal(size=3) + center_m,
                rng.normal(size=(count, 3)) + center_m,
                rng.uniform(0, 480, (count, 2)),
                rng.uniform(0, 1, count),
                SKELETON,
                Detection(np.array([10.0, 10.0, 90.0, 200.0]), 0.9),
                0.1,
            ),
            rng.normal(size=3),
            0.9,
        )
        for i in range(PEOPLE)
    )


def best_ms(function: Callable[[], object]) -> float:
    """The best of some repeats: what the work costs, not what else the machine did."""
    number = max(1, round(0.05 / max(timeit.timeit(function, number=1), 1e-6)))
    return round(min(timeit.repeat(function, number=number, repeat=_REPEATS)) / number * 1e3, 4)


def conversions() -> list[Mapping[str, object]]:
    """Each conversion, beside the obvious way of doing it where there is one."""
    import cv2
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

    from pose3d_ros.nodes.conversion import PeopleInfo, PeopleWriter, TrackNumbers, image_message, read_people
    from pose3d_ros.nodes.markers import MarkerMaker

    people, header, info = make_people(), Header(frame_id="camera"), PeopleInfo(SKELETON, "engine", True, 0.0)
    writer, maker, numbers = PeopleWriter(), MarkerMaker(), TrackNumbers()
    message = PeopleWriter().write(header, people, info)
    pixels_bgr = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    smooth = cv2.GaussianBlur(pixels_bgr, (31, 31), 0)
    jpeg = CompressedImage(data=array("B", cv2.imencode(".jpg", smooth)[1].tobytes()))
    image = image_message(header, pixels_bgr)
    bare = Image()
    ours: list[tuple[str, Callable[[], object], float | None]] = [
        ("10 people to message", lambda: writer.write(header, people, info), PEOPLE_LIMIT_MS),
        ("message to 10 people", lambda: read_people(message, numbers), PEOPLE_LIMIT_MS),
        ("10 people to markers", lambda: maker.make(message, people, 0.5), None),
        ("serialize 10 people (rclpy)", lambda: serialize_message(message), None),
        ("image message to array, bgr8", lambda: image_bgr(image), None),
        ("array to image message, bgr8", lambda: image_message(header, pixels_bgr), None),
        ("the same by image.data = array", lambda: setattr(bare, "data", pixels_bgr.ravel()), None),
        ("jpeg message to array", lambda: decoded_bgr(jpeg), None),
    ]
    rows: list[Mapping[str, object]] = []
    for title, function, limit_ms in ours:
        cost_ms = best_ms(function)
        rows.append(
            {
                "what": title,
                "ms": cost_ms,
                "limit ms": limit_ms,
                "of limit": None if limit_ms is None else round(cost_ms / limit_ms, 3),
            }
        )
    return rows


class NoWork:
    """A pipeline that always finds the same ten people, at once."""

    def __init__(self) -> None:
        self._result = FrameResult(make_people(), (), {})
        self.skeleton = SKELETON
        backend = BackendChoice("onnxruntime", "does no work")
        self.engines = SimpleNamespace(names="nothing", backend=backend, statuses=())
        self.engine_problems: tuple[str, ...] = ()
        self.root_agreement = Agreement()

    def __call__(self, frame: Frame, detections: object = None) -> FrameResult:
        return self._result

    def reconfigure(self, config: object) -> None:
        """Nothing to change."""

    def reset(self) -> None:
        """Nothing to reset."""

    def close(self) -> None:
        """Nothing to close."""


def serve() -> NoReturn:
    """The node's process."""
    from pose3d_ros.nodes.pose_node import PoseNode
    from pose3d_ros.nodes.spin import run_node

    pipeline: Any = NoWork()
    sys.exit(run_node(lambda: PoseNode(opener=lambda _: pipeline), ["--ros-args", "-p", "fallback_hfov_deg:=60.0"]))


def serve_engines() -> NoReturn:
    """The process of a node with the default models."""
    from pose3d_ros.nodes.pose_node import PoseNode
    from pose3d_ros.nodes.spin import run_node

    sys.exit(run_node(PoseNode, ["--ros-args", "-p", "fallback_hfov_deg:=60.0"]))


def image_with_people() -> npt.NDArray[np.uint8]:
    """A frame of the sample recording in which two people are, enlarged to HD_SIZE."""
    import cv2

    from pose3d_ros.bags.bag_reader import BagReader, sample_bag

    with BagReader(sample_bag()) as bag:
        image = next(islice(bag.images(), _TWO_PEOPLE_FRAME, None)).image_bgr
    return np.asarray(cv2.resize(image, HD_SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)


def own_times(seconds: float) -> tuple[list[Mapping[str, object]], float]:
    """What a node with engines says of itself in diagnostics, once a second; and the median of its overhead, ms."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from pose3d_msgs.msg import Person3DArray
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from pose3d_ros.nodes.conversion import image_message

    child = subprocess.Popen([sys.executable, __file__, "--serve-engines"], stderr=subprocess.DEVNULL)
    rclpy.init()
    node = rclpy.create_node("benchmark")
    publisher = node.create_publisher(Image, "image_raw", qos_profile_sensor_data)
    said: list[dict[str, float]] = []
    people: list[int] = []

    def take_diagnostics(message: DiagnosticArray) -> None:
        values = {v.key: v.value for status in message.status for v in status.values}
        if f"{_OVERHEAD} [ms]" in values:
            said.append({name: float(values[f"{name} [ms]"]) for name in (*_STAGES, "callback", _OVERHEAD)})

    node.create_subscription(DiagnosticArray, "/diagnostics", take_diagnostics, 10)
    node.create_subscription(Person3DArray, "people", lambda message: people.append(len(message.people)), 10)
    spin_until(node, lambda: publisher.get_subscription_count() > 0, _START_LIMIT_S)
    image = image_message(Header(frame_id="camera"), image_with_people())
    end_s = time.monotonic() + seconds + _SETTLE_S
    while time.monotonic() < end_s:
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(time.time_ns(), 1_000_000_000)
        publisher.publish(image)
        spin_until(node, lambda: False, 1.0 / HD_RATE_HZ)
    child.terminate()
    child.wait()
    rclpy.shutdown()
    steady = said[int(_SETTLE_S) :]
    medians = {name: round(float(np.median([second[name] for second in steady])), 2) for name in steady[0]}
    rows: list[Mapping[str, object]] = [
        {"what": f"node's own time, {name}", "ms": value} for name, value in medians.items() if name != _OVERHEAD
    ]
    overhead_ms = medians[_OVERHEAD]
    rows.append(
        {
            "what": f"callback besides engines, {HD_SIZE[0]}x{HD_SIZE[1]}, {int(np.median(people))} people",
            "ms": overhead_ms,
            "limit ms": HD_LIMIT_MS,
            "of limit": round(overhead_ms / HD_LIMIT_MS, 3),
        }
    )
    return rows, overhead_ms


def round_trip(seconds: float) -> list[Mapping[str, object]]:
    """From publishing an image here, through a pose node in a process of its own, to its people being here."""
    import rclpy
    from pose3d_msgs.msg import Person3DArray
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

    from pose3d_ros.nodes.conversion import image_message

    child = subprocess.Popen([sys.executable, __file__, "--serve"], stderr=subprocess.DEVNULL)
    rclpy.init()
    node = rclpy.create_node("benchmark")
    publisher = node.create_publisher(Image, "image_raw", qos_profile_sensor_data)
    latencies_ms: list[float] = []

    def take(message: Person3DArray) -> None:
        sent_ns = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        latencies_ms.append((time.monotonic_ns() - sent_ns) * 1e-6)

    node.create_subscription(Person3DArray, "people", take, 10)
    spin_until(node, lambda: publisher.get_subscription_count() > 0, _START_LIMIT_S)
    spin_until(node, lambda: False, 1.0)
    image = image_message(Header(frame_id="camera"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    publisher.publish(image)  # the first image waits for a camera_info that may come just after it
    spin_until(node, lambda: bool(latencies_ms), _START_LIMIT_S)
    latencies_ms.clear()
    count = round(seconds * RATE_HZ)
    for _ in range(count):
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(time.monotonic_ns(), 1_000_000_000)
        publisher.publish(image)
        spin_until(node, lambda: False, 1.0 / RATE_HZ)
    spin_until(node, lambda: len(latencies_ms) >= count, 1.0)
    child.terminate()
    child.wait()
    rclpy.shutdown()
    return [
        {"what": "image to people, two processes", "ms": round(float(np.percentile(latencies_ms, 50)), 2)},
        {"what": "the same, 99% under", "ms": round(float(np.percentile(latencies_ms, 99)), 2)},
        {"what": "images without people", "ms": None, "lost": count - len(latencies_ms)},
    ]


def spin_until(node: Any, done: Callable[[], bool], limit_s: float) -> None:
    """Let the node's callbacks run until that holds, at most for so long."""
    import rclpy

    end_s = time.monotonic() + limit_s
    while not done() and (left_s := end_s - time.monotonic()) > 0:
        rclpy.spin_once(node, timeout_sec=min(left_s, _POLL_S))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="of images through the node (%(default)s)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve-engines", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve()
    if args.serve_engines:
        serve_engines()
    os.environ.update(transport_environment(os.environ))
    os.environ["ROS_DOMAIN_ID"] = str(random.SystemRandom().randint(40, 101))
    own, overhead_ms = own_times(args.seconds)
    rows = [*conversions(), *round_trip(args.seconds), *own]
    notes = {
        "people": f"{PEOPLE} with {len(SKELETON)} joints; image {SIZE[0]}x{SIZE[1]} at {RATE_HZ:g} Hz, best effort",
        "limit": f"{PEOPLE_LIMIT_MS:g} ms to fill or to read the people of a frame",
    }
    report("node_overhead", rows, notes, {"overhead_ms_p50": overhead_ms})


if __name__ == "__main__":
    main()
