"""Raw image messages to arrays; messages are stood in for by objects with the same fields."""

from __future__ import annotations

import sys
from array import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.image_encodings import ENCODINGS, image_bgr
from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

GRADIENT = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def raw(data: bytes, encoding: str, width: int, height: int, step: int, *, big: bool = False) -> SimpleNamespace:
    fields = {"encoding": encoding, "width": width, "height": height, "step": step, "is_bigendian": int(big)}
    return SimpleNamespace(data=array("B", data), **fields)


def test_bgr_is_a_view_of_the_message() -> None:
    message = raw(GRADIENT.tobytes(), "bgr8", 6, 4, 18)
    image = image_bgr(message)
    np.testing.assert_array_equal(image, GRADIENT)
    message.data[0] = 99
    assert image[0, 0, 0] == 99


@pytest.mark.parametrize(
    ("encoding", "pixel", "bgr"),
    [
        ("rgb8", [10, 20, 30], [30, 20, 10]),
        ("bgra8", [1, 2, 3, 9], [1, 2, 3]),
        ("rgba8", [3, 2, 1, 9], [1, 2, 3]),
        ("mono8", [7], [7, 7, 7]),
        ("8UC1", [7], [7, 7, 7]),
    ],
)
def test_channels_are_brought_to_bgr(encoding: str, pixel: list[int], bgr: list[int]) -> None:
    assert image_bgr(raw(bytes(pixel), encoding, 1, 1, len(pixel))).tolist() == [[bgr]]


def test_yuv_without_color_is_gray() -> None:
    # Y = 126 of 16..235 is (126 - 16) * 255 / 219 = 128; U = V = 128 is no color.
    uyvy = image_bgr(raw(bytes([128, 126, 128, 126]), "uyvy", 2, 1, 4))
    yuyv = image_bgr(raw(bytes([126, 128, 126, 128]), "yuyv", 2, 1, 4))
    np.testing.assert_allclose(uyvy, 128, atol=1)
    np.testing.assert_array_equal(uyvy, yuyv)


@pytest.mark.parametrize(("pattern", "red_at"), [("rggb", 0), ("bggr", 3), ("grbg", 1), ("gbrg", 2)])
def test_bayer_patterns_are_decoded(pattern: str, red_at: int) -> None:
    cell = np.zeros(4, dtype=np.uint8)
    cell[red_at] = 200
    mosaic = np.tile(cell.reshape(2, 2), (8, 8))
    blue, green, red = image_bgr(raw(mosaic.tobytes(), f"bayer_{pattern}8", 16, 16, 16))[8, 8]
    assert (blue, green) == (0, 0)
    assert red > 0


@given(width=st.integers(1, 9), height=st.integers(1, 9), padding=st.integers(0, 7), last_row_padded=st.booleans())
def test_row_padding_is_removed(width: int, height: int, padding: int, last_row_padded: bool) -> None:
    image = (np.arange(width * height * 3) % 251).astype(np.uint8).reshape(height, width, 3)
    rows = np.pad(image.reshape(height, -1), ((0, 0), (0, padding)), constant_values=255)
    data = rows.tobytes()[: None if last_row_padded else rows.size - padding]
    np.testing.assert_array_equal(image_bgr(raw(data, "bgr8", width, height, width * 3 + padding)), image)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (raw(b"", "bgr8", 0, 0, 0), "0x0"),
        (raw(GRADIENT.tobytes()[:-1], "bgr8", 6, 4, 18), "71 bytes"),
        (raw(GRADIENT.tobytes(), "bgr8", 6, 4, 17), "at least 18"),
        (raw(GRADIENT.tobytes(), "32FC1", 6, 3, 24), "'32FC1'"),
        (raw(bytes(3), "yuyv", 1, 1, 2), "yuyv"),
    ],
)
def test_malformed_images_are_errors(message: SimpleNamespace, names: str) -> None:
    with pytest.raises(InputError, match=names):
        image_bgr(message)


def test_every_encoding_gives_three_channels() -> None:
    for name, encoding in ENCODINGS.items():
        step = 4 * encoding.pixel_bytes
        assert image_bgr(raw(bytes(step * 4), name, 4, 4, step)).shape == (4, 4, 3)


def padded(rows: ImageArray, padding: int) -> bytes:
    """Rows of bytes with filler behind each."""
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=255).tobytes()


@pytest.mark.parametrize("big", [False, True], ids=["little endian", "big endian"])
@pytest.mark.parametrize(
    ("encoding", "pixel", "bgr"),
    [
        ("mono16", [257 * 9], [9, 9, 9]),
        ("16UC1", [257 * 9 + 100], [9, 9, 9]),
        ("bgr16", [257, 514, 65535], [1, 2, 255]),
        ("16UC3", [257, 514, 65535], [1, 2, 255]),
        ("rgb16", [257, 514, 65535], [255, 2, 1]),
        ("bgra16", [257, 514, 771, 9], [1, 2, 3]),
        ("rgba16", [257, 514, 771, 9], [3, 2, 1]),
    ],
)
def test_samples_of_16_bits_are_scaled_to_8(encoding: str, pixel: list[int], bgr: list[int], big: bool) -> None:
    row = np.array(pixel * 3, dtype=">u2" if big else "<u2").view(np.uint8).reshape(1, -1)
    message = raw(padded(np.vstack([row, row]), 5), encoding, 3, 2, row.size + 5, big=big)
    np.testing.assert_array_equal(image_bgr(message), np.broadcast_to(bgr, (2, 3, 3)))


@pytest.mark.parametrize(("pattern", "red_at"), [("rggb", 0), ("bggr", 3), ("grbg", 1), ("gbrg", 2)])
def test_bayer_patterns_of_16_bits_are_decoded_like_those_of_8(pattern: str, red_at: int) -> None:
    mosaic = np.random.default_rng(red_at).integers(0, 255, (16, 16), np.uint8)
    mosaic.reshape(8, 2, 8, 2)[:, red_at // 2, :, red_at % 2] = 250
    deep = (mosaic.astype("<u2") * 257).view(np.uint8)
    expected = image_bgr(raw(mosaic.tobytes(), f"bayer_{pattern}8", 16, 16, 16))
    found = image_bgr(raw(deep.tobytes(), f"bayer_{pattern}16", 16, 16, 32))
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=1)
    assert found[8, 8, 2] == 250


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", ["nv12", "nv21", "nv24"])
def test_planes_of_luma_and_color_are_decoded(encoding: str, padding: int) -> None:
    smooth = np.full((8, 12, 3), (40, 90, 200), dtype=np.uint8)
    smooth[4:] = (200, 90, 40)
    planes = np.asarray(cv2.cvtColor(smooth, cv2.COLOR_BGR2YUV_I420), np.uint8)
    luma, u, v = planes[:8], planes[8:10].reshape(4, 6), planes[10:].reshape(4, 6)
    pairs = np.dstack([v, u] if encoding == "nv21" else [u, v])
    if encoding == "nv24":
        pairs = np.repeat(np.repeat(pairs, 2, axis=0), 2, axis=1)
    color = pairs.reshape(len(pairs), -1)
    data = padded(luma, padding) + padded(color, padding * color.shape[1] // 12)
    found = image_bgr(raw(data, encoding, 12, 8, 12 + padding))
    np.testing.assert_allclose(found.astype(int), smooth.astype(int), atol=3)


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_pairs_of_pixels_are_decoded_with_padded_rows(encoding: str) -> None:
    # Y = 81, U = 90, V = 240 is BT.601's red.
    pair = [90, 81, 240, 81] if encoding in ("yuv422", "uyvy") else [81, 90, 81, 240]
    row = np.array([pair * 2], dtype=np.uint8)
    found = image_bgr(raw(padded(np.vstack([row, row]), 3), encoding, 4, 2, row.size + 3))
    np.testing.assert_allclose(found.astype(int), np.broadcast_to([0, 0, 255], (2, 4, 3)), atol=2)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (raw(bytes(17), "nv12", 4, 3, 4), "even width and height"),
        (raw(bytes(23), "nv12", 4, 4, 4), "8 bytes for 4x4 nv12, got 7"),
        (raw(bytes(47), "nv24", 4, 4, 4), "32 bytes for 4x4 nv24, got 31"),
        (raw(bytes(16), "nv21", 4, 4, 2), "at least 4 bytes"),
        (raw(bytes(31), "mono16", 4, 4, 8), "32 bytes"),
        (raw(bytes(32), "mono16", 4, 4, 7), "at least 8 bytes"),
    ],
)
def test_planes_and_deep_samples_that_are_missing_are_errors(message: SimpleNamespace, names: str) -> None:
    with pytest.raises(InputError, match=names):
        image_bgr(message)


def test_the_message_is_not_changed_by_its_byte_order() -> None:
    message = raw(bytes([1, 2]), "mono16", 1, 1, 2, big=sys.byteorder == "little")
    image_bgr(message)
    assert message.data.tolist() == [1, 2]
