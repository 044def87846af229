"""All people of a frame as one set of segments, one of points, and their labels, in the page's world."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.drawing.colors import person_hex
from pose3d_ros.drawing.marker_lines import MarkerLines, Rgba, marker_lines, rgba
from pose3d_ros.drawing.overlay import person_label
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.records import Person, TrackState
from pose3d_ros.types import Array

BACKGROUND = (17, 22, 30)
"""Of the page, red, green, blue: what is faint is mixed with it."""
_TRAIL_NS, _TRAIL_STEP_NS = 3_000_000_000, 130_000_000
_TRAIL_HEIGHT_M = 0.01
_LABEL_ABOVE_M = 0.28

Colors = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SceneLabel:
    """A text in the scene, its lower edge's middle at a place of the world, metres."""

    text: str
    position_m: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class SkeletonLines:
    """bones_m (N, 2, 3) with bone_colors (N, 2, 3), joints_m (M, 3) with joint_colors (M, 3), in the world."""

    bones_m: Array
    bone_colors: Colors
    joints_m: Array
    joint_colors: Colors
    labels: tuple[SceneLabel, ...]


def skeleton_lines(people: Sequence[Person], to_world: RigidTransform) -> SkeletonLines:
    """What there is to draw of a frame's people, colored as their markers; LOST ones are left out."""
    bones, bone_colors, joints, joint_colors, labels = [], [], [], [], []
    for person in people:
        made = marker_lines(person)
        if made is None or not np.isfinite(person.pose.root_cam_m).all():
            continue
        places_m = to_world.apply(person.pose.joints_cam_m)
        bones += [places_m[list(edge)] for edge, _ in made.edges]
        bone_colors += [[_rgb(color)] * 2 for _, color in made.edges]
        joints.append(places_m[list(made.joints)])
        joint_colors += [_rgb(made.color)] * len(made.joints)
        labels.append(_label(person, made, places_m, to_world))
    return SkeletonLines(
        np.array(bones).reshape(-1, 2, 3),
        np.array(bone_colors, dtype=np.uint8).reshape(-1, 2, 3),
        np.concatenate([np.empty((0, 3)), *joints]),
        np.array(joint_colors, dtype=np.uint8).reshape(-1, 3),
        tuple(labels),
    )


def _label(person: Person, made: MarkerLines, places_m: Array, to_world: RigidTransform) -> SceneLabel:
    """Above the head, or above what is known of the body."""
    root_m = to_world.apply(person.pose.root_cam_m)
    x, y, z = places_m[made.label_joint] if made.label_joint is not None else root_m
    highest = max([float(z), *places_m[list(made.joints), 2].tolist()])
    text = " ".join(person_label(person).split())
    if person.state == TrackState.PREDICTED:
        text += " (predicted)"
    return SceneLabel(text, (float(x), float(y), highest + _LABEL_ABOVE_M))


@functools.cache
def _rgb(color: Rgba) -> tuple[int, int, int]:
    """On the page's background, as the page draws no transparent lines."""
    share = color[3]
    red, green, blue = (round(255 * share * c + (1 - share) * b) for c, b in zip(color, BACKGROUND, strict=False))
    return red, green, blue


class Trails:
    """Where people have been in the last three seconds, on the floor."""

    def __init__(self) -> None:
        self._places: dict[int, deque[tuple[int, Array]]] = {}

    def clear(self) -> None:
        """Forget them, as after a jump in time."""
        self._places = {}

    def add(self, stamp_ns: int, people: Sequence[Person], to_world: RigidTransform) -> None:
        """Of a frame's people; those who are not in it have no trail any more."""
        present = {p.track_id: p for p in people if p.state != TrackState.LOST and np.isfinite(p.pose.root_cam_m).all()}
        places: Mapping[int, deque[tuple[int, Array]]] = self._places
        self._places = {track_id: places.get(track_id, deque()) for track_id in present}
        for track_id, trail in self._places.items():
            while trail and not 0 <= stamp_ns - trail[0][0] <= _TRAIL_NS:
                trail.popleft()
            if len(trail) > 1 and stamp_ns - trail[-2][0] < _TRAIL_STEP_NS:
                trail.pop()
            x, y, _ = to_world.apply(present[track_id].pose.root_cam_m)
            trail.append((stamp_ns, np.array([x, y, _TRAIL_HEIGHT_M])))

    def lines(self) -> tuple[Array, Colors]:
        """Segments (N, 2, 3) and their colors (N, 2, 3), fading with age."""
        segments, colors = [np.empty((0, 2, 3))], [np.empty((0, 2, 3))]
        for track_id, trail in self._places.items():
            places = np.array([place for _, place in trail])
            shares = np.linspace(0.1, 0.8, len(places))[:, None]
            shades = shares * 255 * np.array(rgba(person_hex(track_id), 1.0)[:3]) + (1 - shares) * BACKGROUND
            segments.append(np.stack([places[:-1], places[1:]], axis=1))
            colors.append(np.stack([shades[:-1], shades[1:]], axis=1))
        return np.concatenate(segments), np.round(np.concatenate(colors)).astype(np.uint8)
