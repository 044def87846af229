from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pose3d_ros.viewer.page import Page, people_words
from pose3d_ros.viewer.shown_frame import ShownFrame


def messages(page: Page) -> int:
    """How many messages the server keeps for browsers that come later."""
    buffer = page.server._websock_server._broadcast_buffer
    with buffer.buffer_lock:
        return len(buffer.message_from_id)


def _stamp(frame: ShownFrame) -> dict[str, str]:
    return {"stamp": str(frame.stamp_ns)}


def test_frames_renew_the_page_and_add_nothing_to_it(page: Page, frames: Sequence[ShownFrame]) -> None:
    page.scene.floor.follow_all(frames)
    for frame in frames[:5]:
        page.show(frame, lambda: {"people": "3"})
    before = messages(page)
    for frame in [*frames] * 5:
        page.show(frame, partial(_stamp, frame))
    assert messages(page) == before


def test_words_of_the_table_are_words_and_not_html(page: Page) -> None:
    page.tell({"models": "<b>a & b</b>"})
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in page._status.content


def test_words_of_people(frames: Sequence[ShownFrame]) -> None:
    assert people_words(()) == "none"
    words = people_words([replace(p, track_id=p.track_id + 8) for p in reversed(frames[0].people)])
    assert [word.split()[0] for word in words.split(", ")] == ["P9", "P10", "P11"]
