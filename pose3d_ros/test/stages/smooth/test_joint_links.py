from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pose3d_ros.skeletons import SKELETONS, convert, get_skeleton
from pose3d_ros.stages.smooth.joint_links import JointLinks
from pose3d_ros.types import Array

NET = get_skeleton("muco21")
KNOWN = {
    "h36m16": 16,  # all but Nose and Neck, and a thorax of the shoulders
    "h36m17": 17,  # the same, and the nose for the head
    "h36m18": 17,
    "muco21": 21,
    "mupots17": 17,
    "mpii16": 15,
    "coco17": 15,
    "mediapipe33": 17,
    "body40": 21,
    "body25": 17,
    "common14": 14,
    "epipolar16": 16,
    "hg3d16": 16,
}


def joints_of(name: str, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=(len(get_skeleton(name)), 3))


def moved_as(name: str, joint: str, *lost: str) -> str:
    """The net's joint whose correction a joint gets, in a person without the lost ones."""
    people = get_skeleton(name)
    joints = joints_of(name)
    for other in lost:
        joints[people.index_of[other]] = np.nan
    links = JointLinks(people, NET)
    numbers = np.repeat(np.arange(21.0)[:, None], 3, axis=1)
    return NET.joints[int(links.spread(numbers, links.read(joints))[people.index_of[joint], 0])]


@pytest.mark.parametrize("name", SKELETONS)
def test_how_many_joints_of_a_skeleton_the_net_knows(name: str) -> None:
    assert JointLinks(get_skeleton(name), NET).known == KNOWN[name]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(sorted(SKELETONS)), st.sampled_from(sorted(SKELETONS)), st.integers(0, 99))
def test_joints_are_read_as_conversion_gives_them(people: str, net: str, seed: int) -> None:
    source, target = get_skeleton(people), get_skeleton(net)
    joints = joints_of(people, seed)
    read, converted = JointLinks(source, target).read(joints), convert(joints, source, target)
    for joint, index in target.index_of.items():
        if joint == "Head" and joint not in source.index_of and "Nose" in source.index_of:
            np.testing.assert_array_equal(read[index], joints[source.index_of["Nose"]])
        else:
            np.testing.assert_allclose(read[index], converted[index], atol=1e-12)


def test_whole_tracks_are_read_as_their_frames() -> None:
    links = JointLinks(get_skeleton("coco17"), NET)
    track = np.random.default_rng(0).normal(size=(4, 17, 3))
    np.testing.assert_array_equal(links.read(track), np.stack([links.read(joints) for joints in track]))


@pytest.mark.parametrize("name", SKELETONS)
def test_joints_that_the_net_knows_get_their_own_corrections(name: str) -> None:
    for joint in set(get_skeleton(name).joints) & set(NET.joints):
        assert moved_as(name, joint) == joint


@pytest.mark.parametrize(
    ("name", "joint", "lost", "carrier"),
    [
        ("body40", "L_Heel", (), "L_Ankle"),
        ("body40", "L_Heel", ("L_Ankle",), "L_Knee"),
        ("body40", "L_Heel", ("L_Ankle", "L_Knee", "L_Hip"), "Pelvis"),
        ("body40", "R_Ear", (), "Head"),
        ("body40", "R_Mouth", ("Head",), "Thorax"),
        ("body40", "R_Index", (), "R_Wrist"),
        ("mediapipe33", "Nose", (), "Head"),
        ("mediapipe33", "L_Eye_Outer", ("Nose",), "Thorax"),
        ("coco17", "L_Ear", ("Nose", "L_Shoulder"), "Pelvis"),
        ("h36m17", "Neck", (), "Thorax"),
        ("mpii16", "Neck", ("Thorax",), "Pelvis"),
    ],
)
def test_other_joints_follow_their_nearest_measured_ancestor(
    name: str, joint: str, lost: tuple[str, ...], carrier: str
) -> None:
    assert moved_as(name, joint, *lost) == carrier


def test_only_skeletons_with_a_pelvis_start_at_the_root_of_the_net() -> None:
    at_root = {name for name, skeleton in SKELETONS.items() if JointLinks(skeleton, NET).starts_at_net_root}
    assert at_root == set(SKELETONS) - {"coco17", "mediapipe33"}
