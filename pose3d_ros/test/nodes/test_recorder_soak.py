"""The recorder on a disk that is full."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from pose3d_ros.bags.bag_reader import BagReader

from .rigs.soak_rig import NAMESPACE, SoakRig

pytestmark = pytest.mark.slow

_ROOM_BYTES = 100_000_000


def test_full_disk_ends_the_recorder_and_nothing_else(rig: SoakRig, tmp_path: Path, record_promise: Any) -> None:
    rig.listen()
    nodes = [rig.start(name) for name in ("pose_node", "smoother_node")]
    nodes.append(rig.start_camera())
    rig.until_people()
    path = tmp_path / "soak.mcap"
    topics = f"topics:=/{NAMESPACE}/image_raw,/{NAMESPACE}/people"
    recorder = rig.run(
        ["-m", "pose3d_ros.nodes.recorder", "--ros-args", "-p", f"bag:={path}", "-p", topics],
        "recorder",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (_ROOM_BYTES, _ROOM_BYTES)),
    )
    rig.until(lambda: recorder.child.poll() is not None, "the recorder ends")
    rig.until_people()
    with BagReader(path) as reader:
        read = sum(1 for _ in reader.serialized(reader.topics))
    code, alive = recorder.child.returncode, all(node.child.poll() is None for node in nodes)
    figure = f"exit code {code}, {read} messages of {path.stat().st_size / 1e6:.0f} MB are read"
    promise = "a full disk ends the recorder with exit code 1, what it wrote is read, and the nodes go on"
    record_promise("disk full", promise, figure, code == 1 and alive and read > 50 and "full" in recorder.output)
