"""Labels from two recordings instead of motion capture: how far they are off."""

from __future__ import annotations

from functools import cache

import numpy as np
from learning_bench import Case, LearningBench
from scipy.spatial.transform import Rotation

from pose3d_ros.errors import InputError
from pose3d_ros.geometry.alignment import RigidTransform
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.types import Array
from pose3d_training.multiview.labels import labels_of
from pose3d_training.multiview.metric_scale import KnownLength
from pose3d_training.multiview.view_tracks import ViewPeople, ViewTrack, person_sizes
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.tasks.lifting_noise import detect

_SKELETON = get_skeleton("muco21")
_ORDER = [SYNTH_JOINTS.index(name) for name in _SKELETON.joints]
_RATE_HZ, _FRAMES, _WINDOW, _ROOM_M = 30.0, 900, 75, 1.5
_OUTLIERS, _OFF = 0.3, 0.6
"""Share of the 2D joints of each view, and how far off they are at most, as a share of the height."""
_WHITE = 0.005


def _camera(azimuth_deg: float, distance_m: float) -> RigidTransform:
    """World to a camera 1.5 m over the floor that looks at the room's middle."""
    turn = Rotation.from_euler("YXZ", [azimuth_deg, 172, 0], degrees=True).as_matrix().T
    place = Rotation.from_euler("y", azimuth_deg, degrees=True).apply([0, 1.5, distance_m])
    return RigidTransform(turn, -turn @ place)


_CAMERAS = _camera(-35, 6.0), _camera(35, 6.5)


def _walk(bench: LearningBench, rng: np.random.Generator) -> Array:
    """30 s (T, 21, 3) of a held-out body in held-out motions, 2.5 s each somewhere in the room, y up."""
    tracks = [track for track in bench.held_out_tracks if len(track) > 2 * _WINDOW]
    body = int(rng.integers(len(tracks) // 2))
    parts: list[Array] = []
    while len(parts) * _WINDOW < _FRAMES:
        track = tracks[2 * body + int(rng.integers(2))][:, _ORDER]
        at = int(rng.integers(len(track) - _WINDOW))
        part = track[at : at + _WINDOW] - track[at : at + _WINDOW, 14].mean(axis=0) * [1, 0, 1]
        turn = Rotation.from_euler("y", rng.uniform(0, 360), degrees=True).as_matrix()
        place = [rng.uniform(-_ROOM_M, _ROOM_M), -part[..., 1].min(), rng.uniform(-_ROOM_M, _ROOM_M)]
        parts.append(part @ turn.T + place)
    return np.concatenate(parts)


def _seen(world: Array, camera: RigidTransform, noise: str, rng: np.random.Generator) -> ViewTrack:
    points = camera.apply(world)
    keypoints, scores = points[..., :2] / points[..., 2:], np.ones(points.shape[:2])
    if noise == "white":
        keypoints = keypoints + _WHITE * person_sizes(keypoints)[:, None, None] * rng.normal(size=keypoints.shape)
    else:
        found = detect(keypoints[None], _SKELETON, np.array([_RATE_HZ]), rng)
        keypoints, scores = found.keypoints[0], found.scores[0]
    middle, size = np.nanmedian(keypoints, axis=1, keepdims=True), person_sizes(keypoints)[:, None, None]
    wrong = middle + size * rng.uniform(-_OFF, _OFF, keypoints.shape)
    keypoints = np.where(rng.random(scores.shape)[..., None] < _OUTLIERS, wrong, keypoints)
    return ViewTrack(1, np.arange(len(world)) / _RATE_HZ, keypoints, scores)


@cache
def _errors(bench: LearningBench, seed: int, noise: str) -> tuple[float, float]:
    """Median distance of labels, mm, and the larger error of rotation and of the baseline's direction, degrees.

    A recording that is refused is taken again, as a user would do it.
    """
    try:
        return _errors_of(bench, np.random.default_rng(seed), noise)
    except InputError as error:
        print(f"two_recordings, seed {seed}, {noise}: {error}")
        return _errors(bench, seed + 1000, noise)


def _errors_of(bench: LearningBench, rng: np.random.Generator, noise: str) -> tuple[float, float]:
    world = _walk(bench, rng)
    views = [ViewPeople(str(at), (_seen(world, camera, noise, rng),)) for at, camera in enumerate(_CAMERAS)]
    true = _CAMERAS[1].after(_CAMERAS[0].inverse())
    baseline_m = float(np.linalg.norm(true.translation_m))
    labels = labels_of(views, _SKELETON, KnownLength(baseline_m=baseline_m), reach_s=0.0)
    off_m = np.linalg.norm(labels.people[0][0].joints_cam_m - _CAMERAS[0].apply(world), axis=-1)
    found = labels.first2camera[1]
    turn = Rotation.from_matrix(found.rotation @ true.rotation.T).magnitude()
    along = np.arccos(np.clip(found.translation_m @ true.translation_m / baseline_m**2, -1, 1))
    return 1000 * float(np.nanmedian(off_m)), float(np.rad2deg(max(turn, along)))


_ARMS = {"2D joints off by 0.5% of the height": "white", "2D joints as lifters are trained on": "net"}


def _labels(bench: LearningBench, seed: int) -> dict[str, float]:
    return {arm: _errors(bench, seed, noise)[0] for arm, noise in _ARMS.items()}


def _cameras(bench: LearningBench, seed: int) -> dict[str, float]:
    return {arm: _errors(bench, seed, noise)[1] for arm, noise in _ARMS.items()}


_PAPER = "Kocabas 2019 (EpipolarPose), section 3.1"
CASES = (
    Case("two_recordings", _PAPER, "How far are labels from two cameras, 3 in 10 joints wrong?", "mm, median", _labels),
    Case("two_recordings_cameras", _PAPER, "How far off is the second camera?", "degrees", _cameras),
)
