"""From a scored session to files in one folder: summary.json, tables as CSV, overlay.mp4 and report.html."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.drawing.composite import Composer
from pose3d_ros.drawing.video_writer import VideoWriter
from pose3d_ros.evaluation.metrics.json_file import write_json
from pose3d_ros.evaluation.recording.recorded_frames import ANY_RECORDING, RecordingChoice, usual_rate_hz
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.session import People, Session, SessionFrame
from pose3d_ros.evaluation.recording.summary import Summary, summarize
from pose3d_ros.evaluation.recording.table_files import write_tables
from pose3d_ros.evaluation.recording.tables import tables_of
from pose3d_ros.evaluation.report.html_report import ReportContent, Still, write_report
from pose3d_ros.evaluation.report.worst_frames import WorstFrame, draw_worst, worst_frames
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.records import TrackState
from pose3d_ros.types import Array, ImageArray

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Publication:
    """The files that were written, and the metrics in them. problems: images that could not be drawn."""

    summary: Summary
    summary_json: Path
    overlay_mp4: Path
    report_html: Path
    problems: tuple[str, ...] = ()


def publish(
    session: Session,
    recording: Path,
    folder: Path,
    content: ReportContent,
    progress: Progress | None = None,
    choice: RecordingChoice = ANY_RECORDING,
) -> Publication:
    """Write summary.json, the tables, overlay.mp4 and report.html of a session into a folder.

    recording: the bag with the session's images. content: of the report; its video and stills are made here.
    progress: called with (done, all) frames drawn. choice: of the images in the bag.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = match_session(session)
    summary = summarize(session, pairs)
    sources = {"distance_sources": [source.as_dict() for source in content.sources]} if content.sources else {}
    write_json(folder / "summary.json", {**summary.as_dict(), **sources})
    tables = tables_of(session, pairs)
    write_tables(folder, tables)
    video = folder / "overlay.mp4"
    unusable: list[str] = []
    images = _images(session, recording, choice, unusable.append)
    stills, worst = _draw(session, images, video, worst_frames(session, tables), progress)
    shown = replace(content, video=video, stills=stills, worst=worst, people=tables.people)
    write_report(folder / "report.html", session, summary, pairs, shown)
    return Publication(summary, folder / "summary.json", video, folder / "report.html", tuple(unusable))


def write_scores(session: Session, summary: Summary, folder: Path) -> None:
    """Write summary.json and the tables of a session into a folder, without images. Raises OutputError."""
    summary.write(folder / "summary.json")
    write_tables(folder, tables_of(session, match_session(session)))


def _draw(
    session: Session,
    images: Iterator[tuple[SessionFrame, ImageArray]],
    video: Path,
    worst: Sequence[WorstFrame],
    progress: Progress | None,
) -> tuple[tuple[Still, ...], tuple[Still, ...]]:
    """Write the video; stills of it, and the worst frames, in their order."""
    captions = _moments(session)
    stills: list[Still] = []
    drawn_worst: dict[WorstFrame, Still] = {}
    composer = Composer(session.camera, session_roots_m(session))
    index_of = {frame.stamp_ns: i for i, frame in enumerate(session.frames)}
    with VideoWriter(video, usual_rate_hz([frame.stamp_ns for frame in session.frames])) as writer:
        for done, (frame, image) in enumerate(images, start=1):
            index = index_of[frame.stamp_ns]
            drawn = composer.draw(image, shown_people(frame), frame.ground_truth)
            writer.write(drawn)
            if index in captions:
                stills.append(Still(drawn, captions[index]))
            for one in (one for one in worst if one.frame == index):
                drawn_worst[one] = Still(draw_worst(session, image, one), one.caption)
            if progress is not None:
                progress(done, len(session.frames))
    return tuple(stills), tuple(drawn_worst[one] for one in worst if one in drawn_worst)


def shown_people(frame: SessionFrame) -> People:
    """The smoothed people where there are, else the raw ones; none in a frame that was not processed."""
    return frame.smoothed if frame.smoothed is not None else frame.raw or ()


def _images(
    session: Session, recording: Path, choice: RecordingChoice, unusable: Callable[[str], None]
) -> Iterator[tuple[SessionFrame, ImageArray]]:
    frames = {frame.stamp_ns: frame for frame in session.frames}
    with BagReader(recording) as bag:
        for image in bag.images(choice.image_topic, unusable, choice.max_image_pixels):
            frame = frames.pop(image.stamp_ns, None)
            if frame is not None:
                yield frame, image.image_bgr


def _moments(session: Session) -> dict[int, str]:
    """Frames to show, as index → caption: four over time, one of them where people overlap most."""
    count = len(session.frames)
    if not count:
        return {}
    overlap = [_largest_overlap(frame) for frame in session.frames]
    most = int(np.argmax(overlap))
    chosen = {count // 8: "", (3 * count) // 8: "", (7 * count) // 8: ""}
    chosen |= {most: ", people overlap"} if overlap[most] > 0 else {(5 * count) // 8: ""}
    start_ns = session.frames[0].stamp_ns
    return {i: f"{(session.frames[i].stamp_ns - start_ns) * 1e-9:.1f} s{text}" for i, text in chosen.items()}


def _largest_overlap(frame: SessionFrame) -> float:
    people = [p for p in shown_people(frame) if p.state != TrackState.LOST]
    boxes = np.array([p.pose.detection.box_xyxy_px for p in people]).reshape(-1, 4)
    return float(np.triu(iou_matrix(boxes, boxes), k=1).max(initial=0.0))


def session_roots_m(session: Session) -> Array:
    """All roots of a session, (N, 3): for the scale of its top view."""
    roots = [p.pose.root_cam_m for f in session.frames for p in (*f.ground_truth, *(f.raw or ()), *(f.smoothed or ()))]
    return np.array(roots).reshape(-1, 3)
