"""Encoded images, of messages and of files, to BGR: the size is read and judged before anything is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.bags.image_encodings import to_8_bits
from pose3d_ros.bags.image_header import ImageHeader, read_header
from pose3d_ros.config.input_settings import InputConfig
from pose3d_ros.errors import InputError
from pose3d_ros.reading.files import Origin, read_bytes
from pose3d_ros.types import ImageArray

MAX_IMAGE_PIXELS = InputConfig().max_image_pixels
"""The largest image that is decoded unless said otherwise: 300 MB as BGR."""

# EXIF must not turn a camera's image: camera_info describes it as the sensor gave it.
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_MOST_BYTES = 1 << 30
_STARTS = (b"\xff\xd8", b"\x89PNG")
_ENDS = {"JPEG": b"\xff\xd9"}
_MOST_CHUNKS = 1 << 18
_RED_FIRST = ("rgb8", "rgba8", "rgb16", "rgba16")
_HEIC_FIX = (
    "Convert it, for example with `heif-convert IN.heic OUT.jpg` (package libheif-examples), or set the phone's camera "
    "to the most compatible format."
)


def decoded_bgr(message: Any, max_pixels: int = MAX_IMAGE_PIXELS) -> ImageArray:
    """The pixels of a sensor_msgs/CompressedImage (JPEG, PNG, WebP, BMP, TIFF, PNM) as (H, W, 3) uint8 BGR.

    As compressed_image_transport has it, a color encoding before the semicolon of `format` says in which order the
    channels were given to the encoder ("rgb8; png": red first), unless "compressed bgr8" follows. Raises InputError
    for an image of more pixels than max_pixels, for a depth image, and for bytes that are cut short or something else.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    header = compressed_header(message, max_pixels)
    if _is_cut(data, header):
        raise _undecodable(message, f"{data.size} bytes that are cut short")
    flags = _AS_STORED | (cv2.IMREAD_ANYDEPTH if header.bits == 16 else 0)
    image = _decoded(data, flags)
    if image is None or image.shape[:2] != (header.height_px, header.width_px):
        raise _undecodable(message, f"{data.size} bytes of a damaged {header.format}")
    encoding, _, coding = str(message.format).partition(";")
    if encoding.strip() in _RED_FIRST and coding and "compressed bgr" not in coding:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), dtype=np.uint8)
    return image


def compressed_header(message: Any, max_pixels: int = MAX_IMAGE_PIXELS) -> ImageHeader:
    """What the data of a sensor_msgs/CompressedImage says of itself; nothing is decoded.

    Raises InputError for depth images and other data, and for one of more pixels than max_pixels.
    """
    data = memoryview(message.data).cast("B")
    encoding, _, coding = str(message.format).partition(";")
    if "compressedDepth" in coding:
        raise _undecodable(message, "a depth image")
    header = read_header(data)
    if header is None or header.format == "HEIC":
        cut = bytes(data[:4]).startswith(_STARTS)
        raise _undecodable(message, f"{len(data)} bytes " + ("that are cut short" if cut else "of something else"))
    if header.bits == 16 and header.is_gray and encoding.strip() != "mono16":
        raise _undecodable(message, "a depth image (16 bits, one channel; infrared images are named mono16)")
    check_pixels("compressed image", header.width_px, header.height_px, max_pixels)
    return header


def image_file(path: Path, max_pixels: int = MAX_IMAGE_PIXELS) -> tuple[ImageArray, ImageHeader]:
    """The pixels (H, W, 3) uint8 BGR of a file, turned upright as its EXIF says, and its header.

    Raises InputError as `encoded_file`, and for what can't be decoded.
    """
    data, header = encoded_file(path, max_pixels)
    image = _decoded(data, cv2.IMREAD_COLOR | (cv2.IMREAD_ANYDEPTH if header.bits == 16 else 0))
    size = {header.width_px, header.height_px}
    if image is None or (header.format != "TIFF" and set(image.shape[:2]) != size):
        avif = "AVIF, which this OpenCV can't decode" if header.format == "AVIF" else f"a damaged {header.format}"
        raise _unreadable_file(path, avif)
    return image, header


def encoded_file(path: Path, max_pixels: int = MAX_IMAGE_PIXELS) -> tuple[npt.NDArray[np.uint8], ImageHeader]:
    """The bytes of an image file, for OpenCV to decode, and its header; OpenCV reads neither every name nor every size.

    Raises InputError for a file that can't be read, is too large, is cut short, or is no image.
    """
    content = read_bytes(path, Origin(InputError, f"image {path}", "Check the path."), most_bytes=_MOST_BYTES)
    header = read_header(content)
    if header is None:
        raise _unreadable_file(path, "bytes of something else" if content else "an empty file")
    if header.format == "HEIC":
        raise InputError(f"image {path}", expected="JPEG, PNG, BMP, WebP, TIFF or PNM", got="HEIC", fix=_HEIC_FIX)
    check_pixels(f"image {path}", header.width_px, header.height_px, max_pixels)
    data = np.frombuffer(content, dtype=np.uint8)
    if _is_cut(data, header):
        raise _unreadable_file(path, f"a {header.format} that is cut short")
    return data, header


def check_pixels(subject: str, width_px: int, height_px: int, max_pixels: int) -> None:
    """Raise InputError for an empty size and for more pixels than the limit."""
    if 0 < width_px * height_px <= max_pixels:
        return
    raise InputError(
        subject,
        expected=f"1 to {max_pixels} pixels (max_image_pixels)",
        got=f"{width_px}x{height_px}, by its header",
        fix="Scale it down; or raise max_image_pixels if the image is meant to be so large.",
    )


def decoded_as_stored(data: npt.NDArray[np.uint8], header: ImageHeader) -> npt.NDArray[Any] | None:
    """The pixels of whatever kind the file has; None for data that is cut short, and for what OpenCV can't decode."""
    return None if _is_cut(data, header) else _opencv_decoded(data, cv2.IMREAD_UNCHANGED)


def _opencv_decoded(data: npt.NDArray[np.uint8], flags: int) -> npt.NDArray[Any] | None:
    try:
        return cv2.imdecode(data, flags)
    except cv2.error:
        return None


def _decoded(data: npt.NDArray[np.uint8], flags: int) -> ImageArray | None:
    image = _opencv_decoded(data, flags)
    if image is None or image.ndim != 3 or image.shape[2] != 3:
        return None
    return to_8_bits(np.asarray(image)) if image.dtype == np.uint16 else np.asarray(image, dtype=np.uint8)


def _is_cut(data: npt.NDArray[np.uint8], header: ImageHeader) -> bool:
    """Whether the end marker is missing. Previews come before it; zeros of cameras and films of phones behind it."""
    if header.format == "PNG":
        return not _reaches_its_end(data)
    end = _ENDS.get(header.format)
    return end is not None and end not in data[header.end :].tobytes()


def _reaches_its_end(png: npt.NDArray[np.uint8]) -> bool:
    """Whether each chunk of a PNG ends in the data, up to IEND: OpenCV allocates what a chunk promises, up to 2 GB."""
    data, at = png.data.cast("B"), 8
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            return False
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        at += 12 + length
        if kind == b"IEND":
            return at <= len(data)
    return False


def _undecodable(message: Any, got: str) -> InputError:
    return InputError(
        "compressed image",
        expected="a whole JPEG or PNG",
        got=f"{got}, format {message.format!r}",
        fix="Look at the node that publishes the image; depth images have no people.",
    )


def _unreadable_file(path: Path, got: str) -> InputError:
    return InputError(
        f"image {path}",
        expected="a whole image that OpenCV can decode",
        got=got,
        fix="Look at it in another program; JPEG, PNG, BMP, WebP, TIFF and PNM are read.",
    )
