"""The temporal smoother: a causal network that steps once per frame, for all people at once (Pavllo 2019).

Each person has a row in the state arrays, so a frame gathers the rows of those who were seen, runs one batch, and
scatters the new states back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines.base import Engine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.geometry import Camera
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import check_decoder, skeleton_of
from pose3d_ros.stages.person_memory import PersonMemory
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


class Smoother:
    """Smooths people over time. `config` may be replaced between frames.

    engine, entry: decoder `temporal_step`, inputs `x`, `state_0`, …, outputs `y`, `next_state_0`, … in the layout of
    `smooth_features`; parameter delay_frames (0). Raises EngineError for another decoder or layout.
    """

    def __init__(self, engine: Engine, entry: ManifestEntry, config: SmootherConfig | None = None) -> None:
        check_decoder(entry, (_DECODER,))
        self.config = config or SmootherConfig()
        self._engine = engine
        self._skeleton = skeleton_of(entry)
        self._delay_frames = _delay(entry)
        self._memory = PersonMemory(len(self._skeleton), _state_shapes(engine, len(self._skeleton)))
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
        """Forget everybody's past."""
        self._memory.clear()
        self._stamp_ns = None

    def update(self, people: Sequence[Person], stamp_ns: int, camera: Camera | None = None) -> tuple[Person, ...]:
        """The same people in the same order, those seen in this frame smoothed.

        Joints stay NaN where they were; PREDICTED and LOST people pass unchanged. With a camera the pixels are those
        of the smoothed joints, else the measured ones stay. A clock that goes back forgets everybody; a person unseen
        for more than max_gap_s starts afresh. Raises InputError for people in another skeleton than the engine's.
        """
        self._check_skeleton(people)
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            self.reset()
        self._stamp_ns = stamp_ns
        self._memory.forget_before(stamp_ns - round(self.config.max_gap_s * 1e9))
        self._memory.forget(p.track_id for p in people if p.state == TrackState.LOST)
        seen = [i for i, p in enumerate(people) if p.state in _SEEN and np.isfinite(p.pose.root_cam_m).all()]
        smoothed = list(people)
        if seen:
            moved = self._step([people[i] for i in seen], stamp_ns)
            for i, (root_cam_m, joints_cam_m) in zip(seen, moved, strict=True):
                smoothed[i] = _replaced(people[i], root_cam_m, joints_cam_m, camera)
        return tuple(smoothed)

    def _step(self, people: Sequence[Person], stamp_ns: int) -> list[tuple[Array, Array]]:
        """One step of the network: (root_cam_m, joints_cam_m) of each person, NaN joints still NaN."""
        rows = self._memory.rows([p.track_id for p in people])
        root = np.array([p.pose.root_cam_m for p in people])
        measured = np.array([p.pose.joints_cam_m for p in people]) - root[:, None]
        x, relative = self._features(rows, measured, root, stamp_ns)
        feeds = {"x": x, **{f"state_{i}": s[rows] for i, s in enumerate(self._memory.states)}}
        raw = self._engine.infer(feeds)
        to_relative, to_root = split_corrections(raw["y"], root, self._skeleton.root)
        for i, state in enumerate(self._memory.states):
            state[rows] = raw[f"next_state_{i}"]
        self._memory.remember(rows, relative, root, stamp_ns)
        root = root + to_root
        joints = root[:, None] + measured + to_relative
        return list(zip(root, joints, strict=True))

    def _features(
        self, rows: npt.NDArray[np.intp], measured_m: Array, root_m: Array, stamp_ns: int
    ) -> tuple[npt.NDArray[np.float32], Array]:
        """The network's input, and the relative joints with the missing ones filled in."""
        memory = self._memory
        new = memory.stamp_ns[rows] < 0
        relative = hold_missing(measured_m, memory.relative_m[rows])
        before_relative = np.where(new[:, None, None], relative, memory.relative_m[rows])
        before_root = np.where(new[:, None], root_m, memory.root_m[rows])
        dt_s = np.where(new, NOMINAL_DT_S, (stamp_ns - memory.stamp_ns[rows]) * 1e-9)
        return step_features(relative, before_relative, root_m, before_root, dt_s), relative

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


def _replaced(person: Person, root_cam_m: Array, joints_cam_m: Array, camera: Camera | None) -> Person:
    joints_img_px = person.pose.joints_img_px if camera is None else camera.project(joints_cam_m)
    pose = replace(person.pose, root_cam_m=root_cam_m, joints_cam_m=joints_cam_m, joints_img_px=joints_img_px)
    return replace(person, pose=pose)


def _delay(entry: ManifestEntry) -> int:
    delay = entry.parameters.get("delay_frames", 0)
    if not isinstance(delay, int) or isinstance(delay, bool) or delay < 0:
        raise EngineError(
            f"parameter delay_frames of {entry.name}",
            expected="a whole number, 0 or more",
            got=repr(delay),
            fix="Correct the manifest.",
        )
    return delay


def _state_shapes(engine: Engine, joints: int) -> list[tuple[int, int]]:
    """(channels, past frames) of each state, in order. Raises EngineError unless the engine has the right layout."""
    inputs = {spec.name: spec.shape[1:] for spec in engine.inputs}
    outputs = {spec.name: spec.shape[1:] for spec in engine.outputs}
    states = [inputs.get(f"state_{i}", ()) for i in range(len(inputs) - 1)]
    shapes = [(c, r) for c, r in (s for s in states if len(s) == 2) if isinstance(c, int) and isinstance(r, int)]
    expected_outputs = {"y": (correction_size(joints),), **{f"next_state_{i}": s for i, s in enumerate(states)}}
    if inputs.get("x") != (feature_size(joints),) or len(shapes) != len(states) or outputs != expected_outputs:
        raise EngineError(
            "inputs and outputs of the smoother",
            expected=f"x (batch, {feature_size(joints)}), state_0 (batch, C, R), … and "
            f"y (batch, {correction_size(joints)}), next_state_0, … of the same shapes",
            got="; ".join(str(spec) for spec in (*engine.inputs, *engine.outputs)),
            fix="Export the temporal model for the manifest's skeleton.",
        )
    return shapes
