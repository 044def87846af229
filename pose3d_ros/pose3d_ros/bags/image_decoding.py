"""Image messages to arrays, without a copy where the bytes are in order already.

Messages are known by their fields only, so that this needs no ROS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray


@dataclass(frozen=True)
class Encoding:
    """An 8-bit encoding of sensor_msgs/Image. conversion: OpenCV's code to BGR, None where it is BGR already."""

    channels: int
    conversion: int | None


# sensor_msgs/image_encodings.hpp. OpenCV names a Bayer pattern by its second row and column, hence the shift (as in
# cv_bridge). `yuv422` is UYVY, an old name.
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
}

# EXIF must not turn the image: camera_info describes it as the sensor gave it.
_DECODE = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"
# Cameras pad JPEG frames with zeros; a cut one has no end marker near its end.
_TAIL_BYTES = 4096


def image_bgr(message: Any) -> ImageArray:
    """The pixels of a sensor_msgs/Image as (H, W, 3) uint8 BGR; for `bgr8` a view of the message's bytes.

    Rows may be padded (`step`). Raises InputError for an unknown encoding, an empty image and missing bytes.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise InputError(
            "image encoding",
            expected="one of " + ", ".join(ENCODINGS),
            got=repr(message.encoding),
            fix="Let the camera driver or image_proc publish one of these.",
        )
    rows = _rows(message, encoding.channels)
    if encoding.conversion is None:
        return rows
    return _converted(rows, encoding.conversion, message.encoding)


def decoded_bgr(message: Any) -> ImageArray:
    """The pixels of a sensor_msgs/CompressedImage (JPEG, PNG, …) as (H, W, 3) uint8 BGR.

    Raises InputError for bytes that are cut short or that OpenCV can't decode.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    if _is_cut(data):
        raise _undecodable(message, f"{data.size} bytes that are cut short")
    try:
        image = cv2.imdecode(data, _DECODE) if data.size else None
    except cv2.error as error:
        raise _undecodable(message, f"{data.size} bytes ({error.err})") from error
    if image is None:
        raise _undecodable(message, f"{data.size} bytes of something else")
    return np.asarray(image, dtype=np.uint8)


def _rows(message: Any, channels: int) -> ImageArray:
    width, height, step = int(message.width), int(message.height), int(message.step)
    data: npt.NDArray[np.uint8] = np.frombuffer(message.data, dtype=np.uint8)
    row_bytes = width * channels
    if not (width > 0 and height > 0):
        raise _bad_size("a width and height above 0", f"{width}x{height}")
    if channels == 2 and width % 2:  # older OpenCV converts half a pair of pixels without a word
        raise _bad_size(f"an even width, since {message.encoding} holds pixels in pairs", f"{width}")
    if step < row_bytes:
        raise _bad_size(f"a step of at least {row_bytes} bytes for {width} px of {message.encoding}", f"{step}")
    needed = step * (height - 1) + row_bytes
    if data.size < needed:
        raise _bad_size(f"{needed} bytes for {width}x{height} {message.encoding}", f"{data.size} bytes")
    shape, strides = (height, width, channels), (step, channels, 1)
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(data, shape, strides, writeable=False))


def _converted(rows: ImageArray, conversion: int, encoding: str) -> ImageArray:
    try:
        return np.asarray(cv2.cvtColor(rows, conversion), dtype=np.uint8)
    except cv2.error as error:
        size = f"{rows.shape[1]}x{rows.shape[0]}"
        raise _bad_size(f"a size that {encoding} images can have", f"{size} ({error.err})") from error


def _is_cut(data: npt.NDArray[np.uint8]) -> bool:
    head, tail = data[:4].tobytes(), data[-_TAIL_BYTES:].tobytes()
    if head.startswith(_JPEG_START):
        return _JPEG_END not in tail
    return head == _PNG_START and _PNG_END not in tail


def _bad_size(expected: str, got: str) -> InputError:
    return InputError("image size", expected=expected, got=got, fix="Look at the node that publishes the image.")


def _undecodable(message: Any, got: str) -> InputError:
    return InputError(
        "compressed image",
        expected="a whole JPEG or PNG",
        got=f"{got}, format {message.format!r}",
        fix="Look at the node that publishes the image; depth images have no people.",
    )
