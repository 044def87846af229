"""Skeletons found in images against annotated people: who was found, which joints, what is left over, and by kind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.boxes import iou_matrix
from pose3d_ros.types import Array, ImageArray

Joints = Mapping[str, tuple[float, float]]
"""Limb joint → x and y in pixels; joints that are not known are absent."""

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LIMBS = tuple(f"{side}_{part}" for part in PARTS for side in ("left", "right"))
MIN_HEIGHT_PX = 80.0
"""People who count have at least this height."""
FOUND_SHARE, JOINT_SHARE = 0.2, 0.1
"""Of the larger side of a person's box: the mean joint distance of one who is found, and that of a right joint."""
_LEAST_JOINTS = 2
_MIN_IOU = 0.5

# Kinds of people where the annotation names none; shares of the image's or of the person's box's size.
_NEAR_SHARE, _FAR_SHARE = 0.7, 0.45
_BORDER_SHARE = 0.01
_BENT_RAD = math.radians(25.0)
_SEATED_DROP = 0.5
_HIDDEN_JOINTS, _COVERED_SHARE = 3, 0.25
_DARK = 0.3
ALL = "all"
KINDS = (ALL, "near", "far", "bent", "sitting", "occluded", "truncated", "dark")


@dataclass(frozen=True, eq=False)
class Truth:
    """An annotated person. box_xyxy_px: (4,). kinds: as annotated, None where they are to be derived."""

    box_xyxy_px: Array
    joints_px: Joints
    kinds: tuple[str, ...] | None = None

    @property
    def side_px(self) -> float:
        """The larger side of the box."""
        return float(np.max(self.box_xyxy_px[2:] - self.box_xyxy_px[:2]))

    @property
    def height_px(self) -> float:
        """The height of the box."""
        return float(self.box_xyxy_px[3] - self.box_xyxy_px[1])


@dataclass
class Tally:
    """Sums over people who count, and skeletons without a counterpart. doubles: those of them on a person found."""

    people: int = 0
    found: int = 0
    joints: int = 0
    right: int = 0
    unmatched: int = 0
    doubles: int = 0

    @property
    def joint_share(self) -> float | None:
        """Share of the annotated joints that are right, those of people who were not found included."""
        return round(self.right / self.joints, 3) if self.joints else None


@dataclass(frozen=True)
class Scored:
    """An image's people who count, each with the joints of the skeleton found there (None: not found); the rest."""

    people: tuple[tuple[Truth, Joints | None], ...]
    unmatched: int
    doubles: int


@dataclass
class BoxTally:
    """Boxes of a video at IoU 0.5."""

    truths: int = 0
    found: int = 0
    boxes: int = 0

    @property
    def recall(self) -> float:
        """Share of the true boxes that were found."""
        return round(self.found / max(self.truths, 1), 3)

    @property
    def precision(self) -> float:
        """Share of the boxes that are right."""
        return round(self.found / max(self.boxes, 1), 3)

    def add(self, truths_xyxy_px: Array, boxes_xyxy_px: Array) -> None:
        """Add a frame: (N, 4) and (M, 4), matched one to one."""
        overlap = iou_matrix(truths_xyxy_px, boxes_xyxy_px)
        rows, columns = linear_sum_assignment(-np.where(overlap >= _MIN_IOU, overlap, 0.0))
        self.truths += len(truths_xyxy_px)
        self.boxes += len(boxes_xyxy_px)
        self.found += int((overlap[rows, columns] >= _MIN_IOU).sum())


def read_annotations(folder: Path) -> dict[str, tuple[Truth, ...]]:
    """File name → people of FOLDER/gt.json. Raises InputError when it can't be read or is not of that form."""
    path = folder / "gt.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: tuple(_truth(person) for person in people) for name, people in content.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"annotations {path}",
            expected='{"FILE": [{"box": [x, y, w, h], "joints": {"left_knee": [x, y], …}}, …], …}',
            got=f"{type(error).__name__}: {error}",
            fix="See the form in `python benchmarks/real_people.py --help`.",
        ) from error


def _truth(person: Mapping[str, object]) -> Truth:
    box, joints, kinds = person["box"], person["joints"], person.get("kinds")
    x, y, width, height = (float(v) for v in box)  # type: ignore[attr-defined]
    known = {name: (float(u), float(v)) for name, (u, v) in joints.items()}  # type: ignore[attr-defined]
    unknown = sorted(set(known) - set(LIMBS))
    if unknown:
        raise ValueError(f"no limb joints: {', '.join(unknown)}")
    named = None if kinds is None else tuple(str(kind) for kind in kinds)  # type: ignore[attr-defined]
    return Truth(np.array([x, y, x + width, y + height]), known, named)


def read_mot_boxes(path: Path) -> dict[int, Array]:
    """Frame, from 1 → its boxes (N, 4), x0, y0, x1, y1 px, of a file of the MOT challenge. Raises InputError."""
    try:
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
        boxes = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"boxes {path}",
            expected="lines of frame, id, left, top, width, height, …",
            got=str(error),
            fix="Give the gt.txt of a MOT challenge sequence.",
        ) from error
    return {int(frame): boxes[rows[:, 0] == frame] for frame in np.unique(rows[:, 0])}


def limbs_of(names: Sequence[str], points_px: Array) -> dict[str, tuple[float, float]]:
    """The limb joints of a skeleton by common names; names: `l_knee`, `left_knee`, `LKnee` …; points_px: (J, 2).

    A point that is NaN is left out.
    """
    found: dict[str, tuple[float, float]] = {}
    for name, point in zip(names, points_px, strict=True):
        low = name.lower()
        part = next((part for part in PARTS if low.endswith(part)), None)
        if part is not None and low[0] in "lr" and np.isfinite(point).all():
            found[f"{'left' if low[0] == 'l' else 'right'}_{part}"] = (float(point[0]), float(point[1]))
    return found


def score_image(truths: Sequence[Truth], people: Sequence[Joints]) -> Scored:
    """Match an image's people with the skeletons found: in the annotation's order each takes the nearest one left."""
    taken: set[int] = set()
    scored: list[tuple[Truth, Joints | None]] = []
    for truth in truths:
        if truth.height_px < MIN_HEIGHT_PX:
            continue
        distances = ((distance_share(truth, people[i]), i) for i in range(len(people)) if i not in taken)
        share, best = min(distances, default=(math.inf, -1))
        if share <= FOUND_SHARE:
            taken.add(best)
        scored.append((truth, people[best] if share <= FOUND_SHARE else None))
    rest = [person for i, person in enumerate(people) if i not in taken]
    held = [truth for truth, person in scored if person is not None]
    doubles = sum(any(distance_share(truth, person) <= FOUND_SHARE for truth in held) for person in rest)
    return Scored(tuple(scored), len(rest), doubles)


def distance_share(truth: Truth, person: Joints) -> float:
    """Mean distance of the joints that both have, as a share of the box's larger side; infinite below two joints."""
    shared = [name for name in truth.joints_px if name in person]
    if len(shared) < _LEAST_JOINTS:
        return math.inf
    return float(np.mean([math.dist(truth.joints_px[name], person[name]) for name in shared])) / truth.side_px


def add_to(tally: Tally, truth: Truth, person: Joints | None) -> None:
    """Count a person who counts, found or not."""
    tally.people += 1
    tally.joints += len(truth.joints_px)
    if person is not None:
        limit_px = JOINT_SHARE * truth.side_px
        near = (math.dist(xy, person[name]) < limit_px for name, xy in truth.joints_px.items() if name in person)
        tally.found += 1
        tally.right += sum(near)


def kinds_of(truth: Truth, others: Sequence[Truth], image_bgr: ImageArray) -> tuple[str, ...]:
    """The kinds of a person: as annotated, else derived from box, joints, the other people's boxes and the image.

    near, far: the box has at least 0.7, or less than 0.45, of the image's height. bent: the trunk leans by more than 25
    degrees. sitting: the knees are less than half a trunk's length below the hips. truncated: the box reaches the
    image's border. occluded: at least three limb joints are not annotated inside the image, or another box covers a
    quarter. dark: the box's mean brightness is below 0.3.
    """
    if truth.kinds is not None:
        return (ALL, *truth.kinds)
    height_px, width_px = image_bgr.shape[:2]
    share, truncated = truth.height_px / height_px, _is_truncated(truth, width_px, height_px)
    is_kind = {
        "near": share >= _NEAR_SHARE,
        "far": share < _FAR_SHARE,
        "bent": _lean_rad(truth.joints_px) > _BENT_RAD,
        "sitting": _knee_drop(truth.joints_px) < _SEATED_DROP,
        "occluded": (not truncated and len(LIMBS) - len(truth.joints_px) >= _HIDDEN_JOINTS) or _covered(truth, others),
        "truncated": truncated,
        "dark": _brightness(truth, image_bgr) < _DARK,
    }
    return (ALL, *(kind for kind in KINDS if is_kind.get(kind)))


def _is_truncated(truth: Truth, width_px: int, height_px: int) -> bool:
    x0, y0, x1, y1 = truth.box_xyxy_px
    margin_x, margin_y = _BORDER_SHARE * width_px, _BORDER_SHARE * height_px
    return bool(x0 < margin_x or y0 < margin_y or x1 > width_px - margin_x or y1 > height_px - margin_y)


def _middle(joints: Joints, part: str) -> Array | None:
    known = [joints[name] for name in (f"left_{part}", f"right_{part}") if name in joints]
    return np.mean(known, axis=0) if known else None


def _lean_rad(joints: Joints) -> float:
    """Angle between the trunk, hips to shoulders, and the vertical; 0 where it is unknown."""
    hips, shoulders = _middle(joints, "hip"), _middle(joints, "shoulder")
    if hips is None or shoulders is None:
        return 0.0
    right_px, up_px = shoulders[0] - hips[0], hips[1] - shoulders[1]
    return abs(math.atan2(right_px, up_px))


def _knee_drop(joints: Joints) -> float:
    """How far the knees are below the hips, in lengths of the trunk; infinite where it is unknown."""
    hips, shoulders, knees = (_middle(joints, part) for part in ("hip", "shoulder", "knee"))
    if hips is None or shoulders is None or knees is None:
        return math.inf
    return float((knees[1] - hips[1]) / max(math.dist(hips, shoulders), 1.0))


def _covered(truth: Truth, others: Sequence[Truth]) -> bool:
    """Whether another person's box covers a quarter of the box."""
    x0, y0, x1, y1 = truth.box_xyxy_px
    for other in others:
        if other is not truth:
            a0, b0, a1, b1 = other.box_xyxy_px
            shared = max(min(x1, a1) - max(x0, a0), 0.0) * max(min(y1, b1) - max(y0, b0), 0.0)
            if shared >= _COVERED_SHARE * (x1 - x0) * (y1 - y0):
                return True
    return False


def _brightness(truth: Truth, image_bgr: ImageArray) -> float:
    x0, y0, x1, y1 = (max(round(float(v)), 0) for v in truth.box_xyxy_px)
    crop = image_bgr[y0:y1, x0:x1]
    return float(crop.mean()) / 255.0 if crop.size else 1.0
