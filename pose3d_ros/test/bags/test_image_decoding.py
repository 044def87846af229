"""Encoded images of messages and files to arrays; messages are stood in for by objects with the same fields."""

from __future__ import annotations

import struct
import zlib
from array import array
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.bags.image_decoding import decoded_bgr, image_file
from pose3d_ros.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)


def compressed(data: bytes, form: str = "jpeg") -> SimpleNamespace:
    return SimpleNamespace(data=array("B", data), format=form)


def encode(image: npt.NDArray[Any], extension: str) -> bytes:
    return bytes(cv2.imencode(extension, image)[1])


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


@pytest.mark.parametrize(
    ("form", "red_first"),
    [
        ("rgb8; png", True),
        ("rgb8;png", True),
        ("rgba8; png compressed", True),
        ("rgb8; jpeg compressed ", True),
        ("rgb8; png compressed bgr8", False),
        ("rgb8; jpeg compressed bgr8", False),
        ("bgr8; png", False),
        ("mono8; png compressed ", False),
        ("png", False),
        ("rgb8", False),
        ("", False),
    ],
)
def test_the_format_names_the_order_of_the_channels(form: str, red_first: bool) -> None:
    stored = np.full((8, 8, 3), (200, 90, 40), dtype=np.uint8)
    expected = stored[..., ::-1] if red_first else stored
    np.testing.assert_array_equal(decoded_bgr(compressed(encode(stored, ".png"), form)), expected)


def test_depth_images_are_no_pictures() -> None:
    depth = encode(np.full((8, 8), 1500, dtype=np.uint16), ".png")
    for data, form in [
        (depth, "16UC1; png compressed "),
        (depth, "png"),
        (depth, "16UC1; compressedDepth png"),
        (bytes(12) + depth, "16UC1; compressedDepth"),
        (bytes(12) + depth, "32FC1; compressedDepth png"),
        (encode(NOISE, ".png"), "32FC1; compressedDepth png"),
    ]:
        with pytest.raises(InputError, match="a depth image"):
            decoded_bgr(compressed(data, form))


def test_deep_pictures_are_scaled_to_8_bits() -> None:
    gray = encode(np.full((8, 8), 257 * 9 + 120, dtype=np.uint16), ".png")
    assert decoded_bgr(compressed(gray, "mono16; png compressed "))[0, 0].tolist() == [9, 9, 9]
    color = encode(np.full((8, 8, 3), (257, 514, 65535), dtype=np.uint16), ".png")
    assert decoded_bgr(compressed(color, "bgr16; png compressed bgr16"))[0, 0].tolist() == [1, 2, 255]


def png_of_size(width: int, height: int, *, gray: bool = True) -> bytes:
    """A PNG that promises so many pixels, all black: its rows are compressed to almost nothing."""
    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    pixels = b"".join([*(packer.compress(row) for _ in range(min(height, 2000))), packer.flush()])
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 1 if gray else 8, 0 if gray else 2, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")):
        parts.append(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return b"".join(parts)


@pytest.mark.parametrize(
    "data",
    [
        png_of_size(30_000, 30_000),
        png_of_size(60_000, 1, gray=False).replace(struct.pack(">II", 60_000, 1), struct.pack(">II", 60_000, 60_000)),
        b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 65_000, 65_000, 3) + bytes(20) + b"\xff\xd9",
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\x00\xff\xff\x00" + bytes(20),
        b"RIFF\x20\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\x0f" + bytes(20),
        b"BM" + bytes(12) + struct.pack("<Iii", 40, 30_000, -30_000) + bytes(60),
        b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHIIHHIII", 256, 4, 1, 50_000, 257, 4, 1, 50_000, 0),
        b"P6 # many\n30000 30000\n255\n" + bytes(20),
    ],
    ids=["png", "png with another size", "jpeg", "webp", "lossless webp", "bmp", "tiff", "ppm"],
)
def test_images_of_too_many_pixels_are_refused_by_their_header(data: bytes, tmp_path: Path) -> None:
    assert len(data) < 200_000
    with pytest.raises(InputError, match=r"\d+x\d+, by its header"):
        decoded_bgr(compressed(data))
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(InputError, match=r"max_image_pixels.*\d+x\d+, by its header"):
        image_file(tmp_path / "bomb.png")


def test_the_limit_of_pixels_can_be_chosen(tmp_path: Path) -> None:
    data = encode(NOISE, ".png")
    assert decoded_bgr(compressed(data), max_pixels=64 * 64).shape == (64, 64, 3)
    with pytest.raises(InputError, match="64x64, by its header"):
        decoded_bgr(compressed(data), max_pixels=64 * 64 - 1)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm", ".pgm"])
def test_files_are_read_whatever_their_name(extension: str, tmp_path: Path) -> None:
    path = Path(str(tmp_path / "a:b %04d -\udcff") + extension)
    image = NOISE[:, :48]
    path.write_bytes(encode(image if extension != ".pgm" else image[..., 0], extension))
    found, header = image_file(path)
    assert found.shape == (64, 48, 3)
    assert (header.width_px, header.height_px) == (48, 64)


def test_a_picture_with_a_film_behind_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "motion.jpg").write_bytes(encode(NOISE, ".jpg") + bytes(10_000))
    assert image_file(tmp_path / "motion.jpg")[0].shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"", "an empty file"),
        (b"Pf\n4 4\n-1.0\n" + bytes(64), "something else"),
        (b"PF\n4 4\n-1.0\n" + bytes(192), "something else"),
        (b"Pg\n4 4\n-1.0\n" + bytes(128), "something else"),
        (encode(NOISE, ".jpg")[:-900], "a JPEG that is cut short"),
        (encode(NOISE, ".png")[:-900], "a PNG that is cut short"),
        (encode(NOISE, ".webp")[:-900], "a damaged WebP"),
        (bytes(4) + b"ftypheic" + bytes(100), "got HEIC.*heif-convert"),
        (bytes(4) + b"ftypmif1" + bytes(100), "got HEIC.*heif-convert"),
    ],
    ids=["empty", "PFM", "color PFM", "two-channel PFM", "cut jpeg", "cut png", "cut webp", "HEIC", "HEIF"],
)
def test_files_that_are_no_whole_picture_are_errors(data: bytes, got: str, tmp_path: Path) -> None:
    (tmp_path / "some.jpg").write_bytes(data)
    with pytest.raises(InputError, match=got):
        image_file(tmp_path / "some.jpg")
    with pytest.raises(InputError):
        decoded_bgr(compressed(data))


@pytest.mark.parametrize("length", [100, 0x7B494441, 0xFFFFFFFF])
def test_chunks_of_a_png_that_promise_more_than_there_is_are_not_decoded(length: int) -> None:
    whole = encode(NOISE, ".png")
    promising = whole[:33] + length.to_bytes(4, "big") + b"tEXt" + bytes(20)
    with pytest.raises(InputError, match="cut short"):
        decoded_bgr(compressed(promising, "png"))
    with pytest.raises(InputError, match="cut short"):
        decoded_bgr(compressed(promising + b"IEND" + bytes(4), "png"))
