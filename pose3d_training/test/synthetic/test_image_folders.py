"""Images of folders: backgrounds of the asked size, and cutouts apart from them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pose3d_training.synthetic.image_folders import Backgrounds


def test_backgrounds_have_the_requested_size(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((300, 400, 3), 77, np.uint8))
    (tmp_path / "note.txt").write_text("not an image")
    backgrounds = Backgrounds([tmp_path])
    assert len(backgrounds) == 1
    drawn = backgrounds.draw(np.random.default_rng(0), 64, 48)
    assert drawn.shape == (48, 64, 3)
    assert (drawn == 77).all()


def test_cutouts_are_separated_and_tiny_images_left_out(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "tiny.png"), np.zeros((4, 4, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((90, 90), 80, np.uint8))
    cutout = np.full((40, 40, 4), 200, np.uint8)
    cutout[:, :20, 3] = 0
    cv2.imwrite(str(tmp_path / "cutout.png"), cutout)
    backgrounds = Backgrounds([tmp_path])
    assert (len(backgrounds.images), len(backgrounds.cutouts)) == (1, 1)
