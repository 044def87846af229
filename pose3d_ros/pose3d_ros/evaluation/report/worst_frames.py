"""The frames to look at first: the largest errors, people who were missed, people who are not there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose3d_ros.drawing.colors import bgr
from pose3d_ros.drawing.overlay import draw_people, draw_thin_skeleton, image_joints_px
from pose3d_ros.evaluation.metrics import pose_metrics as metrics
from pose3d_ros.evaluation.metrics.matching import detected
from pose3d_ros.evaluation.recording.session import Session
from pose3d_ros.evaluation.recording.summary import MIN_VISIBLE
from pose3d_ros.evaluation.recording.tables import DetectionRow, PersonRow, Tables
from pose3d_ros.records import Person
from pose3d_ros.types import ImageArray

_EACH = 2
_APART_S = 0.7
"""Frames nearer than this look alike: only the worst of them is shown."""
_WIDTH_PX = 960
_MARK = bgr("#ffe14d")
_NS_PER_S = 1e9


@dataclass(frozen=True)
class WorstFrame:
    """A frame by its index, the person in it that it is about, and what is wrong.

    person: id of a ground-truth person, else the track of a detection that is of no one (is_detection).
    """

    frame: int
    person: int
    is_detection: bool
    caption: str


def worst_frames(session: Session, tables: Tables) -> tuple[WorstFrame, ...]:
    """The worst frames of each kind, no person twice at nearly the same time; none without ground truth."""
    if not session.has_ground_truth or not session.frames:
        return ()
    found = [row for row in tables.people if row.found]
    missed = [row for row in tables.people if not row.found and row.visible >= MIN_VISIBLE]
    false = [row for row in tables.detections if not row.matched]
    ranked: list[list[tuple[float, int, int, bool, str]]] = [
        [(row.mpjpe_mm, row.stamp_ns, row.person, False, _joint_caption(row)) for row in found],
        [(row.mrpe_mm, row.stamp_ns, row.person, False, _root_caption(row)) for row in found],
        [(row.visible / row.distance_m, row.stamp_ns, row.person, False, _missed_caption(row)) for row in missed],
        [(row.score, row.stamp_ns, row.track, True, _false_caption(row)) for row in false],
    ]
    index_of = {frame.stamp_ns: i for i, frame in enumerate(session.frames)}
    start_ns, chosen = session.frames[0].stamp_ns, list[WorstFrame]()
    for candidates in ranked:
        least = len(chosen) + _EACH
        for _, stamp_ns, person, is_detection, text in sorted(candidates, key=lambda c: -np.nan_to_num(c[0])):
            caption = f"{(stamp_ns - start_ns) / _NS_PER_S:.1f} s: {text}"
            frame = WorstFrame(index_of[stamp_ns], person, is_detection, caption)
            if len(chosen) < least and not any(_alike(session, frame, other) for other in chosen):
                chosen.append(frame)
    return tuple(chosen)


def _alike(session: Session, one: WorstFrame, other: WorstFrame) -> bool:
    apart_ns = abs(session.frames[one.frame].stamp_ns - session.frames[other.frame].stamp_ns)
    who = (one.person, one.is_detection), (other.person, other.is_detection)
    return who[0] == who[1] and apart_ns < _APART_S * _NS_PER_S


def _joint_caption(row: PersonRow) -> str:
    return f"joints of person {row.person} are {row.mpjpe_mm:.0f} mm off, {_about(row)}"


def _root_caption(row: PersonRow) -> str:
    direction = "far" if row.root_error_z_mm > 0 else "near"
    off_m = abs(row.root_error_z_mm) / metrics.MM_PER_M
    return f"person {row.person} is {off_m:.2f} m too {direction}, {_about(row)}"


def _missed_caption(row: PersonRow) -> str:
    return f"person {row.person} was missed, {_about(row)}"


def _about(row: PersonRow) -> str:
    return f"at {row.distance_m:.1f} m, {100 * row.visible:.0f}% visible"


def _false_caption(row: DetectionRow) -> str:
    return f"P{row.track} is no ground-truth person, score {row.score:.2f}"


def draw_worst(session: Session, image_bgr: ImageArray, worst: WorstFrame) -> ImageArray:
    """The image with who was found, before smoothing, the ground truth thin and white, and a box around the person."""
    frame, camera = session.frames[worst.frame], session.camera
    zoom = _WIDTH_PX / image_bgr.shape[1]
    found = detected(frame.raw or ())
    drawn = draw_people(image_bgr, found, camera, zoom=zoom)
    for person in frame.ground_truth:
        draw_thin_skeleton(drawn, person.pose.skeleton, zoom * (image_joints_px(person, camera) + 0.5) - 0.5)
    for person in found if worst.is_detection else frame.ground_truth:
        if person.track_id == worst.person:
            _mark(drawn, person, zoom)
    return drawn


def _mark(image_bgr: ImageArray, person: Person, zoom: float) -> None:
    box = zoom * person.pose.detection.box_xyxy_px
    if np.isfinite(box).all():
        limit = 4 * max(image_bgr.shape[:2])
        x0, y0, x1, y1 = (int(v) for v in np.clip(np.rint(box), -limit, limit))
        cv2.rectangle(image_bgr, (x0 - 4, y0 - 4), (x1 + 4, y1 + 4), _MARK, 2, cv2.LINE_AA)
