"""The transforms of a recording, `/tf` and `/tf_static`, looked up at a time as tf2 does it."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_records import rigid_of, stamp_ns
from pose3d_ros.geometry.alignment import RigidTransform

TF_TYPE = "tf2_msgs/msg/TFMessage"
STATIC_TOPIC = "tf_static"
_FARTHEST = 64
"""Frames between two frames; a longer chain is a loop."""


class TransformTree:
    """Frames and what they are attached to. `add` messages in any order, then look up."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._static: dict[str, RigidTransform] = {}
        self._stamps: dict[str, list[int]] = {}
        self._moving: dict[str, list[RigidTransform]] = {}

    def add(self, message: Any, *, static: bool) -> None:
        """The transforms of a TFMessage. Raises InputError for a rotation that is none."""
        for one in message.transforms:
            child, parent = one.child_frame_id.lstrip("/"), one.header.frame_id.lstrip("/")
            made = rigid_of(one.transform)
            self._parents[child] = parent
            if static:
                self._static[child] = made
                continue
            stamps, moving = self._stamps.setdefault(child, []), self._moving.setdefault(child, [])
            at_ns = stamp_ns(one.header)
            at = bisect.bisect_left(stamps, at_ns)
            if at < len(stamps) and stamps[at] == at_ns:
                moving[at] = made
            else:
                stamps.insert(at, at_ns)
                moving.insert(at, made)

    @property
    def frames(self) -> tuple[str, ...]:
        """All that is attached to something, or has something attached."""
        return tuple(sorted({*self._parents, *self._parents.values()}))

    def has(self, frame: str) -> bool:
        """Whether a transform names the frame."""
        return frame.lstrip("/") in self.frames

    def lookup(self, target_frame: str, source_frame: str, time_ns: int) -> RigidTransform | None:
        """From the source frame to the target at a time; None where they are not connected, or at another time only."""
        target, source = target_frame.lstrip("/"), source_frame.lstrip("/")
        up = dict(self._to_ancestors(target, time_ns))
        for frame, source2frame in self._to_ancestors(source, time_ns):
            if frame in up:
                return up[frame].inverse().after(source2frame)
        return None

    def _to_ancestors(self, frame: str, time_ns: int) -> Iterator[tuple[str, RigidTransform]]:
        """The frame and all it is attached to, with the transforms from it to them."""
        so_far = RigidTransform(np.eye(3), np.zeros(3))
        for _ in range(_FARTHEST):
            yield frame, so_far
            step = self._at(frame, time_ns)
            if step is None:
                return
            so_far, frame = step.after(so_far), self._parents[frame]

    def _at(self, child: str, time_ns: int) -> RigidTransform | None:
        """From a frame to its parent; between two stamps interpolated, None outside them."""
        if child in self._static:
            return self._static[child]
        stamps = self._stamps.get(child, [])
        if not stamps or not stamps[0] <= time_ns <= stamps[-1]:
            return None
        after = bisect.bisect_left(stamps, time_ns)
        if stamps[after] == time_ns:
            return self._moving[child][after]
        share = (time_ns - stamps[after - 1]) / (stamps[after] - stamps[after - 1])
        return _between(self._moving[child][after - 1], self._moving[child][after], share)


def read_transforms(bag: BagReader) -> TransformTree:
    """All that a bag has. Raises BagError for a damaged message or one of another definition."""
    tree = TransformTree()
    for topic in bag.topics_of((TF_TYPE,)):
        for message in bag.records(topic, lambda _, message: message):
            tree.add(message, static=topic.endswith(STATIC_TOPIC))
    return tree


def _between(before: RigidTransform, after: RigidTransform, share: float) -> RigidTransform:
    turns = Rotation.from_matrix(np.stack([before.rotation, after.rotation]))
    move_m = before.translation_m + share * (after.translation_m - before.translation_m)
    return RigidTransform(Slerp([0.0, 1.0], turns)(share).as_matrix(), move_m)
