"""The body in metres: the net's world landmarks, a lifter's joints, and the mean of both, as the skeleton `body40`.

`body40` has the joints of `muco21`, which are places inside the body, and MediaPipe's landmarks. Where both say of a
joint where it is, it is between them; what only one of them knows moves with the nearest joint that both know.
"""

from __future__ import annotations

import numpy as np

from pose3d_ros.engines.engine_set import RoleEngine
from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.errors import EngineError
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.entry_checks import check_decoder, choice_parameter, real_parameter, skeleton_of, wrong_parameter
from pose3d_ros.stages.io_matching import BoundEngine, output, port
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array

BODY = get_skeleton("body40")
LANDMARKS, MUCO = get_skeleton("mediapipe33"), get_skeleton("muco21")
_FEATURES = 3
_LIFTER_SHARE = 0.7
"""Of the mean, the rest being the landmarks': both err least so, on held-out rendered people and by what photographs
with ground truth gave for the landmarks, the lifter and the middle of both."""
_CROP_PX = 256
"""Of the crops that a lifter of the input `region` was made for."""
_SURFACE = [BODY.index_of[name] for name in LANDMARKS.joints]
_SHARED = [BODY.index_of[name] for name in MUCO.joints if name in LANDMARKS.index_of]
_SIDES = ("L", "R")
_SHOULDERS, _HIPS, _EARS = (tuple(f"{s}_{name}" for s in _SIDES) for name in ("Shoulder", "Hip", "Ear"))
_MEANS: dict[str, tuple[str, ...]] = {
    "Pelvis": _HIPS,
    "Thorax": _SHOULDERS,
    "Spine": (*_SHOULDERS, *_HIPS),
    "Head": _EARS,
    **{f"{s}_Hand": (f"{s}_Index", f"{s}_Pinky") for s in _SIDES},
}
"""Joints inside the body that lie in the middle of landmarks."""
_CROWN = 1.6
"""How far the crown is from the thorax, by how far the ears are."""
_NEAREST: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Thorax", "Head", "Head_top"), _SHOULDERS),
    "Spine": (*_SHOULDERS, *_HIPS),
    "Pelvis": _HIPS,
    **{name: (f"{name[0]}_Wrist",) for name in BODY.joints if name[2:] in ("Hand", "Pinky", "Index", "Thumb")},
    **{f"{s}_Heel": (f"{s}_Ankle",) for s in _SIDES},
}
"""Joint that one of the two knows → those that both know and that it moves with; of the face, the shoulders."""


class RegionLifter:
    """The role lifter, reading landmarks in their region: parameters `input: region` and `landmarks`, their names.

    A landmark is read as x and y of the crop, (u − 127.5) / 128 for 256 pixels, and its visibility. The joints come in
    the crop's axes. Raises EngineError for another lifter.
    """

    def __init__(self, model: RoleEngine) -> None:
        entry = model.entry
        check_decoder(entry, ("lifter_frame",))
        choice_parameter(entry, "input", ("region",), "")
        if skeleton_of(entry).joints != MUCO.joints:
            raise EngineError(
                f"skeleton of {entry.name}",
                expected=MUCO.name,
                got=str(entry.skeleton),
                fix="A lifter of regions gives these joints; correct the manifest.",
            )
        self._landmarks = [LANDMARKS.index_of[name] for name in _landmark_names(entry)]
        self._unit_m = real_parameter(entry, "metres_per_unit", 1.0)
        keypoints = port("keypoints", "batch", len(self._landmarks), _FEATURES)
        self._bound = BoundEngine(model, [keypoints], [port("joints", None, len(MUCO), 3)])

    def __call__(self, people: Landmarks) -> Array:
        """The joints (N, 21, 3) of one or more people from their pelvis, metres, in the camera's axes."""
        at = people.points_crop_px[:, self._landmarks]
        middle = (_CROP_PX - 1) / 2
        seen = people.visibility[:, self._landmarks, None]
        features = np.concatenate([(at - middle) / (_CROP_PX / 2), seen], axis=-1)
        raw = self._bound.infer({"keypoints": features.astype(np.float32)})
        joints = output(raw, "joints", (len(people), len(MUCO), 3))
        from_pelvis = (joints - joints[:, MUCO.root, None]) * self._unit_m
        lifted_m: Array = from_pelvis @ people.view2cam.transpose(0, 2, 1)
        return lifted_m


def is_region_lifter(entry: ManifestEntry) -> bool:
    """Whether a lifter reads landmarks in their region."""
    return entry.parameters.get("input") == "region"


def body_joints_m(landmarks_m: Array, lifted_m: Array | None) -> Array:
    """The joints (N, 40, 3) of `body40` from the pelvis, metres, in the axes of what is given.

    landmarks_m: (N, 33, 3), finite, from any origin. lifted_m: (N, 21, 3) of `muco21`, finite, from the pelvis; None
    without a lifter.
    """
    body: Array = _FROM_PELVIS @ landmarks_m if lifted_m is None else _OF_BOTH[0] @ landmarks_m + _OF_BOTH[1] @ lifted_m
    return body


def landmark_body(landmarks: Array) -> Array:
    """`body40` (N, 40, C) of finite landmarks (N, 33, C) alone, its other joints placed between them."""
    body: Array = _OF_LANDMARKS @ landmarks
    return body


def _mean_of(body: Array, names: tuple[str, ...]) -> Array:
    mean: Array = body[:, [BODY.index_of[name] for name in names]].mean(axis=1)
    return mean


def _landmark_names(entry: ManifestEntry) -> list[str]:
    names = entry.parameters.get("landmarks")
    if not isinstance(names, list) or not names or not all(name in LANDMARKS.index_of for name in names):
        raise wrong_parameter(entry, "landmarks", f"a list of joints of {LANDMARKS.name}", names)
    return [str(name) for name in names]


# All of this is linear: what it does to unit vectors, once, are the matrices that do it to every frame's people.
def _placed_between(landmarks: Array) -> Array:
    """See `landmark_body`."""
    body = np.full((len(landmarks), len(BODY), landmarks.shape[-1]), np.nan)
    body[:, _SURFACE] = landmarks
    for joint, parts in _MEANS.items():
        body[:, BODY.index_of[joint]] = _mean_of(body, parts)
    thorax, head = body[:, BODY.index_of["Thorax"]], body[:, BODY.index_of["Head"]]
    body[:, BODY.index_of["Head_top"]] = thorax + _CROWN * (head - thorax)
    return body


def _combined(body: Array, lifted: Array) -> Array:
    """Body (N, 40, C), from the pelvis, and a lifter's joints (N, 21, C); see `body_joints_m`."""
    change = np.zeros_like(body)
    away = lifted[:, [MUCO.index_of[BODY.joints[i]] for i in _SHARED]] - body[:, _SHARED]
    change[:, _SHARED] = _LIFTER_SHARE * away
    for joint in set(LANDMARKS.joints) - set(MUCO.joints):
        change[:, BODY.index_of[joint]] = _mean_of(change, _NEAREST.get(joint, _SHOULDERS))
    moved = body + change
    for i, joint in enumerate(MUCO.joints):
        if joint not in LANDMARKS.index_of and i != MUCO.root:
            # The lifter's own place, moved as much as the joints near it were against the lifter's.
            back = (1 / _LIFTER_SHARE - 1) * _mean_of(change, _NEAREST[joint])
            moved[:, BODY.index_of[joint]] = lifted[:, i] - back
    return moved


_OF_LANDMARKS = _placed_between(np.eye(len(LANDMARKS))[None])[0]
_FROM_PELVIS = _OF_LANDMARKS - _OF_LANDMARKS[BODY.root]
_OF_BOTH = (
    _combined(_FROM_PELVIS[None], np.zeros((1, len(MUCO), len(LANDMARKS))))[0],
    _combined(np.zeros((1, len(BODY), len(MUCO))), np.eye(len(MUCO))[None])[0],
)
