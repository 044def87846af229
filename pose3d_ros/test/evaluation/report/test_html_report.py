from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import summarize
from pose3d_ros.evaluation.recording.tables import tables_of
from pose3d_ros.evaluation.report.html_report import ReportContent, Still, write_report


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
        for name, value in attrs:
            if name in ("src", "poster", "data") or (name == "href" and not (value or "").startswith("#")):
                self.loaded.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def write(session: Session, path: Path, **content: Any) -> tuple[str, Page]:
    pairs = match_session(session)
    write_report(path, session, summarize(session, pairs), pairs, ReportContent("A <title>", "lead & more", **content))
    text = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    return text, page


def test_sources_of_distance_have_a_table_and_a_plot(session: Session, tmp_path: Path) -> None:
    sources = (
        SourceError("none", 9, 285.4, {"2-3": 190.0, "5-7": 400.0}, 1.2),
        SourceError("floor and depth", 9, 61.0, {"2-3": 50.0}, float("nan")),
    )
    text, page = write(session, tmp_path / "r.html", sources=sources)
    assert page.open == []
    section = text.partition("What floor and depth are worth")[2].partition("</section>")[0]
    assert section.count("<svg") == 1
    rows = re.findall(r"<tr>(.*?)</tr>", section)
    cells = [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]
    assert cells[0] == ["distance from", "MRPE", "2-3 m", "5-7 m", "error / sigma"]
    assert cells[1] == ["size only", "285 mm", "190 mm", "400 mm", "1.20"]
    assert cells[2] == ["floor and depth", "61 mm", "50 mm", "– mm", "–"]
    assert "What floor and depth" not in write(session, tmp_path / "s.html")[0]


def test_photographs_have_a_section_that_names_the_engines(session: Session, tmp_path: Path) -> None:
    still = Still(np.zeros((8, 8, 3), np.uint8), "Found: 1 <there>.")
    text, page = write(session, tmp_path / "r.html", photographs=(still,), photographs_by="net & net")
    assert page.open == []
    assert "<h2>Real people</h2>" in text
    assert "Found: 1 &lt;there&gt;." in text
    assert "net &amp; net" in text
    assert "<h2>Real people</h2>" not in write(session, tmp_path / "s.html")[0]


def test_report_is_one_file_that_loads_nothing(session: Session, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"video")
    still = Still(np.zeros((8, 8, 3), np.uint8), "An image.")
    text, page = write(session, tmp_path / "new/report.html", video=tmp_path / "v.mp4", stills=(still,))
    assert page.open == []
    assert all(source.startswith("data:") for source in page.loaded)
    assert len(page.loaded) == 3  # video, its poster, the still
    assert len(page.ids) == len(set(page.ids))
    assert "https://" not in text.replace("http://www.w3.org", "")
    assert "$" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


def test_people_have_a_row_each(session: Session, tmp_path: Path) -> None:
    tables = tables_of(session, match_session(session))
    text, page = write(session, tmp_path / "r.html", people=tables.people)
    assert page.open == []
    section = text.partition("<h2>People</h2>")[2].partition("</section>")[0]
    assert section.count("<tr>") == 1 + len({row.person for row in tables.people})
    assert "100.0" in section


def test_texts_are_escaped(session: Session, tmp_path: Path) -> None:
    text, _ = write(session, tmp_path / "r.html")
    assert "A &lt;title&gt;" in text
    assert "some &lt;model&gt;" in text
    assert "lead &amp; more" in text


def test_large_video_is_linked(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose3d_ros.evaluation.report.html_report._MAX_EMBEDDED_BYTES", 3)
    (tmp_path / "overlay.mp4").write_bytes(b"video")
    _, page = write(session, tmp_path / "r.html", video=tmp_path / "overlay.mp4")
    assert page.loaded == ["overlay.mp4"]


def test_report_without_ground_truth_smoother_or_people(session: Session, tmp_path: Path) -> None:
    frames = tuple(replace(f, ground_truth=(), smoothed=None) for f in session.frames)
    bare = replace(session, frames=frames, has_ground_truth=False)
    text, page = write(bare, tmp_path / "bare.html")
    assert page.open == []
    assert "MPJPE" not in text
    shown = text.partition("<h2>All metrics")[0]
    absent = ("round truth", "smoothed:", "Identity", "False pos", "Worst", "<h2>People", "<h2>By", "<h2>Overlay")
    assert [text for text in absent if text in shown] == []
    empty = replace(bare, frames=tuple(replace(f, raw=()) for f in bare.frames))
    text, page = write(empty, tmp_path / "empty.html")
    assert page.open == []
    assert "<h2>3D view" not in text
    assert "<canvas" not in text
