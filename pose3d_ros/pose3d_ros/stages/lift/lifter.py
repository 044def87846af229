"""3D joints of everybody's 2D joints: what makes a pose net that only says where joints are seen a 3D one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera, rotation_to_rays
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import choice_parameter, real_parameter, skeleton_of
from pose3d_ros.stages.lift.joint_mapping import JointMap, fill_missing, input_map
from pose3d_ros.stages.lift.lift_decoders import LiftSizes, lift_net
from pose3d_ros.stages.lift.lift_features import (
    HUMAN36M_FOCAL,
    Float32Array,
    known_joints,
    person_features,
    screen_features,
)
from pose3d_ros.stages.lift.lift_memory import BoxMemory
from pose3d_ros.types import Array

_PLAIN, _SCORED = 2, 3
_MIN_JOINTS = 2
"""One joint has neither a size nor a shape."""


@dataclass(frozen=True, eq=False)
class Lifted:
    """relative_m (N, J, 3): from the root, metres, in axes parallel to the camera's, NaN where unknown.

    joints_img_px (N, J, 2): where these joints were seen, NaN for those that the 2D skeleton lacks or that were not.
    scores (N, J): of the 2D joint of that name; the mean of the person's for a joint that the 2D skeleton lacks.
    """

    relative_m: Array
    joints_img_px: Array
    scores: Array


@dataclass(frozen=True)
class _Reading:
    """How a lifter reads 2D joints, and where its joints' z points: see engines/README.md."""

    input: str
    with_scores: bool
    focal: float
    ahead: str
    metres_per_unit: float


@dataclass(frozen=True, eq=False)
class _People:
    """places (N, J, 2) on the plane z = 1, NaN where unknown, and scores (N, J), of the joints that are read."""

    camera: Camera
    stamp_ns: int
    boxes_xyxy_px: Array
    places: Array
    scores: Array


@dataclass(frozen=True, eq=False)
class _Seen:
    """features (N, J, F). cam_from_net (N, 3, 3): turns the network's joints. held (N, J, 2): see `fill_missing`."""

    features: Float32Array
    cam_from_net: Array
    held: Array


class Lifter:
    """Lifts the people of a frame in one run of the engine; remembers them where the engine needs their past.

    engine, entry: a decoder of `lift_decoders.LIFT_DECODERS`; parameters input_skeleton, input_features,
    receptive_field, input, focal, ahead, metres_per_unit. input_skeleton: of the 2D joints that it will be given.
    Raises EngineError for another decoder, an engine that does not fit it, a parameter that can't be used, and a lifter
    that reads joints which can't be had of those.
    """

    def __init__(self, engine: Engine, entry: ManifestEntry, input_skeleton: Skeleton) -> None:
        self._skeleton = skeleton_of(entry)
        self._to_input = input_map(entry, input_skeleton)
        self._to_output = JointMap.between(input_skeleton, self._skeleton)
        self._reading = _reading(entry)
        sizes = LiftSizes(len(self._to_input.target), _feature_count(entry), len(self._skeleton))
        self._net = lift_net(engine, entry, sizes)
        self._memory = BoxMemory(((sizes.joints_in, 2), *self._net.shapes)) if self._net.shapes else None

    @property
    def skeleton(self) -> Skeleton:
        """The 3D joints' skeleton."""
        return self._skeleton

    def reset(self) -> None:
        """Forget everybody's past."""
        if self._memory is not None:
            self._memory.clear()

    def __call__(
        self, camera: Camera, stamp_ns: int, boxes_xyxy_px: Array, joints_img_px: Array, scores: Array
    ) -> Lifted:
        """The people's 3D joints.

        boxes_xyxy_px (N, 4), to tell by who was who in the frame before; joints_img_px (N, J, 2), NaN where unknown;
        scores (N, J): a joint with 0 is unknown as well.
        A joint whose own 2D joint is unknown is NaN; one that the 2D skeleton lacks is what the network says. A person
        with fewer than two known joints is all NaN. Raises InputError for shapes that do not fit each other, and
        EngineError when the engine fails; what is remembered then stays as it was.
        """
        self._check_shapes(boxes_xyxy_px, joints_img_px)
        rays = camera.rays(joints_img_px)[..., :2]
        known = known_joints(rays, scores)
        sure = np.where(known, scores, 0.0)
        seen_px, places = (np.where(known[..., None], at, np.nan) for at in (joints_img_px, rays))
        people = _People(camera, stamp_ns, boxes_xyxy_px, self._to_input.places(places), self._to_input.scores(sure))
        relative_m = self._lift(people) if len(known) else np.zeros((0, len(self._skeleton), 3))
        return self._lifted(relative_m, self._to_output.places(seen_px), sure)

    def _lift(self, people: _People) -> Array:
        """Joints (N, J, 3) from the root, metres, in the camera's axes."""
        if self._memory is None:
            seen = self._seen(people, np.full_like(people.places, np.nan))
            return self._in_camera(self._net.lift(seen.features, [])[0], seen)
        rows, new = self._memory.find(people.boxes_xyxy_px, people.stamp_ns)
        before, *past = self._memory.read(rows)
        before[new] = np.nan
        seen = self._seen(people, before)
        if new.any():
            for values, first in zip(past, self._net.begin(seen.features[new]), strict=True):
                values[new] = first
        joints, past = self._net.lift(seen.features, past)
        self._memory.remember(rows, people.boxes_xyxy_px, people.stamp_ns, [seen.held, *past])
        return self._in_camera(joints, seen)

    def _seen(self, people: _People, before: npt.NDArray[np.floating]) -> _Seen:
        """What the network is to read. before: the places held of the frame before, NaN for none.

        A network that reads scores is told by a 0 which joints are missing; another is given places for them.
        """
        places, held = fill_missing(people.places, before)
        scores, reading = np.ones_like(people.scores), self._reading
        if reading.with_scores:
            places, scores = people.places, people.scores
        if reading.input == "person":
            features, ahead = person_features(places, scores)
            features = features if reading.with_scores else features[..., :2]
        else:
            features = screen_features(places, scores, reading.focal, reading.with_scores)
            ahead = _towards(people.camera, people.boxes_xyxy_px)
        return _Seen(features, ahead if reading.ahead == "crop" else np.broadcast_to(np.eye(3), ahead.shape), held)

    def _in_camera(self, joints: Array, seen: _Seen) -> Array:
        from_root = (joints - joints[:, self._skeleton.root, None]) * self._reading.metres_per_unit
        relative_m: Array = from_root @ seen.cam_from_net.transpose(0, 2, 1)
        return relative_m

    def _lifted(self, relative_m: Array, seen_px: Array, scores: Array) -> Lifted:
        """seen_px (N, J', 2): of the 3D joints; scores (N, J): of the 2D ones, 0 where unknown."""
        lacking = np.array([not origins for origins in self._to_output.origins])
        count = (scores > 0).sum(axis=1)
        mean = scores.sum(axis=1) / np.maximum(count, 1)
        kept = (np.isfinite(seen_px).all(axis=-1) | lacking) & (count >= _MIN_JOINTS)[:, None]
        return Lifted(
            np.where(kept[..., None], relative_m, np.nan),
            np.where(kept[..., None], seen_px, np.nan),
            np.where(lacking, mean[:, None], self._to_output.scores(scores)),
        )

    def _check_shapes(self, boxes_xyxy_px: Array, joints_img_px: Array) -> None:
        count, joints = len(boxes_xyxy_px), len(self._to_input.source)
        if boxes_xyxy_px.shape != (count, 4) or joints_img_px.shape != (count, joints, 2):
            raise InputError(
                "boxes and 2D joints",
                expected=f"shapes (N, 4) and (N, {joints}, 2)",
                got=f"{boxes_xyxy_px.shape} and {joints_img_px.shape}",
                fix=f"Give joints of {self._to_input.source.name}, and a box for each person.",
            )


def _reading(entry: ManifestEntry) -> _Reading:
    what = choice_parameter(entry, "input", ("screen", "person"), "screen")
    return _Reading(
        what,
        _feature_count(entry) == _SCORED,
        real_parameter(entry, "focal", HUMAN36M_FOCAL),
        choice_parameter(entry, "ahead", ("camera", "crop"), "camera" if what == "screen" else "crop"),
        real_parameter(entry, "metres_per_unit", 1.0),
    )


def _feature_count(entry: ManifestEntry) -> int:
    count = entry.parameters.get("input_features")
    if not isinstance(count, int) or isinstance(count, bool) or count not in (_PLAIN, _SCORED):
        raise EngineError(
            f"parameter input_features of {entry.name}",
            expected=f"{_PLAIN} (x, y) or {_SCORED} (x, y, score)",
            got=repr(count),
            fix="Correct the manifest.",
        )
    return count


def _towards(camera: Camera, boxes_xyxy_px: Array) -> Array:
    """Rotations of the optical axis onto the rays of the boxes' centres, (N, 3, 3)."""
    return rotation_to_rays(camera.rays((boxes_xyxy_px[:, :2] + boxes_xyxy_px[:, 2:]) / 2))
