"""People's boxes in the messages of other detectors: vision_msgs/Detection2DArray, yolo_msgs/DetectionArray."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pose3d_ros.reading.numbers import is_number
from pose3d_ros.records import Detection
from pose3d_ros.types import Array

VISION_TYPE, YOLO_TYPE = "vision_msgs/msg/Detection2DArray", "yolo_msgs/msg/DetectionArray"
DETECTION_TYPES = (VISION_TYPE, YOLO_TYPE)
ANY_CLASS = "*"
NO_BOX, TOO_SMALL, OUTSIDE = "without a finite area", "smaller than 2 pixels", "outside the image"
WRONG_SCORE = "of a score that is not within 0 to 1"
_LEAST_SIDE_PX = 2.0


@dataclass(frozen=True)
class DetectionRules:
    """What of a message is used. classes: names or numbers of people's, in lower case, or `*` for all.

    score_threshold: the least score. max_people: boxes that are kept, those of the highest scores.
    """

    classes: frozenset[str]
    score_threshold: float
    max_people: int

    def is_person(self, name: str) -> bool:
        """Whether a class is people's."""
        return ANY_CLASS in self.classes or name.strip().lower() in self.classes


@dataclass(frozen=True)
class FoundBoxes:
    """What a message says of an image. detections: people's, clipped to the image, best score first.

    people: how many boxes of people the message has. unusable: why some of these were left out, and how many.
    others: names of the other classes, and how many boxes each has. reach_px: right and lower end of people's boxes.
    """

    detections: tuple[Detection, ...] = ()
    people: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    reach_px: tuple[float, float] = (0.0, 0.0)


def found_boxes(message: Any, rules: DetectionRules, width_px: int, height_px: int) -> FoundBoxes:
    """The boxes of people that a message of DETECTION_TYPES, deserialized by ROS or rosbags, has for an image.

    A box that is turned is replaced by the upright one around it. Coordinates are the detectors': 0 is the image's left
    and upper edge, where ours, whose integers are pixel centers, have -0.5.
    """
    unusable, others, usable = Counter[str](), Counter[str](), list[Detection]()
    people, reach_px = 0, (0.0, 0.0)
    for each in message.detections:
        hypotheses = list(_hypotheses(each))
        scores = [score for name, score in hypotheses if rules.is_person(name)]
        if not scores:
            others.update([max(hypotheses, key=lambda one: one[1], default=("", 0.0))[0]])
            continue
        people += 1
        edges = _edges(each.bbox)
        if edges is not None:
            reach_px = max(reach_px[0], edges[2]), max(reach_px[1], edges[3])
        problem = _problem(edges, max(scores), width_px, height_px)
        if problem or edges is None:
            unusable[problem] += 1
        elif max(scores) >= rules.score_threshold:
            usable.append(Detection(_clipped(edges, width_px, height_px) - 0.5, max(scores)))
    usable.sort(key=lambda detection: -detection.score)
    return FoundBoxes(tuple(usable[: rules.max_people]), people, unusable, others, reach_px)


def _hypotheses(detection: Any) -> Iterator[tuple[str, float]]:
    """(class, score) of each class that a detection may be; yolo_msgs' numbers are of the model's own, so names win."""
    if hasattr(detection, "class_id"):
        yield str(detection.class_name) or str(detection.class_id), float(detection.score)
        return
    for result in detection.results:
        yield str(result.hypothesis.class_id), float(result.hypothesis.score)


def _edges(bbox: Any) -> tuple[float, float, float, float] | None:
    """Left, upper, right and lower edge; None where one is not finite, or a side not above 0."""
    at, theta = bbox.center.position, float(bbox.center.theta)
    sides = (bbox.size.x, bbox.size.y) if hasattr(bbox, "size") else (bbox.size_x, bbox.size_y)
    width, height = float(sides[0]), float(sides[1])
    if not all(map(is_number, (at.x, at.y, theta, width, height))) or min(width, height) <= 0:
        return None
    cosine, sine = abs(math.cos(theta)), abs(math.sin(theta))
    half_width, half_height = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
    return at.x - half_width, at.y - half_height, at.x + half_width, at.y + half_height


def _clipped(edges: Sequence[float], width_px: int, height_px: int) -> Array:
    return np.clip(np.array(edges, dtype=np.float64), 0.0, [width_px, height_px, width_px, height_px])


def _problem(edges: Sequence[float] | None, score: float, width_px: int, height_px: int) -> str:
    """Why a box is of no use, "" for one that is."""
    if edges is None:
        return NO_BOX
    if not 0.0 <= score <= 1.0:
        return WRONG_SCORE
    if min(edges[2] - edges[0], edges[3] - edges[1]) < _LEAST_SIDE_PX:
        return TOO_SMALL
    x0, y0, x1, y1 = _clipped(edges, width_px, height_px)
    return OUTSIDE if min(x1 - x0, y1 - y0) < _LEAST_SIDE_PX else ""


def rules_of(classes: str, score_threshold: float, max_people: int) -> DetectionRules:
    """Of the parameters `detections_classes`, whose names are separated by commas, and of the detector's."""
    names = frozenset(name.strip().lower() for name in classes.split(",") if name.strip())
    return DetectionRules(names, score_threshold, max_people)
