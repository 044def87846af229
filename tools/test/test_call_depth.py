"""How many Python calls lie between a node's frame handler and ONNX Runtime."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import onnx
import pytest

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.cli.main import main

MOST_CALLS = 9
HANDLER = ("pose_node.py", "_process")


def network(path: Path) -> Path:
    """A SimCC pose net for one crop of 192x256, which always gives zeros."""
    helper, kind, sizes = onnx.helper, onnx.TensorProto.FLOAT, {"simcc_x": 384, "simcc_y": 512}
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name}_zeros"], [name]) for name in sizes],
        "zeros",
        [helper.make_tensor_value_info("input", kind, [1, 3, 256, 192])],
        [helper.make_tensor_value_info(name, kind, (1, 17, size)) for name, size in sizes.items()],
        [onnx.numpy_helper.from_array(np.zeros((1, 17, size), np.float32), f"{n}_zeros") for n, size in sizes.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(params=["default engines", "a landmark net", "a 2D pose net and a lifter"])
def engines(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder or set of engines; empty for the default ones."""
    if request.param == "a landmark net":
        models: Path = request.getfixturevalue("mediapipe_models")
        monkeypatch.setenv("XDG_DATA_HOME", str(models.parents[2]))
        return models.name
    if request.param == "default engines":
        return ""
    net, folder = network(tmp_path / "rtmpose.onnx"), tmp_path / "engines"
    assert main(["import", "rtmpose", str(net), "--output", str(folder), "--license", "x", "--with-default"]) == 0
    return str(folder)


@pytest.fixture
def node(engines: str) -> Iterator[Any]:
    """A pose node with real engines on the CPU."""
    import rclpy
    from rclpy.parameter import Parameter

    from pose3d_ros.nodes.pose_node import PoseNode

    started_here = not rclpy.ok()  # else by the tests of the nodes, in the same process
    if started_here:
        rclpy.init(domain_id=10 + os.getpid() % 90)
    settings: dict[str, Any] = {"engines": engines, "backend": "onnxruntime", "fallback_hfov_deg": 70.0}
    made = PoseNode(parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()])
    made.autostart()
    yield made
    made.destroy_node()
    if started_here:
        rclpy.shutdown()


def calls_below_handler(frame: FrameType | None) -> list[str]:
    """The functions from the handler down to this frame, without the handler; empty outside of it."""
    found: list[str] = []
    while frame is not None:
        location = os.path.basename(frame.f_code.co_filename), frame.f_code.co_name
        if location == HANDLER:
            return found
        found.insert(0, ":".join(location))
        frame = frame.f_back
    return []


@pytest.mark.skipif(importlib.util.find_spec("rclpy") is None, reason="no ROS")
def test_few_calls_lie_between_the_frame_handler_and_onnx_runtime(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from pose3d_ros.nodes.conversion import image_message

    run, seen = onnxruntime.InferenceSession.run, []

    def listening(session: Any, *arguments: Any) -> Any:
        seen.append(calls_below_handler(sys._getframe()))
        return run(session, *arguments)

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", listening)
    with BagReader(sample_bag()) as bag:
        images = [image.image_bgr for image in islice(bag.images(), 40, 43)]
    from std_msgs.msg import Header

    for number, image in enumerate(images):
        header = Header(frame_id="camera")
        header.stamp.sec = number + 1
        node.work._process((image_message(header, image), time.monotonic(), (number + 1) * 1_000_000_000, None))
    assert len(seen) >= 2 * len(images)
    deepest = max(seen, key=len)
    assert 0 < len(deepest) <= MOST_CALLS, " > ".join(deepest)
