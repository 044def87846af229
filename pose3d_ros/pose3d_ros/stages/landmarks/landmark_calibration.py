"""How likely joints are right and how far off the root may be, of people from landmarks.

A joint's score is the probability that it lies within 100 mm of where it is, relative to the root: a logistic function
of the landmark's visibility and certainty, and of how far landmarks and lifter are apart, with an offset for each part
of the body. The root's relative standard deviation is the exponential of a linear function of what is known of the
person. Both are fitted on rendered people (`pose3d_training.tasks.landmark_scores_fit`) and stand in the parameters of
the lifter's entry, whose joints they are about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.engines.spec.manifest import ManifestEntry
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.entry_checks import wrong_parameter
from pose3d_ros.stages.landmarks.body_joints import BODY, LANDMARKS, MUCO, landmark_body
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array

SCORE_INPUTS = ("visibility", "certainty", "apart")
"""ln of the odds of the first two, and ln of the third, metres, plus _APART_M."""
SIGMA_INPUTS = ("constant", "hidden", "outside", "apart", "wide")
"""1; means over the limbs: 1 - visibility, not in the image, metres apart; ln of width over height of the landmarks."""
_PART_OF = {
    **dict.fromkeys(("Eye_Inner", "Eye_Outer"), "Eye"), "Mouth": "Nose",
    **dict.fromkeys(("Pinky", "Index", "Thumb"), "Hand"), "Pelvis": "Hip",
}  # fmt: skip
_APART_OF = {
    **dict.fromkeys(("Nose", "Eye", "Eye_Inner", "Eye_Outer", "Ear", "Mouth"), "Head"),
    **dict.fromkeys(("Pinky", "Index", "Thumb"), "Hand"), "Heel": "Ankle",
}  # fmt: skip
"""The joint of muco21 whose distance stands for that of a landmark which the lifter does not give."""
_APART_M = 0.02
_LEAST = 1e-3
_LIMBS = [
    get_skeleton("mediapipe33").index_of[f"{s}_{part}"]
    for s in "LR"
    for part in ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
]
_LIMBS_IN_BODY = [BODY.index_of[LANDMARKS.joints[i]] for i in _LIMBS]
_LOWEST_SIGMA, _HIGHEST_SIGMA = 0.02, 0.5


def part_of(joint: str) -> str:
    """The part of the body that a joint of body40 shares its offset with: its name without the side."""
    name = joint[2:] if joint[1] == "_" else joint
    return _PART_OF.get(name, name)


@dataclass(frozen=True, eq=False)
class LandmarkCalibration:
    """offsets (40,): of the joints of body40. weights (3,): of SCORE_INPUTS. sigma_weights (5,): of SIGMA_INPUTS."""

    offsets: Array
    weights: Array
    sigma_weights: Array

    @classmethod
    def of(cls, entry: ManifestEntry) -> LandmarkCalibration | None:
        """The calibration in a lifter's parameters; None where there is none.

        Parameters `score_parts`, names of parts; `score_offsets`, one each; `score_weights`; `sigma_weights`. Raises
        EngineError for some of them that do not fit.
        """
        if "score_parts" not in entry.parameters:
            return None
        parts = entry.parameters["score_parts"]
        needed = sorted({part_of(joint) for joint in BODY.joints})
        if not isinstance(parts, list) or sorted(map(str, parts)) != needed:
            raise wrong_parameter(entry, "score_parts", "a list of " + ", ".join(needed), parts)
        at = {str(part): i for i, part in enumerate(parts)}
        offsets = _numbers(entry, "score_offsets", len(parts))[[at[part_of(joint)] for joint in BODY.joints]]
        weights = _numbers(entry, "score_weights", len(SCORE_INPUTS))
        return cls(offsets, weights, _numbers(entry, "sigma_weights", len(SIGMA_INPUTS)))

    def scores(self, people: Landmarks, lifted_m: Array) -> Array:
        """Scores (N, 40), 0–1. lifted_m: (N, 21, 3) of muco21, in the axes of the landmarks."""
        logits = self.offsets + score_inputs(people, lifted_m) @ self.weights
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))

    def root_sigmas(self, people: Landmarks, lifted_m: Array, width_px: int, height_px: int) -> Array:
        """Standard deviations (N,) of ln of the root's distance, of an image of that size."""
        logarithm = sigma_inputs(people, lifted_m, width_px, height_px) @ self.sigma_weights
        return np.asarray(np.clip(np.exp(np.clip(logarithm, -10.0, 1.0)), _LOWEST_SIGMA, _HIGHEST_SIGMA))


def score_inputs(people: Landmarks, lifted_m: Array) -> Array:
    """What scores depend on, (N, 40, 3), see SCORE_INPUTS."""
    seen = landmark_body(np.stack([people.visibility, people.certainty], axis=-1))
    seen = np.clip(np.nan_to_num(seen), _LEAST, 1 - _LEAST)
    apart = np.log(_apart_m(people, lifted_m) + _APART_M)
    return np.concatenate([np.log(seen / (1 - seen)), apart[..., None]], axis=-1)


def sigma_inputs(people: Landmarks, lifted_m: Array, width_px: int, height_px: int) -> Array:
    """What the root's standard deviation depends on, (N, 5), see SIGMA_INPUTS."""
    at = people.points_img_px[:, _LIMBS]
    inside = ((at >= -0.5) & (at <= np.array([width_px, height_px]) - 0.5)).all(axis=-1)
    apart = _apart_m(people, lifted_m)[:, _LIMBS_IN_BODY]
    crop = people.points_crop_px
    sides = np.maximum(crop.max(axis=1) - crop.min(axis=1), 1.0)
    columns = (
        np.ones(len(at)),
        1 - people.visibility[:, _LIMBS].mean(axis=1),
        1 - inside.mean(axis=1),
        apart.mean(axis=1),
        np.log(sides[:, 0] / sides[:, 1]),
    )
    return np.stack(columns, axis=-1)


def _apart_m(people: Landmarks, lifted_m: Array) -> Array:
    """(N, 40), how far the lifter's joints are from those of the landmarks, both from the pelvis."""
    body = landmark_body(people.relative_m)
    body = body - body[:, BODY.root, None]
    away = np.linalg.norm(lifted_m - body[:, _MUCO_IN_BODY], axis=-1)
    return np.asarray(away[:, _STANDS_FOR])


def _muco_joint(joint: str) -> str:
    """The joint itself, or the one of muco21 that stands for it."""
    if joint in MUCO.index_of:
        return joint
    side, part = (joint[:2], joint[2:]) if joint[1] == "_" else ("", joint)
    other = _APART_OF[part]
    return other if other in MUCO.index_of else side + other


_MUCO_IN_BODY = [BODY.index_of[joint] for joint in MUCO.joints]
_STANDS_FOR = [MUCO.index_of[_muco_joint(joint)] for joint in BODY.joints]


def _numbers(entry: ManifestEntry, key: str, count: int) -> Array:
    value = entry.parameters.get(key)
    if not isinstance(value, list) or len(value) != count or not all(isinstance(v, int | float) for v in value):
        raise wrong_parameter(entry, key, f"a list of {count} numbers", value)
    return np.array(value, dtype=np.float64)
