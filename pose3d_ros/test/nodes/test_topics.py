"""Quality of service and the parameters that override it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import pose3d_ros.nodes

from .test_smoother_node import start

ROLES = {
    "image_raw": "subscription",
    "camera_info": "subscription",
    "people": "publisher",
    "markers": "publisher",
    "skeleton": "publisher",
    "poses": "publisher",
    "overlay": "publisher",
}
SMOOTHED = {
    "people": "subscription",
    "people_smoothed": "publisher",
    "markers_smoothed": "publisher",
    "skeleton_smoothed": "publisher",
    "poses_smoothed": "publisher",
}
OTHER = {"RELIABLE": "best_effort", "BEST_EFFORT": "reliable"}


def reliability_of(graph: Any, topic: str, role: str, node: str) -> set[str]:
    of = graph.node.get_publishers_info_by_topic if role == "publisher" else graph.node.get_subscriptions_info_by_topic
    name = topic if topic.startswith("/") else f"{graph.namespace}/{topic}"
    mine = [i for i in of(name) if i.node_name == node and i.node_namespace == graph.namespace]
    return {info.qos_profile.reliability.name for info in mine}


def default_of(topic: str) -> str:
    return "BEST_EFFORT" if topic in ("image_raw", "camera_info") else "RELIABLE"


@pytest.mark.parametrize("node", ["pose_node", "smoother_node"])
def test_quality_of_service_of_every_topic_can_be_overridden(graph: Any, pipeline: Any, node: str) -> None:
    roles = {**(ROLES if node == "pose_node" else SMOOTHED), "/diagnostics": "publisher"}
    full = {topic: topic if topic.startswith("/") else f"{graph.namespace}/{topic}" for topic in roles}
    given = {
        f"qos_overrides.{full[topic]}.{role}.reliability": OTHER[default_of(topic)] for topic, role in roles.items()
    }
    if node == "pose_node":
        made = graph.add_pose_node(pipeline, work_without_subscribers=True, publish_poses=True, **given)
    else:
        made, _ = start(graph, work_without_subscribers=True, publish_poses=True, **given)
    for topic, role in roles.items():
        wanted = {OTHER[default_of(topic)].upper()}
        graph.spin_until(lambda t=topic, r=role, w=wanted: reliability_of(graph, t, r, node) == w)
    graph.spin_for(0.3)
    assert not made.board.current()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("{0}/image_rawd.subscription.depth", "{0}/image_raw.subscription"),
        ("{0}/people.publisher.reliabilty", "reliability"),
    ],
)
def test_override_that_concerns_nothing_is_a_warning(graph: Any, pipeline: Any, override: str, words: str) -> None:
    name = f"qos_overrides.{override.format(graph.namespace)}"
    node = graph.add_pose_node(pipeline, work_without_subscribers=True, **{name: 3})
    graph.spin_until(lambda: any(name in problem.text for problem in node.board.current()))
    (problem,) = node.board.current()
    assert words.format(graph.namespace) in problem.text


@pytest.mark.parametrize(
    ("topic", "policy", "value", "words"),
    [
        ("people", "reliability", "perfect", "one of"),
        ("people", "depth", 0, "above 0"),
        ("skeleton", "durability", 7, "transient_local"),
    ],
)
def test_wrong_override_leaves_the_node_unconfigured_with_the_reason(
    graph: Any, pipeline: Any, topic: str, policy: str, value: object, words: str
) -> None:
    name = f"qos_overrides.{graph.namespace}/{topic}.publisher.{policy}"
    node = graph.add_pose_node(pipeline, **{name: value})
    (problem,) = node.board.current()
    assert name in problem.text
    assert words in problem.text
    assert "Traceback" not in problem.text
    assert node.lifecycle_state == "unconfigured"


def test_wrong_override_of_diagnostics_is_in_diagnostics(graph: Any, pipeline: Any) -> None:
    node = graph.add_pose_node(pipeline, **{"qos_overrides./diagnostics.publisher.depth": "deep"})
    assert [p.text for p in node.board.current() if "/diagnostics.publisher.depth" in p.text]
    assert node.lifecycle_state == "active"


def test_nodes_make_publishers_and_subscriptions_only_where_overrides_are_heeded() -> None:
    made = re.compile(r"\.create_(publisher|subscription)\(")
    folder = Path(pose3d_ros.nodes.__file__).parent
    found = {path.name: len(made.findall(path.read_text(encoding="utf-8"))) for path in folder.glob("*.py")}
    # The one in managed.py: diagnostics must be there to show that their own override is wrong.
    assert {name: count for name, count in found.items() if count} == {"topics.py": 2, "managed.py": 1}
