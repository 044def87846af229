"""The browser page: the image with the people beside the scene in 3D, and how fast it all comes."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pose3d_ros.drawing.overlay import person_label
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import ImageArray
from pose3d_ros.viewer.image_panel import panel_image
from pose3d_ros.viewer.scene import Scene
from pose3d_ros.viewer.shown_frame import ShownFrame
from pose3d_ros.viewer.web_server import WebServer

_PANEL_PX = 460
_QUALITY = 80
_LAST = 1e12
"""Behind all that is added later, which viser numbers from 1."""
_CELL = "padding:1px 14px 1px 0;vertical-align:top"


class Page:
    """A page that `show` renews, frame by frame; everything in it is updated in place.

    server: which serves it.
    """

    def __init__(self, server: WebServer) -> None:
        self.server, self.scene = server, Scene(server)
        gui = server.gui
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(_PANEL_PX)
        empty: ImageArray = np.full((360, 640, 3), 32, dtype=np.uint8)
        self._image = gui.add_image(empty, format="jpeg", jpeg_quality=_QUALITY)
        self._status = gui.add_html("", order=_LAST)
        self._shown_status = ""

    def show(self, frame: ShownFrame, rows: Callable[[], Mapping[str, str]] | None = None) -> None:
        """Show a frame. Browsers that are slow skip frames, and do not fall behind. rows: see `tell`."""
        image = panel_image(frame)
        with self.server.atomic():
            self._image.image = image
            self.scene.show(frame)
            if rows is not None:
                self.tell(rows())

    def tell(self, rows: Mapping[str, str]) -> None:
        """Show names and values below the image."""
        cells = "".join(
            f'<tr><td style="{_CELL};opacity:0.65">{html.escape(name)}</td>'
            f'<td style="{_CELL}">{html.escape(value)}</td></tr>'
            for name, value in rows.items()
        )
        content = f'<table style="font-size:13px;margin:4px 12px;border-collapse:collapse">{cells}</table>'
        if content != self._shown_status:
            self._shown_status = self._status.content = content


def people_words(people: Sequence[Person]) -> str:
    """Who is in view and how far away, in one line."""
    present = sorted((p for p in people if p.state != TrackState.LOST), key=lambda person: person.track_id)
    return ", ".join(" ".join(person_label(person).split()) for person in present) or "none"
