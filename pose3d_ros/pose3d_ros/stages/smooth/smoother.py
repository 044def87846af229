"""The temporal smoother: a causal network that steps once per frame, for all people at once (Pavllo 2019).

The network knows one skeleton; people of another one are read into it by joint name, see `joint_links`. It corrects
poses from the root; roots have a filter of their own, see `root_filter`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.entry import ManifestEntry
from pose3d_ros.geometry import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person, Pose
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.entry_checks import check_decoder, integer_parameter, skeleton_of
from pose3d_ros.stages.io_matching import BoundEngine, output, port, state_ports, state_shapes
from pose3d_ros.stages.smooth.joint_links import JointLinks
from pose3d_ros.stages.smooth.person_smoother import RememberingSmoother, is_ahead, is_measured, moved_person
from pose3d_ros.stages.smooth.pose_follower import Followed, follow
from pose3d_ros.stages.smooth.root_filter import RootTrack, updated_tracks
from pose3d_ros.stages.smooth.smooth_features import (
    NOMINAL_DT_S,
    clamped_dt,
    correction_size,
    feature_size,
    hold_missing,
    joint_corrections,
    step_features,
)
from pose3d_ros.types import Array

_log = logging.getLogger(__name__)

_DECODER = "temporal_step"
_SAME_M = 1e-6
"""A root closer than this to the root joint is that joint, and moves with it; else it is at the hips."""


def why_unsmoothed(entry: ManifestEntry, people: Skeleton) -> str | None:
    """Why a net does not smooth people of that skeleton; None where it does.

    Its parameter `least_joints` says how many of its own joints it needs: all of them unless it is given.
    """
    own = skeleton_of(entry)
    known, least = JointLinks(people, own).known, integer_parameter(entry, "least_joints", len(own), least=1)
    if known >= least:
        return None
    has = f"{known} of the {least} joints it needs"
    return f"{entry.name} is for {own.name}, and people come in {people.name}, which has {has}"


@dataclass(frozen=True, eq=False)
class _Past:
    """A person's previous frame: joints from the root (K, 3), missing ones held, the root (3,), and the states.

    is_measured (K,): which joints were not missing. to_root_m (3,): as measured last. skeleton: name of the person's.
    track: of the root. followed: of the joints, as one person.
    """

    relative_m: Array
    root_m: Array
    is_measured: npt.NDArray[np.bool_]
    to_root_m: Array
    states: Sequence[npt.NDArray[np.generic]]
    followed: Followed
    track: RootTrack | None = None
    stamp_ns: int = 0
    skeleton: str = ""


@dataclass(frozen=True, eq=False)
class _Measured:
    """A person in the net's skeleton of K joints: joints_m (K, 3) in the camera's frame, NaN for none, the root (3,).

    to_root_m (3,): from the pose's root, which may be another joint, to that root.
    """

    pose: Pose
    links: JointLinks
    past: _Past
    joints_m: Array
    root_m: Array
    to_root_m: Array


class Smoother(RememberingSmoother[_Past]):
    """Smooths people over time. `config` may be replaced between frames.

    model: decoder `temporal_step`, inputs `x`, `state_0`, …, outputs `y`, `next_state_0`, … in the layout of
    `smooth_features`; parameter delay_frames (0). Raises EngineError for another decoder or layout.
    """

    def __init__(self, model: RoleEngine, config: SmootherConfig | None = None) -> None:
        check_decoder(model.entry, (_DECODER,))
        super().__init__(config)
        self._entry = model.entry
        self._skeleton = skeleton_of(model.entry)
        self._delay_frames = integer_parameter(model.entry, "delay_frames", 0, least=0)
        joints, states = len(self._skeleton), state_shapes(model)
        inputs = [port("x", None, feature_size(joints)), *state_ports("state_", states)]
        outputs = [port("y", None, correction_size(joints)), *state_ports("next_state_", states)]
        self._bound = BoundEngine(model, inputs, outputs)
        zeros = [np.zeros(shape, dtype=np.float32) for shape in states]
        nowhere, unseen = np.zeros((joints, 3)), np.zeros(joints, dtype=bool)
        self._nobody = _Past(nowhere, np.zeros(3), unseen, np.zeros(3), zeros, Followed(nowhere, nowhere))
        self._links: dict[str, JointLinks | None] = {}

    @property
    def name(self) -> str:
        """Name of the network."""
        return self._entry.name

    @property
    def skeleton(self) -> Skeleton:
        """The skeleton of the network."""
        return self._skeleton

    def why_unsmoothed(self, people: Skeleton) -> str | None:
        """See `PersonSmoother`, and the function of that name."""
        problem = why_unsmoothed(self._entry, people)
        return problem and f"people are not smoothed: {problem}. Set smoother.method to auto."

    @property
    def delay_frames(self) -> int:
        """Frames by which the smoothed pose lags behind the measured one."""
        return self._delay_frames

    def update(
        self,
        people: Sequence[Person],
        stamp_ns: int,
        camera: Camera | None = None,
        ground: GroundPlane | None = None,
    ) -> tuple[Person, ...]:
        """See `PersonSmoother`.

        People of any skeleton, also of several; those of one with too few of the network's joints pass unchanged, with
        one warning.
        """
        stamp_ns = self._memory.begin_frame(people, stamp_ns, self.config.max_gap_s)
        measured = {i: found for i, p in enumerate(people) if (found := self._measured(p)) is not None}
        smoothed = list(people)
        if measured:
            moved = self._step([people[i].track_id for i in measured], list(measured.values()), stamp_ns)
            for i, (root_cam_m, joints_cam_m) in zip(measured, moved, strict=True):
                smoothed[i] = moved_person(people[i], root_cam_m, joints_cam_m, camera)
        return tuple(smoothed)

    def _measured(self, person: Person) -> _Measured | None:
        """The person in the net's skeleton; None for one to leave alone."""
        pose = person.pose
        links = self._links_of(pose.skeleton)
        if links is None or not is_measured(person):
            return None
        past = self._memory.get(person.track_id) or self._nobody
        if past.skeleton != pose.skeleton.name:
            past = self._nobody
        joints_m, root_m, to_root_m = links.read(pose.joints_cam_m), pose.root_cam_m, self._nobody.to_root_m
        if not links.starts_at_net_root:
            to_root_m = joints_m[self._skeleton.root] - root_m
            if not np.isfinite(to_root_m).all():
                to_root_m = past.to_root_m
            root_m = root_m + to_root_m
            if not is_ahead(root_m):
                return None
        return _Measured(pose, links, past, joints_m, root_m, to_root_m)

    def _step(self, track_ids: Sequence[int], people: Sequence[_Measured], stamp_ns: int) -> list[tuple[Array, Array]]:
        """One step of net and filters: (root_cam_m, joints_cam_m) of each person, NaN joints still NaN."""
        root, past = np.array([p.root_m for p in people]), [p.past for p in people]
        new, held = np.array([p is self._nobody for p in past]), np.array([p.relative_m for p in past])
        measured = np.array([p.joints_m for p in people]) - root[:, None]
        relative = hold_missing(measured, held)
        before_relative = np.where(new[:, None, None], relative, held)
        before_root = np.where(new[:, None], root, [p.root_m for p in past])
        dt_s = np.where(new, NOMINAL_DT_S, [(stamp_ns - p.stamp_ns) * 1e-9 for p in past])
        x = step_features(relative, before_relative, root, before_root, dt_s)
        states = {f"state_{i}": np.stack([p.states[i] for p in past]) for i in range(len(self._nobody.states))}
        raw = self._bound.infer({"x": x, **states})
        corrections = joint_corrections(output(raw, "y", (len(people), None)), root, self._skeleton.root)
        followed = _followed(past, relative + corrections, dt_s)
        tracks = updated_tracks([p.track for p in past], root, np.array([p.pose.root_sigma_m for p in people]), dt_s)
        newer, seen = [raw[f"next_{name}"] for name in states], np.isfinite(measured).all(axis=-1)
        moved = []
        for i, (track_id, person) in enumerate(zip(track_ids, people, strict=True)):
            kept, name = [s[i] for s in newer], person.pose.skeleton.name
            latest = relative[i], root[i], seen[i], person.to_root_m, kept, followed[i], tracks[i], stamp_ns, name
            self._memory.put(track_id, _Past(*latest))
            to_root_m = tracks[i].smooth_m - root[i]
            moved.append(_moved(person, to_root_m, followed[i].relative_m - relative[i] + to_root_m))
        return moved

    def _links_of(self, people: Skeleton) -> JointLinks | None:
        """None for a skeleton that is not smoothed, which is logged once."""
        if people.name not in self._links:
            problem = self.why_unsmoothed(people)
            if problem is not None:
                _log.warning("%s", problem)
            self._links[people.name] = JointLinks(people, self._skeleton) if problem is None else None
        return self._links[people.name]


def _followed(past: Sequence[_Past], relative_m: Array, dt_s: Array) -> list[Followed]:
    """The follower's states after the net's poses (N, K, 3) of N people, who were last seen dt_s (N,) ago."""
    before = Followed(*(np.array([getattr(p.followed, f.name) for p in past]) for f in fields(Followed)))
    after = follow(before, relative_m, clamped_dt(dt_s), ~np.array([p.is_measured for p in past]))
    return [Followed(*parts) for parts in zip(after.relative_m, after.velocity_mps, strict=True)]


def _moved(person: _Measured, to_root_m: Array, to_joints_m: Array) -> tuple[Array, Array]:
    """Root and joints of a person after the corrections of the net's root (3,) and joints (K, 3)."""
    pose, links = person.pose, person.links
    joints_cam_m = pose.joints_cam_m + links.spread(to_joints_m, person.joints_m)
    root = pose.skeleton.root
    if not links.starts_at_net_root and np.abs(pose.root_cam_m - pose.joints_cam_m[root]).max() < _SAME_M:
        return joints_cam_m[root], joints_cam_m
    return pose.root_cam_m + to_root_m, joints_cam_m
