"""Focal lengths of EXIF blocks, whole and damaged."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.exif_focal import focal_px

FOCAL, FOCAL_35MM, RESOLUTION, UNIT, WIDTH, HEIGHT = 0x920A, 0xA405, 0xA20E, 0xA210, 0xA002, 0xA003
Fraction = tuple[int, int]


def block(fields: Mapping[int, int | Fraction], order: str = "<") -> memoryview:
    """An EXIF block: its first directory names the second, which has the fields, fractions behind it."""
    behind = 26 + 2 + 12 * len(fields) + 4
    directory, fractions = struct.pack(f"{order}H", len(fields)), b""
    for tag, value in fields.items():
        if isinstance(value, tuple):
            directory += struct.pack(f"{order}HHII", tag, 5, 1, behind + len(fractions))
            fractions += struct.pack(f"{order}II", *value)
        else:
            directory += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIHHHIII", 42, 8, 1, 0x8769, 4, 1, 26, 0)
    return memoryview(head + directory + bytes(4) + fractions)


@pytest.mark.parametrize("order", ["<", ">"])
def test_equivalent_focal_length_is_by_the_diagonal(order: str) -> None:
    # 26 mm before a diagonal of 43.27 mm; the photo's is 5000 px.
    found = focal_px(block({FOCAL_35MM: 26, FOCAL: (425, 100)}, order), 4000, 3000)
    assert found == pytest.approx(26 / np.hypot(36, 24) * 5000)


def test_focal_length_counts_in_pixels_of_the_sensor() -> None:
    # 50 mm and 200 px a mm, of a photo 6000 px wide, which was reduced to a half: 50 * 200 / 2.
    fields: dict[int, int | Fraction] = {FOCAL: (50, 1), RESOLUTION: (2000, 1), UNIT: 3, WIDTH: 6000, HEIGHT: 4000}
    assert focal_px(block(fields), 3000, 2000) == pytest.approx(5000)
    # In inches, the unit of a block that names none.
    inches: dict[int, int | Fraction] = {FOCAL: (50, 1), RESOLUTION: (5080, 1), WIDTH: 6000, HEIGHT: 4000}
    assert focal_px(block(inches), 6000, 4000) == pytest.approx(10000)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {FOCAL: (50, 1)},
        {FOCAL_35MM: 0},
        {FOCAL: (50, 0), RESOLUTION: (2000, 1), UNIT: 3},
        {FOCAL: (50, 1), RESOLUTION: (2000, 1), UNIT: 9},
        {FOCAL_35MM: 60000},
        {FOCAL_35MM: 26, WIDTH: 4000, HEIGHT: 2000},
    ],
    ids=["nothing", "no sensor", "unknown", "a fraction over 0", "unknown unit", "no lens", "cropped"],
)
def test_unknown_focal_length_is_none(fields: dict[int, int | Fraction]) -> None:
    assert focal_px(block(fields), 4000, 3000) is None


def test_photo_held_upright_is_not_cropped() -> None:
    assert focal_px(block({FOCAL_35MM: 26, WIDTH: 3000, HEIGHT: 4000}), 4000, 3000) is not None


@given(st.binary(max_size=80), st.integers(0, 120))
def test_damaged_block_is_none_or_a_length(noise: bytes, at: int) -> None:
    whole = bytes(block({FOCAL: (50, 1), RESOLUTION: (2000, 1), UNIT: 3, FOCAL_35MM: 26}))
    found = focal_px(memoryview(whole[:at] + noise + whole[at + len(noise) :]), 4000, 3000)
    assert found is None or found > 0
    assert focal_px(memoryview(noise), 4000, 3000) is None
