from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from pose3d_ros.viewer.frame_store import WIDEST_PX, FrameStore
from pose3d_ros.viewer.shown_frame import ShownFrame


@pytest.fixture
def store() -> Iterator[FrameStore]:
    made = FrameStore()
    yield made
    made.close()


def test_frames_come_back_by_time_whatever_the_order(store: FrameStore, frames: Sequence[ShownFrame]) -> None:
    for frame in (frames[2], frames[0], frames[1]):
        store.add(frame)
    assert len(store) == 3
    assert store.length_s == pytest.approx(2 / 15, abs=1e-6)
    assert [store.index_at(t) for t in (-1.0, 0.0, 0.05, 1 / 15, 0.1, 2 / 15, 9.0)] == [0, 0, 0, 1, 1, 2, 2]
    assert store.time_s(1) == pytest.approx(1 / 15, abs=1e-6)
    found = store.read(1)
    assert found.people is frames[1].people
    assert found.image_bgr is not None
    assert np.abs(found.image_bgr.astype(int) - frames[1].image_bgr).max() <= 2
    assert all(frame.image_bgr is None for frame in store.frames)


def test_image_may_follow_its_frame(store: FrameStore, frames: Sequence[ShownFrame]) -> None:
    store.add(replace(frames[0], image_bgr=None))
    assert store.read(0).image_bgr is None
    store.add_image(frames[0].stamp_ns, np.full((48, 64, 3), 200, np.uint8))
    image = store.read(0).image_bgr
    assert image is not None
    assert image.shape == (48, 64, 3)


def test_frame_of_the_same_time_replaces_the_first(store: FrameStore, frames: Sequence[ShownFrame]) -> None:
    store.add(frames[0])
    store.add(replace(frames[0], people=(), name="again"))
    assert (len(store), store.read(0).name) == (1, "again")


def test_large_images_are_kept_smaller(store: FrameStore, frames: Sequence[ShownFrame]) -> None:
    store.add(replace(frames[0], image_bgr=np.zeros((1080, 1920, 3), np.uint8)))
    image = store.read(0).image_bgr
    assert image is not None
    assert image.shape == (540, WIDEST_PX, 3)
