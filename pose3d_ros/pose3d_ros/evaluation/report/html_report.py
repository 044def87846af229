"""The report: one HTML file that needs nothing else, with metrics, video, 3D view, images and plots."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import cv2

import pose3d_ros
from pose3d_ros.drawing.colors import GROUND_TRUTH_HEX, LEFT_HEX, RAW_HEX
from pose3d_ros.evaluation.metrics.splits import DEFINITION
from pose3d_ros.evaluation.recording.distance_sources import SourceError
from pose3d_ros.evaluation.recording.scoring import Pair
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import Summary
from pose3d_ros.evaluation.recording.tables import PersonRow
from pose3d_ros.evaluation.report.plots import PlotGroup, session_plots, sources_plot
from pose3d_ros.evaluation.report.summary_table import headlines, person_rows, source_rows, split_rows
from pose3d_ros.evaluation.report.svg_plot import plot_html
from pose3d_ros.evaluation.report.viewer_scene import GROUND_TRUTH, RAW, SMOOTHED, scene_data, sets_of
from pose3d_ros.output_files import write_file
from pose3d_ros.types import ImageArray

ASSETS = Path(__file__).parent / "assets"
# Above this a video is a link beside the page, so that the page still opens quickly.
_MAX_EMBEDDED_BYTES = 16 << 20
_JPEG_QUALITY = 82
_SWATCHES = {GROUND_TRUTH: GROUND_TRUTH_HEX, RAW: RAW_HEX, SMOOTHED: LEFT_HEX}
_WORST_CAPTION = (
    "The largest errors of joints and of places, visible people who were missed, and detections that are of no one. "
    "Colored: what was found, before smoothing; thin and white: the ground truth; yellow box: the person in question."
)
_VIDEO_CAPTION = (
    'Left: the image with the skeletons, the body\'s <span class="left">left side</span> and <span class="right">right '
    "side</span> in two colors, with each person's number and distance from the camera. Right: the same people from "
    "above in metres, with their paths of the last seconds. Dashed people are not detected in this frame: their "
    "position is extrapolated from their motion."
)


@dataclass(frozen=True, eq=False)
class Still:
    """An image for the report: image_bgr (H, W, 3) uint8 and what is on it."""

    image_bgr: ImageArray
    caption: str


@dataclass(frozen=True, eq=False)
class ReportContent:
    """What the report shows besides the metrics. video: an .mp4 file, or None. command: how it was made.

    stills: of the video. worst: the frames to look at first. people: each ground-truth person in each frame.
    photographs: of real people, with what `photographs_by`, the engines' names, found there. sources: the root's error
    without and with each source of distance.
    """

    title: str
    lead: str
    video: Path | None = None
    stills: tuple[Still, ...] = ()
    worst: tuple[Still, ...] = ()
    people: tuple[PersonRow, ...] = ()
    command: str = ""
    photographs: tuple[Still, ...] = ()
    photographs_by: str = ""
    sources: tuple[SourceError, ...] = ()


def write_report(path: Path, session: Session, summary: Summary, pairs: Sequence[Pair], content: ReportContent) -> None:
    """Write the report. pairs: `scoring.match_session` of the session."""
    page = Template((ASSETS / "report.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(content.title),
        lead=html.escape(content.lead),
        style=(ASSETS / "report.css").read_text(encoding="utf-8"),
        facts=facts_html(_facts(session, summary)),
        cards=_cards(summary),
        video=_video(content, path.parent),
        viewer=_viewer(session),
        photographs=_section("Real people", content.photographs, _photographs_caption(content)),
        sources=_sources(content.sources),
        people=_people(content.people),
        groups=_groups(summary),
        worst=_section("Worst frames", content.worst, _WORST_CAPTION),
        figures=_section("Frames", content.stills),
        plots="".join(_group(group) for group in session_plots(session, pairs)),
        table=_table(summary),
        footer=footer_html(content.command),
    )
    write_file(path, page)


def _facts(session: Session, summary: Summary) -> dict[str, str]:
    camera = session.camera
    hfov_deg = math.degrees(2 * math.atan(camera.width_px / 2 / camera.fx_px))
    seconds = (session.frames[-1].stamp_ns - session.frames[0].stamp_ns) * 1e-9 if session.frames else 0.0
    return {
        "Recording": f"{len(session.frames)} images, {seconds:.1f} s",
        "Camera": f"{camera.width_px} × {camera.height_px}, {hfov_deg:.0f}° wide",
        "Models": session.model or "unknown",
        "Backend": session.backend or "unknown",
        "Skeleton": f"{session.skeleton.name}, {len(session.skeleton)} joints",
        "Results": summary.how or "unknown",
    }


def facts_html(facts: Mapping[str, object]) -> str:
    """Names and values as items of a description list."""
    return "".join(f"<div><dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd></div>" for k, v in facts.items())


def rows_html(rows: Sequence[Sequence[str]]) -> str:
    """Rows of a table."""
    return "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)


def footer_html(command: str) -> str:
    """What made the page."""
    made = f"Made by pose3d_ros {pose3d_ros.__version__}"
    return html.escape(f"{made} with `{command}`." if command else f"{made}.")


def _cards(summary: Summary) -> str:
    return "".join(
        f'<li><div class="name">{html.escape(row.name)}</div>'
        f'<div class="value">{html.escape(row.value)}<span class="unit">{html.escape(row.unit)}</span></div>'
        f'<div class="meaning">{html.escape(row.meaning)}</div></li>'
        for row in headlines(summary)
    )


def _video(content: ReportContent, folder: Path) -> str:
    if content.video is None:
        return ""
    poster = f' poster="{_jpeg_uri(content.stills[0].image_bgr)}"' if content.stills else ""
    if content.video.stat().st_size > _MAX_EMBEDDED_BYTES:
        near = content.video.resolve().is_relative_to(folder.resolve())
        source = html.escape(content.video.name if near else content.video.resolve().as_uri())
    else:
        source = "data:video/mp4;base64," + base64.b64encode(content.video.read_bytes()).decode("ascii")
    player = f'<video controls loop muted playsinline preload="metadata"{poster} src="{source}"></video>'
    return f'<section><h2>Overlay and view from above</h2>{player}<p class="caption">{_VIDEO_CAPTION}</p></section>'


def _viewer(session: Session) -> str:
    """The 3D view with its data and its script; nothing for a session without people."""
    if not sets_of(session):
        return ""
    return Template((ASSETS / "viewer.html").read_text(encoding="utf-8")).substitute(
        toggles=_toggles(session),
        scene=_json_in_html(scene_data(session)),
        script=(ASSETS / "viewer.js").read_text(encoding="utf-8"),
    )


def _toggles(session: Session) -> str:
    sets = sets_of(session)
    hidden = {RAW} if SMOOTHED in sets else set()
    return "".join(
        f'<label><input type="checkbox" data-set="{name}"{"" if name in hidden else " checked"}>'
        f'<span class="swatch" style="color:{_SWATCHES[name]}"></span>{html.escape(label)}</label>'
        for name, label in sets.items()
    )


def _photographs_caption(content: ReportContent) -> str:
    return (
        "Photographs beside the recording, which is rendered. Skeletons and view from above were made by the engines "
        f"{content.photographs_by}."
    )


def _section(title: str, stills: Sequence[Still], caption: str = "") -> str:
    if not stills:
        return ""
    figures = "".join(
        f'<figure class="figure"><img alt="{html.escape(still.caption)}" src="{_jpeg_uri(still.image_bgr)}">'
        f"<figcaption>{html.escape(still.caption)}</figcaption></figure>"
        for still in stills
    )
    below = f'<p class="caption">{html.escape(caption)}</p>' if caption else ""
    return f'<section><h2>{html.escape(title)}</h2><div class="figures">{figures}</div>{below}</section>'


def _sources(sources: Sequence[SourceError]) -> str:
    """Table and plot of the root's error without and with floor and depth."""
    if not sources:
        return ""
    rows = source_rows(sources)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    caption = (
        "Mean error of the root's position, and of people at each distance, computed frame by frame on the recording "
        "with depth. error / sigma: the error along the ray over what root_covariance states; 1 is right."
    )
    return (
        "<section><h2>What floor and depth are worth</h2>"
        f'<div class="plots">{plot_html(sources_plot(sources))}<figure class="plot"><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows_html([[*row.values()] for row in rows])}</tbody></table></div>"
        f"<p>{caption}</p></figure></div></section>"
    )


def _people(people: Sequence[PersonRow]) -> str:
    """Table of the ground-truth people."""
    rows = person_rows(people)
    if not rows:
        return ""
    more = f" The {len(rows)} who are there longest." if len({row.person for row in people}) > len(rows) else ""
    caption = "Ground-truth people, over all frames they are in; errors where they were found, in mm, before smoothing."
    return f'<section><h2>People</h2>{_numbers(rows)}<p class="caption">{caption}{more}</p></section>'


def _groups(summary: Summary) -> str:
    """Table of the groups of ground-truth people."""
    rows = split_rows(summary)
    if not rows:
        return ""
    caption = html.escape(f"Counted in every frame; errors in mm, before smoothing. Groups: {DEFINITION}.")
    return f'<section><h2>By group</h2>{_numbers(rows)}<p class="caption">{caption}</p></section>'


def _numbers(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    body = rows_html([[*row.values()] for row in rows])
    return (
        f'<div class="scroll"><table class="numbers"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _group(group: PlotGroup) -> str:
    plots = "".join(plot_html(plot) for plot in group.plots)
    return f'<section><h2>{html.escape(group.title)}</h2><div class="plots">{plots}</div></section>'


def _table(summary: Summary) -> str:
    values = summary.as_dict()
    definitions, _ = values.pop("definitions"), values.pop("groups")
    meanings = definitions if isinstance(definitions, dict) else {}
    known = {name: shown(value) for name, value in values.items() if _is_known(value)}
    return rows_html([(name, text, str(meanings.get(name, ""))) for name, text in known.items()])


def _is_known(value: object) -> bool:
    """Whether there is anything to show; what could not be computed is null in summary.json and absent here."""
    if isinstance(value, (dict, list)):
        return any(_is_known(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return value is not None and value != ""


def shown(value: object) -> str:
    """A value of summary.json as text."""
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{k} {shown(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(shown(v) for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _jpeg_uri(image_bgr: ImageArray) -> str:
    _, data = cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def _json_in_html(data: object) -> str:
    """Compact JSON that can't end its script element."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
