from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.nodes.conversion import PersonNames
from pose3d_ros.nodes.hri_messages import body_id


def test_ids_of_pose_node_stay_as_they_are() -> None:
    names = PersonNames()
    names.begin("")
    assert body_id(names.name_of(12)) == names.name_of(12)
    assert body_id("gt_2") == "gt_2"


@given(st.text(max_size=200))
def test_every_id_is_a_name_for_topics_and_tf(name: str) -> None:
    made = body_id(name)
    assert re.fullmatch(r"[A-Za-z](_?[A-Za-z0-9])*", made)
    assert len(made) <= 80
    assert body_id(made) == made


@pytest.mark.parametrize(("one", "other"), [("a-b", "a_b"), ("a-b", "a.b"), ("1", "p1"), ("", "p"), ("é", "è")])
def test_ids_stay_apart(one: str, other: str) -> None:
    assert body_id(one) != body_id(other)
