"""Contact sheets of a made-up bank of sprites."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("moderngl")
pytest.importorskip("torch")

from pose3d_ros.errors import ConfigError, InputError
from pose3d_training.synthetic.sprite_bank import SpriteRecord
from pose3d_training.tasks.preview import Preview, write_preview


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="paintings"):
        write_preview(tmp_path, [], tmp_path / "a.png", Preview("paintings"))
    with pytest.raises(InputError, match="sprite bank"):
        write_preview(tmp_path, [], tmp_path / "a.png", Preview(""))


def test_sheets_of_a_drawn_bank(sprite_record: Callable[..., SpriteRecord], tmp_path: Path) -> None:
    from pose3d_training.synthetic.sprites import ShardWriter

    writer = ShardWriter(tmp_path / "bank" / "shard-00")
    rng = np.random.default_rng(0)
    for i in range(12):
        joints = rng.uniform([-0.3, -0.8, -0.2], [0.3, 0.8, 0.2], (27, 3)) + [0.4 * (i % 4) - 0.6, 0.0, 3.0 + i]
        made = np.dstack([np.full((40, 16, 3), 15 * i, np.uint8), np.full((40, 16), 255, np.uint8)])
        x0 = round(float(48 + 100 * joints[:, 0].mean() / joints[:, 2].mean()))
        record = sprite_record(
            width_px=16, height_px=40, x0_px=x0, y0_px=16, image_width_px=96, image_height_px=72,
            K=np.array([[100.0, 0, 47.5], [0, 100.0, 35.5], [0, 0, 1]]), joints_cam_m=joints.astype(np.float32),
            alpha_box=np.array([x0, 16, x0 + 16, 56], np.float32), sun_share=0.0, person_seed=i, look_seed=i,
        )  # fmt: skip
        writer.add(made, record)
    writer.checkpoint()
    for kind in ("scenes", "crops", "detector", "sprites"):
        output = tmp_path / f"{kind}.png"
        write_preview(tmp_path / "bank", [], output, Preview(kind, seed=3))
        sheet = cv2.imread(str(output))
        assert sheet is not None
        assert sheet.shape[1] == 1680
        assert sheet.std() > 20
    again = tmp_path / "again.png"
    write_preview(tmp_path / "bank", [], again, Preview("crops", seed=3))
    assert again.read_bytes() == (tmp_path / "crops.png").read_bytes()
    with pytest.raises(InputError, match=r"a\.gif"):
        write_preview(tmp_path / "bank", [], tmp_path / "a.gif", Preview("sprites"))
