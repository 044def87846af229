"""The pose node on TensorRT's stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.nodes.conversion import image_message

from ..engines.tensorrt.tensorrt_stand_in import Faults
from ..engines.tensorrt.tensorrt_stand_in.stand_in_device import install_stand_in
from .rigs.pose_rig import PoseRig, header

IMAGE = image_message(header(), np.full((96, 128, 3), 90, np.uint8))


@pytest.mark.parametrize(("faults", "backend"), [(Faults(), "tensorrt"), (Faults(build_returns_none=True), "the CPU")])
def test_background_build_takes_over_or_fails_with_one_warning(
    graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults, backend: str
) -> None:
    install_stand_in(monkeypatch, faults=faults)
    fails = faults.build_returns_none
    rig = PoseRig(graph, engine_cache=str(tmp_path), precision="fp32", threads=1, fallback_hfov_deg=60.0)

    def warnings() -> list[int]:
        lines = [line for line in rig.logged if "build_serialized_network" in line]
        return [sum(line.startswith(engine) for line in lines) for engine in ("detector", "root_pose")]

    for _ in range(50):
        rig.process(IMAGE)  # a built engine takes over between two runs
        graph.spin_for(0.2)
        if rig.values.get("runs on", "").count(backend) == 2 and all(warnings()) == fails:
            break
    assert rig.values["runs on"].count(backend) == 2
    assert warnings() == [fails, fails]
