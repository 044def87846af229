"""What is another scene, and what is not, on made images and on the sample recording."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pose3d_ros.stages.scene_change import SceneChange
from pose3d_ros.types import ImageArray

from ..conftest import recorded_frames


def room(seed: int, width_px: int = 1280, height_px: int = 600) -> ImageArray:
    """A room of boxes in all sizes, wider than what a camera sees of it."""
    rng = np.random.default_rng(seed)
    image = np.full((height_px, width_px, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(150):
        side = rng.integers(15, 160, 2)
        corner = rng.integers(0, (width_px, height_px)) - side // 2
        color = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.rectangle(image, tuple(map(int, corner)), tuple(map(int, corner + side)), color, -1)
    return image


def view(image: ImageArray, left_px: int = 300, top_px: int = 60) -> ImageArray:
    """What a 640x480 camera sees of a room."""
    return image[top_px : top_px + 480, left_px : left_px + 640].copy()


def exposed(image: ImageArray, gain: float) -> ImageArray:
    return np.clip(image * gain, 0, 255).astype(np.uint8)


def changes(*images: ImageArray) -> list[bool]:
    """What a fresh detector says of images one after the other."""
    detector = SceneChange()
    return [detector(image) for image in images]


def test_cut_is_a_change_once() -> None:
    for seed in range(20):
        before, after = view(room(seed)), view(room(seed + 100))
        assert changes(before, before, after, after) == [False, False, True, False]


@pytest.mark.parametrize("shift_px", [4, 30, 90, 160])
def test_fast_turn_with_motion_blur_is_none(shift_px: int) -> None:
    for seed in range(10):
        blurred = np.asarray(cv2.blur(room(seed), (max(1, shift_px // 2), 1)), np.uint8)
        turn = [view(blurred, left) for left in range(80, 80 + 3 * shift_px + 1, shift_px)]
        assert not any(changes(*turn))
        assert not any(changes(*turn[::-1]))


def test_exposure_is_none_and_does_not_hide_one() -> None:
    image, other = view(room(3)), view(room(4))
    assert not any(changes(image, exposed(image, 0.4), exposed(image, 1.6), image))
    assert changes(image, exposed(other, 0.4)) == [False, True]


@pytest.mark.parametrize("gain", [0.3, 0.1, 0.02])
def test_noise_of_a_dark_image_is_none(gain: float) -> None:
    rng, image = np.random.default_rng(0), view(room(14)) * gain
    noisy = [np.clip(image + rng.normal(0, 10, image.shape), 0, 255).astype(np.uint8) for _ in range(10)]
    assert not any(changes(*noisy))


def test_mirrored_room_is_one() -> None:
    # Almost symmetric: three of four such pairs of frames are noticed, this one among them.
    before, after = (frame.image_bgr for frame in recorded_frames(59, 101, 41))
    assert changes(before, np.ascontiguousarray(after[:, ::-1])) == [False, True]


def test_person_near_the_camera_is_none() -> None:
    background, coat = view(room(5)), room(6)
    walk = []
    for left in range(-400, 640, 80):  # two thirds of the image wide
        image = background.copy()
        x0, x1 = max(0, left), min(640, left + 420)
        image[:, x0:x1] = coat[:480, x0 - left : x1 - left]
        walk.append(image)
    assert not any(changes(background, *walk))


def test_recording_has_none_and_a_cut_to_it_is_one() -> None:
    images = [frame.image_bgr for frame in recorded_frames(0, 150, 2)]
    assert not any(changes(*images))
    assert changes(view(room(7)), images[0]) == [False, True]


def test_covered_lens_is_passed_over() -> None:
    black = np.zeros((480, 640, 3), np.uint8)
    image, other = view(room(8)), view(room(9))
    assert changes(black, image, black, image, black, other) == [False] * 5 + [True]


def test_size_and_aspect_do_not_matter() -> None:
    image, other = room(10), room(11)
    small, large = (np.asarray(cv2.resize(image, size), np.uint8) for size in ((97, 61), (3840, 2160)))
    assert changes(small, large, image, other) == [False, False, False, True]


def test_reset_makes_the_next_image_the_first() -> None:
    detector = SceneChange()
    detector(view(room(12)))
    detector.reset()
    assert not detector(view(room(13)))
