"""Lifting: 3D joints of all people from their 2D joints, for pose nets that give 2D keypoints only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Frame
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import choice_parameter, real_parameter, skeleton_of, wrong_parameter
from pose3d_ros.stages.keypoints import Keypoints, ahead2camera
from pose3d_ros.stages.lift.joint_mapping import JointMap, fill_missing, input_map
from pose3d_ros.stages.lift.lift_decoders import LiftSizes, lift_net
from pose3d_ros.stages.lift.lift_features import (
    HUMAN36M_FOCAL,
    Float32Array,
    hip_features,
    known_joints,
    person_features,
    screen_features,
)
from pose3d_ros.stages.lift.lift_memory import BoxMemory, Values
from pose3d_ros.types import Array

_PLAIN, _SCORED = 2, 3
_MIN_JOINTS = 2
"""One joint has neither a size nor a shape."""


@dataclass(frozen=True)
class _InputConvention:
    """Input convention of a lifter, and where its joints' z points: see engines/README.md."""

    input: str
    with_scores: bool
    focal: float
    ahead: str
    metres_per_unit: float


@dataclass(frozen=True, eq=False)
class _LifterInput:
    """features (N, J, F). cam_from_net (N, 3, 3): turns the network's joints. held (N, J, 2): see `fill_missing`."""

    features: Float32Array
    cam_from_net: Array
    held: Array


class Lifter:
    """Lifts the people of a frame in one run of the engine; remembers them where the engine needs their past.

    model: a decoder of `lift_decoders.LIFT_DECODERS`; parameters input_skeleton, input_features, receptive_field,
    input, focal, ahead, metres_per_unit. input_skeleton: of the 2D joints that it will be given.
    Raises EngineError for another decoder, an engine that does not fit it, a parameter that can't be used, and a lifter
    that reads joints which can't be had of those.
    """

    def __init__(self, model: RoleEngine, input_skeleton: Skeleton) -> None:
        entry = model.entry
        self._skeleton = skeleton_of(entry)
        self._to_input = input_map(entry, input_skeleton)
        self._to_output = JointMap.between(input_skeleton, self._skeleton)
        self._input_convention = _input_convention(entry)
        sizes = LiftSizes(len(self._to_input.target), _feature_count(entry), len(self._skeleton))
        self._net = lift_net(model, sizes)
        self._memory = BoxMemory()

    @property
    def skeleton(self) -> Skeleton:
        """The 3D joints' skeleton."""
        return self._skeleton

    def reset(self) -> None:
        """Drop all people's pasts."""
        self._memory.clear()

    def __call__(self, frame: Frame, people: Keypoints) -> Keypoints:
        """The people's root-relative 3D joints with their 2D keypoints.

        people: joints of the input skeleton; one that is not valid, not finite or has a score of 0 is unknown.
        Their boxes associate them with the people of the frame before.
        A joint whose own 2D joint is unknown is NaN; one that the 2D skeleton lacks is what the network says, with the
        mean of the person's scores. A person with fewer than two known joints is all NaN, and so is the root of one
        whose hips are unknown where the engine gives roots. Raises EngineError when the engine fails; what is
        remembered then stays as it was.
        """
        rays = frame.camera.rays(people.joints_img_px)[..., :2]
        known = known_joints(rays, np.where(people.valid, people.scores, 0.0))
        scores = np.where(known, people.scores, 0.0)
        seen_px, keypoints = (np.where(known[..., None], at, np.nan) for at in (people.joints_img_px, rays))
        keypoints, read_scores = self._to_input.coordinates(keypoints), self._to_input.scores(scores)
        boxes = people.boxes_xyxy_px
        found = self._memory.find(boxes, frame.stamp_ns) if self._net.shapes else [None] * len(boxes)
        new = [person is None for person in found]
        before = np.full_like(keypoints, np.nan)
        past: Values = [np.zeros((len(boxes), *shape), dtype=np.float32) for shape in self._net.shapes]
        for i, person in enumerate(found):
            if person is not None:
                before[i] = person.values[0]
                for values, own in zip(past, person.values[1:], strict=True):
                    values[i] = own
        net_input = self._net_input(frame.camera, boxes, keypoints, read_scores, before)
        if any(new):
            for values, first in zip(past, self._net.begin(net_input.features[new]), strict=True):
                values[new] = first
        joints, past = self._net.lift(net_input.features, past)
        if self._net.shapes:  # a network of one frame has no past
            self._memory.remember(found, boxes, frame.stamp_ns, [net_input.held, *past])
        lifted = self._lifted(people, self._in_camera(joints, net_input), self._to_output.coordinates(seen_px), scores)
        if not self._net.gives_root:
            return lifted
        root_cam_m = joints[:, self._skeleton.root] * self._input_convention.metres_per_unit
        known = lifted.valid.any(axis=1) & (read_scores[:, self._to_input.target.root] > 0)
        return replace(lifted, root_cam_m=np.where(known[:, None], root_cam_m, np.nan))

    def _net_input(
        self, camera: Camera, boxes_xyxy_px: Array, given: Array, scores: Array, before: npt.NDArray[np.floating]
    ) -> _LifterInput:
        """The network's input.

        given: keypoints (N, J, 2) on the plane z = 1, NaN where unknown. scores: (N, J).
        before: the keypoints held of the frame before, NaN for none. A network that reads scores gets a 0 for a
        joint that is missing; another is given a substitute.
        """
        filled, held = fill_missing(given, before)
        keypoints, convention = filled, self._input_convention
        if convention.with_scores:
            keypoints = given
        else:
            scores = np.ones_like(scores)
        if convention.input == "person":
            features, ahead = person_features(keypoints, scores)
            features = features if convention.with_scores else features[..., :2]
        elif convention.input == "hip":
            root = self._to_input.target.root
            held_root = np.where(np.arange(keypoints.shape[1])[:, None] == root, filled, keypoints)
            features = hip_features(held_root, scores, (camera.fx_px, camera.fy_px), root)
            ahead = ahead2camera(camera, boxes_xyxy_px)
        else:
            features = screen_features(keypoints, scores, convention.focal, convention.with_scores)
            ahead = ahead2camera(camera, boxes_xyxy_px)
        return _LifterInput(
            features, ahead if convention.ahead == "crop" else np.broadcast_to(np.eye(3), ahead.shape), held
        )

    def _in_camera(self, joints: Array, net_input: _LifterInput) -> Array:
        from_root = (joints - joints[:, self._skeleton.root, None]) * self._input_convention.metres_per_unit
        relative_m: Array = from_root @ net_input.cam_from_net.transpose(0, 2, 1)
        return relative_m

    def _lifted(self, people: Keypoints, relative_m: Array, seen_px: Array, scores: Array) -> Keypoints:
        """seen_px (N, J', 2): of the 3D joints; scores (N, J): of the 2D ones, 0 where unknown."""
        lacking = np.array([not sums for sums in self._to_output.sums])
        count = (scores > 0).sum(axis=1)
        mean = scores.sum(axis=1) / np.maximum(count, 1)
        kept = (np.isfinite(seen_px).all(axis=-1) | lacking) & (count >= _MIN_JOINTS)[:, None]
        relative_m = np.where(kept[..., None], relative_m, np.nan)
        return replace(
            people,
            skeleton=self._skeleton,
            joints_img_px=np.where(kept[..., None], seen_px, np.nan),
            scores=np.where(lacking, mean[:, None], self._to_output.scores(scores)),
            valid=np.asarray(np.isfinite(relative_m).all(axis=-1), dtype=np.bool_),
            relative_depth_m=relative_m[..., 2],
            relative_m=relative_m,
            lifted=True,
        )


def _input_convention(entry: ManifestEntry) -> _InputConvention:
    what = choice_parameter(entry, "input", ("screen", "person", "hip"), "screen")
    if what == "hip" and _feature_count(entry) != _SCORED:
        raise wrong_parameter(entry, "input_features", f"{_SCORED}, as the input is hip", _PLAIN)
    return _InputConvention(
        what,
        _feature_count(entry) == _SCORED,
        real_parameter(entry, "focal", HUMAN36M_FOCAL),
        choice_parameter(entry, "ahead", ("camera", "crop"), "crop" if what == "person" else "camera"),
        real_parameter(entry, "metres_per_unit", 1.0),
    )


def _feature_count(entry: ManifestEntry) -> int:
    count = entry.parameters.get("input_features")
    if count not in (_PLAIN, _SCORED) or not isinstance(count, int):
        raise wrong_parameter(entry, "input_features", f"{_PLAIN} (x, y) or {_SCORED} (x, y, score)", count)
    return count
