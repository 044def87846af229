"""The temporal smoother: a causal network that steps once per frame, for all people at once (Pavllo 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.errors import InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import check_decoder, integer_parameter, skeleton_of
from pose3d_ros.stages.io_matching import BoundEngine, output, port, state_ports, state_shapes
from pose3d_ros.stages.smooth.smooth_features import (
    NOMINAL_DT_S,
    correction_size,
    feature_size,
    hold_missing,
    split_corrections,
    step_features,
)
from pose3d_ros.types import Array

_DECODER = "temporal_step"
_SEEN = (TrackState.NEW, TrackState.TRACKED)


@dataclass(frozen=True, eq=False)
class _Past:
    """A person's previous frame: joints from the root (J, 3), missing ones held, the root (3,), and the states."""

    relative_m: Array
    root_m: Array
    states: Sequence[npt.NDArray[np.generic]]
    stamp_ns: int


class Smoother:
    """Smooths people over time. `config` may be replaced between frames.

    model: decoder `temporal_step`, inputs `x`, `state_0`, …, outputs `y`, `next_state_0`, … in the layout of
    `smooth_features`; parameter delay_frames (0). Raises EngineError for another decoder or layout.
    """

    def __init__(self, model: RoleEngine, config: SmootherConfig | None = None) -> None:
        check_decoder(model.entry, (_DECODER,))
        self.config = config or SmootherConfig()
        self._skeleton = skeleton_of(model.entry)
        self._delay_frames = integer_parameter(model.entry, "delay_frames", 0, least=0)
        joints, states = len(self._skeleton), state_shapes(model)
        inputs = [port("x", None, feature_size(joints)), *state_ports("state_", states)]
        outputs = [port("y", None, correction_size(joints)), *state_ports("next_state_", states)]
        self._bound = BoundEngine(model, inputs, outputs)
        zeros = [np.zeros(shape, dtype=np.float32) for shape in states]
        self._nobody = _Past(np.zeros((joints, 3)), np.zeros(3), zeros, 0)
        self._past: dict[int, _Past] = {}
        self._stamp_ns: int | None = None

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the people it smooths."""
        return self._skeleton

    @property
    def delay_frames(self) -> int:
        """Frames by which the smoothed pose lags behind the measured one."""
        return self._delay_frames

    def reset(self) -> None:
        """Drop all people's pasts."""
        self._past = {}
        self._stamp_ns = None

    def update(self, people: Sequence[Person], stamp_ns: int, camera: Camera | None = None) -> tuple[Person, ...]:
        """The same people in the same order, those seen in this frame smoothed.

        Joints stay NaN where they were; PREDICTED and LOST people, and any behind the camera, pass unchanged. With a
        camera the pixels are those of the smoothed joints, else the measured ones stay. A clock that goes back drops
        all pasts; a person unseen for more than max_gap_s starts afresh. Raises InputError for people in another
        skeleton than the engine's.
        """
        self._check_skeleton(people)
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            self.reset()
        self._stamp_ns = stamp_ns
        oldest_ns = stamp_ns - round(self.config.max_gap_s * 1e9)
        lost = {p.track_id for p in people if p.state == TrackState.LOST}
        self._past = {i: past for i, past in self._past.items() if past.stamp_ns >= oldest_ns and i not in lost}
        seen = [i for i, p in enumerate(people) if p.state in _SEEN and _ahead(p)]
        smoothed = list(people)
        if seen:
            moved = self._step([people[i] for i in seen], stamp_ns)
            for i, (root_cam_m, joints_cam_m) in zip(seen, moved, strict=True):
                smoothed[i] = _replaced(people[i], root_cam_m, joints_cam_m, camera)
        return tuple(smoothed)

    def _step(self, people: Sequence[Person], stamp_ns: int) -> list[tuple[Array, Array]]:
        """One step of the network: (root_cam_m, joints_cam_m) of each person, NaN joints still NaN."""
        root = np.array([p.pose.root_cam_m for p in people])
        measured = np.array([p.pose.joints_cam_m for p in people]) - root[:, None]
        past = [self._past.get(p.track_id, self._nobody) for p in people]
        new = np.array([p is self._nobody for p in past])
        held = np.array([p.relative_m for p in past])
        relative = hold_missing(measured, held)
        before_relative = np.where(new[:, None, None], relative, held)
        before_root = np.where(new[:, None], root, [p.root_m for p in past])
        dt_s = np.where(new, NOMINAL_DT_S, [(stamp_ns - p.stamp_ns) * 1e-9 for p in past])
        x = step_features(relative, before_relative, root, before_root, dt_s)
        states = {f"state_{i}": np.stack([p.states[i] for p in past]) for i in range(len(self._nobody.states))}
        raw = self._bound.infer({"x": x, **states})
        to_relative, to_root = split_corrections(output(raw, "y", (len(people), None)), root, self._skeleton.root)
        newer = [raw[f"next_{name}"] for name in states]
        for i, person in enumerate(people):
            self._past[person.track_id] = _Past(relative[i], root[i], [s[i] for s in newer], stamp_ns)
        root = root + to_root
        joints = root[:, None] + measured + to_relative
        return list(zip(root, joints, strict=True))

    def _check_skeleton(self, people: Sequence[Person]) -> None:
        for person in people:
            if person.pose.skeleton.name != self._skeleton.name:
                raise InputError(
                    "skeleton of the people",
                    expected=self._skeleton.name,
                    got=person.pose.skeleton.name,
                    fix=f"Use a smoother for {person.pose.skeleton.name}, or none (smoother:=false). If `skeleton` is "
                    "set on pose_node, set it on smoother_node instead.",
                )


def _ahead(person: Person) -> bool:
    root_m = person.pose.root_cam_m
    return bool(np.isfinite(root_m).all() and root_m[2] > 0)


def _replaced(person: Person, root_cam_m: Array, joints_cam_m: Array, camera: Camera | None) -> Person:
    joints_img_px = person.pose.joints_img_px if camera is None else camera.project(joints_cam_m)
    pose = replace(person.pose, root_cam_m=root_cam_m, joints_cam_m=joints_cam_m, joints_img_px=joints_img_px)
    return replace(person, pose=pose)
