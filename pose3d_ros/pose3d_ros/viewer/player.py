"""A recording in the page, with play, pause, speed and a timeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import viser

from pose3d_ros.viewer.frame_store import FrameStore
from pose3d_ros.viewer.page import Page, people_words
from pose3d_ros.viewer.shown_frame import ShownFrame
from pose3d_ros.viewer.timeline import Timeline
from pose3d_ros.viewer.world import cam2world

_RATES = ("0.25x", "0.5x", "1x", "2x", "4x")
_SLIDER_S = 0.1
"""Of the timeline's finest step, and between two moves of its handle while it plays."""
_SHOWN_SHARE = 0.97
_PLAY, _PAUSE = "Play", "Pause"


class Player:
    """Shows the frames of a store on a page at their times.

    store: may still be growing; tell `finish` when it does no more. loop: whether it begins again at its end.
    about: further rows of the page's table.
    """

    def __init__(self, page: Page, store: FrameStore, *, loop: bool = True) -> None:
        self._page, self._store, self._loop = page, store, loop
        self.about: Mapping[str, str] = {}
        self.timeline = Timeline(0.0, time.monotonic, is_whole=False)
        self._lock = threading.RLock()
        self._shown: tuple[int, bool] | None = None
        self._slid_s, self._surveyed = -1.0, 0
        gui = page.server.gui
        self._slider = gui.add_slider("time [s]", 0.0, 1.0, 0.01, 0.0)
        self._button = gui.add_button(_PAUSE)
        self._rates = gui.add_button_group("speed", _RATES)
        self._slider.on_update(self._on_slider)
        self._button.on_click(lambda _: self.toggle())
        self._rates.on_click(lambda event: self.set_rate(event.target.value))

    @property
    def is_empty(self) -> bool:
        """Whether there is no usable frame to show yet."""
        return all(frame.error for frame in self._store.frames)

    def finish(self) -> None:
        """The store is whole."""
        with self._lock:
            self.timeline.is_whole = True

    def toggle(self) -> None:
        """Play or pause."""
        with self._lock:
            self._follow_length()
            if self.timeline.playing and not self.timeline.has_ended:
                self.timeline.pause()
            else:
                self.timeline.play()
            self._button.label = _PAUSE if self.timeline.playing else _PLAY

    def seek(self, time_s: float) -> None:
        """Go to a time."""
        with self._lock:
            self.timeline.seek(time_s)

    def set_rate(self, rate: str) -> None:
        """Of the form 0.5x."""
        with self._lock:
            self.timeline.set_rate(float(rate.removesuffix("x")))

    def step(self) -> bool:
        """Show what is due; whether that was another frame."""
        if not len(self._store):
            return False
        with self._lock:
            self._follow_length()
            if self.timeline.has_ended and self._loop and self.timeline.playing and self._store.length_s > 0:
                self.timeline.seek(0.0)
            now_s = self.timeline.now_s
        index = self._store.index_at(now_s)
        frame = self._store.read(index)
        key = (index, frame.image_bgr is not None)
        if key == self._shown:
            return False
        self._shown = key
        self._survey()
        self._page.show(frame, lambda: self._rows(index, frame))
        self._move_slider(self._store.time_s(index))
        return True

    def _rows(self, index: int, frame: ShownFrame) -> Mapping[str, str]:
        return {
            "frame": f"{index + 1} of {len(self._store)}" + (f" ({frame.name})" if _is_name(frame.name) else ""),
            "people": people_words(frame.people),
            "floor": self._page.scene.floor_words,
            **self.about,
        }

    def _follow_length(self) -> None:
        count = len(self._store)
        length_s = self._store.length_s * count / max(count - 1, 1)  # the last frame lasts as long as the others
        if length_s > self.timeline.length_s:
            self.timeline.grow(length_s)
            self._slider.max = max(round(length_s, 2), 0.01)
        single = count < 2
        self._slider.visible = self._button.visible = self._rates.visible = not single

    def _survey(self) -> None:
        """Now and then, while the store grows: where the floor is and how much of it is needed."""
        count = len(self._store)
        if count < 1.5 * self._surveyed and not (self.timeline.is_whole and count > self._surveyed):
            return
        self._surveyed = count
        frames, scene = self._store.frames, self._page.scene
        scene.floor.follow_all(frames)
        roots = np.array([p.pose.root_cam_m for f in frames for p in f.people]).reshape(-1, 3)
        places = cam2world(scene.floor.plane).apply(roots[np.isfinite(roots).all(axis=1)])
        if len(places):
            scene.expect(places[places[:, 1] <= np.quantile(places[:, 1], _SHOWN_SHARE)])

    def _move_slider(self, time_s: float) -> None:
        if abs(time_s - self._slid_s) >= _SLIDER_S or not self.timeline.playing:
            self._slid_s = time_s
            self._slider.value = min(round(time_s, 2), self._slider.max)  # type: ignore[misc]  # a setter at run time

    def _on_slider(self, event: viser.GuiEvent[viser.GuiSliderHandle[float]]) -> None:
        if event.client is not None:  # a hand moved it
            self.seek(float(event.target.value))


def play(player: Player, until: Callable[[], bool], period_s: float = 1 / 60) -> None:
    """Step until it is time to end."""
    while not until():
        player.step()
        time.sleep(period_s)


def _is_name(name: str) -> bool:
    """Whether it says more than a number."""
    return bool(name) and not name.isdecimal()
