"""The encodings of sensor_msgs/Image to BGR, without a copy where the bytes are in order already.

Messages are known by their fields only, so that this needs no ROS.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

_Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """An encoding of sensor_msgs/Image with all samples of a pixel side by side.

    conversion: OpenCV's code to BGR, None where it is BGR already. bits: of a sample, 8 or 16.
    """

    channels: int
    conversion: int | None
    bits: int = 8

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel."""
        return self.channels * self.bits // 8


@dataclass(frozen=True)
class PlanarEncoding:
    """One plane of Y, then one of interleaved color. conversion: OpenCV's code to BGR, of half the resolution.

    is_full: color at the full resolution, twice as many bytes a row as Y.
    """

    conversion: int
    is_full: bool = False


# sensor_msgs/image_encodings.hpp. OpenCV names a Bayer pattern by its second row and column, hence the shift (as in
# cv_bridge). `yuv422` is UYVY, an old name. 16UC1 is gray, like mono16: infrared and thermal cameras publish it.
ENCODINGS: dict[str, Encoding] = {
    "bgr8": Encoding(3, None),
    "8UC3": Encoding(3, None),
    "rgb8": Encoding(3, cv2.COLOR_RGB2BGR),
    "bgra8": Encoding(4, cv2.COLOR_BGRA2BGR),
    "8UC4": Encoding(4, cv2.COLOR_BGRA2BGR),
    "rgba8": Encoding(4, cv2.COLOR_RGBA2BGR),
    "mono8": Encoding(1, cv2.COLOR_GRAY2BGR),
    "8UC1": Encoding(1, cv2.COLOR_GRAY2BGR),
    "uyvy": Encoding(2, cv2.COLOR_YUV2BGR_UYVY),
    "yuv422": Encoding(2, cv2.COLOR_YUV2BGR_UYVY),
    "yuyv": Encoding(2, cv2.COLOR_YUV2BGR_YUY2),
    "yuv422_yuy2": Encoding(2, cv2.COLOR_YUV2BGR_YUY2),
    "bayer_rggb8": Encoding(1, cv2.COLOR_BayerBG2BGR),
    "bayer_bggr8": Encoding(1, cv2.COLOR_BayerRG2BGR),
    "bayer_gbrg8": Encoding(1, cv2.COLOR_BayerGR2BGR),
    "bayer_grbg8": Encoding(1, cv2.COLOR_BayerGB2BGR),
    "bgr16": Encoding(3, None, 16),
    "16UC3": Encoding(3, None, 16),
    "rgb16": Encoding(3, cv2.COLOR_RGB2BGR, 16),
    "bgra16": Encoding(4, cv2.COLOR_BGRA2BGR, 16),
    "16UC4": Encoding(4, cv2.COLOR_BGRA2BGR, 16),
    "rgba16": Encoding(4, cv2.COLOR_RGBA2BGR, 16),
    "mono16": Encoding(1, cv2.COLOR_GRAY2BGR, 16),
    "16UC1": Encoding(1, cv2.COLOR_GRAY2BGR, 16),
    "bayer_rggb16": Encoding(1, cv2.COLOR_BayerBG2BGR, 16),
    "bayer_bggr16": Encoding(1, cv2.COLOR_BayerRG2BGR, 16),
    "bayer_gbrg16": Encoding(1, cv2.COLOR_BayerGR2BGR, 16),
    "bayer_grbg16": Encoding(1, cv2.COLOR_BayerGB2BGR, 16),
}
# Layouts of Video4Linux's NV12, NV21 and NV24, to which image_encodings.hpp refers; `step` is that of the Y plane.
PLANAR_ENCODINGS: dict[str, PlanarEncoding] = {
    "nv12": PlanarEncoding(cv2.COLOR_YUV2BGR_NV12),
    "nv21": PlanarEncoding(cv2.COLOR_YUV2BGR_NV21),
    "nv24": PlanarEncoding(cv2.COLOR_YUV2BGR_NV12, is_full=True),
}

_TO_8_BITS = 255.0 / 65535.0


def image_bgr(message: Any) -> ImageArray:
    """The pixels of a sensor_msgs/Image as (H, W, 3) uint8 BGR; for `bgr8` a view of the message's bytes.

    Rows may be padded (`step`). 16-bit samples are scaled from 0–65535 to 0–255, as cv_bridge does. Raises InputError
    for an unknown encoding, an empty image and missing bytes.
    """
    if message.encoding in PLANAR_ENCODINGS:
        return _planar_bgr(message, PLANAR_ENCODINGS[message.encoding])
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise InputError(
            "image encoding",
            expected="one of " + ", ".join((*ENCODINGS, *PLANAR_ENCODINGS)),
            got=repr(message.encoding),
            fix="Let the camera driver or image_proc publish one of these.",
        )
    rows = _rows(message, encoding)
    bgr = rows if encoding.conversion is None else _converted(rows, encoding.conversion, message.encoding)
    return bgr if encoding.bits == 8 else to_8_bits(bgr)


def to_8_bits(image: npt.NDArray[np.uint16]) -> ImageArray:
    """Scale 0–65535 to 0–255."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=_TO_8_BITS), dtype=np.uint8)


def _rows(message: Any, encoding: Encoding) -> _Pixels:
    """The pixels (H, W, channels), uint8 or uint16 in this machine's byte order."""
    width, height, step = _size(message)
    data: npt.NDArray[np.uint8] = np.frombuffer(message.data, dtype=np.uint8)
    row_bytes = width * encoding.pixel_bytes
    if encoding.channels == 2 and width % 2:  # older OpenCV converts half a pair of pixels without a word
        raise _bad_size(f"an even width, since {message.encoding} holds pixels in pairs", f"{width}")
    if step < row_bytes:
        raise _bad_size(f"a step of at least {row_bytes} bytes for {width} px of {message.encoding}", f"{step}")
    rows: _Pixels = _plane(message, data, height, row_bytes, step)
    if encoding.bits == 16:
        order = "big" if getattr(message, "is_bigendian", False) else "little"
        samples = rows.view(np.uint16)
        rows = samples if order == sys.byteorder else samples.byteswap()
    return rows.reshape(height, width, encoding.channels)


def _plane(message: Any, data: npt.NDArray[np.uint8], height: int, row_bytes: int, step: int) -> ImageArray:
    """Rows (height, row_bytes) of these bytes, without their padding; the last may lack its own."""
    needed = step * (height - 1) + row_bytes
    if data.size < needed:
        size = f"{message.width}x{message.height}"
        raise _bad_size(f"{needed} bytes for {size} {message.encoding}", f"{data.size} bytes")
    rows = np.lib.stride_tricks.as_strided(data, (height, row_bytes), (step, 1), writeable=False)
    return np.ascontiguousarray(rows)


def _planar_bgr(message: Any, encoding: PlanarEncoding) -> ImageArray:
    width, height, step = _size(message)
    if not encoding.is_full and (width % 2 or height % 2):
        got = f"{width}x{height}"
        raise _bad_size(f"an even width and height, since {message.encoding} has color for 2x2 pixels", got)
    if step < width:
        raise _bad_size(f"a step of at least {width} bytes for {width} px of {message.encoding}", f"{step}")
    data: npt.NDArray[np.uint8] = np.frombuffer(message.data, dtype=np.uint8)
    luma = _plane(message, data, height, width, step)
    if encoding.is_full:
        color = _plane(message, data[step * height :], height, 2 * width, 2 * step)
        # Color for each pixel is that of an image of twice the size, whose pixels come in fours.
        luma = np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)
        return np.ascontiguousarray(_converted(np.vstack((luma, color)), encoding.conversion, "nv24")[::2, ::2])
    color = _plane(message, data[step * height :], height // 2, width, step)
    return _converted(np.vstack((luma, color)), encoding.conversion, message.encoding)


def _size(message: Any) -> tuple[int, int, int]:
    width, height, step = int(message.width), int(message.height), int(message.step)
    if not (width > 0 and height > 0):
        raise _bad_size("a width and height above 0", f"{width}x{height}")
    return width, height, step


def _converted(rows: _Pixels, conversion: int, encoding: str) -> _Pixels:
    try:
        return np.asarray(cv2.cvtColor(rows, conversion))
    except cv2.error:
        size = f"{rows.shape[1]}x{rows.shape[0]}"
        raise _bad_size(f"a size that {encoding} images can have", size) from None


def _bad_size(expected: str, got: str) -> InputError:
    return InputError("image size", expected=expected, got=got, fix="Look at the node that publishes the image.")
