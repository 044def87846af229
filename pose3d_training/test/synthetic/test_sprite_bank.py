"""The bank on disk, with made-up pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.types import ImageArray

pytest.importorskip("moderngl")

from pose3d_ros.errors import InputError
from pose3d_training.synthetic.sprite_bank import SpriteBank, SpriteRecord
from pose3d_training.synthetic.sprites import ShardWriter

K = np.array([[100.0, 0, 31.5], [0, 100.0, 23.5], [0, 0, 1]])


def pixels(seed: int, width: int = 3, height: int = 2) -> ImageArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


@pytest.fixture
def record(sprite_record: Callable[..., SpriteRecord]) -> Callable[..., SpriteRecord]:
    """Make a record of a group, whose number is in its joints as well."""

    def make(group: int, width_px: int = 3, height_px: int = 2) -> SpriteRecord:
        joints = np.full((27, 3), group + 1.0, np.float32)
        return sprite_record(
            group=group, width_px=width_px, height_px=height_px, joints_cam_m=joints, clip="02_01", frame=7
        )

    return make


@pytest.fixture
def write(record: Callable[..., SpriteRecord]) -> Callable[[Path, list[int]], None]:
    """Write a shard of groups of two sprites."""

    def shard(folder: Path, groups: list[int]) -> None:
        writer = ShardWriter(folder)
        for group in groups:
            writer.add(pixels(group), record(group))
            writer.add(pixels(100 + group, 5, 4), record(group, 5, 4))
        writer.checkpoint()

    return shard


def test_written_sprites_are_read_back(write: Callable[[Path, list[int]], None], tmp_path: Path) -> None:
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


def test_groups_of_several_banks_stay_separate(write: Callable[[Path, list[int]], None], tmp_path: Path) -> None:
    write(tmp_path / "first-00", [0, 1])
    write(tmp_path / "second-00", [0])
    bank = SpriteBank(tmp_path)
    assert [bank.group_members(k).tolist() for k in range(bank.group_count)] == [[0, 1], [4, 5], [2, 3]]


def test_stopped_run_resumes_after_the_last_checkpoint(
    record: Callable[..., SpriteRecord], write: Callable[[Path, list[int]], None], tmp_path: Path
) -> None:
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


def test_folder_without_shards_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sprite bank"):
        SpriteBank(tmp_path)
