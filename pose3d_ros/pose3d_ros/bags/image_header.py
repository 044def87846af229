"""What an encoded image says of itself in its first bytes, read without decoding: a few bytes can promise gigabytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from pose3d_ros.bags.exif_focal import focal_px

_EXIF_ORIENTATION = 0x0112
_TIFF_SIZES = (256, 257, 322, 323)  # width and height of the image, and of its tiles
_TIFF_FORMATS = {1: "B", 3: "H", 4: "I"}
_JPEG_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_PNM_NUMBERS = {b"P1": 2, b"P4": 2, b"P2": 3, b"P5": 3, b"P3": 3, b"P6": 3}
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


@dataclass(frozen=True)
class ImageHeader:
    """The size as it is stored, before any rotation. format: JPEG, PNG, WebP, BMP, TIFF, PNM, AVIF or HEIC.

    bits: of a sample. is_gray: one channel. orientation: of EXIF, 1 (upright) to 8. end: offset behind the size, 0 if
    unknown. focal_px: what EXIF says, None if it doesn't. HEIC has no size here.
    """

    format: str
    width_px: int
    height_px: int
    bits: int = 8
    is_gray: bool = False
    orientation: int = 1
    end: int = 0
    focal_px: float | None = None


def read_header(data: bytes | memoryview) -> ImageHeader | None:
    """The header of an encoded image; None for another format, and for one cut before its size."""
    head = bytes(data[:16])
    for fits, read in _READERS:
        if fits(head):
            try:
                return read(memoryview(data))
            except (struct.error, ValueError, IndexError):
                return None
    return None


def is_image(head: bytes) -> bool:
    """Whether the first 16 bytes are those of an image."""
    return any(fits(head) for fits, _ in _READERS)


def _jpeg(data: memoryview) -> ImageHeader | None:
    at, orientation, exif = 2, 1, memoryview(b"")
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        marker, after = data[at + 1], at + 2
        if data[at] != 0xFF or marker in (0xD9, 0xDA):
            return None
        if marker in _JPEG_BARE:
            at = after
            continue
        (length,) = struct.unpack_from(">H", data, after)
        if marker in _JPEG_SIZED:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, after + 2)
            focal = focal_px(exif, width, height) if width and height else None
            return ImageHeader("JPEG", width, height, bits, channels == 1, orientation, after + length, focal)
        if marker == 0xE1 and bytes(data[after + 2 : after + 8]) == b"Exif\0\0":
            exif = data[after + 8 : after + length]
            orientation = _orientation(exif)
        at = after + max(2, length)


def _orientation(tiff: memoryview) -> int:
    try:
        found = _tiff_values(tiff, (_EXIF_ORIENTATION,)).get(_EXIF_ORIENTATION, 1)
    except (struct.error, ValueError, IndexError):
        return 1
    return found if 1 <= found <= 8 else 1


def _png(data: memoryview) -> ImageHeader:
    width, height, bits, color = struct.unpack_from(">IIBB", data, 16)
    return ImageHeader("PNG", width, height, bits, color in (0, 4), end=33)


def _webp(data: memoryview) -> ImageHeader | None:
    kind = bytes(data[12:16])
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return ImageHeader("WebP", width, height)


def _bmp(data: memoryview) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", data, 18)
    return ImageHeader("BMP", abs(width), abs(height))


def _tiff(data: memoryview) -> ImageHeader | None:
    found = _tiff_values(data, (*_TIFF_SIZES, _EXIF_ORIENTATION))
    if not (256 in found and 257 in found):
        return None
    width, height = max(found[256], found.get(322, 0)), max(found[257], found.get(323, 0))
    focal = focal_px(data, width, height) if width and height else None
    return ImageHeader("TIFF", width, height, orientation=found.get(_EXIF_ORIENTATION, 1), focal_px=focal)


def _tiff_values(tiff: memoryview, tags: tuple[int, ...]) -> dict[int, int]:
    """The first value of each of these tags that the first directory has."""
    order = {b"II": "<", b"MM": ">"}[bytes(tiff[:2])] if bytes(tiff[:2]) in (b"II", b"MM") else "<"
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    found: dict[int, int] = {}
    for at in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind, _ = struct.unpack_from(f"{order}HHI", tiff, at)
        if tag in tags and kind in _TIFF_FORMATS:
            (found[tag],) = struct.unpack_from(order + _TIFF_FORMATS[kind], tiff, at + 8)
    return found


def _pnm(data: memoryview) -> ImageHeader:
    kind, text = bytes(data[:2]), re.sub(rb"#[^\n\r]*", b" ", bytes(data[2:4096]))
    numbers = [int(word) for word in text.split(maxsplit=4)[: _PNM_NUMBERS[kind]]]
    deep = len(numbers) > 2 and numbers[2] > 255
    return ImageHeader("PNM", numbers[0], numbers[1], 16 if deep else 8, kind not in (b"P3", b"P6"))


def _avif(data: memoryview) -> ImageHeader | None:
    # Image spatial extents: a full box of version 0 with width and height. The largest is the whole image.
    sizes = [struct.unpack_from(">II", data, m.end() + 4) for m in re.finditer(rb"ispe", data[:65536])]
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return ImageHeader("AVIF", width, height) if width and height else None


def _heic(data: memoryview) -> ImageHeader:
    return ImageHeader("HEIC", 0, 0)


_Reader = Callable[[memoryview], "ImageHeader | None"]
_READERS: tuple[tuple[Callable[[bytes], bool], _Reader], ...] = (
    (lambda head: head.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    (lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP", _webp),
    (lambda head: head.startswith(b"BM"), _bmp),
    (lambda head: head.startswith((b"II*\0", b"MM\0*")), _tiff),
    (lambda head: head[:2] in _PNM_NUMBERS and head[2:3].isspace(), _pnm),
    (lambda head: head[4:12] in (b"ftypavif", b"ftypavis"), _avif),
    (lambda head: head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS, _heic),
)
