"""`pose3d view` of what the nodes publish now."""

from __future__ import annotations

import argparse
import threading
import time

from pose3d_ros.cli.scene_options import given_floor
from pose3d_ros.nodes.people_feed import FedPeople, FeedTopics, PeopleFeed
from pose3d_ros.nodes.spin import Spin, run_tool
from pose3d_ros.nodes.timing import RateMeter
from pose3d_ros.viewer.page import Page, people_words
from pose3d_ros.viewer.shown_floor import ShownFloor

_POLL_S, _TELL_S = 0.2, 0.5


def view_live(args: argparse.Namespace, page: Page) -> int:
    """Show people until Ctrl-C. Returns the exit code."""
    page.scene.floor = ShownFloor(given_floor(args))
    topics = FeedTopics(
        args.people_topic or ("people_smoothed" if args.smoothed else "people"),
        _topic(args.image_topic),
        _topic(args.camera_info_topic),
    )

    def work(feed: PeopleFeed, spin: Spin) -> None:
        ended = threading.Event()
        shower = threading.Thread(target=LiveShow(feed, page).run, args=(ended,), name="pose3d-view")
        shower.start()
        try:
            while spin(_POLL_S):
                pass
        finally:
            ended.set()
            shower.join()

    return run_tool(lambda: PeopleFeed(topics, namespace=args.namespace or None), work, [])


def _topic(option: str) -> str:
    """Of an option whose default is any topic."""
    return "" if option == "*" else option


class LiveShow:
    """Shows the latest people of a feed, and how fast they come."""

    def __init__(self, feed: PeopleFeed, page: Page) -> None:
        self._feed, self._page = feed, page
        self._shown = RateMeter(time.monotonic)
        self._last: FedPeople | None = None
        self._lag_ms = self._here_ms = 0.0
        self._told_s, self._busy_s = time.monotonic(), time.process_time()

    def run(self, ended: threading.Event) -> None:
        """Until it is told to end."""
        self._page.tell(self._rows(0.0))
        while not ended.is_set():
            fed = self._feed.take(_POLL_S)
            if fed is not None:
                self._page.show(fed.frame)
                self._shown.tick()
                self._last = fed
                self._lag_ms = self._feed.latency_ms(fed)
                self._here_ms = (time.monotonic() - fed.arrived_s) * 1e3
            self._tell()

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < _TELL_S:
            return
        busy_s = time.process_time()
        self._page.tell(self._rows((busy_s - self._busy_s) / (now_s - self._told_s)))
        self._told_s, self._busy_s = now_s, busy_s

    def _rows(self, share: float) -> dict[str, str]:
        feed, last = self._feed, self._last
        rows = {"waiting": feed.problem} if feed.problem else {}
        if last is None:
            return rows or {"waiting": "for people"}
        return {
            **rows,
            "images": f"{feed.images.rate_hz():.1f} Hz" if feed.images.total else "none",
            "people": f"{feed.people.rate_hz():.1f} Hz",
            "shown": f"{self._shown.rate_hz():.1f} Hz",
            "latency": f"{last.pose_ms:.0f} ms to publication, {self._lag_ms:.0f} ms to this page",
            "this viewer": f"{self._here_ms:.0f} ms, {100 * share:.0f}% of a CPU core",
            "in view": people_words(last.frame.people),
            "floor": self._page.scene.floor_words,
            "models": last.model,
            **({} if last.calibrated else {"camera": "not calibrated: metres are only as good as its field of view"}),
        }
