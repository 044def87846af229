from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.evaluation.recording.health import health_of
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session, SessionFrame
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.evaluation.report.html_report import ReportContent, Still, write_report
from pose3d_ros.evaluation.report.plots import session_plots
from pose3d_ros.evaluation.report.publish import publish
from pose3d_ros.evaluation.report.viewer_scene import find_floor, scene_data
from pose3d_ros.records import TrackState
from pose3d_ros.skeletons import get_skeleton

MUCO = get_skeleton("muco21")


@pytest.fixture(scope="module")
def session(scene: Any) -> Session:
    raw, smoothed = scene.noisy(0.03, depth_sigma_m=0.1), scene.noisy(0.01, 1)
    frames = tuple(
        SessionFrame(stamp, scene.truth[i], raw[i], smoothed[i], stamp, 30.0 + i % 5)
        for i, stamp in enumerate(scene.stamps_ns)
    )
    return Session(scene.camera, MUCO, frames, model="some <model>", backend="onnxruntime", engine_ms={"pose": 9.0})


class Page(HTMLParser):
    """Checks that every element is closed, and collects what would be loaded."""

    VOID = frozenset({"meta", "img", "input", "br", "link", "path", "use", "rect", "circle", "line", "polygon"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self._note(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._note(attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def _note(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "poster", "data") or (name == "href" and not (value or "").startswith("#")):
                self.loaded.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def write(session: Session, path: Path, **content: Any) -> tuple[str, Page]:
    pairs = match_session(session)
    write_report(path, session, summarize(session, pairs), pairs, ReportContent("A <title>", "lead & more", **content))
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    return text, page


def test_the_report_is_one_file_that_loads_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"video")
    still = Still(np.zeros((8, 8, 3), np.uint8), "A picture.")
    text, page = write(session, tmp_path / "new/report.html", video=tmp_path / "v.mp4", stills=(still,))
    assert page.open == []
    assert all(source.startswith("data:") for source in page.loaded)
    assert len(page.loaded) == 3  # video, its poster, the still
    assert len(page.ids) == len(set(page.ids))
    assert "https://" not in text.replace("http://www.w3.org", "")
    assert "$" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_texts_are_escaped(session: Session, tmp_path: Path) -> None:
    text, _ = write(session, tmp_path / "r.html")
    assert "A &lt;title&gt;" in text
    assert "some &lt;model&gt;" in text
    assert "lead &amp; more" in text


def test_a_large_video_is_linked(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.evaluation.report.html_report._MAX_EMBEDDED_BYTES", 3)
    (tmp_path / "overlay.mp4").write_bytes(b"video")
    _, page = write(session, tmp_path / "r.html", video=tmp_path / "overlay.mp4")
    assert page.loaded == ["overlay.mp4"]


def test_the_report_works_without_truth_smoother_or_people(session: Session, tmp_path: Path) -> None:
    bare = replace(session, frames=tuple(replace(f, truth=(), smoothed=None) for f in session.frames), has_truth=False)
    text, page = write(bare, tmp_path / "bare.html")
    assert page.open == []
    assert "MPJPE" not in text
    nobody = replace(bare, frames=tuple(replace(f, raw=()) for f in bare.frames))
    assert write(nobody, tmp_path / "nobody.html")[1].open == []


def test_plots_take_the_pages_ink(session: Session) -> None:
    plots = session_plots(session, match_session(session))
    assert len({plot.title for plot in plots}) == len(plots) == 7
    for plot in plots:
        assert plot.svg.startswith("<svg viewBox=")
        assert "currentColor" in plot.svg
        assert "#010203" not in plot.svg


def test_scene_data_is_small_json(session: Session) -> None:
    data = scene_data(session)
    assert len(json.dumps(data, allow_nan=False)) < 250_000  # 30 frames, three sets of three people
    assert list(data["sets"]) == ["truth", "raw", "smoothed"]
    first = data["frames"][0]["people"]["truth"][0]
    assert len(first["joints"]) == 63
    assert first["id"] == 1
    assert data["frames"][1]["t"] == pytest.approx(1 / 15, abs=1e-3)


def test_lost_joints_and_people_in_the_scene(session: Session) -> None:
    person = session.frames[0].raw[0] if session.frames[0].raw else None
    assert person is not None
    joints = person.pose.joints_cam_m.copy()
    joints[3] = np.nan
    lost = replace(person, pose=replace(person.pose, joints_cam_m=joints), state=TrackState.PREDICTED)
    frame = replace(session.frames[0], raw=(lost, replace(person, track_id=9, state=TrackState.LOST)))
    (shown,) = scene_data(replace(session, frames=(frame,)))["frames"][0]["people"]["raw"]
    assert shown["predicted"] is True
    assert shown["joints"][9:12] == [None, None, None]


def test_the_floor_of_a_level_camera(session: Session) -> None:
    floor = find_floor(session)
    assert floor is not None
    assert floor.tilt_rad == pytest.approx(0.0, abs=0.03)
    assert floor.height_m == pytest.approx(1.4, abs=0.12)  # the walkers' toes are a hand's breadth off it


def test_the_floor_of_a_camera_that_looks_down(scene: Any, session: Session, person_maker: Any) -> None:
    tilt = np.deg2rad(12.0)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    frames = tuple(
        replace(f, truth=tuple(person_maker(1, p.pose.joints_cam_m @ turn.T, scene.camera) for p in f.truth))
        for f in session.frames
    )
    floor = find_floor(replace(session, frames=frames))
    assert floor is not None
    assert floor.tilt_rad == pytest.approx(tilt, abs=0.03)
    level = floor.level(frames[0].truth[0].pose.joints_cam_m)
    np.testing.assert_allclose(level, session.frames[0].truth[0].pose.joints_cam_m, atol=0.2)


def test_no_floor_without_people(session: Session) -> None:
    assert find_floor(replace(session, frames=())) is None


def test_publish_writes_everything(scene: Any, session: Session, tmp_path: Path) -> None:
    short = replace(session, frames=session.frames[:6])
    with BagWriter(tmp_path / "r.mcap") as bag:
        for i, frame in enumerate(short.frames):
            bag.write_image("/image", frame.stamp_ns, "camera", scene.image(i))
    done: list[tuple[int, int]] = []
    content = ReportContent("t", "l")
    made = publish(short, tmp_path / "r.mcap", tmp_path / "out", content, lambda i, n: done.append((i, n)))
    assert done == [(i, 6) for i in range(1, 7)]
    for path in (made.summary_json, made.overlay_mp4, made.report_html):
        assert path.stat().st_size > 1000
    assert "data:video/mp4" in made.report_html.read_text(encoding="utf-8")


def test_the_top_view_grows_for_somebody_far_away(scene: Any, person_maker: Any) -> None:
    composer = Composer(scene.camera, np.empty((0, 3)), height_px=240)
    near = scene.truth[0][0]
    first = composer.draw(scene.image(0), (near,))
    far = person_maker(2, near.pose.joints_cam_m + np.array([0.0, 0.0, 12.0]), scene.camera)
    second = composer.draw(scene.image(0), (far,))
    assert first.shape == second.shape == (240, 320 + 4 + 187, 3)
    assert composer.depth_m > 12.0


def test_health_is_the_mean_over_the_seconds() -> None:
    statuses = [
        {"backend": "onnxruntime (because)", "detect [ms]": "4.0", "pose [ms]": "10.0", "total [ms]": "15"},
        {"backend": "onnxruntime (because)", "detect [ms]": "6.0", "pose [ms]": "14.0"},
        {"backend": "onnxruntime (because)", "smooth [ms]": "1.5", "delay [frames]": "2"},
        {"state": "active"},
    ]
    health = health_of(statuses)
    assert health.backend == "onnxruntime"
    assert health.engine_ms == {"detect": 5.0, "pose": 12.0, "smooth": 1.5}
    assert health.delay_frames == 2
    assert health_of([]).backend == ""
