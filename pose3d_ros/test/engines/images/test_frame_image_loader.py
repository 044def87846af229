"""Where frames are loaded, and what happens when the device fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pose3d_ros.engines.images.frame_image import HostImage, ImageLoader, LoadImage
from pose3d_ros.errors import EngineError

IMAGE = np.zeros((4, 6, 3), dtype=np.uint8)
FAILURE = EngineError("frame on the GPU", expected="room", got="out of memory", fix="Close other programs.")


@dataclass
class Reader:
    """An engine; load_image: None on the host."""

    load_image: LoadImage | None


class OnDevice:
    """An image that is not on the host."""

    def __init__(self, image_bgr: Any) -> None:
        self.image_bgr = image_bgr


def refuse(image_bgr: Any) -> Any:
    raise FAILURE


def test_images_stay_on_the_host_without_a_device() -> None:
    load = ImageLoader([Reader(None), Reader(None)])
    image = load(IMAGE)
    assert isinstance(image, HostImage)
    assert load.batch_sizes(image, 10) == (1,)
    with pytest.raises(EngineError), load.using(image):
        raise FAILURE
    assert not load.problem


@pytest.mark.parametrize(("people", "sizes"), [(1, (1,)), (2, (1, 2)), (5, (1, 2, 4, 5)), (8, (1, 2, 4, 8))])
def test_first_engine_on_a_device_loads_the_image(people: int, sizes: tuple[int, ...]) -> None:
    load = ImageLoader([Reader(None), Reader(OnDevice), Reader(refuse)])  # type: ignore[arg-type]  # has no methods
    image = load(IMAGE)
    assert isinstance(image, OnDevice)
    assert load.batch_sizes(image, people) == sizes


def test_failed_upload_moves_all_images_to_the_host(caplog: pytest.LogCaptureFixture) -> None:
    load = ImageLoader([Reader(refuse)])
    assert all(isinstance(load(IMAGE), HostImage) for _ in range(2))
    assert load.problem == f"crops are made on the CPU: {FAILURE}"
    assert len(caplog.records) == 1


def test_failed_read_on_a_device_moves_all_images_to_the_host() -> None:
    load = ImageLoader([Reader(OnDevice)])  # type: ignore[arg-type]  # has no methods
    with pytest.raises(EngineError), load.using(load(IMAGE)):
        raise FAILURE
    assert isinstance(load(IMAGE), HostImage)
