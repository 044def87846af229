"""Image messages to arrays; messages are stood in for by objects with the same fields."""

from __future__ import annotations

from array import array
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pose3d_ros.bags.image_decoding import ENCODINGS, decoded_bgr, image_bgr
from pose3d_ros.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
GRADIENT = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def raw(data: bytes, encoding: str, width: int, height: int, step: int) -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), encoding=encoding, width=width, height=height, step=step)


def compressed(data: bytes) -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), format="jpeg")


def encode(image: npt.NDArray[Any], extension: str) -> bytes:
    return bytes(cv2.imencode(extension, image)[1])


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
        step = 4 * encoding.channels
        assert image_bgr(raw(bytes(step * 4), name, 4, 4, step)).shape == (4, 4, 3)


@pytest.mark.parametrize(("extension", "padding"), [(".jpg", b""), (".png", b""), (".jpg", bytes(100))])
def test_compressed_images_decode(extension: str, padding: bytes) -> None:
    flat = np.full((16, 24, 3), (40, 90, 200), dtype=np.uint8)
    np.testing.assert_allclose(decoded_bgr(compressed(encode(flat, extension) + padding)), flat, atol=3)


def test_exif_rotation_is_ignored() -> None:
    plain = encode(np.zeros((16, 24, 3), np.uint8), ".jpg")
    # Orientation 6 (turned by 90 degrees) as the only EXIF field.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    tagged = plain[:2] + b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff + plain[2:]
    assert np.asarray(cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)).shape == (24, 16, 3)
    assert decoded_bgr(compressed(tagged)).shape == (16, 24, 3)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", encode(NOISE, ".jpg")[:-900], encode(NOISE, ".png")[:-900], b"\xff\xd8\xff\xd9"],
    ids=["empty", "text", "cut jpeg", "cut png", "only markers"],
)
def test_undecodable_images_are_errors(data: bytes) -> None:
    with pytest.raises(InputError, match="whole JPEG or PNG"):
        decoded_bgr(compressed(data))
