"""SROS 2 policy, systemd unit and diagnostics aggregator: they fit the nodes that run, and the tools that read them."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG = Path(__file__).resolve().parents[2] / "config"
POLICY = CONFIG / "sros2/pose3d.policy.xml"
UNIT = CONFIG / "systemd/pose3d@.service"
SOMETIMES = {"/clock", "/tf", "/tf_static", "/image_raw/compressed"}
OF_HRI = {"/humans/bodies/*", "/people_smoothed"}
LOCAL = {"/people"}
"""What a container's smoother_node subscribes only where its pose_node does not hand it on."""
NEWER = {"get_type_description"}  # since Jazzy
needs_ros = pytest.mark.skipif(
    find_spec("rclpy") is None or find_spec("pose3d_msgs") is None, reason="needs rclpy and pose3d_msgs"
)


needs_hri_msgs = pytest.mark.skipif(find_spec("hri_msgs") is None, reason="needs hri_msgs")


def nodes_on_a_robot() -> set[str]:
    """The executables of setup.py that are nodes, but for those that read and write recordings: any topics."""
    text = (CONFIG.parent / "setup.py").read_text(encoding="utf-8")
    return set(re.findall(r'"(\w+) = ', text)) - {"pose3d", "doctor", "recorder", "bag_player"}


def allowed(node: str, kind: str, act: str, enclave: str) -> set[str]:
    """The full names that the policy allows a node; kind: topics or services, act: publish, subscribe or reply."""
    root = ElementTree.fromstring(POLICY.read_text(encoding="utf-8"))
    (profile,) = root.findall(f"enclaves/enclave[@path='/pose3d/{enclave}']/profiles/profile[@node='{node}']")
    assert profile.get("ns") == "/"
    texts = [one.text or "" for group in profile.findall(kind) if group.get(act) == "ALLOW" for one in group]
    return {text.replace("~", f"/{node}") if text[0] in "/~" else f"/{text}" for text in texts}


class Used:
    """What a running node has, as the graph shows it."""

    def __init__(self, listener: Any, node: str) -> None:
        self._listener, self._node = listener, node

    def names(self, ask: str) -> set[str]:
        """ask: the method of rclpy's node that lists them; nothing while the node isn't there."""
        node = self._listener.node
        if self._node not in node.get_node_names():
            return set()
        return {name for name, _ in getattr(node, ask)(self._node, "/")}


def fusion_arguments(folder: Path) -> list[str]:
    """Of two cameras at one place, as the policy names them."""
    pose = "{translation: [0, 0, 0], rotation: [0, 0, 0, 1]}"
    (folder / "extrinsics.yaml").write_text(f"extrinsics: {{front: {pose}, rear: {pose}}}", encoding="utf-8")
    told = {"fusion.cameras": "front, rear", "fusion.extrinsics": folder / "extrinsics.yaml", "target_frame": "map"}
    return ["--ros-args", *(word for name, value in told.items() for word in ("-p", f"{name}:={value}"))]


def of_container(node: str) -> tuple[str, str, str]:
    return node, "pose3d_ros.launching.container_process", "pose3d_container"


@needs_ros
@pytest.mark.parametrize(
    ("node", "module", "enclave"),
    [
        ("pose_node", "pose3d_ros.nodes.pose_node", "pose_node"),
        ("smoother_node", "pose3d_ros.nodes.smoother_node", "smoother_node"),
        ("fusion_node", "pose3d_ros.nodes.fusion_node", "fusion_node"),
        pytest.param("hri_bridge", "pose3d_ros.nodes.hri_bridge", "hri_bridge", marks=needs_hri_msgs),
        *map(of_container, ("pose3d_container", "pose_node", "smoother_node")),
    ],
)
def test_policy_allows_what_the_node_uses_and_nothing_else(
    processes: Any, listener: Any, tmp_path: Path, node: str, module: str, enclave: str
) -> None:
    from pose3d_msgs.msg import Person3DArray

    for output in ("people", "people_smoothed", "people_fused"):
        listener.listen(Person3DArray, f"/{output}")
    arguments = fusion_arguments(tmp_path) if node == "fusion_node" else []
    _, log = processes.start(sys.executable, "-m", module, *arguments)
    used = Used(listener, node)
    asks = {
        ("topics", "publish"): "get_publisher_names_and_types_by_node",
        ("topics", "subscribe"): "get_subscriber_names_and_types_by_node",
        ("services", "reply"): "get_service_names_and_types_by_node",
    }
    rest = SOMETIMES | {f"/{node}/{name}" for name in NEWER}
    rest |= OF_HRI if node == "hri_bridge" else LOCAL if enclave == "pose3d_container" else set()
    listener.until(
        lambda: all(allowed(node, *what, enclave) - used.names(ask) <= rest for what, ask in asks.items()), log
    )
    for what, ask in asks.items():
        patterns = allowed(node, *what, enclave)
        assert [n for n in used.names(ask) if not any(fnmatchcase(n, one) for one in patterns)] == [], ask


def test_policy_has_an_enclave_for_each_node() -> None:
    root = ElementTree.fromstring(POLICY.read_text(encoding="utf-8"))
    paths = {one.get("path") for one in root.findall("enclaves/enclave")}
    assert paths == {f"/pose3d/{node}" for node in nodes_on_a_robot()}


@pytest.mark.skipif(find_spec("sros2") is None or find_spec("lxml") is None, reason="needs sros2")
def test_policy_fits_the_schema_of_sros2() -> None:
    assert importlib.import_module("sros2.policy").load_policy(POLICY).getroot().tag == "policy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_accepts_the_unit() -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "pose3d" in line]
    assert (done.returncode, ours) == (0, [])


def test_unit_runs_a_shell_that_expands_its_settings_itself() -> None:
    text = UNIT.read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=/bin/bash -c '(.*)'$", text, flags=re.MULTILINE)
    shell = command.replace("$$", "$")
    assert "$" not in command.replace("$$", "")
    assert subprocess.run(["bash", "-n", "-c", shell], check=False).returncode == 0
    for name in ("POSE3D_SETUP", "POSE3D_LAUNCH"):
        assert f"${name}" in shell
        assert re.search(rf"^Environment={name}=", text, flags=re.MULTILINE)


def test_aggregator_knows_the_statuses_of_the_nodes() -> None:
    content = yaml.safe_load((CONFIG / "diagnostics_aggregator.yaml").read_text(encoding="utf-8"))
    people = content["/**"]["ros__parameters"]["people"]
    for node in ("front/pose_node", *(nodes_on_a_robot() - {"pose3d_container"})):  # whose nodes have their own
        assert any(part in f"{node}: people" for part in people["contains"])
