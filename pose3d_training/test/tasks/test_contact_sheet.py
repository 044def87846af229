"""Layout of contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from pose3d_ros.types import ImageArray

pytest.importorskip("moderngl")
pytest.importorskip("torch")

from pose3d_training.tasks.contact_sheet import Section, Tile, contact_sheet

RED: tuple[int, int, int] = (0, 0, 255)


def plain(width: int, height: int, color: tuple[int, int, int]) -> ImageArray:
    return np.full((height, width, 3), color, np.uint8)


def test_tiles_are_laid_out_in_columns() -> None:
    tiles = [Tile(plain(40, 30, RED), f"number {i}") for i in range(3)]
    sheet = contact_sheet([Section("Red", "three of them", 2, tiles)], width_px=458)
    assert sheet.shape[1] == 458
    red = (sheet == RED).all(axis=-1)
    # 24 px of margin, two columns of 200 px with 10 px between them: 200 x 150 px each, and one in the second row.
    columns = np.flatnonzero(red.any(axis=0))
    assert (columns.min(), columns.max()) == (24, 24 + 200 + 10 + 200 - 1)
    assert red.sum() == 3 * 200 * 150
    assert not red[:, 224:234].any()


def test_upright_tiles_are_scaled_to_the_row_height() -> None:
    sheet = contact_sheet([Section("", "", 1, [Tile(plain(30, 60, RED), "")])], width_px=248)
    rows = np.flatnonzero((sheet == RED).all(axis=-1).any(axis=1))
    assert rows.max() - rows.min() + 1 == 150
