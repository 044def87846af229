from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.message_records import camera_of, is_rectified


def info(**changes: Any) -> SimpleNamespace:
    k = [500.0, -1.5, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    p = [400.0, 0.0, 310.0, 0.0, 0.0, 400.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    fields: dict[str, Any] = {"width": 640, "height": 480, "distortion_model": "plumb_bob", "d": [-0.3, 0.1, 0.0, 0.0]}
    return SimpleNamespace(**{**fields, "k": k, "p": p, "binning_x": 0, "binning_y": 0, "roi": roi, **changes})


@pytest.mark.parametrize(
    ("model", "d", "expected", "kept"),
    [
        ("Plumb Bob", [-0.3, 0.1, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0], "plumb_bob", 5),
        ("", [-0.3, 0.1, 0.0, 0.0], "plumb_bob", 4),
        ("None", [0.0] * 5, "pinhole", 0),
        ("fisheye", [0.1, 0.0, 0.0, 0.0, 0.0], "equidistant", 4),
        ("rational_polynomial", [0.1] * 8, "rational_polynomial", 8),
    ],
)
def test_camera_info_is_read_as_files_are(model: str, d: list[float], expected: str, kept: int) -> None:
    camera = camera_of(info(distortion_model=model, d=d))
    assert camera.model == expected
    np.testing.assert_array_equal(camera.distortion, d[:kept])
    assert camera.K_px[0, 1] == -1.5


def test_rectified_image_has_p_also_in_a_region_and_binned() -> None:
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=400, do_rectify=True)
    camera = camera_of(info(roi=roi, binning_x=2, binning_y=2), rectified=True)
    assert (camera.width_px, camera.height_px, camera.fx_px, camera.model) == (200, 200, 200.0, "pinhole")
    assert camera.cx_px == pytest.approx((310 - 100 + 0.5) / 2 - 0.5)


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        ("/camera/image_raw", False),
        ("/camera/image_rect", True),
        ("/camera/image_rect_color/compressed", True),
        ("/left/image_rectified", True),
        ("/zed/rgb/rect/image", True),
        ("/rectangle_detector/image_raw", False),
        ("/direct/image", False),
    ],
)
def test_topic_of_image_proc_says_whether_its_images_are_rectified(topic: str, rectified: bool) -> None:
    assert is_rectified(topic) is rectified
