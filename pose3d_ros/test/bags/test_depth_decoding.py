"""Depth of messages and files in metres, in either byte order, with padded rows; other data is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from pose3d_ros.bags.depth_decoding import any_depth_m, compressed_depth_m, depth_file_m, depth_m
from pose3d_ros.errors import InputError

MM = np.array([[0, 1500, 65535], [1, 2, 3]], dtype=np.uint16)


def message(data: bytes, encoding: str, step: int, *, big: bool = False) -> Any:
    return SimpleNamespace(width=3, height=2, encoding=encoding, step=step, is_bigendian=big, data=data)


@pytest.mark.parametrize("big", [False, True])
def test_millimetres(big: bool) -> None:
    found = depth_m(message(MM.astype(">u2" if big else "<u2").tobytes(), "16UC1", 6, big=big))
    np.testing.assert_allclose(found, MM / 1000, rtol=1e-6)
    assert found.dtype == np.float32


def test_metres_with_padded_rows() -> None:
    rows = np.full((2, 16), 255, dtype=np.uint8)
    metres = np.array([[0.5, np.nan, 4.0], [1, 2, 3]], dtype="<f4")
    rows[:, :12] = metres.view(np.uint8).reshape(2, 12)
    np.testing.assert_array_equal(depth_m(message(rows.tobytes(), "32FC1", 16)), metres)


def test_other_encodings_and_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="16UC1"):
        depth_m(message(bytes(18), "bgr8", 9))
    with pytest.raises(InputError, match="11 bytes"):
        depth_m(message(bytes(11), "16UC1", 6))
    with pytest.raises(InputError):
        depth_m(message(bytes(12), "16UC1", 4))


def compressed(data: bytes, kind: str) -> Any:
    return SimpleNamespace(format=kind, data=np.frombuffer(data, dtype=np.uint8))


def png(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


@pytest.mark.parametrize("kind", ["16UC1; compressedDepth png", "16UC1; compressedDepth"])
def test_compressed_millimetres(kind: str) -> None:
    found = any_depth_m(compressed(bytes(12) + png(MM), kind))
    np.testing.assert_allclose(found, MM / 1000, rtol=1e-6)
    assert found.dtype == np.float32


def test_compressed_metres_are_inverse_depth() -> None:
    # As compressed_depth_image_transport writes it: a / depth + b, rounded, with a and b in the header.
    a, b = 1000.0 * (10.0 + 1.0), 1.0 - 11.0
    depth = np.array([[0.0, 1.0, 2.0], [4.0, 8.0, 10.0]])
    with np.errstate(divide="ignore"):
        stored = np.where(depth > 0, np.rint(a / depth + b), 0).astype(np.uint16)
    header = np.array([0, 0, 0], dtype="<f4")
    header[1:] = a, b
    found = compressed_depth_m(compressed(header.tobytes() + png(stored), "32FC1; compressedDepth png"))
    assert np.isnan(found[0, 0])
    np.testing.assert_allclose(found.ravel()[1:], depth.ravel()[1:], rtol=1e-3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (bytes(12) + png(MM), "16UC1; jpeg compressed"),
        (bytes(12) + png(MM), "bgr8; compressedDepth png"),
        (png(MM), "16UC1; compressedDepth png"),
        (bytes(12) + png(np.zeros((2, 3), np.uint8)), "16UC1; compressedDepth png"),
        (bytes(12), "16UC1; compressedDepth png"),
        (b"", "16UC1; compressedDepth png"),
    ],
)
def test_other_compressed_data_is_refused(data: bytes, kind: str) -> None:
    with pytest.raises(InputError, match="compressedDepth png"):
        compressed_depth_m(compressed(data, kind))


def test_images_that_promise_too_much_are_refused_by_their_header() -> None:
    promising = bytearray(png(MM))
    promising[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(InputError, match="by its header"):
        compressed_depth_m(compressed(bytes(12) + bytes(promising), "16UC1; compressedDepth png"))
    cut = png(MM)[:-8]
    with pytest.raises(InputError, match="compressedDepth png"):
        compressed_depth_m(compressed(bytes(12) + cut, "16UC1; compressedDepth png"))


def test_files(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mm.png"), MM)
    cv2.imwrite(str(tmp_path / "m.tiff"), (MM / 1000).astype(np.float32))
    for name in ("mm.png", "m.tiff"):
        np.testing.assert_allclose(depth_file_m(tmp_path / name), MM / 1000, rtol=1e-6)
    cv2.imwrite(str(tmp_path / "color.png"), np.zeros((2, 3, 3), dtype=np.uint8))
    with pytest.raises(InputError, match="one channel"):
        depth_file_m(tmp_path / "color.png")
