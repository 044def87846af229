"""Depth images of messages and files, as metres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pose3d_ros.bags.image_decoding import MAX_IMAGE_PIXELS, check_pixels, decoded_as_stored, encoded_file
from pose3d_ros.bags.image_header import read_header
from pose3d_ros.errors import InputError

DEPTH_SUFFIX = "/compressedDepth"
"""Of the topics of compressed_depth_image_transport."""
DepthArray = npt.NDArray[np.float32]
_KINDS: dict[str, tuple[str, float]] = {"16UC1": ("u2", 1e-3), "mono16": ("u2", 1e-3), "32FC1": ("f4", 1.0)}
"""Encoding → type of a pixel, and metres in its unit (REP 118)."""
_HEADER_BYTES = 12
_FIX = "Publish depth as 16UC1 in millimetres or 32FC1 in metres, aligned with the color image."


def depth_m(message: Any) -> DepthArray:
    """The pixels of a sensor_msgs/Image as (H, W) float32 metres; 0 or NaN where nothing was measured.

    Raises InputError for another encoding than 16UC1 and 32FC1, and for data that does not fit the message's size.
    """
    kind = _KINDS.get(str(message.encoding))
    if kind is None:
        raise InputError("depth image", expected=" or ".join(_KINDS), got=repr(message.encoding), fix=_FIX)
    name, unit_m = kind
    pixel = np.dtype((">" if message.is_bigendian else "<") + name)
    width, height, step = int(message.width), int(message.height), int(message.step)
    data = np.frombuffer(message.data, dtype=np.uint8)
    if not width or not height or step < width * pixel.itemsize or data.size < step * height:
        raise InputError(
            "depth image",
            expected=f"{width}x{height} pixels of {pixel.itemsize} bytes in {height} rows of {step}",
            got=f"{data.size} bytes",
            fix=_FIX,
        )
    rows = data[: step * height].reshape(height, step)[:, : width * pixel.itemsize]
    return np.asarray(np.ascontiguousarray(rows).view(pixel), dtype=np.float32) * np.float32(unit_m)


def compressed_depth_m(message: Any) -> DepthArray:
    """The pixels of a sensor_msgs/CompressedImage of compressed_depth_image_transport as (H, W) float32 metres.

    A header of 12 bytes, then a PNG: of millimetres for 16UC1, of inverse depth for 32FC1, whose two coefficients the
    header holds. Raises InputError for other data.
    """
    encoding, _, coding = str(message.format).partition(";")
    data = np.frombuffer(message.data, dtype=np.uint8)
    image, png = None, data[_HEADER_BYTES:]
    header = read_header(png.data) if "compressedDepth" in coding and encoding.strip() in _KINDS else None
    if header is not None:
        check_pixels("compressed depth image", header.width_px, header.height_px, MAX_IMAGE_PIXELS)
        image = decoded_as_stored(png, header)
    if image is None or image.ndim != 2 or image.dtype != np.uint16:
        raise InputError(
            "compressed depth image",
            expected="a format such as '16UC1; compressedDepth png' and its data",
            got=f"{message.format!r}, {data.size} bytes",
            fix=_FIX,
        )
    if encoding.strip() != "32FC1":
        return image.astype(np.float32) * np.float32(1e-3)
    scale, offset = data[4:_HEADER_BYTES].view("<f4")
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(image > 0, scale / (image.astype(np.float32) - offset), np.float32(np.nan)).astype(np.float32)


def any_depth_m(message: Any) -> DepthArray:
    """Of a sensor_msgs/Image or CompressedImage; see `depth_m` and `compressed_depth_m`."""
    return compressed_depth_m(message) if hasattr(message, "format") else depth_m(message)


def depth_file_m(path: Path) -> DepthArray:
    """A PNG or TIFF of 16 bits in millimetres, or of floats in metres, as (H, W) float32 metres. Raises InputError."""
    data, header = encoded_file(path)
    image = decoded_as_stored(data, header)
    if image is None or image.ndim != 2 or image.dtype not in (np.uint16, np.float32):
        got = f"a {header.format} that can't be decoded" if image is None else f"{image.dtype} {image.shape}"
        raise InputError(
            f"depth image {path}",
            expected="one channel of 16 bits in millimetres, or of floats in metres",
            got=got,
            fix="Save depth as a PNG of 16 bits in millimetres.",
        )
    unit_m = np.float32(1e-3 if image.dtype == np.uint16 else 1.0)
    return np.asarray(image, dtype=np.float32) * unit_m
