"""The page's server without a browser, and the frames of a scene with a known floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pose3d_ros.viewer.shown_frame import ShownFrame

from ..conftest import Scene

if TYPE_CHECKING:
    from pose3d_ros.viewer.page import Page

NEED_VISER = "headless_browser test_page test_page_browser test_player test_scene test_web_server".split()
if find_spec("viser") is None:
    collect_ignore = [path.name for path in Path(__file__).parent.glob("*.py") if path.stem in NEED_VISER]


@pytest.fixture
def frames(scene: Scene) -> Sequence[ShownFrame]:
    """Of a level camera 1.4 m above the floor."""
    return [
        ShownFrame(stamp_ns, scene.ground_truth[i], scene.camera, scene.image(i))
        for i, stamp_ns in enumerate(scene.stamps_ns)
    ]


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page on a free port of this machine."""
    from pose3d_ros.viewer.page import Page
    from pose3d_ros.viewer.web_server import WebServer

    server = WebServer("127.0.0.1", 8300, "pose3d view")
    yield Page(server)
    server.stop()
