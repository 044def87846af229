"""The page in a real browser."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.types import ImageArray
from pose3d_ros.viewer.page import Page
from pose3d_ros.viewer.shown_frame import ShownFrame

from .headless_browser import PROGRAM, HeadlessBrowser, colored_share

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Chromium")

LEFT_BGR, RIGHT_BGR = (41, 144, 232), (225, 171, 50)  # as lines have them, a little darker


def test_page_shows_people_in_3d_and_on_the_image_and_asks_nobody_else(
    page: Page, frames: Sequence[ShownFrame], tmp_path: Path
) -> None:
    page.show(frames[0], lambda: {"people": "three of them"})
    url = f"http://127.0.0.1:{page.server.get_port()}/"
    with HeadlessBrowser(tmp_path, (1280, 720)) as browser:
        browser.open(url)
        browser.wait_for("document.body && document.body.innerText.includes('three of them')")
        scene = browser.scene_when(lambda image: shares(image)[0] > 1e-4)
        page.show(replace(frames[1], people=()))
        empty = browser.scene_when(lambda image: sum(shares(image)) < 1e-5)
        image_width_px = browser.evaluate("Math.max(...[...document.images].map(i => i.naturalWidth))")
    assert shares(scene)[1] > 1e-4
    assert (np.abs(scene.astype(int) - empty) > 40).any(axis=2).mean() > 0.002
    assert image_width_px == 640
    own = (url, "ws" + url[4:], "data:", "blob:" + url[:-1], "about:")
    assert [request for request in browser.requests if not request.startswith((*own, own[1][:-1]))] == []


def test_page_keeps_up_with_ten_people_at_15_hz(page: Page, frames: Sequence[ShownFrame], tmp_path: Path) -> None:
    """What comes late is dropped: after a while the page shows what is new, however slow the browser is."""
    ended = threading.Event()

    def send() -> None:
        number = 0
        while not ended.is_set():
            frame = frames[number % len(frames)]
            crowd = tuple(replace(p, track_id=3 * i + p.track_id) for i in range(4) for p in frame.people)[:10]
            page.show(replace(frame, people=crowd), _words)
            number += 1
            time.sleep(1 / 15)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with HeadlessBrowser(tmp_path, (1280, 720)) as browser:
            browser.open(f"http://127.0.0.1:{page.server.get_port()}/")
            browser.wait_for(_LAG_MS)
            browser.wait(6)
            lags_ms = [browser.evaluate(_LAG_MS) for _ in range(5)]
    finally:
        ended.set()
        sender.join()
    assert max(lags_ms) < 3000


def shares(scene: ImageArray) -> tuple[float, float]:
    """Of pixels in the colors of the left and the right side; not of the upper part, where notices are."""
    lower = scene[len(scene) // 4 :]
    return colored_share(lower, LEFT_BGR), colored_share(lower, RIGHT_BGR)


def _words() -> dict[str, str]:
    return {"sent": f"T{round(time.time() * 1e3)}"}


_LAG_MS = r"(t => t ? Date.now() - Number(t[1]) : 0)(/T(\d{13})/.exec(document.body.innerText))"
