"""What hides people in composed scenes: plain and patterned blocks, and cut-out things (Sarandi 2018)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import ImageArray
from pose3d_training.synthetic.photo_folders import resized

Owner = npt.NDArray[np.int8]


def paint_blocks(image: ImageArray, owner: Owner, rng: np.random.Generator) -> None:
    """Furniture-like blocks and posts over a picture (H, W, 3) and the map of who is seen, in place."""
    height, width = owner.shape
    for _ in range(int(rng.choice(4, p=(0.55, 0.25, 0.13, 0.07)))):
        size = np.array([width, height]) * rng.uniform(0.03, 0.3, 2)
        centre = np.array([width, height]) * rng.uniform((0.0, 0.15), (1.0, 1.1))
        corners: object = cv2.boxPoints(
            ((float(centre[0]), float(centre[1])), (float(size[0]), float(size[1])), rng.uniform(-12, 12))
        )
        if rng.random() < 0.3:
            corners = cv2.ellipse2Poly(
                (int(centre[0]), int(centre[1])), (int(size[0] / 2), int(size[1] / 2)), 0, 0, 360, 12
            )
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.asarray(corners, np.int32)], 1)
        texture = cv2.resize(
            rng.integers(0, 256, (int(rng.integers(1, 6)), int(rng.integers(1, 6)), 3), dtype=np.uint8),
            (width, height),
            interpolation=int(rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR))),
        )
        cv2.copyTo(texture, mask, image)
        owner[mask.astype(bool)] = -1


def put_thing(image: ImageArray, owner: Owner, thing_bgra: ImageArray, rng: np.random.Generator) -> None:
    """One cut-out (h, w, 4) at a random place and size over a picture and the map of who is seen, in place."""
    height, width = owner.shape
    size = float(np.exp(rng.uniform(np.log(0.08), np.log(0.6)))) * height
    factor = size / max(thing_bgra.shape[:2])
    thing = resized(thing_bgra, factor)
    thing = thing[:, ::-1] if rng.random() < 0.5 else thing
    h, w = thing.shape[:2]
    left, top = int(rng.uniform(-0.5 * w, width - 0.5 * w)), int(rng.uniform(0.1 * height, height - 0.4 * h))
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
    if x1 <= x0 or y1 <= y0:
        return
    part = thing[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:].astype(np.float32) / 255
    target = image[y0:y1, x0:x1]
    colour = np.minimum(part[..., :3] * np.float32(rng.uniform(0.5, 1.2)), np.float32(255))
    target[:] = (target + alpha * (colour - target)).astype(np.uint8)
    owner[y0:y1, x0:x1][part[..., 3] > 127] = -1
