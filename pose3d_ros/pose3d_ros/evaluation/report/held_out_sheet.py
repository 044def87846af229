"""Contact sheets of a held-out set: what was found over the ground truth, of random images and the worst people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from pose3d_ros.drawing.colors import bgr
from pose3d_ros.drawing.overlay import as_image, draw_people, draw_thin_skeleton
from pose3d_ros.evaluation.metrics.box_precision import Outcome
from pose3d_ros.evaluation.metrics.matching import errors_of
from pose3d_ros.evaluation.rendered.held_out_run import HeldOutRun, HeldOutScene, ScoredPerson, ScoredScene
from pose3d_ros.records import Detection, Person
from pose3d_ros.types import Array, ImageArray

_SHADE = (24, 18, 14)
_OUTCOME_COLORS = {
    Outcome.TRUE_POSITIVE: bgr("#35d08f"),
    Outcome.FALSE_POSITIVE: bgr("#ff5d73"),
    Outcome.IGNORED: bgr("#ffb627"),
}
_TILE = (480, 400)
"""Width and height of a tile, without its caption."""
_CAPTION_PX = 26
_GAP_PX = 6
_PAGE_BGR = (246, 247, 249)
_MARGIN = 0.35
"""Margin around a person's box, as a share of its longer side."""
_LEAST_SHOWN_PX = 120.0


@dataclass(frozen=True, eq=False)
class Tile:
    """An image (H, W, 3) uint8, at most as large as a tile, with a line of text."""

    image_bgr: ImageArray
    caption: str


def random_tiles(
    scenes: Sequence[HeldOutScene], scored: Sequence[ScoredScene], run: HeldOutRun, count: int, seed: int
) -> list[Tile]:
    """Some whole images, chosen by the seed alone."""
    chosen = np.random.default_rng([seed, 12]).choice(len(scored), min(count, len(scored)), replace=False)
    tiles = []
    for i in sorted(int(i) for i in chosen):
        asked = [p for p in scored[i].people if p.ground_truth.counts]
        found = sum(p.found is not None for p in asked)
        count_fp = len(scored[i].false_positives)
        false_positives = f", {count_fp} false positives" if count_fp else ""
        image = scenes[i].frame.image_bgr
        whole = _Window.of(0, 0, image.shape[1], image.shape[0])
        tiles.append(Tile(drawn(image, scored[i], run, whole), f"{i}: {found} of {len(asked)} found{false_positives}"))
    return tiles


def worst_tiles(
    scenes: Sequence[HeldOutScene], scored: Sequence[ScoredScene], run: HeldOutRun, count: int
) -> list[Tile]:
    """The people whose joints are furthest off, among those who count and were found."""
    people = [(p, p.found) for scene in scored for p in scene.people if p.ground_truth.counts and p.found is not None]
    errors = [(errors_of([(run.confident(found), p.ground_truth.person)]).mpjpe_mm, p) for p, found in people]
    ranked = sorted(errors, key=lambda e: -np.nan_to_num(e[0]))[:count]
    return [_close_up(scenes, scored, run, p, f"joints {error_mm:.0f} mm, ") for error_mm, p in ranked]


def missed_tiles(
    scenes: Sequence[HeldOutScene], scored: Sequence[ScoredScene], run: HeldOutRun, count: int
) -> list[Tile]:
    """The people who count and were not found, the most visible first, of those alike the largest."""
    missed = [p for scene in scored for p in scene.people if p.ground_truth.counts and p.found is None]
    ranked = sorted(missed, key=lambda p: (-round(p.ground_truth.visible, 1), p.ground_truth.distance_m))[:count]
    return [_close_up(scenes, scored, run, p, "box found, " if p.has_box else "no box, ") for p in ranked]


def _close_up(
    scenes: Sequence[HeldOutScene], scored: Sequence[ScoredScene], run: HeldOutRun, person: ScoredPerson, what: str
) -> Tile:
    ground_truth, i = person.ground_truth, person.scene
    image = scenes[i].frame.image_bgr
    window = _Window.round(ground_truth.person.pose.detection.box_xyxy_px, image)
    caption = f"{i}: {what}{ground_truth.distance_m:.1f} m, {100 * ground_truth.visible:.0f} % visible"
    if person.found is not None:
        away_m = float(np.linalg.norm(person.found.pose.root_cam_m)) - ground_truth.distance_m
        caption += f", root {100 * away_m:+.0f} cm"
    return Tile(drawn(image, scored[i], run, window), caption)


@dataclass(frozen=True)
class _Window:
    """The part of an image, in its pixels, that a tile shows, and how much it is enlarged."""

    x0: int
    y0: int
    x1: int
    y1: int
    zoom: float

    @classmethod
    def of(cls, x0: int, y0: int, x1: int, y1: int) -> _Window:
        """The part as large as fits into a tile."""
        return cls(x0, y0, x1, y1, min(_TILE[0] / (x1 - x0), _TILE[1] / (y1 - y0)))

    @classmethod
    def round(cls, box_xyxy_px: Array, image_bgr: ImageArray) -> _Window:
        """A box with a margin, in the tile's shape as far as the image goes."""
        center, (wide, tall) = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2, box_xyxy_px[2:] - box_xyxy_px[:2]
        margin_px, aspect = _MARGIN * max(wide, tall), _TILE[0] / _TILE[1]
        height_px = max(tall + margin_px, (wide + margin_px) / aspect, _LEAST_SHOWN_PX)
        half = np.array([height_px * aspect, height_px]) / 2
        x0, y0 = np.maximum(np.rint(center - half).astype(int), 0)
        x1, y1 = np.minimum(np.rint(center + half).astype(int), image_bgr.shape[1::-1])
        return cls.of(int(x0), int(y0), int(x1), int(y1))

    def image(self, image_bgr: ImageArray) -> ImageArray:
        """The part of the image, enlarged."""
        part = image_bgr[self.y0 : self.y1, self.x0 : self.x1]
        size = tuple(max(1, round(self.zoom * side)) for side in part.shape[1::-1])
        return as_image(cv2.resize(part, size, interpolation=cv2.INTER_AREA if self.zoom < 1 else cv2.INTER_CUBIC))

    def pixels(self, points_px: Array) -> Array:
        """Points (..., 2) of the image in the tile."""
        moved: Array = self.zoom * (points_px - np.array([self.x0, self.y0]) + 0.5) - 0.5
        return moved

    def person(self, person: Person, number: int) -> Person:
        """The person in the tile's pixels, under another number."""
        pose = person.pose
        box = self.pixels(pose.detection.box_xyxy_px.reshape(2, 2)).reshape(4)
        moved = replace(
            pose, joints_img_px=self.pixels(pose.joints_img_px), detection=Detection(box, pose.detection.score)
        )
        return replace(person, track_id=number, pose=moved)


def drawn(image_bgr: ImageArray, scored: ScoredScene, run: HeldOutRun, window: _Window) -> ImageArray:
    """The part with boxes by outcome, what was found as it would be published, and the ground truth thin and white."""
    found = [p.found for p in scored.people if p.found is not None] + list(scored.false_positives)
    tile = window.image(image_bgr)
    for box in scored.boxes:
        a, b = np.rint(window.pixels(box.detection.box_xyxy_px.reshape(2, 2))).astype(int).tolist()
        cv2.rectangle(tile, a, b, _SHADE, 3)
        cv2.rectangle(tile, a, b, _OUTCOME_COLORS[box.outcome], 1)
    moved = [window.person(run.confident(p), i) for i, p in enumerate(found, start=1)]
    tile = draw_people(tile, [p for p in moved if _is_in(tile, p.pose.detection.box_xyxy_px)])
    for person in scored.people:
        if person.ground_truth.visible > 0:
            draw_thin_skeleton(
                tile,
                person.ground_truth.person.pose.skeleton,
                window.pixels(person.ground_truth.person.pose.joints_img_px),
            )
    return tile


def _is_in(image: ImageArray, box_xyxy_px: Array) -> bool:
    return bool((box_xyxy_px[2:] > 0).all() and (box_xyxy_px[:2] < image.shape[1::-1]).all())


def sheet(tiles: Sequence[Tile], columns: int) -> ImageArray:
    """The tiles in rows of so many, each with its caption below, (H, W, 3) uint8."""
    rows = -(-len(tiles) // columns)
    step = np.array([_TILE[0] + _GAP_PX, _TILE[1] + _CAPTION_PX + _GAP_PX])
    page = np.full((rows * int(step[1]) + _GAP_PX, columns * int(step[0]) + _GAP_PX, 3), _PAGE_BGR, np.uint8)
    for number, tile in enumerate(tiles):
        x, y = _GAP_PX + number % columns * int(step[0]), _GAP_PX + number // columns * int(step[1])
        height, width = tile.image_bgr.shape[:2]
        left, top = x + (_TILE[0] - width) // 2, y + (_TILE[1] - height) // 2
        page[top : top + height, left : left + width] = tile.image_bgr
        foot = (x + 4, y + _TILE[1] + _CAPTION_PX - 8)
        cv2.putText(page, tile.caption, foot, cv2.FONT_HERSHEY_SIMPLEX, 0.5, _SHADE, 1, cv2.LINE_AA)
    return page
