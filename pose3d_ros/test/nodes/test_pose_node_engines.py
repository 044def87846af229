"""Both nodes with the default models, on an image of the sample recording."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from pose3d_msgs.msg import Person3D, Person3DArray
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.config.share_folders import share_file
from pose3d_ros.engines import default_manifest_dir, load_manifest
from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.smoother_node import SmootherNode

FRAME = 60  # two people, both in full view
BOTH_STAND = 20  # two people, each on a straight leg


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_manifest_dir(), tmp_path / "engines"))


def test_image_gives_smoothed_people_in_metres(graph: Any, engines: Path) -> None:
    with BagReader(share_file("samples/people_crossing.mcap")) as bag:
        image = next(islice(bag.images(), FRAME, None))
        ground_truth = next(islice(bag.people(), FRAME, None))
        hfov_deg = float(np.degrees(2 * np.arctan(image.image_bgr.shape[1] / 2 / next(bag.cameras()).camera.fx_px)))
    raw = graph.listen(Person3DArray, "people")
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    options = {"engines": str(engines), "backend": "onnxruntime"}
    graph.add(PoseNode(**graph.options(fallback_hfov_deg=hfov_deg, **options))).autostart()
    graph.add(SmootherNode(**graph.options(**options))).autostart()
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/people") == 2)
    send = graph.publish(Image, "image_raw")
    for count in (1, 2):
        header = Header(frame_id="cam")
        header.stamp.sec, header.stamp.nanosec = 5, count * 40_000_000
        send(image_message(header, image.image_bgr))
        graph.spin_until(lambda count=count: len(raw) == len(smoothed) == count)
    roots_m = np.array([[p.root.x, p.root.y, p.root.z] for p in raw[-1].people])
    visible_m = np.array([person.pose.root_cam_m for person in ground_truth.people if person.score > 0.5])
    assert len(roots_m) == len(visible_m) > 1
    for root_m in visible_m:
        assert np.linalg.norm(roots_m - root_m, axis=1).min() < 0.15 * root_m[2]
    names = [load_manifest(engines).for_role(role).name for role in ("detector", "pose", "smoother")]
    assert raw[-1].model == " + ".join(names[:2])
    assert smoothed[-1].model == " + ".join(names)
    assert [p.id for p in smoothed[-1].people] == [p.id for p in raw[-1].people]
    moved_m = [s.root.z - r.root.z for s, r in zip(smoothed[-1].people, raw[-1].people, strict=True)]
    assert 0 < max(map(abs, moved_m)) < 0.5


def test_height_of_the_camera_changes_the_distance(graph: Any, engines: Path) -> None:
    with BagReader(share_file("samples/people_crossing.mcap")) as bag:
        image = next(islice(bag.images(), BOTH_STAND, None))
    raw = graph.listen(Person3DArray, "people")
    node = graph.add(PoseNode(**graph.options(fallback_hfov_deg=62.0, engines=str(engines), backend="onnxruntime")))
    node.autostart()
    send = graph.publish(Image, "image_raw")
    distances_m = []
    for second, height_m in enumerate((0.0, 1.2, 1.1)):
        mounted = [Parameter("camera_height_m", value=height_m), Parameter("camera_pitch_deg", value=-6.0)]
        assert all(result.successful for result in node.set_parameters(mounted))
        header = Header(frame_id="cam")
        header.stamp.sec = 100 * second + 5  # too far apart for one track
        send(image_message(header, image.image_bgr))
        graph.spin_until(lambda count=second + 1: len(raw) == count)
        distances_m.append(min(person.root.z for person in raw[-1].people if person.state != Person3D.LOST))
    without, with_floor, lower = distances_m
    assert abs(with_floor / without - 1) > 0.01
    assert lower / with_floor < 0.97


@pytest.mark.parametrize(("node_class", "file"), [(PoseNode, "root_pose.onnx"), (SmootherNode, "smoother.onnx")])
def test_damaged_model_is_reported_once_and_leaves_the_node_running(
    graph: Any, engines: Path, node_class: Any, file: str
) -> None:
    (engines / file).write_bytes((engines / file).read_bytes()[:-1] + b"!")
    heard = graph.listen(DiagnosticArray, "/diagnostics")
    node = node_class(**graph.options(engines=str(engines)))
    logged = graph.log_of(node.get_name())
    graph.add(node).autostart()
    graph.spin_until(lambda: "sha256" in getattr(graph.status_of(heard, node.get_name()), "message", ""))
    graph.spin_until(lambda: bool(logged))
    assert node.lifecycle_state == "unconfigured"
    assert len(logged) == 1
