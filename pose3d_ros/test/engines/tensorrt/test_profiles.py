"""Sizes that plans are built for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pose3d_ros.engines import ManifestEntry
from pose3d_ros.engines.tensorrt.profiles import profile_of
from pose3d_ros.errors import EngineError

Make = Callable[..., ManifestEntry]


def test_pose_profile_doubles_people_for_the_flip_test(make_entry: Make) -> None:
    entry = make_entry(roles=("root", "pose"), input_size_px=(96, 96))
    found = profile_of(entry, "image", (-1, 3, 96, 96), max_people=8)
    assert (found.smallest, found.usual, found.largest) == ((1, 3, 96, 96), (4, 3, 96, 96), (16, 3, 96, 96))
    assert profile_of(entry, "k_m", (-1,), max_people=1).largest == (2,)


def test_lifter_profile_has_its_window(make_entry: Make) -> None:
    entry = make_entry(roles=("lifter",), input_size_px=None, parameters={"receptive_field": 27})
    found = profile_of(entry, "keypoints", (-1, -1, 17, 2), max_people=8)
    assert (found.smallest, found.usual, found.largest) == ((1, 27, 17, 2), (4, 27, 17, 2), (8, 27, 17, 2))


def test_detector_profile_of_any_image_size(make_entry: Make) -> None:
    entry = make_entry(roles=("detector",), input_size_px=None, parameters={"long_side_px": 448})
    found = profile_of(entry, "image", (-1, 3, -1, -1), max_people=8)
    assert (found.smallest, found.usual, found.largest) == ((1, 3, 32, 32), (1, 3, 320, 448), (1, 3, 448, 448))


def test_long_side_is_rounded_up_to_a_multiple_of_32(make_entry: Make) -> None:
    entry = make_entry(roles=("detector",), input_size_px=None, parameters={"long_side_px": 500})
    assert profile_of(entry, "image", (-1, 3, -1, -1), max_people=8).largest == (1, 3, 512, 512)


def test_detector_of_whole_images_needs_a_size(make_entry: Make) -> None:
    entry = make_entry(roles=("detector",), input_size_px=None, decoder="torchvision", parameters={})
    with pytest.raises(EngineError, match="input_size_px"):
        profile_of(entry, "image", (-1, 3, -1, -1), max_people=8)
    bounded = make_entry(
        roles=("detector",), input_size_px=None, decoder="torchvision", parameters={"long_side_px": 640}
    )
    assert profile_of(bounded, "image", (-1, 3, -1, -1), max_people=8).largest == (1, 3, 640, 640)
    usual = make_entry(roles=("detector",), input_size_px=None, decoder="detr_logits", parameters={})
    assert profile_of(usual, "image", (-1, 3, -1, -1), max_people=8).largest == (1, 3, 640, 640)


def test_detector_profile_of_one_image_size(make_entry: Make) -> None:
    entry = make_entry(roles=("detector",), input_size_px=(640, 384))
    found = profile_of(entry, "image", (1, 3, -1, -1), max_people=8)
    assert found.smallest == found.usual == found.largest == (1, 3, 384, 640)


def test_smoother_profile_of_its_states(make_entry: Make) -> None:
    entry = make_entry(roles=("smoother",), input_size_px=None)
    assert profile_of(entry, "state_0", (-1, 63, 2), max_people=3).usual == (3, 63, 2)


def test_unsupported_dynamic_axis_is_refused(make_entry: Make) -> None:
    with pytest.raises(EngineError, match="input frames of"):
        profile_of(make_entry(roles=("smoother",), input_size_px=None), "frames", (1, -1, 34), max_people=3)
