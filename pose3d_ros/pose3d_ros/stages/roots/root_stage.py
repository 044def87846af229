"""Where people stand, from everything that is known of a frame: how large they look, the floor, depth, and their size.

A frame's people are placed first as they are (`placed`), so that they can be followed; who they are then says how large
they are, which places them again (`known_as`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose3d_ros.config.root_settings import RootConfig, SceneConfig
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import STILL, Frame, Pose, RootReading
from pose3d_ros.stages.roots.agreement import Agreement, taking_part
from pose3d_ros.stages.roots.body_size import standing_height_m
from pose3d_ros.stages.roots.depth_reading import depth_reading
from pose3d_ros.stages.roots.distance_filter import DistanceFilter
from pose3d_ros.stages.roots.floor_errors import FloorErrors
from pose3d_ros.stages.roots.floor_estimate import FloorEstimate
from pose3d_ros.stages.roots.fusion import FusedRoot, fused, log_of, own_variance, sized_reading
from pose3d_ros.stages.roots.ground_contact import ground_reading
from pose3d_ros.stages.roots.size_belief import WRONG, SizeBelief

_INDEPENDENT_S = 1.0
"""Readings this far apart err independently of each other: a stride takes as long."""
_KNOWN_SIGMA = 0.02
"""Of ln of a known person's height, for shoes and hair."""
_UNKNOWN_SIGMA = 0.08
"""Of ln of a distance from a net or solver that says nothing of its error."""
_HEIGHT_READINGS = 30


@dataclass
class _Known:
    """Of one person: what is believed of their size, when it was last measured, and how tall they seem to be.

    heights: how many readings height_m is the mean of.
    """

    size: SizeBelief
    stamp_ns: int | None = None
    height_m: float = float("nan")
    heights: int = 0
    distance: DistanceFilter | None = None


class RootStage:
    """See the module. `config` and `scene` may be replaced between frames. agreement: of the solvers, over time."""

    def __init__(self, config: RootConfig, scene: SceneConfig) -> None:
        self.config, self.scene = config, scene
        self._people: dict[int, _Known] = {}
        self._anyone = SizeBelief.of_anyone()
        self._floor = FloorEstimate()
        self._floor_errors = FloorErrors()
        self._camera: Camera | None = None
        self._plane: GroundPlane | None = None
        self.agreement = Agreement()

    @property
    def ground(self) -> GroundPlane | None:
        """The floor at the latest frame, in the camera's optical frame: given, or estimated from people who walk."""
        return self._plane

    def placed(self, frame: Frame, poses: tuple[Pose, ...]) -> tuple[Pose, ...]:
        """The people of a frame, where the solvers that need to know no one put them."""
        anyone = self._anyone.on_floor(self._floor_errors.without())
        return tuple(_moved(pose, fused(pose.readings, anyone)) for pose in self._read(frame, poses))

    def known_as(self, track_id: int, pose: Pose, stamp_ns: int) -> Pose:
        """The pose of someone who is followed, placed with what is known of their size, which it adds to."""
        if not pose.readings:
            return pose
        alone = _Known(self._anyone)
        person = alone if stamp_ns == STILL else self._people.setdefault(track_id, alone)
        uses_size, known_m = self.config.uses("stature"), self.scene.height_of(track_id)
        if uses_size:
            self._measure_height(person, pose, known_m)
        sized = self._sized(track_id, pose, person, stamp_ns)
        if stamp_ns == STILL:
            return sized
        if uses_size and not known_m:
            self._learn_size(track_id, person, pose, stamp_ns)
        if self._camera is not None:
            self._floor.add(track_id, pose, self._camera, stamp_ns)
        return sized

    def keep(self, track_ids: set[int]) -> None:
        """Forget everyone else."""
        self._people = {track_id: known for track_id, known in self._people.items() if track_id in track_ids}
        self._floor_errors.keep(track_ids)

    def reset(self) -> None:
        """Forget everyone, and the floor that they walked on."""
        self._people = {}
        self._floor.reset()
        self._floor_errors = FloorErrors()
        self.agreement.forget_recent()

    def _sized(self, track_id: int, pose: Pose, person: _Known, stamp_ns: int) -> Pose:
        """At the fused distance, and as large as the person is."""
        size = person.size.on_floor(self._floor_errors.without(track_id))
        found = fused(pose.readings, size)
        if found is None:
            return pose
        shares = taking_part(pose.readings, found, size, self._anyone)
        if stamp_ns != STILL:
            self.agreement.add(track_id, stamp_ns, pose.readings, found, shares, self._plane)
        person.distance = DistanceFilter.following(person.distance, found.distance_m, found.sigma, stamp_ns)
        moved = _moved(pose, person.distance)
        relative_m = moved.joints_cam_m - moved.root_cam_m
        joints_cam_m = moved.root_cam_m + float(np.exp(found.log_size)) * relative_m
        return replace(moved, joints_cam_m=joints_cam_m, root_solvers=tuple(shares))

    def _read(self, frame: Frame, poses: tuple[Pose, ...]) -> list[Pose]:
        read, ground = [], self._ground(frame)
        self._plane = ground
        for pose in poses:
            readings: list[RootReading | None]
            readings = [_with_sigma(r) for r in pose.readings if self.config.uses(r.solver)]
            if ground is not None and self.config.uses("ground"):
                readings.append(ground_reading(pose, frame.camera, ground))
            if frame.depth is not None and self.config.uses("depth"):
                readings.append(depth_reading(pose, frame.depth))
            read.append(replace(pose, readings=tuple(r for r in readings if r is not None)))
        return read

    def _ground(self, frame: Frame) -> GroundPlane | None:
        """The floor that is given, else the one that people were seen to walk on."""
        given = frame.ground or floor_of(self.scene)
        self._camera = frame.camera if given is None and frame.stamp_ns != STILL else None
        if self._camera is None or not self.config.uses("ground"):
            return given
        self._floor.update(frame.stamp_ns)
        return self._floor.plane

    def _measure_height(self, person: _Known, pose: Pose, known_m: float) -> None:
        """A person whose height is given in metres has a size by what height the nets give them."""
        height_m = standing_height_m(pose) if known_m > 0 else float("nan")
        if not np.isfinite(height_m):
            return
        person.heights = min(person.heights + 1, _HEIGHT_READINGS)
        before = person.height_m if person.heights > 1 else height_m
        person.height_m = before + (height_m - before) / person.heights
        person.size = SizeBelief.of_known(float(np.log(known_m / person.height_m)), _KNOWN_SIGMA)

    def _learn_size(self, track_id: int, person: _Known, pose: Pose, stamp_ns: int) -> None:
        sized = sized_reading(pose.readings)
        others = [r for r in pose.readings if not r.by_size]
        if sized is None or not others:
            return
        best = min(others, key=lambda r: r.sigma)
        share = 1.0
        if person.stamp_ns is not None:
            share = float(np.clip((stamp_ns - person.stamp_ns) * 1e-9 / _INDEPENDENT_S, 1e-3, 1.0))
        person.stamp_ns = stamp_ns
        away, variance = log_of(best) - sized.log_m, own_variance(best) + sized.variance
        # A floor's lasting error is that of `floor_errors`.
        least = 0.0 if best.solver == "ground" else best.lasting_sigma**2
        person.size = person.size.updated(away, variance, WRONG[best.solver], share, least)
        if self._plane is not None and self._plane.origin != "people":
            self._floor_errors.learn(track_id, person.size.floor_evidence)


def floor_of(scene: SceneConfig) -> GroundPlane | None:
    """The floor that the parameters describe, None without a camera's height."""
    if scene.camera_height_m <= 0:
        return None
    return GroundPlane.of_mounting(scene.camera_height_m, scene.camera_pitch_deg, scene.camera_roll_deg)


def _with_sigma(reading: RootReading) -> RootReading:
    return reading if np.isfinite(reading.sigma) else replace(reading, sigma=_UNKNOWN_SIGMA)


def _moved(pose: Pose, found: FusedRoot | DistanceFilter | None) -> Pose:
    """The pose as it is, its root at the fused distance along its ray."""
    if found is None:
        return pose
    shift_m = (found.distance_m / float(np.linalg.norm(pose.root_cam_m)) - 1.0) * pose.root_cam_m
    return replace(
        pose,
        root_cam_m=pose.root_cam_m + shift_m,
        joints_cam_m=pose.joints_cam_m + shift_m,
        root_sigma_m=found.sigma * found.distance_m,
    )
