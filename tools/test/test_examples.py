"""The example programs run, on frames of the sample recording and in a ROS graph."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import time
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.skeletons import get_skeleton

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MUCO = get_skeleton("muco21")
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def images() -> list[npt.NDArray[np.uint8]]:
    """Frames of the sample recording, at 15 Hz, with people in them."""
    with BagReader(sample_bag()) as bag:
        return [image.image_bgr for image in islice(bag.images(), 30, 42)]


@pytest.fixture(scope="module")
def video(images: list[npt.NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "clip.avi"
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 15.0, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return path


def run(name: str, *arguments: object) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](*map(str, arguments))


def test_example_image_prints_people(
    images: list[npt.NDArray[np.uint8]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "photo.jpg"), images[-1])
    run("image", tmp_path / "photo.jpg", 70)
    said = capsys.readouterr().out
    assert len(re.findall(r"person \d+: .* m away", said)) == int(said.split()[1]) > 0
    assert "R_Wrist" in said
    with pytest.raises(SystemExit, match="can't be read as an image"):
        run("image", tmp_path / "nothing.jpg")


def test_example_video_prints_tracks(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("video", video, 70)
    found = re.findall(r"^([\d.]+) s: person (\d+) at", capsys.readouterr().out, flags=re.MULTILINE)
    assert len({stamp for stamp, _ in found}) >= 10
    assert max(sum(person == other for _, other in found) for _, person in found) >= 10  # followed all the way


def test_example_custom_detector_prints_people(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("custom_detector", video, 70)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert any("] m" in line for line in lines)


@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="no ROS")
def test_example_nearest_person_hand_reports_a_raised_hand() -> None:
    import rclpy
    from pose3d_msgs.msg import Joint3D, Person3D, Person3DArray

    def person(name: str, depth_m: float, wrist_y_m: float) -> Any:
        joints = [Joint3D(valid=True) for _ in MUCO.joints]
        joints[MUCO.index_of["R_Wrist"]].position.y = wrist_y_m
        joints[MUCO.index_of["L_Wrist"]].position.y = 0.5
        one = Person3D(id=name, state=Person3D.TRACKED, joints=joints)
        one.root.z = depth_m
        return one

    example = runpy.run_path(str(EXAMPLES / "nearest_person_hand.py"))
    started_here = not rclpy.ok()  # else by the tests of the nodes, in the same process
    if started_here:
        rclpy.init(domain_id=10 + os.getpid() % 90)
    watcher = example["HandWatcher"]()
    try:
        publisher = watcher.create_publisher(Person3DArray, "people", 10)
        quiet, raised = person("near", 2.0, 0.5), person("near", 2.0, -0.4)
        messages = [[], [quiet, person("far", 4.0, -0.4)], [raised], [raised]]
        deadline_s = time.monotonic() + LIMIT_S
        while not watcher.acted_on and time.monotonic() < deadline_s:
            for people in messages:
                publisher.publish(Person3DArray(skeleton=MUCO.name, people=people))
                rclpy.spin_once(watcher, timeout_sec=0.2)
        assert watcher.acted_on == ["near"]
    finally:
        watcher.destroy_node()
        if started_here:
            rclpy.shutdown()


@pytest.mark.skipif(importlib.util.find_spec("vision_msgs") is None, reason="no vision_msgs")
def test_example_detector_node_publishes_boxes_of_what_moves(
    images: list[npt.NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header
    from vision_msgs.msg import Detection2DArray

    from pose3d_ros.nodes.conversion import image_message

    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = runpy.run_path(str(EXAMPLES / "detector_node.py"))
    started_here = not rclpy.ok()
    if started_here:
        rclpy.init(domain_id=10 + os.getpid() % 90)
    detector = example["DetectorNode"]()
    found: list[Any] = []
    try:
        publisher = detector.create_publisher(Image, "image_raw", qos_profile_sensor_data)
        detector.create_subscription(Detection2DArray, "detections", found.append, 10)
        deadline_s = time.monotonic() + LIMIT_S
        stamped: list[int] = []
        while not any(message.detections for message in found) and time.monotonic() < deadline_s:
            message = image_message(Header(frame_id="optical"), images[len(stamped) % len(images)])
            message.header.stamp.sec = len(stamped)
            stamped.append(len(stamped))
            publisher.publish(message)
            rclpy.spin_once(detector, timeout_sec=0.2)
        assert {message.header.frame_id for message in found} == {"optical"}
        (result,) = found[-1].detections[0].results
        assert (result.hypothesis.class_id, found[-1].header.stamp.sec in stamped) == ("person", True)
    finally:
        detector.destroy_node()
        if started_here:
            rclpy.shutdown()
