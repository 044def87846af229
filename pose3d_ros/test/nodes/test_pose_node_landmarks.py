"""Both nodes with the models that have seen real people, where this machine's user has them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.smoother_node import SmootherNode


def test_images_give_smoothed_people(graph: Any, mediapipe_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(mediapipe_models.parents[2]))
    with BagReader(sample_bag()) as bag:
        images = [image.image_bgr for image in islice(bag.images(), 60, 62)]
    raw = graph.listen(Person3DArray, "people")
    smoothed = graph.listen(Person3DArray, "people_smoothed")
    options = {"engines": "mediapipe-full", "backend": "onnxruntime"}
    node = graph.add(PoseNode(**graph.options(fallback_hfov_deg=70.0, **options)))
    node.autostart()
    graph.add(SmootherNode(**graph.options(**options))).autostart()
    graph.spin_until(lambda: graph.node.count_subscribers(f"{graph.namespace}/people") == 2)
    send = graph.publish(Image, "image_raw")
    for count, image in enumerate(images, start=1):
        header = Header(frame_id="cam")
        header.stamp.sec, header.stamp.nanosec = 5, count * 40_000_000
        send(image_message(header, image))
        graph.spin_until(lambda count=count: len(raw) == len(smoothed) == count)
    assert len(raw[-1].people) >= 2
    assert {message.skeleton for message in (raw[-1], smoothed[-1])} == {"muco21"}
    assert [p.id for p in smoothed[-1].people] == [p.id for p in raw[-1].people]
    assert "mediapipe-pose-landmark-full" in raw[-1].model
    assert node.work.values()["people"] == str(len(raw[-1].people))
