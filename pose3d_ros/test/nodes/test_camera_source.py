from __future__ import annotations

import contextlib
import gc
import math
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pose3d_ros.errors import CameraError
from pose3d_ros.nodes.camera_source import CameraSource

TOPIC = "/front/camera_info"


def info(**changes: Any) -> SimpleNamespace:
    k = [500.0, 0.0, 320.0, 0.0, 510.0, 240.0, 0.0, 0.0, 1.0]
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    p = [400.0, 0.0, 310.0, 0.0, 0.0, 400.0, 230.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    fields: dict[str, Any] = {
        "p": p,
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": [0.0] * 5,
        "k": k,
    }
    return SimpleNamespace(**{**fields, "binning_x": 0, "binning_y": 0, "roi": roi, **changes})


@pytest.fixture
def source() -> CameraSource:
    return CameraSource(TOPIC, 0.0)


def test_without_camera_info_the_error_names_the_topic_and_the_fallback(source: CameraSource) -> None:
    with pytest.raises(CameraError, match=f"{TOPIC}.*fallback_hfov_deg"):
        source.camera_for(640, 480)


def test_first_camera_info_may_arrive_after_its_image_and_is_awaited_once(source: CameraSource) -> None:
    threading.Timer(0.05, lambda: source.update(info())).start()
    source.wait_for_first(30.0)
    assert source.camera_for(640, 480).calibrated
    none = CameraSource(TOPIC, 0.0)
    none.wait_for_first(0.0)
    none.wait_for_first(1e6)
    assert none.received == 0


@pytest.mark.parametrize("kind", [list, np.array])
def test_valid_camera_info_gives_a_calibrated_camera(source: CameraSource, kind: Any) -> None:
    assert source.update(info(k=kind(info().k), d=kind([0.1, 0.0, 0.0, 0.0, 0.0]))) is None
    found = source.camera_for(640, 480)
    assert found.calibrated
    assert (found.camera.fx_px, found.camera.fy_px, found.camera.cx_px) == (500.0, 510.0, 320.0)
    assert found.camera.model == "plumb_bob"


def test_rectified_images_have_the_camera_of_the_projection_matrix() -> None:
    source = CameraSource(TOPIC, 0.0, rectified=True)
    assert source.update(info(d=[-0.3, 0.1, 0.0, 0.0, 0.0])) is None
    found = source.camera_for(640, 480)
    assert (found.calibrated, found.camera.fx_px, found.camera.model) == (True, 400.0, "pinhole")
    error = source.update(info(d=[-0.3, 0.1, 0.0, 0.0, 0.0], p=[0.0] * 12))
    assert error is not None
    assert "image_raw" in error.fix


def test_zeros_beside_a_projection_matrix_are_a_rectified_image(source: CameraSource) -> None:
    assert source.update(info(k=[0.0] * 9)) is None
    assert source.camera_for(640, 480).camera.fx_px == 400.0


def test_nobody_who_calibrated_is_told_to_calibrate(source: CameraSource) -> None:
    for changes in ({"d": [0.1] * 8}, {"d": [math.nan] * 5}, {"distortion_model": "none", "d": [0.1] * 5}):
        error = source.update(info(**changes))
        assert error is not None
        assert "Calibrate" not in error.fix
    error = source.update(info(k=[0.0] * 9, p=[0.0] * 12))
    assert error is not None
    assert "Calibrate the camera" in error.fix


def test_binning_and_region_are_applied(source: CameraSource) -> None:
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=400, do_rectify=False)
    source.update(info(binning_x=2, binning_y=2, roi=roi))
    camera = source.camera_for(200, 200).camera
    assert camera.fx_px == 250.0
    assert camera.cx_px == pytest.approx((320 - 100 + 0.5) / 2 - 0.5)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"k": [0.0] * 9, "p": [0.0] * 12}, "zeros"),
        ({"k": [math.nan] + [0.0] * 8}, "finite"),
        ({"d": [0.1] * 3}, "coefficients"),
        ({"width": 0, "height": 0}, "0 x 0"),
        ({"distortion_model": "magic"}, "magic"),
    ],
)
def test_invalid_camera_info_is_an_error_for_every_image_until_a_valid_one(
    source: CameraSource, changes: dict[str, Any], names: str
) -> None:
    error = source.update(info(**changes))
    assert error is not None
    assert names in str(error)
    assert "fallback_hfov_deg" in error.fix
    with pytest.raises(CameraError, match=names):
        source.camera_for(640, 480)
    assert source.update(info()) is None
    assert source.camera_for(640, 480).calibrated


def test_camera_info_of_another_size_is_an_error_that_names_both_sizes(source: CameraSource) -> None:
    source.update(info())
    with pytest.raises(CameraError, match=r"320x240.*640x480"):
        source.camera_for(320, 240)


def test_fallback_field_of_view_gives_an_uncalibrated_camera() -> None:
    source = CameraSource(TOPIC, 90.0)
    found = source.camera_for(320, 240)
    assert not found.calibrated
    assert found.camera.fx_px == pytest.approx(160.0)
    source.update(info())
    assert not source.camera_for(320, 240).calibrated
    assert source.camera_for(640, 480).calibrated


class Held:
    """What a caller holds while it asks for a camera, as an image."""


@pytest.mark.parametrize("changes", [None, {"k": [0.0] * 9}, {"width": 800}], ids=["none", "zeros", "another size"])
def test_errors_keep_nothing_of_their_callers_alive(source: CameraSource, changes: dict[str, Any] | None) -> None:
    alive: weakref.WeakSet[Held] = weakref.WeakSet()
    if changes is not None:
        source.update(info(**changes))

    def process() -> None:
        held = Held()
        alive.add(held)
        with contextlib.suppress(CameraError):
            source.camera_for(640, 480)

    gc.disable()  # not even until the garbage collector comes
    try:
        for _ in range(20):
            process()
        count = len(alive)
    finally:
        gc.enable()
    assert count == 0
