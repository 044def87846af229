"""Whether an image shows another scene than the one before: a cut, a camera moved abruptly, another recording.

Patches of a high-passed thumbnail are looked for in the next one by normalized cross-correlation, which exposure does
not change. In the same scene some of them are found again, all moved alike: a robot that turns moves every patch, and
people near the camera leave a few. In another scene patches match by chance, each elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_ros.types import Array, ImageArray

_WIDTH, _HEIGHT = 48, 36
_SAMPLES = 4
"""Pixels read along each side of a thumbnail's pixel: to average a whole image would take ten times as long."""
_PATCH = 12
_HIGH_PASS = 7
_REACH_X, _REACH_Y = 14, 7
"""How far patches are looked for: 29% of the width, a robot that turns at 200° per second at 10 Hz and 70°."""
_TEXTURE = 4.0
"""Standard deviation, gray levels of 255, below which a patch shows nothing: a dark image's noise leaves 3 of 12."""
_FOUND_AGAIN = 3
_ALIKE, _ALIKE_AT_REST = 0.55, 0.7
"""Correlation of the third best patch: between scenes 0.31 (median) to 0.46, in turns by 28% of the width, with motion
blur, from 0.55. Rooms are alike where they are symmetric (the sample's and its mirror image: 0.54 to 0.74), at rest."""
_BLURRED = 8.0
"""Movement, thumbnail pixels, from which on motion blur is that of a fast turn."""

_SHIFT = np.hypot(*np.mgrid[-_REACH_Y : _REACH_Y + 1, -_REACH_X : _REACH_X + 1])
_NEEDED = _ALIKE + (_ALIKE_AT_REST - _ALIKE) * np.maximum(0.0, 1.0 - _SHIFT / _BLURRED)
"""By how far the patches moved, (2 · reach + 1) down and across."""
_WINDOW = np.asarray(cv2.createHanningWindow((_WIDTH, _HEIGHT), cv2.CV_32F), np.float32)

_Thumbnail = npt.NDArray[np.float32]


class SceneChange:
    """Call it with each image (H, W, 3) uint8 BGR: whether it shows another scene than the one before.

    False for the first image, and for one without texture (a covered lens): the next is compared with the last that
    had some.
    """

    def __init__(self) -> None:
        self._last: _Patches | None = None

    def __call__(self, image_bgr: ImageArray) -> bool:
        """See the class."""
        thumbnail = _thumbnail(image_bgr)
        patches = _Patches.of(thumbnail)
        if len(patches.corners) < _FOUND_AGAIN:
            return False
        last, self._last = self._last, patches
        return last is not None and not last.found_in(thumbnail)

    def reset(self) -> None:
        """Forget the last image."""
        self._last = None


@dataclass(frozen=True, eq=False)
class _Patches:
    """The parts of a thumbnail that show something. corners: (column, row) of each."""

    thumbnail: _Thumbnail
    corners: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, thumbnail: _Thumbnail) -> _Patches:
        """Those with texture."""
        texture = thumbnail.reshape(_HEIGHT // _PATCH, _PATCH, _WIDTH // _PATCH, _PATCH).std(axis=(1, 3))
        return cls(thumbnail, tuple((int(i) * _PATCH, int(j) * _PATCH) for j, i in np.argwhere(texture >= _TEXTURE)))

    def found_in(self, thumbnail: _Thumbnail) -> bool:
        """Whether enough of them are found again, all moved by about as much.

        Where they were, then where phase correlation says, then anywhere: the first two take a tenth of the time.
        """
        if self._found_at(0, 0, thumbnail):
            return True
        # Copies: OpenCV multiplies images of such a size by the window in place.
        (across, down), _ = cv2.phaseCorrelate(self.thumbnail.copy(), thumbnail.copy(), _WINDOW)
        if self._found_at(round(across), round(down), thumbnail):
            return True
        found = np.sort([self._found(corner, thumbnail) for corner in self.corners], axis=0)
        return bool((found[-_FOUND_AGAIN] >= _NEEDED).any())

    def _found_at(self, across: int, down: int, thumbnail: _Thumbnail) -> bool:
        inside = [
            (x, y) for x, y in self.corners if 0 <= x + across <= _WIDTH - _PATCH and 0 <= y + down <= _HEIGHT - _PATCH
        ]
        if len(inside) < _FOUND_AGAIN or abs(across) > _REACH_X or abs(down) > _REACH_Y:
            return False
        before = _centered([self.thumbnail[y : y + _PATCH, x : x + _PATCH] for x, y in inside])
        now = _centered([thumbnail[y + down : y + down + _PATCH, x + across : x + across + _PATCH] for x, y in inside])
        power = np.einsum("np,np->n", before, before) * np.einsum("np,np->n", now, now)
        alike = np.einsum("np,np->n", before, now) / np.sqrt(np.maximum(power, 1.0))
        return bool(np.sort(alike)[-_FOUND_AGAIN] >= _NEEDED[_REACH_Y + down, _REACH_X + across])

    def _found(self, corner: tuple[int, int], thumbnail: _Thumbnail) -> Array:
        """Correlation of a patch by how far it moved, (2 · reach + 1) down and across, best of each 3x3; -1 outside."""
        x, y = corner
        left, top = max(0, x - _REACH_X), max(0, y - _REACH_Y)
        region = thumbnail[top : y + _PATCH + _REACH_Y, left : x + _PATCH + _REACH_X]
        patch = self.thumbnail[y : y + _PATCH, x : x + _PATCH]
        found = np.full((2 * _REACH_Y + 1, 2 * _REACH_X + 1), -1.0)
        match = np.asarray(cv2.matchTemplate(region, patch, cv2.TM_CCOEFF_NORMED), np.float64)
        down, across = top - (y - _REACH_Y), left - (x - _REACH_X)
        # OpenCV divides by a rounding error where the region is flat.
        known = np.abs(match) <= 1.01
        found[down : down + match.shape[0], across : across + match.shape[1]] = np.where(known, match, 0.0)
        return np.asarray(cv2.dilate(found, np.ones((3, 3))), np.float64)


def _thumbnail(image_bgr: ImageArray) -> _Thumbnail:
    """Gray levels of the image, 48x36 whatever its size, less those around them."""
    sampled = cv2.resize(image_bgr, (_WIDTH * _SAMPLES, _HEIGHT * _SAMPLES), interpolation=cv2.INTER_NEAREST)
    gray = cv2.cvtColor(sampled, cv2.COLOR_BGR2GRAY)
    small = np.asarray(cv2.resize(gray, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.float32)
    return small - np.asarray(cv2.blur(small, (_HIGH_PASS, _HIGH_PASS), borderType=cv2.BORDER_REPLICATE), np.float32)


def _centered(patches: list[_Thumbnail]) -> _Thumbnail:
    """Patches (N, P), each less its mean."""
    rows = np.array(patches).reshape(len(patches), -1)
    centered: _Thumbnail = rows - rows.mean(axis=1, keepdims=True)
    return centered
