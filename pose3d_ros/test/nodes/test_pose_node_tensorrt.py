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


@pytest.mark.parametrize(
    ("faults", "runs_on"),
    [
        (Faults(), ["tensorrt 10.3.0", "onnxruntime"]),  # with nobody in the image, the pose engine has no run yet
        (Faults(build_returns_none=True), ["onnxruntime", "onnxruntime"]),
    ],
)
def test_background_build_takes_over_or_fails_with_one_warning(
    graph: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: Faults, runs_on: list[str]
) -> None:
    install_stand_in(monkeypatch, faults=faults)
    fails = faults.build_returns_none
    rig = PoseRig(graph, engine_cache=str(tmp_path), precision="fp32", threads=1, fallback_hfov_deg=60.0)

    def warnings() -> list[int]:
        lines = [line for line in rig.logged if "build_serialized_network" in line]
        return [sum(line.startswith(engine) for line in lines) for engine in ("detector", "root_pose")]

    def engines_run_as_expected() -> bool:
        found = rig.values.get("runs on", "").split("; ")
        return len(found) == 2 and all(word in one for word, one in zip(runs_on, found, strict=True))

    for _ in range(50):
        rig.process(IMAGE)  # a built engine takes over between two runs
        graph.spin_for(0.1)
        if engines_run_as_expected() and all(warnings()) == fails:
            break
    assert engines_run_as_expected(), rig.values
    assert warnings() == [fails, fails]
