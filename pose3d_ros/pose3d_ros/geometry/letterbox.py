"""An image shrunk or enlarged to what a detector reads, and the way back to its own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose3d_ros.types import Array

PAD_MULTIPLE_PX = 32
_LEAST_LINEAR_SCALE = 0.5


@dataclass(frozen=True)
class Letterbox:
    """The image's pixels lie in a part of the input, `content` wide and high; the rest is padding.

    width_px, height_px: the input. content_width_px, content_height_px: the resized image in it.
    scale_x, scale_y: input pixels per image pixel; unless stretched they differ by the rounding to whole pixels.
    left_px, top_px: padding before the content. padding: gray value of the padding, 0–255 before normalization;
    None for the color that normalizes to 0.
    """

    width_px: int
    height_px: int
    content_width_px: int
    content_height_px: int
    scale_x: float
    scale_y: float
    left_px: int = 0
    top_px: int = 0
    padding: int | None = None
    stretched: bool = False

    @classmethod
    def fit_long_side(
        cls,
        image_width_px: int,
        image_height_px: int,
        long_side_px: int,
        *,
        centered: bool = False,
        padding: int | None = None,
    ) -> Letterbox:
        """Long side resized to `long_side_px`, each side padded to a multiple of 32."""
        scale = long_side_px / max(image_width_px, image_height_px)
        image = (image_width_px, image_height_px)
        return cls._placed(image, scale, _padded(image, scale), centered, padding)

    @classmethod
    def fit_inside(
        cls,
        image_width_px: int,
        image_height_px: int,
        width_px: int,
        height_px: int,
        *,
        centered: bool = False,
        padding: int | None = None,
    ) -> Letterbox:
        """As large as it goes into an input of a fixed size."""
        scale = min(width_px / image_width_px, height_px / image_height_px)
        return cls._placed((image_width_px, image_height_px), scale, (width_px, height_px), centered, padding)

    @classmethod
    def stretch(cls, image_width_px: int, image_height_px: int, width_px: int, height_px: int) -> Letterbox:
        """Over the whole input, whatever that does to the aspect ratio."""
        scale_x, scale_y = width_px / image_width_px, height_px / image_height_px
        return cls(width_px, height_px, width_px, height_px, scale_x, scale_y, stretched=True)

    @classmethod
    def _placed(
        cls, image_px: tuple[int, int], scale: float, input_px: tuple[int, int], centered: bool, padding: int | None
    ) -> Letterbox:
        content = _rounded(image_px[0] * scale), _rounded(image_px[1] * scale)
        scale_x, scale_y = content[0] / image_px[0], content[1] / image_px[1]
        # Of an odd number of padding pixels the one left over goes to the right and the bottom, as Ultralytics does.
        left, top = ((outer - inner) // 2 if centered else 0 for outer, inner in zip(input_px, content, strict=True))
        return cls(*input_px, *content, scale_x, scale_y, left, top, padding)

    @property
    def first_reduction(self) -> int:
        """By how much the image is reduced first, averaged over squares of so many whole pixels; 1: not at all.

        The largest factor that leaves no less than the content and divides both sides: a small part of the time that
        averaging over parts of pixels takes, which is left where no factor divides them.
        """
        if self.stretched or self.scale_x >= _LEAST_LINEAR_SCALE:
            return 1
        sides = round(self.content_width_px / self.scale_x), round(self.content_height_px / self.scale_y)
        factors = range(int(min(sides[0] / self.content_width_px, sides[1] / self.content_height_px)), 1, -1)
        return next((factor for factor in factors if not any(side % factor for side in sides)), 1)

    @property
    def averages(self) -> bool:
        """Whether shrinking, after the first reduction, must average.

        Linear interpolation reads four pixels, and would skip some from 1/2 down.
        """
        scale = min(self.scale_x, self.scale_y) if self.stretched else self.scale_x * self.first_reduction
        return scale < _LEAST_LINEAR_SCALE

    def input2img(self, boxes_xyxy: Array) -> Array:
        """Boxes (N, 4) in input pixels → image pixels: u = (u' − left + 0.5) / s − 0.5."""
        scale = np.array([self.scale_x, self.scale_y] * 2)
        before = np.array([self.left_px, self.top_px] * 2)
        boxes_img_px: Array = (boxes_xyxy - before + 0.5) / scale - 0.5
        return boxes_img_px


@dataclass(frozen=True)
class LetterboxMode:
    """How an image is resized to a network's input: at the top left of the padding, centered, or stretched.

    padding: see Letterbox.
    """

    centered: bool = False
    stretched: bool = False
    padding: int | None = None

    def letterbox(
        self, image_width_px: int, image_height_px: int, size_px: tuple[int, int] | None, long_side_px: int | None
    ) -> Letterbox:
        """The image's letterbox for a network.

        size_px: width and height of the network's input. For None, a network of any size: the long side is resized to
        long_side_px and the sides end at multiples of 32, or, without long_side_px, the image stays as it is.
        """
        image = (image_width_px, image_height_px)
        if size_px is not None:
            if self.stretched:
                return Letterbox.stretch(*image, *size_px)
            return Letterbox.fit_inside(*image, *size_px, centered=self.centered, padding=self.padding)
        if long_side_px is None:
            return Letterbox.fit_inside(*image, *image)
        if self.stretched:
            return Letterbox.stretch(*image, *_padded(image, long_side_px / max(image)))
        return Letterbox.fit_long_side(*image, long_side_px, centered=self.centered, padding=self.padding)


def _padded(image_px: tuple[int, int], scale: float) -> tuple[int, int]:
    """The resized sides, enlarged to multiples of 32."""
    width, height = (-(-_rounded(side * scale) // PAD_MULTIPLE_PX) * PAD_MULTIPLE_PX for side in image_px)
    return width, height


def _rounded(side_px: float) -> int:
    return max(1, round(side_px))
