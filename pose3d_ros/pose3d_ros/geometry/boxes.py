"""Overlap of boxes, non-maximum suppression, shares of an image. Boxes are x0, y0, x1, y1 of their edges in pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array


def iou_matrix(a_xyxy: Array, b_xyxy: Array) -> Array:
    """Intersection over union of every pair: (N, 4), (M, 4) → (N, M) in 0–1; 0 where both boxes are empty."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    union = _areas(a_xyxy)[:, None] + _areas(b_xyxy)[None, :] - shared
    iou: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def paired_iou(a_xyxy: Array, b_xyxy: Array) -> Array:
    """The same of boxes side by side: (N, 4), (N, 4) → (N,)."""
    low, high = np.maximum(a_xyxy[:, :2], b_xyxy[:, :2]), np.minimum(a_xyxy[:, 2:], b_xyxy[:, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    union = _areas(a_xyxy) + _areas(b_xyxy) - shared
    iou: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def suppress(boxes_xyxy: Array, scores: Array, max_iou: float, limit: int) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes (N, 4) to keep, best score first, at most `limit`.

    A box is dropped when its IoU with a kept one exceeds max_iou.
    """
    return suppress_overlaps(iou_matrix(boxes_xyxy, boxes_xyxy) > max_iou, scores, limit)


def suppress_overlaps(overlap: npt.NDArray[np.bool_], scores: Array, limit: int) -> npt.NDArray[np.intp]:
    """The same for anything: overlap (N, N) says which pairs are too much alike, scores (N,)."""
    order = np.argsort(-scores, kind="stable")
    alive = np.ones(len(order), dtype=bool)
    kept: list[int] = []
    for i in order:
        if len(kept) == limit:
            break
        if alive[i]:
            kept.append(int(i))
            alive &= ~overlap[i]
    return np.array(kept, dtype=np.intp)


def normalized_box(box_xyxy: Array, width_px: int, height_px: int) -> Array:
    """A box (4,) as shares of the image's width and height, 0 at its left and upper edge, cut at its edges."""
    size_px = np.array([width_px, height_px, width_px, height_px], dtype=np.float64)
    return np.asarray(np.clip((box_xyxy + 0.5) / size_px, 0.0, 1.0))


def pixel_region(box_xyxy: Array, width_px: int, height_px: int) -> tuple[slice, slice] | None:
    """Rows and columns of an image that a box (4,) touches; None where it lies outside or is not finite."""
    if not np.isfinite(box_xyxy).all():
        return None
    low = np.clip(np.floor(box_xyxy[:2] + 0.5), 0, (width_px, height_px)).astype(int)
    high = np.clip(np.ceil(box_xyxy[2:] + 0.5), 0, (width_px, height_px)).astype(int)
    return (slice(low[1], high[1]), slice(low[0], high[0])) if (high > low).all() else None


def _areas(boxes_xyxy: Array) -> Array:
    areas: Array = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0.0, None).prod(axis=-1)
    return areas
