"""Which readings of the landmark net are people, and which of several are readings of the same one.

Every place that may hold a person is read, most people more than once: from both detectors, from several views, from
where they were before. A reading that the net is not sure of (its heat maps are low) shows a part of a body, a
reflection or nothing; of those that share a head, a torso or most joints, turned around or not, the surest stays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.geometry.boxes import suppress_overlaps
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.landmarks.landmark_decoding import Landmarks
from pose3d_ros.types import Array

SKELETON = get_skeleton("mediapipe33")
"""Of the landmarks."""

Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


def _indices(*names: str) -> list[int]:
    sides = [[f"L_{name}", f"R_{name}"] if name != "Nose" else [name] for name in names]
    return [SKELETON.index_of[name] for pair in sides for name in pair]


_LIMBS = _indices("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
_BODY = [*_indices("Nose", "Ear"), *_LIMBS]
_HEAD = [*_indices("Nose", "Eye", "Ear", "Shoulder")]
_TORSO = _indices("Shoulder", "Hip")
_BONES = [
    (SKELETON.index_of[a], SKELETON.index_of[b])
    for a, b in (
        ("Nose", "L_Shoulder"),
        ("Nose", "R_Shoulder"),
        ("L_Shoulder", "R_Shoulder"),
        ("L_Hip", "R_Hip"),
        ("L_Shoulder", "R_Hip"),
        ("R_Shoulder", "L_Hip"),
        *((f"{s}_{a}", f"{s}_{b}") for s in "LR" for a, b in (("Shoulder", "Elbow"), ("Elbow", "Wrist"))),
        *((f"{s}_{a}", f"{s}_{b}") for s in "LR" for a, b in (("Shoulder", "Hip"), ("Hip", "Knee"))),
        *((f"{s}_{a}", f"{s}_{b}") for s in "LR" for a, b in (("Knee", "Ankle"), ("Ankle", "Toe"))),
    )
]
_FEWEST_JOINTS = 5
"""Of whom the image shows fewer joints than this is not sure, however clear these are."""
_NO_PERSON = 0.1
"""Of the net's own answer whether the region holds a person; false ones are near 0, people near 1."""
_SIGMA = 0.1
"""Distance, as a fraction of the smaller reading's size, at which a joint's similarity falls to exp(-1/2)."""
_LEAST_WEIGHT = 0.05
_SAME_PERSON = 0.5
_SEEN, _HALF_SEEN = 0.5, 0.3
_PART_SHARE = 0.85
"""Share of a reading's visible joints on the limbs of a surer one, from which on it is taken for a part of it."""
_LIMB_RADIUS = 0.1
_MIDDLE, _SLOPE = 0.42, 20.0


def person_scores(people: Landmarks, width_px: int, height_px: int) -> Array:
    """Confidence scores (N,) in 0–1 that the readings are people.

    Of the mean certainty over the body's joints in the image, through a logistic function; 0 where the net itself says
    that the region holds nobody.
    """
    at = people.points_img_px[:, _BODY]
    inside = ((at >= -0.5) & (at <= np.array([width_px, height_px]) - 0.5)).all(axis=-1)
    certainty = (people.certainty[:, _BODY] * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), _FEWEST_JOINTS)
    scores: Array = 1.0 / (1.0 + np.exp(-_SLOPE * (certainty - _MIDDLE)))
    return np.where(people.person >= _NO_PERSON, scores, 0.0)


def select(people: Landmarks, scores: Array, limit: int) -> Indices:
    """Indices of the readings to keep, at most `limit`, best score first: one of each person, no part of another."""
    if len(people) < 2:
        return np.arange(min(len(people), limit))
    # A surer reading also drops a less sure one that is a part of it; who stands in front of others is no part of them.
    drops = (similarity(people) > _SAME_PERSON) | (_share_on_limbs(people).T > _PART_SHARE)
    return suppress_overlaps(drops, scores, limit)


def similarity(people: Landmarks) -> Array:
    """Similarity of every pair, (N, N) in 0–1: the greatest of head and shoulders, torso and body, turned round too.

    The mean of exp(-d² / 2σ²) over the joints (COCO's object keypoint similarity), weighted by how visible they are.
    """
    points, sizes_px = people.points_img_px, sizes(people)
    sigma_px = _SIGMA * np.minimum(sizes_px[:, None], sizes_px[None, :])
    order = list(SKELETON.flip_order)
    turned = points[:, order], people.visibility[:, order]
    alike = [_alike(points, people.visibility, points, people.visibility, part, sigma_px) for part in (_HEAD, _TORSO)]
    whole = [(points, people.visibility), turned]
    alike += [_alike(points, people.visibility, *other, _BODY, sigma_px) for other in whole]
    alike.append(_alike(points, people.visibility, *turned, _TORSO, sigma_px))
    most: Array = np.max(alike, axis=0, initial=0.0)
    return most


def sizes(people: Landmarks) -> Array:
    """(N,), pixels: the root of the area of the visible landmarks' box, at least half of its longer side."""
    low, high = visible_boxes(people)
    sides = np.maximum(high - low, 1.0)
    size_px: Array = np.maximum(np.sqrt(sides.prod(axis=-1)), sides.max(axis=-1, initial=0.0) / 2)
    return size_px


def visible_boxes(people: Landmarks) -> tuple[Array, Array]:
    """Least and greatest x and y, (N, 2) each, of the landmarks that are visible; of all where few are."""
    at = people.points_img_px
    known = np.isfinite(at).all(axis=-1)
    seen = known & (people.visibility > _HALF_SEEN)
    seen |= known & (seen.sum(axis=1, keepdims=True) < _FEWEST_JOINTS)
    low = np.where(seen[..., None], at, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen[..., None], at, -np.inf).max(axis=1, initial=-np.inf)
    return low, high


def _alike(a_px: Array, a_seen: Array, b_px: Array, b_seen: Array, part: list[int], sigma_px: Array) -> Array:
    """(N, N): weighted mean of exp(-d² / 2σ²) over the joints of a part."""
    squared = ((a_px[:, None, part] - b_px[None, :, part]) ** 2).sum(axis=-1)
    weights = np.minimum(a_seen[:, None, part], b_seen[None, :, part]) + _LEAST_WEIGHT
    closeness = np.nan_to_num(np.exp(-squared / (2.0 * sigma_px[..., None] ** 2)))
    alike: Array = (closeness * weights).sum(axis=-1) / weights.sum(axis=-1)
    return alike


def _share_on_limbs(people: Landmarks) -> Array:
    """(N, N): share of the row's visible joints that lie on visible limbs of the column's body, 0 on the diagonal."""
    starts, ends = ([bone[i] for bone in _BONES] for i in (0, 1))
    points, seen = people.points_img_px[:, _BODY], people.visibility[:, _BODY] > _SEEN
    seen |= ~seen.any(axis=1, keepdims=True)
    start, along = people.points_img_px[:, starts], people.points_img_px[:, ends] - people.points_img_px[:, starts]
    # Joints (N, 1, J, 1, 2) from the bones (1, N, 1, B, 2).
    away = points[:, None, :, None] - start[None, :, None]
    length = np.maximum((along**2).sum(axis=-1), 1e-9)
    share = np.clip((away * along[None, :, None]).sum(axis=-1) / length[None, :, None], 0.0, 1.0)
    squared = ((away - share[..., None] * along[None, :, None]) ** 2).sum(axis=-1)
    visible = np.minimum(people.visibility[:, starts], people.visibility[:, ends]) > _HALF_SEEN
    squared = np.where(visible[None, :, None] & np.isfinite(squared), squared, np.inf).min(axis=-1)
    near = squared < (_LIMB_RADIUS * sizes(people))[None, :, None] ** 2
    on: Array = (near & seen[:, None]).sum(axis=-1) / seen.sum(axis=1)[:, None]
    np.fill_diagonal(on, 0.0)
    return on
