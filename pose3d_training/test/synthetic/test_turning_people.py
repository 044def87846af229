"""People who turn behind a disc, as images: of made-up sprites, and rendered from the assets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.errors import InputError
from pose3d_ros.types import ImageArray

pytest.importorskip("moderngl")

from pose3d_training.synthetic.augment import Disc
from pose3d_training.synthetic.body import SYNTH_JOINTS
from pose3d_training.synthetic.image_folders import Backgrounds
from pose3d_training.synthetic.renderer import Renderer
from pose3d_training.synthetic.sprite_bank import Sprite, SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import ShardWriter
from pose3d_training.synthetic.turning_people import (
    HEADINGS,
    HIDDEN_SHARE,
    TurningPeople,
    hidden_share,
    render_turns,
)

SHOULDERS = [SYNTH_JOINTS.index(side + "_Shoulder") for side in "LR"]


def body(width: int, height: int) -> ImageArray:
    return np.dstack([np.full((height, width, 3), 200, np.uint8), np.full((height, width), 255, np.uint8)])


@pytest.fixture
def bank(tmp_path: Path, sprite_record: Callable[..., SpriteRecord]) -> SpriteBank:
    """Two people of one color; in every other heading they are narrower."""
    writer = ShardWriter(tmp_path / "shard-00")
    for number in range(2 * HEADINGS):
        width, height = (12, 40) if number % 2 else (18, 40)
        x0, y0 = 30 - width // 2, 4
        record = sprite_record(
            group=number // HEADINGS, x0_px=x0, y0_px=y0, width_px=width, height_px=height,
            alpha_box=np.array([x0 - 0.5, y0 - 0.5, x0 + width - 0.5, y0 + height - 0.5], np.float32),
        )  # fmt: skip
        y_px = y0 + np.arange(len(SYNTH_JOINTS), dtype=np.float64)
        pixels = np.stack([np.full_like(y_px, 30.0), y_px, np.ones_like(y_px)], axis=-1)
        joints = 3.0 * pixels @ np.linalg.inv(record.K).T
        writer.add(body(width, height), SpriteRecord(**{**vars(record), "joints_cam_m": joints.astype(np.float32)}))
    writer.checkpoint()
    return SpriteBank(tmp_path)


def test_share_of_a_person_behind_a_disc(sprite_record: Callable[..., SpriteRecord]) -> None:
    record = sprite_record(x0_px=10, y0_px=20, width_px=4, height_px=10)
    sprite = Sprite(rgba=body(4, 10), **vars(record))
    upper = Disc(np.array([11.5, 19.0]), np.array([50.0, 5.5]), np.zeros(2), np.zeros(3))  # rows 20 to 24
    assert hidden_share(upper, sprite) == pytest.approx(0.5)


def test_images_with_and_without_the_disc_differ_where_it_is(bank: SpriteBank) -> None:
    behind, clear = (TurningPeople(bank, Backgrounds([]), 3, disc=disc) for disc in (True, False))
    for number in range(2 * HEADINGS):
        with_disc, without = behind.draw(number), clear.draw(number)
        changed = (with_disc.image_bgr != without.image_bgr).any(axis=-1)
        hidden, seen = without.owner != with_disc.owner, with_disc.owner == 0
        assert hidden.any()
        assert not (changed & seen).any()
        assert hidden.sum() / (without.owner == 0).sum() == pytest.approx(1 - float(with_disc.visible[0]))
        assert HIDDEN_SHARE[0] <= 1 - with_disc.visible[0] <= HIDDEN_SHARE[1]
        assert without.visible[0] == 1
        assert with_disc.hidden_joints is not None
        np.testing.assert_array_equal(with_disc.hidden_joints, without.hidden_joints)
        pixels = np.rint(with_disc.camera.project(with_disc.joints_cam_m[0])).astype(int)
        np.testing.assert_array_equal(with_disc.owner[pixels[:, 1], pixels[:, 0]] < 0, with_disc.hidden_joints[0])


def test_disc_and_background_stay_while_the_person_turns(bank: SpriteBank) -> None:
    people = TurningPeople(bank, Backgrounds([]), 3, disc=True)
    first, turned, other = (people.draw(number).image_bgr for number in (0, 2, HEADINGS))
    np.testing.assert_array_equal(first, turned)  # the sprites of both headings are alike
    assert (first != other).any()


@pytest.fixture(scope="module")
def turns(assets: Path, renderer: Renderer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("turning")
    render_turns(assets, folder, 1, 3)
    return folder


def test_a_person_turns_about_the_vertical_within_the_image(turns: Path) -> None:
    index = SpriteBank(turns).index
    assert len(index["group"]) == HEADINGS
    for name in ("person_seed", "look_seed", "sun_share"):
        assert len(set(index[name].tolist())) == 1
    across_m = np.diff(index["joints_cam_m"][:, SHOULDERS], axis=1)[:, 0] @ index["cam2world"][0, :3, :3].T
    heading_rad = np.unwrap(np.arctan2(across_m[:, 0], across_m[:, 2]))
    np.testing.assert_allclose(np.diff(heading_rad), 2 * np.pi / HEADINGS, atol=0.35)  # the trunk is loosened, too
    pelvis_m = index["joints_cam_m"][:, SYNTH_JOINTS.index("Pelvis")]
    assert np.ptp(pelvis_m, axis=0).max() < 0.1
    assert (index["alpha_box"][:, :2] > 0).all()
    assert (index["alpha_box"][:, 2] < index["image_width_px"] - 1).all()
    assert (index["alpha_box"][:, 3] < index["image_height_px"] - 1).all()


def test_folder_of_other_turns_is_an_error(turns: Path, assets: Path) -> None:
    with pytest.raises(InputError, match="turning"):
        render_turns(assets, turns, 1, 4)
