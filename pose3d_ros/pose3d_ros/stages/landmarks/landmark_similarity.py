"""How alike readings of the landmark net are: the same person, turned round, or a part of one."""

from __future__ import annotations

import numpy as np

from pose3d_ros.stages.landmarks.landmark_decoding import SKELETON, Landmarks
from pose3d_ros.types import Array


def _indices(*names: str) -> list[int]:
    sides = [[f"L_{name}", f"R_{name}"] if name != "Nose" else [name] for name in names]
    return [SKELETON.index_of[name] for pair in sides for name in pair]


_LIMBS = _indices("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
BODY_JOINTS = [*_indices("Nose", "Ear"), *_LIMBS]
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
_SIGMA = 0.1
"""Distance, as a fraction of the smaller reading's size, at which a joint's similarity falls to exp(-1/2)."""
_LEAST_WEIGHT = 0.05
_SEEN, _HALF_SEEN = 0.5, 0.3
_FEWEST_SEEN = 5
_LIMB_RADIUS = 0.1
"""Of a person's size: a joint nearer than that to a limb lies on it."""


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
    alike += [_alike(points, people.visibility, *other, BODY_JOINTS, sigma_px) for other in whole]
    alike.append(_alike(points, people.visibility, *turned, _TORSO, sigma_px))
    most: Array = np.max(alike, axis=0, initial=0.0)
    return most


def body_similarity(people: Landmarks) -> Array:
    """The same of the body's joints alone, left on left."""
    size_px = sizes(people)
    sigma_px = _SIGMA * np.minimum(size_px[:, None], size_px[None, :])
    points, seen = people.points_img_px, people.visibility
    return _alike(points, seen, points, seen, BODY_JOINTS, sigma_px)


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
    seen |= known & (seen.sum(axis=1, keepdims=True) < _FEWEST_SEEN)
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


def share_on_limbs(people: Landmarks) -> Array:
    """(N, N): share of the row's visible joints that lie on visible limbs of the column's body, 0 on the diagonal."""
    starts, ends = ([bone[i] for bone in _BONES] for i in (0, 1))
    points, seen = people.points_img_px[:, BODY_JOINTS], people.visibility[:, BODY_JOINTS] > _SEEN
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
