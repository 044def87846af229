"""The pose node on TensorRT's stand-in: plans built in the background, and faults that end on ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from std_msgs.msg import Header

from pose3d_ros.nodes.conversion import image_message

from ..engines.tensorrt.tensorrt_stand_in import Faults
from ..engines.tensorrt.tensorrt_stand_in.stand_in_device import install_stand_in
from .rigs.pose_rig import PoseRig

ENGINES = ("detector", "root_pose")


def start(graph: Any, folder: Path) -> PoseRig:
    """A pose node with the default models."""
    return PoseRig(graph, engine_cache=str(folder), precision="fp32", threads=1, fallback_hfov_deg=60.0)


def until_it_answers(rig: PoseRig) -> None:
    before = len(rig.people)
    rig.send(image_message(Header(frame_id="camera"), np.full((96, 128, 3), 90, np.uint8)))
    rig.until_people(before + 1)


def test_plans_are_built_in_the_background_and_take_over(
    graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_stand_in(monkeypatch)
    rig = start(graph, tmp_path)
    assert rig.node.lifecycle_state == "active"
    graph.spin_until(lambda: len(list(tmp_path.glob("*.plan"))) == 2)
    until_it_answers(rig)
    graph.spin_until(lambda: "tensorrt 10.3.0" in rig.values.get("runs on", ""))


def test_failed_build_is_one_warning(graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_stand_in(monkeypatch, faults=Faults(build_returns_none=True))
    rig = start(graph, tmp_path)

    def warnings() -> list[int]:
        lines = [line for line in rig.logged if "build_serialized_network" in line]
        return [sum(line.startswith(engine) for line in lines) for engine in ENGINES]

    until_it_answers(rig)
    graph.spin_until(lambda: all(warnings()))
    until_it_answers(rig)
    graph.spin_for(1.5)
    assert warnings() == [1, 1]
    assert rig.values["runs on"].count("onnxruntime on the CPU") == 2
