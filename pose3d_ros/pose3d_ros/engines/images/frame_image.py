"""A frame's image where engines read it (crops and reductions are made there), and how it is loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.engines.spec.entry import Normalization
from pose3d_ros.engines.tensors import Feed
from pose3d_ros.errors import EngineError
from pose3d_ros.geometry.crop import cut_crops
from pose3d_ros.geometry.letterbox import Letterbox
from pose3d_ros.geometry.region_views import RegionViews, cut_views
from pose3d_ros.types import Array, ImageArray


class FrameImage(Protocol):
    """An image where engines read it. What its methods give lasts until the next frame is loaded."""

    def letterboxed(self, letterbox: Letterbox, normalization: Normalization) -> Feed:
        """The whole image as a detector reads it: (1, 3, H, W) float32, normalized; the padding too."""

    def crops(self, img2crop: Array, size_px: tuple[int, int], normalization: Normalization, *, mirrored: bool) -> Feed:
        """Crops, normalized: (N, 3, H, W) float32, 2N with their mirror images behind them.

        img2crop: (N, 2, 3), turns included. Bilinear, black where a crop reaches over the image.
        """

    def raw_crops(self, img2crop: Array, size_px: tuple[int, int], *, rgb: bool, mirrored: bool) -> Feed:
        """The same as pixels: uint8 (N or 2N, H, W, 3), BGR or RGB."""

    def views(self, views: RegionViews, normalization: Normalization, *, mirrored: bool = False) -> Feed:
        """Views of regions, normalized: (N, 3, S, S) float32, 2N with their mirror images behind them.

        Averaged before they are reduced by 2 or more.
        """


LoadImage = Callable[[ImageArray], FrameImage]
"""(H, W, 3) uint8 BGR → the frame's image."""


class HostImage:
    """A `FrameImage` in the host's memory. image_bgr: (H, W, 3) uint8, which must not change while it is read."""

    def __init__(self, image_bgr: ImageArray) -> None:
        self.image_bgr = image_bgr
        self._cut: tuple[Array, tuple[int, int], ImageArray] | None = None

    def letterboxed(self, letterbox: Letterbox, normalization: Normalization) -> npt.NDArray[np.float32]:
        """See FrameImage."""
        image, factor = self.image_bgr, letterbox.first_reduction
        if factor > 1:
            reduced = (image.shape[1] // factor, image.shape[0] // factor)
            image = np.asarray(cv2.resize(image, reduced, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        how = cv2.INTER_AREA if letterbox.averages else cv2.INTER_LINEAR
        content = (letterbox.content_width_px, letterbox.content_height_px)
        resized: ImageArray = np.asarray(cv2.resize(image, content, interpolation=how), dtype=np.uint8)
        out = np.zeros((1, 3, letterbox.height_px, letterbox.width_px), dtype=np.float32)
        if letterbox.padding is not None:
            out += normalization.apply(np.full((1, 1, 1, 3), letterbox.padding, dtype=np.uint8))
        rows = slice(letterbox.top_px, letterbox.top_px + content[1])
        columns = slice(letterbox.left_px, letterbox.left_px + content[0])
        normalization.apply(resized[None], out[:, :, rows, columns])
        return out

    def crops(
        self, img2crop: Array, size_px: tuple[int, int], normalization: Normalization, *, mirrored: bool
    ) -> npt.NDArray[np.float32]:
        """See FrameImage."""
        return _normalized(self._crops(img2crop, size_px), normalization, mirrored=mirrored)

    def raw_crops(self, img2crop: Array, size_px: tuple[int, int], *, rgb: bool, mirrored: bool) -> ImageArray:
        """See FrameImage."""
        images = self._crops(img2crop, size_px)
        images = np.concatenate([images, images[:, :, ::-1]]) if mirrored else images
        return images[..., ::-1] if rgb else images

    def views(
        self, views: RegionViews, normalization: Normalization, *, mirrored: bool = False
    ) -> npt.NDArray[np.float32]:
        """See FrameImage."""
        return _normalized(cut_views(self.image_bgr, views), normalization, mirrored=mirrored)

    def _crops(self, img2crop: Array, size_px: tuple[int, int]) -> ImageArray:
        """The last crops are kept: a root net often reads those of the pose net."""
        if self._cut is None or self._cut[0] is not img2crop or self._cut[1] != size_px:
            self._cut = img2crop, size_px, cut_crops(self.image_bgr, img2crop, size_px)
        return self._cut[2]


def _normalized(images: ImageArray, normalization: Normalization, *, mirrored: bool) -> npt.NDArray[np.float32]:
    people, height_px, width_px = images.shape[:3]
    crops = np.empty((people * (1 + mirrored), 3, height_px, width_px), dtype=np.float32)
    normalization.apply(images, crops[:people])
    if mirrored:
        crops[people:] = crops[:people, ..., ::-1]
    return crops


_log = logging.getLogger(__name__)


class ImageReader(Protocol):
    """What the loader needs of an engine."""

    @property
    def load_image(self) -> LoadImage | None:
        """What loads frames for it; None for the host's memory."""


class ImageLoader:
    """Loads each frame's image once, for all engines.

    readers: the engines; the first of them that runs on a device says where, and without one the image stays on the
    host. After a failure of the device all crops are made on the CPU, since what failed may be the device's memory or
    an engine in the middle; `problem` then says why.
    """

    def __init__(self, readers: Sequence[ImageReader]) -> None:
        self._readers = tuple(readers)
        self.problem = ""

    def __call__(self, image_bgr: ImageArray) -> FrameImage:
        """Load an image (H, W, 3) uint8."""
        loaders = (reader.load_image for reader in self._readers if not self.problem)
        load = next((load for load in loaders if load is not None), HostImage)
        try:
            return load(image_bgr)
        except EngineError as error:
            self._use_host(error)
            return HostImage(image_bgr)

    @contextmanager
    def using(self, image: FrameImage) -> Iterator[None]:
        """A context in which engines read that image; an EngineError passes, and later images stay on the host."""
        try:
            yield
        except EngineError as error:
            if not isinstance(image, HostImage):
                self._use_host(error)
            raise

    def batch_sizes(self, image: FrameImage, max_people: int) -> tuple[int, ...]:
        """The batch sizes to warm up with: a GPU prepares each size once (1, 2, 4, …), a CPU has nothing to prepare."""
        if isinstance(image, HostImage):
            return (1,)
        return tuple(min(2**exponent, max_people) for exponent in range((max_people - 1).bit_length() + 1))

    def _use_host(self, error: EngineError) -> None:
        self.problem = f"crops are made on the CPU: {error}"
        _log.warning("%s", self.problem)
