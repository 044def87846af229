"""What the stages hand to each other: frozen records whose arrays carry frame and unit in their names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.geometry.rays import ray_covariance_m2
from pose3d_ros.skeletons import Skeleton, convert
from pose3d_ros.types import Array, ImageArray


class TrackState(IntEnum):
    """Life of a track; the values are those of `pose3d_msgs/Person3D.state`.

    NEW: seen in too few frames yet. TRACKED: seen in this frame. PREDICTED: not seen, extrapolated. LOST: given up, in
    this frame for the last time.
    """

    NEW = 0
    TRACKED = 1
    PREDICTED = 2
    LOST = 3


STILL = -1
"""Stamp of an image that is independent of the others."""
LATE_NS = 1_000_000_000
"""A frame stamped before the last one by up to this is late; by more, the clock was set back or a recording loops."""


def time_after(last_ns: int | None, stamp_ns: int) -> int | None:
    """The time at which a frame counts: its stamp, the last frame's (None for a first one) when it is late.

    None when the clock went back.
    """
    if last_ns is None or stamp_ns >= last_ns:
        return stamp_ns
    return last_ns if last_ns - stamp_ns <= LATE_NS else None


@dataclass(frozen=True, eq=False)
class DepthImage:
    """An aligned depth image: what each pixel of the image is away along the optical axis.

    Attributes
    ----------
    depth_m : ndarray
        (H, W) float32, metres; 0, NaN or infinite where there is no measurement.
    camera : Camera
        Intrinsics of exactly this image, in the same optical frame as the color image's.
    """

    depth_m: npt.NDArray[np.float32]
    camera: Camera


@dataclass(frozen=True, eq=False)
class Frame:
    """One image with its camera.

    Attributes
    ----------
    image_bgr : ndarray
        (H, W, 3) uint8.
    camera : Camera
        Intrinsics of exactly this image.
    stamp_ns : int
        Time of capture in nanoseconds, of any clock. A frame stamped up to 1 s before the last one counts as taken
        with it; a clock that goes back further ends all tracks. Without a stamp the image is independent: the pipeline
        drops all tracks before it, so that unrelated images may follow each other.
    frame_id : str
        Name of the camera's optical frame.
    ground : GroundPlane, optional
        The floor in the camera's optical frame, at this image.
    depth : DepthImage, optional
        Taken with this image.
    cam2fixed : RigidTransform, optional
        Where the camera's optical frame is at this image, in a frame that does not move with the camera.
    """

    image_bgr: ImageArray
    camera: Camera
    stamp_ns: int = STILL
    frame_id: str = "camera_optical_frame"
    ground: GroundPlane | None = None
    depth: DepthImage | None = None
    cam2fixed: RigidTransform | None = None


@dataclass(frozen=True, eq=False)
class Detection:
    """A person's bounding box in one image.

    Attributes
    ----------
    box_xyxy_px : ndarray
        (4,) float64, x0, y0, x1, y1 in pixels of the image; edges, so x1 - x0 is the width.
    score : float
        Confidence score in 0–1.
    """

    box_xyxy_px: Array
    score: float


@dataclass(frozen=True)
class RootReading:
    """How far away one solver says that a person's root is.

    Attributes
    ----------
    solver : str
        Its name, one of `root.solvers`.
    distance_m : float
        Of the root from the camera.
    sigma : float
        Standard deviation of the distance's logarithm, which counts all that the solver does not know.
    lasting_sigma : float
        The part of it that stays the same from frame to frame, as the error of a floor's pitch does.
    by_size : bool
        Whether the distance follows from how large the person looks, so that it errs by the person's size.
    """

    solver: str
    distance_m: float
    sigma: float
    lasting_sigma: float = 0.0
    by_size: bool = False


@dataclass(frozen=True, eq=False)
class Pose:
    """One person's skeleton in one frame; a joint that was not found has NaN coordinates.

    Attributes
    ----------
    root_cam_m : ndarray
        (3,) float64, the skeleton's root in the camera's optical frame, metres.
    joints_cam_m : ndarray
        (J, 3) float64, the joints in the camera's optical frame, metres.
    joints_img_px : ndarray
        (J, 2) float64, pixels of the (distorted) image.
    scores : ndarray
        (J,) float64, confidence scores in 0–1.
    skeleton : Skeleton
        Names and tree of the J joints.
    detection : Detection
        The box that the pose was read from.
    root_sigma_m : float
        Standard deviation of the root's distance along its ray, metres; NaN when the engine gives none.
    clothes_lab : ndarray
        (2, 3) float64, CIE L, a, b of the upper and the lower body; NaN where unseen.
    readings : tuple of RootReading
        What the root's distance was fused from; empty where one net gave it.
    root_solvers : tuple of str
        Solvers that the root's distance is from, the one that says most first; empty where it is not known.
    root_covariance_m2 : ndarray, optional
        (3, 3) float64, the root's covariance where it is not that of its distance alone.
    """

    root_cam_m: Array
    joints_cam_m: Array
    joints_img_px: Array
    scores: Array
    skeleton: Skeleton
    detection: Detection
    root_sigma_m: float = float("nan")
    clothes_lab: Array = field(default_factory=lambda: np.full((2, 3), np.nan))
    readings: tuple[RootReading, ...] = ()
    root_solvers: tuple[str, ...] = ()
    root_covariance_m2: Array | None = None

    def converted(self, target: Skeleton) -> Pose:
        """The pose with its joints by name in another skeleton; joints it lacks are NaN with score 0. The root stays.

        Parameters
        ----------
        target : Skeleton
            The skeleton to convert to.

        Returns
        -------
        Pose
            Itself when it is in that skeleton already.
        """
        source = self.skeleton
        if source.name == target.name:
            return self
        return replace(
            self,
            joints_cam_m=convert(self.joints_cam_m, source, target),
            joints_img_px=convert(self.joints_img_px, source, target),
            scores=np.nan_to_num(convert(self.scores[:, None], source, target)[:, 0], nan=0.0),
            skeleton=target,
        )


@dataclass(frozen=True, eq=False)
class Person:
    """A person's pose, tracked from frame to frame.

    Attributes
    ----------
    track_id : int
        Counts from 1 and is never used twice.
    state : TrackState
        Whether the person was seen in this frame, or is extrapolated.
    pose : Pose
        Where the person is.
    velocity_cam_mps : ndarray
        (3,) float64, the root's velocity in the camera's optical frame, metres per second.
    score : float
        Confidence score in 0–1.
    """

    track_id: int
    state: TrackState
    pose: Pose
    velocity_cam_mps: Array
    score: float

    def converted(self, target: Skeleton) -> Person:
        """Convert the pose, see `Pose.converted`.

        Parameters
        ----------
        target : Skeleton
            The skeleton to convert to.

        Returns
        -------
        Person
            With the converted pose.
        """
        return replace(self, pose=self.pose.converted(target))


_SEEN = (TrackState.NEW, TrackState.TRACKED)


def root_solvers_of(person: Person) -> tuple[str, ...]:
    """The solvers that the root's distance is from; none for people whose place is extrapolated.

    Parameters
    ----------
    person : Person
        Of any state.

    Returns
    -------
    tuple of str
        See `Pose`.
    """
    return person.pose.root_solvers if person.state in _SEEN else ()


def root_covariance_m2(pose: Pose) -> Array | None:
    """The covariance (3, 3) of a root: its own, else that of its distance along the ray; None where neither is known.

    Parameters
    ----------
    pose : Pose
        In the camera's optical frame, unless it has a covariance of its own.

    Returns
    -------
    ndarray or None
        Square metres, in the frame of the pose.
    """
    own = pose.root_covariance_m2
    return ray_covariance_m2(pose.root_cam_m, pose.root_sigma_m) if own is None else own


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What the pipeline found in one frame.

    Attributes
    ----------
    people : tuple of Person
        By track id.
    detections : tuple of Detection
        The boxes that the people were looked for in, best score first unless they were given.
    timings_ms : dict of str to float
        Milliseconds of each stage.
    ground : GroundPlane, optional
        The floor in the camera's optical frame: the frame's own, or as people were seen to walk on it.
    """

    people: tuple[Person, ...]
    detections: tuple[Detection, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)
    ground: GroundPlane | None = None
