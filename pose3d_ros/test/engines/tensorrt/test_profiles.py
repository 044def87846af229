"""Sizes that plans are built for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pose3d_ros.engines import ManifestEntry
from pose3d_ros.engines.tensorrt.profiles import profile_of
from pose3d_ros.errors import EngineError

Make = Callable[..., ManifestEntry]
Shape = tuple[int, ...]
POSE: dict[str, Any] = {"roles": ("root", "pose"), "input_size_px": (96, 96)}
LIFTER: dict[str, Any] = {"roles": ("lifter",), "input_size_px": None, "parameters": {"receptive_field": 27}}
SMOOTHER: dict[str, Any] = {"roles": ("smoother",), "input_size_px": None}


def detector(decoder: str = "detr_logits", **parameters: Any) -> dict[str, Any]:
    return {"roles": ("detector",), "input_size_px": None, "decoder": decoder, "parameters": parameters}


IMAGES = (-1, 3, -1, -1)


@pytest.mark.parametrize(
    ("fields", "shape", "smallest", "usual", "largest"),
    [
        (POSE, (-1, 3, 96, 96), (1, 3, 96, 96), (4, 3, 96, 96), (16, 3, 96, 96)),  # people twice, for the flip test
        (POSE, (-1,), (1,), (4,), (16,)),
        (LIFTER, (-1, -1, 17, 2), (1, 27, 17, 2), (4, 27, 17, 2), (8, 27, 17, 2)),  # its window of frames
        (SMOOTHER, (-1, 63, 2), (1, 63, 2), (4, 63, 2), (8, 63, 2)),
        (detector(long_side_px=448), IMAGES, (1, 3, 32, 32), (1, 3, 320, 448), (1, 3, 448, 448)),
        (detector(long_side_px=500), IMAGES, (1, 3, 32, 32), (1, 3, 384, 512), (1, 3, 512, 512)),  # multiples of 32
        (detector(), IMAGES, (1, 3, 32, 32), (1, 3, 480, 640), (1, 3, 640, 640)),
        (detector("torchvision", long_side_px=640), IMAGES, (1, 3, 32, 32), (1, 3, 480, 640), (1, 3, 640, 640)),
        (detector() | {"input_size_px": (640, 384)}, (1, 3, -1, -1), *[(1, 3, 384, 640)] * 3),
    ],
)
def test_profile_follows_from_the_entry(
    make_entry: Make, fields: dict[str, Any], shape: Shape, smallest: Shape, usual: Shape, largest: Shape
) -> None:
    found = profile_of(make_entry(**fields), "input", shape, max_people=8)
    assert (found.smallest, found.usual, found.largest) == (smallest, usual, largest)


def test_usual_batch_is_no_larger_than_the_largest(make_entry: Make) -> None:
    assert profile_of(make_entry(**SMOOTHER), "state_0", (-1, 63, 2), max_people=3).usual == (3, 63, 2)


@pytest.mark.parametrize(
    ("fields", "shape", "message"),
    [(SMOOTHER, (1, -1, 34), "input frames of"), (detector("torchvision"), IMAGES, "input_size_px")],
)
def test_axis_of_unknown_length_is_refused(
    make_entry: Make, fields: dict[str, Any], shape: Shape, message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        profile_of(make_entry(**fields), "frames", shape, max_people=3)
