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
NEWER = {"get_type_description"}  # since Jazzy
needs_ros = pytest.mark.skipif(
    find_spec("rclpy") is None or find_spec("pose3d_msgs") is None, reason="needs rclpy and pose3d_msgs"
)


def allowed(node: str, kind: str, act: str) -> set[str]:
    """The full names that the policy allows a node; kind: topics or services, act: publish, subscribe or reply."""
    root = ElementTree.fromstring(POLICY.read_text(encoding="utf-8"))
    (profile,) = root.findall(f"enclaves/enclave[@path='/pose3d/{node}']/profiles/profile[@node='{node}']")
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


@needs_ros
@pytest.mark.parametrize(
    ("node", "output"), [("pose_node", "people"), ("smoother_node", "people_smoothed"), ("hri_bridge", "people")]
)
def test_policy_allows_what_the_node_uses_and_nothing_else(
    processes: Any, listener: Any, node: str, output: str
) -> None:
    from pose3d_msgs.msg import Person3DArray

    if node == "hri_bridge":
        pytest.importorskip("hri_msgs.msg")
    listener.listen(Person3DArray, f"/{output}")
    _, log = processes.start(sys.executable, "-m", f"pose3d_ros.nodes.{node}")
    used = Used(listener, node)
    asks = {
        ("topics", "publish"): "get_publisher_names_and_types_by_node",
        ("topics", "subscribe"): "get_subscriber_names_and_types_by_node",
        ("services", "reply"): "get_service_names_and_types_by_node",
    }
    rest = SOMETIMES | {f"/{node}/{name}" for name in NEWER} | (OF_HRI if node == "hri_bridge" else set())
    listener.until(lambda: all(allowed(node, *what) - used.names(ask) <= rest for what, ask in asks.items()), log)
    for what, ask in asks.items():
        patterns = allowed(node, *what)
        assert [n for n in used.names(ask) if not any(fnmatchcase(n, one) for one in patterns)] == [], ask


def test_policy_has_an_enclave_for_each_node() -> None:
    root = ElementTree.fromstring(POLICY.read_text(encoding="utf-8"))
    paths = [one.get("path") for one in root.findall("enclaves/enclave")]
    assert paths == ["/pose3d/pose_node", "/pose3d/smoother_node", "/pose3d/hri_bridge"]


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
    for node in ("front/pose_node", "smoother_node", "hri_bridge"):
        assert any(part in f"{node}: people" for part in people["contains"])
