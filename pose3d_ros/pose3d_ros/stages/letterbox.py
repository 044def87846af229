"""An image shrunk or enlarged to what a detector reads, and the way back to its own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.manifest import Normalisation
from pose3d_ros.records import Array, ImageArray

PAD_MULTIPLE_PX = 32


@dataclass(frozen=True)
class Letterbox:
    """The image's pixels lie at the top left of the input, `content` wide and high; the rest is padding.

    width_px, height_px: the input. content_width_px, content_height_px: the resized image in it.
    scale_x, scale_y: input pixels per image pixel; they differ by the rounding to whole pixels.
    """

    width_px: int
    height_px: int
    content_width_px: int
    content_height_px: int
    scale_x: float
    scale_y: float

    @classmethod
    def fit_long_side(cls, image_width_px: int, image_height_px: int, long_side_px: int) -> Letterbox:
        """Long side resized to `long_side_px`, each side padded to a multiple of 32."""
        scale = long_side_px / max(image_width_px, image_height_px)
        content = _rounded(image_width_px * scale), _rounded(image_height_px * scale)
        width, height = (-(-side // PAD_MULTIPLE_PX) * PAD_MULTIPLE_PX for side in content)
        return cls(width, height, *content, content[0] / image_width_px, content[1] / image_height_px)

    @classmethod
    def fit_inside(cls, image_width_px: int, image_height_px: int, width_px: int, height_px: int) -> Letterbox:
        """As large as it goes into an input of a fixed size."""
        scale = min(width_px / image_width_px, height_px / image_height_px)
        content = _rounded(image_width_px * scale), _rounded(image_height_px * scale)
        return cls(width_px, height_px, *content, content[0] / image_width_px, content[1] / image_height_px)

    def tensor(self, image_bgr: ImageArray, normalisation: Normalisation) -> npt.NDArray[np.float32]:
        """(1, 3, height_px, width_px) float32; padding has the colour that normalises to 0."""
        # Linear interpolation reads four pixels, so a stronger reduction would skip some: average them instead.
        how = cv2.INTER_AREA if self.scale_x < 0.5 else cv2.INTER_LINEAR
        content = (self.content_width_px, self.content_height_px)
        resized: ImageArray = np.asarray(cv2.resize(image_bgr, content, interpolation=how), dtype=np.uint8)
        out = np.zeros((1, 3, self.height_px, self.width_px), dtype=np.float32)
        out[:, :, : self.content_height_px, : self.content_width_px] = normalisation.apply(resized[None])
        return out

    def input2img(self, boxes_xyxy: Array) -> Array:
        """Boxes (N, 4) in input pixels → image pixels: u = (u' + 0.5) / s − 0.5."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        boxes_img_px: Array = (boxes_xyxy + 0.5) / scale - 0.5
        return boxes_img_px


def _rounded(side_px: float) -> int:
    return max(1, round(side_px))
