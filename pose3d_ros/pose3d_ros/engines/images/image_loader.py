"""Where a frame's image goes: to the device on which the engines read it, or to the host's memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from pose3d_ros.engines.images.frame_image import FrameImage, HostImage, LoadImage
from pose3d_ros.errors import EngineError
from pose3d_ros.types import ImageArray

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
