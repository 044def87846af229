"""The pose node on TensorRT's stand-in: plans built in the background, and faults that end on ONNX Runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from pose3d_msgs.msg import Person3DArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from pose3d_ros.nodes.conversion import image_message
from pose3d_ros.nodes.pose_node import PoseNode
from pose3d_ros.nodes.topics import image_qos

from ..engines.tensorrt.stand_in_device import install_stand_in
from ..engines.tensorrt.tensorrt_stand_in import Knobs


class Rig:
    """A pose node with the embedded engines and TensorRT's stand-in, a camera before it and listeners behind."""

    def __init__(self, graph: Any, folder: Path) -> None:
        self.graph = graph
        self.logged = graph.log_of("pose_node")
        options = graph.options(engine_cache=str(folder), precision="fp32", threads=1, fallback_hfov_deg=60.0)
        self.node = graph.add(PoseNode(**options))
        self.people = graph.listen(Person3DArray, "people")
        self.diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
        self.send = graph.publish(Image, "image_raw", image_qos("reliable", 10))
        self.node.autostart()

    def runs_on(self) -> str:
        """What the latest diagnostics say runs the engines."""
        values = [{v.key: v.value for v in s.values} for m in self.diagnostics for s in m.status]
        return next((v["runs on"] for v in reversed(values) if "runs on" in v), "")

    def until_it_answers(self) -> None:
        before = len(self.people)
        self.send(image_message(Header(frame_id="camera"), np.full((96, 128, 3), 90, np.uint8)))
        self.graph.spin_until(lambda: len(self.people) > before)


def test_plans_are_built_in_the_background_and_take_over(
    graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_stand_in(monkeypatch)
    rig = Rig(graph, tmp_path)
    assert rig.node.lifecycle_state == "active"
    graph.spin_until(lambda: len(list(tmp_path.glob("*.plan"))) == 2)
    rig.until_it_answers()
    graph.spin_until(lambda: rig.runs_on().count("tensorrt 10.3.0") >= 1)


def test_a_build_that_fails_is_one_warning(graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_stand_in(monkeypatch, knobs=Knobs(build_returns_none=True))
    rig = Rig(graph, tmp_path)
    rig.until_it_answers()
    for engine in ("detector", "root_pose"):
        mine = partial(_warnings, rig.logged, engine, "build_serialized_network")
        graph.spin_until(lambda mine=mine: bool(mine()))
    rig.until_it_answers()
    graph.spin_for(1.5)
    assert [len(_warnings(rig.logged, e, "build_serialized_network")) for e in ("detector", "root_pose")] == [1, 1]
    assert rig.runs_on().count("onnxruntime on the CPU") == 2


def _warnings(lines: list[str], engine: str, text: str) -> list[str]:
    return [line for line in lines if line.startswith(engine) and text in line]
