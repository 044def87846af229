"""What each camera says of its people: viewing rays and distances in the common frame, moved to a common time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.triangulation import ray_information
from pose3d_ros.records import Person, TrackState
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.types import Array

RELATIVE_RANGE_SIGMA_M = 0.08
"""Of a joint's distance beside the root's, in one camera's skeleton."""
_PIXEL_SIGMA = 2.0
_BODY_SIGMA_M = 0.03
"""Two views of a joint do not mean the same point of the body: this much beside the noise in pixels."""
_NO_RANGE_SIGMA = 0.08
"""Of the distance, as a share of it, where the model gives none: the spread of the sizes of grown-ups."""
_LEAST_RANGE_SIGMA_M = 0.02
_LIMB_SPEED_MPS = 0.5
"""How fast joints move beside the root, while a view is moved to another time."""
_LEAST_SCORE = 0.05


@dataclass(frozen=True, eq=False)
class CameraView:
    """The people of one image of one camera.

    Attributes
    ----------
    camera_name : str
        Which of the cameras.
    camera : Camera
        Intrinsics of the image.
    cam2common : RigidTransform
        From the camera's optical frame to the common frame, at the image's time.
    stamp_ns : int
        Time of the image.
    people : tuple of Person
        In the camera's optical frame, under the camera's own track ids.
    """

    camera_name: str
    camera: Camera
    cam2common: RigidTransform
    stamp_ns: int
    people: tuple[Person, ...]


@dataclass(frozen=True, eq=False)
class BodyRays:
    """One person as one camera sees them, in the common frame: J joints of the skeleton, and behind them the root.

    Attributes
    ----------
    key : tuple of (str, int)
        The camera's name, and its track id.
    person : Person
        As it came, its joints in the common skeleton.
    cam2common : RigidTransform
        Of the image.
    origin_m : ndarray
        (3,), the camera's center, moved with the person to the common time.
    rays : ndarray
        (J + 1, 3), unit; NaN for a joint that is not seen.
    ranges_m : ndarray
        (J + 1,), distances along the rays, as the camera alone says.
    sigmas_rad : ndarray
        (J + 1,), standard deviations of the rays' directions.
    range_sigma_m : float
        Of the person's distance, which all joints share.
    """

    key: tuple[str, int]
    person: Person
    cam2common: RigidTransform
    origin_m: Array
    rays: Array
    ranges_m: Array
    sigmas_rad: Array
    range_sigma_m: float

    @cached_property
    def points_m(self) -> Array:
        """(J + 1, 3), where the camera alone has joints and root."""
        return self.origin_m + self.rays * self.ranges_m[:, None]

    @cached_property
    def relative_covariances_m2(self) -> Array:
        """(J + 1, 3, 3), of these points, the person's distance taken for known; of the unit for a joint not seen."""
        relative_m = np.full(len(self.rays), RELATIVE_RANGE_SIGMA_M)
        information = ray_information(self.rays, self.ranges_m, self.sigmas_rad, relative_m)
        information[~np.isfinite(self.points_m).all(axis=-1)] = np.eye(3)
        return np.asarray(np.linalg.inv(information), dtype=np.float64)

    @property
    def scores(self) -> Array:
        """(J + 1,), of the joints, and 1 for the root."""
        return np.append(self.person.pose.scores, 1.0)

    @property
    def velocity_mps(self) -> Array:
        """(3,), of the root."""
        return self.cam2common.rotate(self.person.velocity_cam_mps)

    @property
    def is_seen(self) -> bool:
        """Whether the person was detected in the image, and not extrapolated."""
        return self.person.state in (TrackState.NEW, TrackState.TRACKED)

    def moved(self, seconds: float, velocity_mps: Array) -> BodyRays:
        """The same at another time: a ray to a moving point is a ray from an origin that moves along with it."""
        spread = _LIMB_SPEED_MPS * abs(seconds) / np.maximum(self.ranges_m, 1e-3)
        sigmas = np.hypot(self.sigmas_rad, spread)
        return replace(self, origin_m=self.origin_m + velocity_mps * seconds, sigmas_rad=sigmas)


def bodies_of(view: CameraView, skeleton: Skeleton) -> tuple[BodyRays, ...]:
    """The people of a view who were not given up, in the common frame and skeleton."""
    alive = [person for person in view.people if person.state != TrackState.LOST]
    return tuple(_body(view, _in_skeleton(person, skeleton)) for person in alive)


def _in_skeleton(person: Person, skeleton: Skeleton) -> Person:
    """Converted by joint names; the root becomes that of the skeleton where it is another joint and is seen."""
    source, converted = person.pose.skeleton, person.converted(skeleton)
    root_m = converted.pose.joints_cam_m[skeleton.root]
    if source.joints[source.root] == skeleton.joints[skeleton.root] or not np.isfinite(root_m).all():
        return converted
    return replace(converted, pose=replace(converted.pose, root_cam_m=root_m))


def _body(view: CameraView, person: Person) -> BodyRays:
    pose = person.pose
    points_m = np.vstack([pose.joints_cam_m, pose.root_cam_m])
    with np.errstate(invalid="ignore", divide="ignore"):
        ranges_m = np.linalg.norm(points_m, axis=1)
        straight = points_m / ranges_m[:, None]
        seen = np.vstack([view.camera.rays(pose.joints_img_px), np.full(3, np.nan)])
        seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    rays = np.where(np.isfinite(seen) & np.isfinite(straight), seen, straight)
    score = np.append(np.clip(pose.scores, _LEAST_SCORE, 1.0), 1.0)
    focal_px = np.sqrt(view.camera.fx_px * view.camera.fy_px)
    sigmas_rad = np.hypot(_PIXEL_SIGMA / focal_px, _BODY_SIGMA_M / np.maximum(ranges_m, 1e-3)) / np.sqrt(score)
    sigma_m = pose.root_sigma_m
    range_sigma_m = sigma_m if np.isfinite(sigma_m) else _NO_RANGE_SIGMA * float(ranges_m[-1])
    return BodyRays(
        (view.camera_name, person.track_id),
        person,
        view.cam2common,
        view.cam2common.translation_m,
        view.cam2common.rotate(rays),
        ranges_m,
        sigmas_rad,
        max(range_sigma_m, _LEAST_RANGE_SIGMA_M),
    )


def stacked(bodies: Sequence[BodyRays]) -> tuple[Array, Array, Array, Array]:
    """Origins (V, 3), rays (V, J + 1, 3), ranges (V, J + 1) and deviations (V, J + 1) of several views of a person."""
    return (
        np.stack([body.origin_m for body in bodies]),
        np.stack([body.rays for body in bodies]),
        np.stack([body.ranges_m for body in bodies]),
        np.stack([body.sigmas_rad for body in bodies]),
    )
