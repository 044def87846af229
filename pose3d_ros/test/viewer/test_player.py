from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from pose3d_ros.viewer.frame_store import FrameStore
from pose3d_ros.viewer.page import Page
from pose3d_ros.viewer.player import Player, play
from pose3d_ros.viewer.shown_frame import ShownFrame


@pytest.fixture
def player(page: Page, frames: Sequence[ShownFrame]) -> Player:
    store = FrameStore()
    for frame in frames:
        store.add(frame)
    made = Player(page, store)
    made.finish()
    return made


def test_frame_that_is_due_is_shown_once(player: Player) -> None:
    player.toggle()
    assert player.step()
    assert not player.step()
    player.seek(1.0)
    assert player.step()
    assert "16 of 30" in player._page._status.content
    assert player._slider.value == pytest.approx(1.0, abs=0.01)


def test_button_stops_and_goes_on(player: Player) -> None:
    player.step()
    player.toggle()
    assert (player._button.label, player.timeline.playing) == ("Play", False)
    at_s = player.timeline.now_s
    time.sleep(0.1)
    assert player.timeline.now_s == at_s
    player.toggle()
    assert (player._button.label, player.timeline.playing) == ("Pause", True)


def test_recording_is_played_again_from_its_start(player: Player) -> None:
    player.step()
    player.set_rate("4x")
    player.seek(1.99)
    deadline_s = time.monotonic() + 20
    while player.timeline.now_s > 1.0:
        assert time.monotonic() < deadline_s
        player.step()


def test_floor_is_that_of_the_whole_recording_from_the_start(player: Player) -> None:
    player.step()
    assert player._page.scene.floor.origin == "from people's feet"


def test_growing_recording_and_single_images(page: Page, frames: Sequence[ShownFrame]) -> None:
    store = FrameStore()
    player = Player(page, store)
    assert player.is_empty
    store.add(frames[0])
    assert player.step()
    visible = [player._slider.visible]
    store.add(frames[1])
    player.step()
    assert [*visible, player._slider.visible] == [False, True]
    assert player._slider.max == pytest.approx(2 / 15, abs=0.01)


def test_image_that_comes_later_is_shown_in_place(page: Page, frames: Sequence[ShownFrame]) -> None:
    store = FrameStore()
    player = Player(page, store)
    store.add(ShownFrame(frames[0].stamp_ns, frames[0].people, frames[0].camera))
    assert player.step()
    assert frames[0].image_bgr is not None
    store.add_image(frames[0].stamp_ns, frames[0].image_bgr)
    assert player.step()


def test_play_lasts_until_it_is_told_to_end(player: Player) -> None:
    steps = iter([False, False, True])
    play(player, lambda: next(steps), 0.0)
    assert "of 30" in player._page._status.content
