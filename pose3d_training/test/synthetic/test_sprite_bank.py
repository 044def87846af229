"""The bank on disk, with made-up pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.types import ImageArray

pytest.importorskip("moderngl")

from pose3d_ros.errors import InputError
from pose3d_training.synthetic.scene_camera import view_at
from pose3d_training.synthetic.sprite_bank import SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import Rectangle, ShardWriter, box_of, rectangle_of, self_visible

K = np.array([[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]])


def record(group: int = 0, width: int = 3, height: int = 2, x0: int = 0, y0: int = 0) -> SpriteRecord:
    return SpriteRecord(
        offset=0, width_px=width, height_px=height, x0_px=x0, y0_px=y0, group=group, image_width_px=64,
        image_height_px=48, K=K, joints_cam_m=np.full((27, 3), group + 1.0, np.float32),
        joint_self_visible=np.ones(27, dtype=bool), alpha_box=np.array([0, 0, 3, 2], np.float32), height_m=1.7,
        clearance_m=0.0, camera_height_m=1.0, pitch_rad=0.1, roll_rad=0.0, cam2world=np.eye(4),
        sun_dir=np.array([0.0, 1.0, 0.0]), sun_share=0.5, person_seed=5,
        look_seed=6, clip="02_01", frame=7,
    )  # fmt: skip


def pixels(seed: int, width: int = 3, height: int = 2) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def write(folder: Path, groups: list[int]) -> None:
    writer = ShardWriter(folder)
    for group in groups:
        writer.add(pixels(group), record(group))
        writer.add(pixels(100 + group, 5, 4), record(group, 5, 4))
    writer.checkpoint()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "shard-00", [0, 2])
    write(tmp_path / "shard-01", [1])
    bank = SpriteBank(tmp_path)
    assert (len(bank), bank.group_count) == (6, 3)
    for k in range(3):
        first, second = (bank.sprite(int(i)) for i in bank.group_members(k))
        np.testing.assert_array_equal(first.rgba, pixels(k))
        np.testing.assert_array_equal(second.rgba, pixels(100 + k, 5, 4))
        assert (first.group, first.clip, first.frame, first.height_m) == (k, "02_01", 7, 1.7)
        assert first.joints_cam_m[3, 1] == k + 1


def test_banks_beside_each_other_keep_their_cameras_apart(tmp_path: Path) -> None:
    write(tmp_path / "first-00", [0, 1])
    write(tmp_path / "second-00", [0])
    bank = SpriteBank(tmp_path)
    assert [bank.group_members(k).tolist() for k in range(bank.group_count)] == [[0, 1], [4, 5], [2, 3]]


def test_a_stopped_run_goes_on_after_the_last_checkpoint(tmp_path: Path) -> None:
    shard = tmp_path / "shard-00"
    write(shard, [0])
    stopped = ShardWriter(shard)
    stopped.add(pixels(1), record(1))  # never checkpointed
    stopped._file.flush()
    again = ShardWriter(shard)
    assert again.groups_done == {0}
    again.add(pixels(2), record(2))
    again.checkpoint()
    bank = SpriteBank(tmp_path)
    assert bank.index["group"].tolist() == [0, 0, 2]
    np.testing.assert_array_equal(bank.sprite(2).rgba, pixels(2))


def test_no_bank_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sprite bank"):
        SpriteBank(tmp_path)


def test_the_rectangle_holds_the_box_within_the_image() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    box = np.array([-5.2, 10.4, 20.3, 60.0], np.float32)
    assert vars(rectangle_of(box, view)) == {"x0": 0, "y0": 10, "x1": 22, "y1": 48}
    assert rectangle_of(np.array([70, 10, 90, 40], np.float32), view) is None


def test_the_box_of_a_mesh_is_that_of_its_vertices() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    corners = np.array([[-0.1, 0.2, -1.0], [0.1, -0.1, -2.0]])
    box = box_of(view, corners)
    assert box is not None
    np.testing.assert_allclose(box, [21.5, 3.5, 36.5, 28.5], rtol=1e-6)
    assert box_of(view, np.array([[0.0, 0.0, 1.0]])) is None


def test_a_joint_is_hidden_behind_more_than_ten_centimetres_of_body() -> None:
    view = view_at(K, 64, 48, 0.0, 0.0, 0.0)
    depth = np.full((48, 64), 2.0, np.float32)
    joints = np.array([[0, 0, 2.09], [0, 0, 2.2], [9.0, 0, 2.0], [0, 0, 1.0]])
    seen = self_visible(view, depth, Rectangle(0, 0, 64, 48), joints)
    assert seen.tolist() == [True, False, False, True]
