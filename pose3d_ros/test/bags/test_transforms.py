"""Transforms of a recording: chains by hand, between two stamps, and none where frames are not connected."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from pose3d_ros.bags.transforms import TransformTree

HALF = float(np.sqrt(0.5))
SECOND = 1_000_000_000


def message(
    parent: str, child: str, xyz: tuple[float, float, float], xyzw: tuple[float, float, float, float], second: int = 0
) -> Any:
    """A TFMessage of one transform."""
    move, turn = dict(zip("xyz", xyz, strict=True)), dict(zip("xyzw", xyzw, strict=True))
    one = SimpleNamespace(
        header=SimpleNamespace(stamp=SimpleNamespace(sec=second, nanosec=0), frame_id=parent),
        child_frame_id=child,
        transform=SimpleNamespace(translation=SimpleNamespace(**move), rotation=SimpleNamespace(**turn)),
    )
    return SimpleNamespace(transforms=[one])


def robot() -> TransformTree:
    """A camera 1.2 m above a base that drives along x of odom, 1 m a second, turning left by 90 degrees in two."""
    tree = TransformTree()
    tree.add(message("base", "mast", (0.1, 0, 1.0), (0, 0, 0, 1)), static=True)
    tree.add(message("mast", "camera", (0, 0, 0.2), (0, 0, 0, 1)), static=True)
    tree.add(message("odom", "base", (2, 0, 0), (0, 0, HALF, HALF), 2), static=False)
    tree.add(message("odom", "base", (0, 0, 0), (0, 0, 0, 1), 0), static=False)
    return tree


def test_static_chain() -> None:
    found = robot().lookup("base", "camera", 0)
    assert found is not None
    np.testing.assert_allclose(found.apply(np.zeros(3)), [0.1, 0, 1.2])
    back = robot().lookup("camera", "base", 0)
    assert back is not None
    np.testing.assert_allclose(back.apply(np.zeros(3)), [-0.1, 0, -1.2])


def test_between_two_stamps() -> None:
    found = robot().lookup("odom", "base", SECOND)
    assert found is not None
    np.testing.assert_allclose(found.translation_m, [1, 0, 0])
    np.testing.assert_allclose(found.rotate(np.array([1.0, 0, 0])), [HALF, HALF, 0], atol=1e-9)


def test_through_a_common_ancestor() -> None:
    tree = robot()
    tree.add(message("odom", "door", (5, 0, 0), (0, 0, 0, 1)), static=True)
    found = tree.lookup("camera", "door", 0)
    assert found is not None
    np.testing.assert_allclose(found.apply(np.zeros(3)), [4.9, 0, -1.2])


def test_a_transform_that_is_sent_again_replaces_the_old_one() -> None:
    tree = robot()
    tree.add(message("odom", "base", (7, 0, 0), (0, 0, 0, 1), 0), static=False)
    found = tree.lookup("odom", "base", 0)
    assert found is not None
    np.testing.assert_allclose(found.translation_m, [7, 0, 0])


def test_unknown_frames_and_times_are_none() -> None:
    tree = robot()
    assert tree.lookup("odom", "camera", 3 * SECOND) is None
    assert tree.lookup("odom", "camera", -1) is None
    assert tree.lookup("map", "camera", 0) is None
    same = tree.lookup("anything", "/anything", 0)
    assert same is not None
    np.testing.assert_allclose(same.rotation, np.eye(3))


def test_frames_in_a_circle_end() -> None:
    tree = TransformTree()
    tree.add(message("a", "b", (1, 0, 0), (0, 0, 0, 1)), static=True)
    tree.add(message("b", "a", (1, 0, 0), (0, 0, 0, 1)), static=True)
    assert tree.lookup("c", "a", 0) is None
