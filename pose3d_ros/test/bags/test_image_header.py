from __future__ import annotations

import struct

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from pose3d_ros.bags.image_header import is_image, read_header

IMAGE_BGR = np.full((24, 40, 3), 90, dtype=np.uint8)
GRAY_16 = np.full((24, 40), 900, dtype=np.uint16)


def encoded(extension: str, image: npt.NDArray[np.unsignedinteger] = IMAGE_BGR, *flags: int) -> bytes:
    return bytes(cv2.imencode(extension, image, list(flags))[1])


def exif(orientation: int, order: str = "<") -> bytes:
    """TIFF with a directory of one value, the orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)


def with_exif(tiff: bytes) -> bytes:
    segment = b"Exif\0\0" + tiff
    jpeg = encoded(".jpg")
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


@pytest.mark.parametrize(
    ("data", "form", "bits", "is_gray"),
    [
        (encoded(".jpg"), "JPEG", 8, False),
        (encoded(".jpg", IMAGE_BGR[:, :, 0]), "JPEG", 8, True),
        (encoded(".png"), "PNG", 8, False),
        (encoded(".png", GRAY_16), "PNG", 16, True),
        (encoded(".webp"), "WebP", 8, False),
        (encoded(".webp", IMAGE_BGR, cv2.IMWRITE_WEBP_QUALITY, 101), "WebP", 8, False),
        (encoded(".bmp"), "BMP", 8, False),
        (encoded(".tiff"), "TIFF", 8, False),
        (encoded(".ppm"), "PNM", 8, False),
        (encoded(".pgm", GRAY_16), "PNM", 16, True),
    ],
)
def test_sizes_of_what_opencv_writes(data: bytes, form: str, bits: int, is_gray: bool) -> None:
    header = read_header(data)
    assert header is not None
    assert is_image(data[:16])
    assert (header.format, header.width_px, header.height_px) == (form, 40, 24)
    assert (header.bits, header.is_gray) == (bits, is_gray)


def test_webp_with_features_and_of_an_unknown_kind() -> None:
    sizes = (40 - 1).to_bytes(3, "little") + (24 - 1).to_bytes(3, "little")
    extended = b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + sizes
    header = read_header(extended)
    assert header is not None
    assert (header.width_px, header.height_px) == (40, 24)
    assert read_header(extended.replace(b"VP8X", b"VP8?")) is None


def test_the_largest_extent_of_an_avif_is_its_size() -> None:
    def extent(width: int, height: int) -> bytes:
        return struct.pack(">I4sIII", 20, b"ispe", 0, width, height)

    start = struct.pack(">I4s4sI", 24, b"ftyp", b"avif", 0)
    header = read_header(start + extent(20, 12) + extent(40, 24))
    assert header is not None
    assert (header.format, header.width_px, header.height_px) == ("AVIF", 40, 24)
    assert read_header(start) is None
    assert read_header(start + extent(0, 0)) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_exif_in_either_byte_order(order: str) -> None:
    header = read_header(with_exif(exif(6, order)))
    assert header is not None
    assert header.orientation == 6


@pytest.mark.parametrize("tiff", [exif(0), exif(9), b"II*\0", exif(6)[:12]], ids=["zero", "nine", "cut", "cut entry"])
def test_orientation_that_is_none_is_upright(tiff: bytes) -> None:
    header = read_header(with_exif(tiff))
    assert header is not None
    assert (header.width_px, header.orientation) == (40, 1)


def test_jpeg_with_markers_without_a_length_and_without_a_size() -> None:
    jpeg = encoded(".jpg")
    header = read_header(jpeg[:2] + b"\xff\x01\xff\xff" + jpeg[2:])
    assert header is not None
    assert header.width_px == 40
    assert read_header(jpeg[:2] + b"\xff\xd9") is None
    assert read_header(jpeg[:2] + b"\x00\x10" + jpeg[2:]) is None


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".webp", ".tiff"])
def test_what_is_cut_before_its_size_has_no_header(extension: str) -> None:
    assert read_header(encoded(extension)[:9]) is None


def test_tiff_without_a_size_and_other_files_have_no_header() -> None:
    assert read_header(exif(1)) is None
    assert read_header(b"P6\n40") is None
    assert read_header(b"plain text, no image") is None
    assert not is_image(b"plain text, no i")
