from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from pose3d_ros.bags.bag_writer import BagWriter
from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.report.html_report import ReportContent
from pose3d_ros.evaluation.report.publish import publish

from ...conftest import Scene


def test_publish_writes_summary_video_and_page(scene: Scene, session: Session, tmp_path: Path) -> None:
    short = replace(session, frames=session.frames[:6])
    with BagWriter(tmp_path / "r.mcap") as bag:
        for i, frame in enumerate(short.frames):
            bag.write_image("/image", frame.stamp_ns, "camera", scene.image(i))
    done: list[tuple[int, int]] = []
    sources = (SourceError("none", 3, 285.0, {"3-5": 285.0}, 1.2), SourceError("floor", 3, 119.0, {"3-5": 119.0}, 1.0))
    content = ReportContent("t", "l", sources=sources)
    made = publish(short, tmp_path / "r.mcap", tmp_path / "out", content, lambda i, n: done.append((i, n)))
    assert done == [(i, 6) for i in range(1, 7)]
    for path in (made.summary_json, made.overlay_mp4, made.report_html):
        assert path.stat().st_size > 1000
    compared = json.loads(made.summary_json.read_text(encoding="utf-8"))["distance_sources"]
    assert [(one["source"], one["mrpe_mm"]) for one in compared] == [("none", 285.0), ("floor", 119.0)]
    assert "data:video/mp4" in made.report_html.read_text(encoding="utf-8")
