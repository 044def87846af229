"""Where the image lies in a detector's input, and what is around it."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.engines import Normalization
from pose3d_ros.engines.images.frame_image import HostImage
from pose3d_ros.geometry.letterbox import Letterbox, LetterboxMode

BGR = Normalization(1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bgr")
RGB = Normalization(1 / 255, (0.0, 0.5, 0.0), (1.0, 1.0, 2.0), "rgb")


def edges(box: Letterbox) -> list[float]:
    """The content's edges in pixel-center coordinates of the input."""
    right, bottom = box.left_px + box.content_width_px, box.top_px + box.content_height_px
    return [box.left_px - 0.5, box.top_px - 0.5, right - 0.5, bottom - 0.5]


@pytest.mark.parametrize(
    ("letterbox_mode", "size_px", "long_side_px"),
    [
        (LetterboxMode(), (96, 64), None),
        (LetterboxMode(centered=True, padding=114), (64, 96), None),
        (LetterboxMode(stretched=True), (64, 32), None),
        (LetterboxMode(centered=True), None, 100),
        (LetterboxMode(stretched=True), None, 100),
        (LetterboxMode(), None, 320),
        (LetterboxMode(padding=114), None, None),
    ],
)
@pytest.mark.parametrize(("width_px", "height_px"), [(101, 51), (51, 101), (1, 7), (64, 64), (640, 480), (2000, 3)])
def test_content_is_the_whole_image(
    letterbox_mode: LetterboxMode,
    size_px: tuple[int, int] | None,
    long_side_px: int | None,
    width_px: int,
    height_px: int,
) -> None:
    box = letterbox_mode.letterbox(width_px, height_px, size_px, long_side_px)
    if size_px is not None:
        assert (box.width_px, box.height_px) == size_px
    elif long_side_px is not None:
        assert box.width_px % 32 == box.height_px % 32 == 0
        assert max(box.width_px, box.height_px) - long_side_px < 32
    assert box.left_px + box.content_width_px <= box.width_px
    assert box.top_px + box.content_height_px <= box.height_px
    image = [-0.5, -0.5, width_px - 0.5, height_px - 0.5]
    np.testing.assert_allclose(box.input2img(np.array([edges(box)])), [image], atol=1e-12)


def test_centered_padding_leaves_the_odd_pixel_below() -> None:
    # 100x49 · 0.64 = 64 x 31.36, so 33 rows of padding: 16 above, 17 below.
    box = Letterbox.fit_inside(100, 49, 64, 64, centered=True)
    assert (box.content_width_px, box.content_height_px, box.left_px, box.top_px) == (64, 31, 0, 16)


def test_gray_padding_is_normalized_too() -> None:
    image = np.full((4, 8, 3), 255, dtype=np.uint8)
    box = Letterbox.fit_inside(8, 4, 8, 8, centered=True, padding=114)
    tensor = HostImage(image).letterboxed(box, RGB)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [114 / 255, 114 / 255 - 0.5, 114 / 255 / 2], atol=1e-6)
    np.testing.assert_allclose(tensor[0, 0, :, 3], [114 / 255] * 2 + [1.0] * 4 + [114 / 255] * 2, atol=1e-6)


def test_padding_is_neutral_without_a_gray() -> None:
    image = np.full((8, 4, 3), 255, dtype=np.uint8)
    tensor = HostImage(image).letterboxed(Letterbox.fit_inside(4, 8, 8, 8), RGB)
    assert (tensor[..., 4:] == 0).all()
    assert (tensor[0, 0, :, :4] == 1).all()


def test_stretched_image_fills_the_input() -> None:
    image = np.zeros((2, 4, 3), dtype=np.uint8)
    image[:, 2:] = 200
    box = LetterboxMode(stretched=True).letterbox(4, 2, (2, 6), None)
    np.testing.assert_array_equal(HostImage(image).letterboxed(box, BGR)[0, 0], [[0, 200]] * 6)
    np.testing.assert_allclose(box.input2img(np.array([[-0.5, 2.5, 0.5, 5.5]])), [[-0.5, 0.5, 1.5, 1.5]])


def test_strong_shrink_of_the_height_alone_averages() -> None:
    # Linear interpolation would read rows 3 and 4 of every eight only.
    image = np.zeros((16, 4, 3), dtype=np.uint8)
    image[::8] = 80
    np.testing.assert_array_equal(HostImage(image).letterboxed(Letterbox.stretch(4, 16, 4, 2), BGR), 10)


@pytest.mark.parametrize(
    ("width_px", "height_px", "long_side_px", "factor", "averages"),
    [
        (640, 480, 448, 1, False),
        (1280, 720, 448, 2, False),
        (1920, 1080, 448, 4, False),
        (3840, 2160, 448, 8, False),
        (1366, 768, 448, 2, False),  # 3 would fit, and does not divide 1366
        (1373, 769, 448, 1, True),  # no factor divides both
        (2746, 1538, 448, 2, True),  # what is left is still to be averaged
        (720, 1280, 448, 2, False),
        (100, 3, 40, 1, True),  # the height would be less than the content's
    ],
)
def test_first_reduction_is_by_whole_pixels(
    width_px: int, height_px: int, long_side_px: int, factor: int, averages: bool
) -> None:
    box = Letterbox.fit_long_side(width_px, height_px, long_side_px)
    assert (box.first_reduction, box.averages) == (factor, averages)


def test_reduction_in_two_steps_reads_every_pixel_alike() -> None:
    # A ramp of one level a pixel, and stripes one pixel wide on it: no trace of these is left, in the right place.
    image = np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 200, 3))
    image[:, ::2] += 40
    box = Letterbox.fit_long_side(200, 200, 70)
    got = HostImage(image).letterboxed(box, BGR)[0, 0, :70, :70]
    expected = (np.arange(70) + 0.5) / box.scale_y - 0.5 + 20
    np.testing.assert_allclose(got[1:-1], np.tile(expected[1:-1, None], 70), atol=1.01)


def test_image_of_any_size_stays_as_it_is() -> None:
    image = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    box = LetterboxMode(padding=114).letterbox(7, 5, None, None)
    np.testing.assert_array_equal(HostImage(image).letterboxed(box, BGR)[0], image.transpose(2, 0, 1))


def test_stretch_without_a_fixed_size_ends_at_multiples_of_32() -> None:
    box = LetterboxMode(stretched=True).letterbox(640, 300, None, 320)
    assert (box.width_px, box.height_px) == (box.content_width_px, box.content_height_px) == (320, 160)
