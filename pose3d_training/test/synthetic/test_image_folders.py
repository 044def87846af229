"""Images of folders: backgrounds of the asked size, and cutouts apart from them."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

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


def test_pictures_that_can_not_be_used_are_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 6, 0, 0, 0) + b"IEND"
    (tmp_path / "bomb.png").write_bytes(bomb)
    (tmp_path / "caf\udce9.png").write_bytes(bytes(cv2.imencode(".png", np.full((90, 90, 3), 80, np.uint8))[1]))
    backgrounds = Backgrounds([tmp_path])
    assert len(backgrounds.images) == 1
    assert "bomb.png" in caplog.text
    assert "30000x30000, by its header" in caplog.text
