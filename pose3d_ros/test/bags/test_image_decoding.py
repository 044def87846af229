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

GRADIENT = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def raw(data: bytes, encoding: str, width: int, height: int, step: int) -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), encoding=encoding, width=width, height=height, step=step)


def compressed(data: bytes, image_format: str = "jpeg") -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), format=image_format)


def encode(image: npt.NDArray[Any], extension: str) -> bytes:
    return bytes(cv2.imencode(extension, image)[1])


def test_bgr_is_a_view_of_the_message() -> None:
    message = raw(GRADIENT.tobytes(), "bgr8", 6, 4, 18)
    image = image_bgr(message)
    np.testing.assert_array_equal(image, GRADIENT)
    message.data[0] = 99
    assert image[0, 0, 0] == 99


def test_rgb_swaps_channels() -> None:
    image = image_bgr(raw(bytes([10, 20, 30]), "rgb8", 1, 1, 3))
    assert image.tolist() == [[[30, 20, 10]]]


@pytest.mark.parametrize(("encoding", "pixel"), [("bgra8", [1, 2, 3, 9]), ("rgba8", [3, 2, 1, 9])])
def test_alpha_is_dropped(encoding: str, pixel: list[int]) -> None:
    assert image_bgr(raw(bytes(pixel), encoding, 1, 1, 4)).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_gray_becomes_three_channels(encoding: str) -> None:
    assert image_bgr(raw(bytes([7, 8]), encoding, 2, 1, 2)).tolist() == [[[7, 7, 7], [8, 8, 8]]]


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


@given(width=st.integers(1, 9), height=st.integers(1, 9), padding=st.integers(0, 7))
def test_row_padding_is_removed(width: int, height: int, padding: int) -> None:
    image = (np.arange(width * height * 3, dtype=np.int64) % 251).astype(np.uint8).reshape(height, width, 3)
    rows = np.pad(image.reshape(height, -1), ((0, 0), (0, padding)), constant_values=255)
    message = raw(rows.tobytes(), "bgr8", width, height, width * 3 + padding)
    np.testing.assert_array_equal(image_bgr(message), image)


def test_last_row_may_lack_its_padding() -> None:
    rows = np.pad(GRADIENT.reshape(4, -1), ((0, 0), (0, 5)))
    message = raw(rows.tobytes()[:-5], "bgr8", 6, 4, 23)
    np.testing.assert_array_equal(image_bgr(message), GRADIENT)


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (raw(b"", "bgr8", 0, 0, 0), "0x0"),
        (raw(b"", "bgr8", 6, 0, 18), "6x0"),
        (raw(GRADIENT.tobytes()[:-1], "bgr8", 6, 4, 18), "71 bytes"),
        (raw(b"", "bgr8", 6, 4, 18), "0 bytes"),
        (raw(GRADIENT.tobytes(), "bgr8", 6, 4, 17), "at least 18"),
        (raw(GRADIENT.tobytes(), "32FC1", 6, 3, 24), "'32FC1'"),
        (raw(GRADIENT.tobytes(), "", 6, 4, 18), "''"),
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


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_compressed_images_decode(extension: str) -> None:
    flat = np.full((16, 24, 3), (40, 90, 200), dtype=np.uint8)
    np.testing.assert_allclose(decoded_bgr(compressed(encode(flat, extension))), flat, atol=3)


def test_padded_jpeg_decodes() -> None:
    data = encode(np.full((16, 24, 3), 90, np.uint8), ".jpg") + bytes(100)
    assert decoded_bgr(compressed(data)).shape == (16, 24, 3)


def test_exif_rotation_is_ignored() -> None:
    plain = encode(np.zeros((16, 24, 3), np.uint8), ".jpg")
    # Orientation 6 (turned by 90 degrees) as the only EXIF field.
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    tagged = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    assert np.asarray(cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR)).shape == (24, 16, 3)
    assert decoded_bgr(compressed(tagged)).shape == (16, 24, 3)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        encode(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), ".jpg")[:-900],
        encode(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), ".png")[:-900],
        b"\xff\xd8\xff\xd9",
    ],
    ids=["empty", "text", "cut jpeg", "cut png", "only markers"],
)
def test_undecodable_images_are_errors(data: bytes) -> None:
    with pytest.raises(InputError, match="whole JPEG or PNG"):
        decoded_bgr(compressed(data))
