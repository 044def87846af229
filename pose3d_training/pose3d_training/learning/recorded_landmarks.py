"""What a landmark net says of labeled people of your own recordings, as samples for lifters of regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose3d_ros.engines import RoleEngine, choose_backend, open_engine
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.engines.spec.model_sets import open_set
from pose3d_ros.errors import EngineError, InputError
from pose3d_ros.evaluation.recording.bag_recording import ground_truth_of
from pose3d_ros.evaluation.recording.recorded_frames import RecordedFrames
from pose3d_ros.geometry.regions import Regions
from pose3d_ros.records import Frame
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.entry_checks import LANDMARK_NET
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.stages.landmarks.landmark_net import LandmarkNet
from pose3d_ros.types import Array
from pose3d_training.learning.recorded_people import RecordedSamples
from pose3d_training.synthetic.body_points import LANDMARKS
from pose3d_training.tasks.landmark_runs import SIZE_PX
from pose3d_training.tasks.lifting_samples import LiftSample

_MUCO, _FOUND = get_skeleton("muco21"), get_skeleton("mediapipe33")
_READ = [_FOUND.index_of[name] for name in LANDMARKS]
_SIDES = [
    LANDMARKS.index({"L": "R", "R": "L"}[name[0]] + name[1:]) if name[1] == "_" else i
    for i, name in enumerate(LANDMARKS)
]
_SHARED = [(LANDMARKS.index(name), _MUCO.index_of[name]) for name in LANDMARKS if name in _MUCO.index_of]
_FRAME_JOINTS = [_MUCO.index_of[name] for name in ("Pelvis", "L_Hip", "R_Hip", "L_Shoulder", "R_Shoulder")]
_READINGS = 2
"""Of each person, from regions that differ as those of a tracker do."""
_JITTER_SHIFT, _JITTER_SCALE, _JITTER_RAD = 0.03, 0.08, 0.12
_CROWN = 1.05
_MIN_PERSON, _MAX_OFF = 0.5, 0.1
"""Median distance of landmarks from their joints over the person's extent, up to which they are that person's."""


@dataclass(frozen=True, eq=False)
class RecordedLandmarks(RecordedSamples):
    """features (N, 19, 3) and targets_m (N, 21, 3) of `LandmarkSamples`; NaN where a joint has no label."""

    features: Array
    targets_m: Array

    def drawn(self, rng: np.random.Generator, like: LiftSample | None) -> LiftSample:
        """See `RecordedSamples`: one frame, mirrored or not."""
        del like
        row = int(rng.integers(len(self.features)))
        features, target = self.features[row], self.targets_m[row]
        if rng.random() < 0.5:
            features = (features * [-1.0, 1.0, 1.0])[_SIDES]
            target = (target * [-1.0, 1.0, 1.0])[list(_MUCO.flip_order)]
        return LiftSample(features[None].astype(np.float32), target[None].astype(np.float32))


def recorded_landmarks(bags: Sequence[Path], engines: str, seed: int = 1) -> RecordedLandmarks:
    """Run the landmark net of a set of models on the labeled people of recordings.

    Raises EngineError for models of another chain, InputError where no labeled person is seen.
    """
    net, rng = _open_net(engines), np.random.default_rng(seed)
    parts = [part for bag in bags for part in _readings(bag, net, rng)]
    if not parts:
        raise InputError(
            "recordings",
            expected="people with 3D labels on /ground_truth/people whom the landmark net sees",
            got="none",
            fix="Label the recordings first (docs/improve.md).",
        )
    features, targets = zip(*parts, strict=True)
    return RecordedLandmarks(np.concatenate(features), np.concatenate(targets))


def _open_net(engines: str) -> LandmarkNet:
    entry = open_set(engines).for_role("pose")
    if entry.decoder != LANDMARK_NET:
        raise EngineError(
            f"engines {engines}",
            expected=f"a pose model of the decoder {LANDMARK_NET}, whose lifter reads regions",
            got=f"{entry.name}, {entry.decoder}",
            fix="Run `pose3d models get mediapipe` and name that set, or train a lifter of persons.",
        )
    return LandmarkNet(RoleEngine(open_engine(entry, choose_backend("onnxruntime")), entry))


def _readings(bag: Path, net: LandmarkNet, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    labels = ground_truth_of(bag)
    for frame in RecordedFrames(bag):
        if not isinstance(frame, Frame) or not (known := labels.get(frame.stamp_ns)) or not known.people:
            continue
        joints = np.array([person.converted(_MUCO).pose.joints_cam_m for person in known.people])
        joints = joints[np.isfinite(joints[:, _FRAME_JOINTS]).all(axis=(1, 2))]
        for _ in range(_READINGS):
            if len(joints):
                yield _reading(frame, joints, net, rng)


def _reading(frame: Frame, joints_cam_m: Array, net: LandmarkNet, rng: np.random.Generator) -> tuple[Array, Array]:
    """Features and targets of those whom the net sees."""
    image, pixels = HostImage(frame.image_bgr), frame.camera.project(joints_cam_m)
    first = net(frame.camera, image, jittered(label_regions(pixels), rng))
    found = net(frame.camera, image, first.next_regions)
    kept = (found.person >= _MIN_PERSON) & (_off(found, pixels) < _MAX_OFF)
    at = (found.points_crop_px[:, _READ] - (SIZE_PX - 1) / 2) / (SIZE_PX / 2)
    features = np.concatenate([at, found.visibility[:, _READ, None]], axis=-1)
    targets = (joints_cam_m - joints_cam_m[:, [_MUCO.root]]) @ found.view2cam
    return features[kept], targets[kept]


def _off(found: Landmarks, pixels: Array) -> Array:
    """Median distance (N,) of landmarks from the labels over the landmarks' extent; infinite where none is labeled."""
    first, second = (list(column) for column in zip(*_SHARED, strict=True))
    away = np.linalg.norm(found.points_img_px[:, _READ][:, first] - pixels[:, second], axis=-1)
    sides = np.linalg.norm(np.ptp(found.points_img_px, axis=1), axis=-1)
    away = np.where(np.isfinite(away), away, np.nan) / np.maximum(sides, 1.0)[:, None]
    known = np.isfinite(away).any(axis=1)
    return np.where(known, np.nanmedian(np.where(known[:, None], away, 0.0), axis=1), np.inf)


def label_regions(pixels: Array) -> Regions:
    """Regions of people (N, 21, 2) of muco21, as MediaPipe makes them: about the hips, the shoulders up."""
    left, right = (pixels[:, _MUCO.index_of[f"{side}_Hip"]] for side in "LR")
    shoulders = (pixels[:, _MUCO.index_of["L_Shoulder"]] + pixels[:, _MUCO.index_of["R_Shoulder"]]) / 2
    hips = (left + right) / 2
    radius = _CROWN * np.nanmax(np.linalg.norm(pixels - hips[:, None], axis=-1), axis=1)
    up = shoulders - hips
    up = up / np.maximum(np.linalg.norm(up, axis=1, keepdims=True), 1e-6)
    return Regions.from_keypoints(hips, hips + radius[:, None] * up)


def jittered(regions: Regions, rng: np.random.Generator) -> Regions:
    """Regions moved, scaled and turned at random, a little."""
    count = len(regions)
    return Regions(
        regions.centers_px + rng.normal(0, _JITTER_SHIFT, (count, 2)) * regions.sides_px[:, None],
        regions.sides_px * np.exp(rng.normal(0, _JITTER_SCALE, count)),
        regions.angles_rad + rng.normal(0, _JITTER_RAD, count),
    )
