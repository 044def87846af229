"""Bags that were damaged or never were bags: records, or one of our errors."""

from __future__ import annotations

import contextlib
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin, Writer

from fuzzing import fuzz
from hostile_inputs import YAML, hostile_paths, mutated_bytes
from pose3d_ros.bags.bag_reader import BagReader
from pose3d_ros.bags.message_types import pose3d_typestore
from pose3d_ros.errors import BagError, Pose3DError
from reliability_log import ReliabilityLog

from ..conftest import Scene


@pytest.fixture
def bags(scene: Scene, tmp_path: Path) -> dict[str, bytes]:
    """A small bag with images, a camera and people, in both formats."""
    scene.write(tmp_path / "whole.mcap", frames=1)
    found: dict[str, bytes] = {}
    for kind, plugin in (("mcap", StoragePlugin.MCAP), ("db3", StoragePlugin.SQLITE3)):
        folder = tmp_path / f"folder_{kind}"
        with BagReader(tmp_path / "whole.mcap") as source, Writer(folder, version=9, storage_plugin=plugin) as target:
            for topic in source.topics.values():
                connection = target.add_connection(topic.name, topic.msgtype, typestore=pose3d_typestore())
                for message in source.serialized([topic.name]):
                    target.write(connection, message.received_ns, message.data)
        found[kind] = next(folder.glob(f"*.{kind}")).read_bytes()
    return found


def read_all(path: Path) -> int:
    """Everything that commands read of a bag; how many records."""
    count = 0
    with BagReader(path) as bag:
        count += bag.start_ns + bag.duration_s > 0
        for read in (bag.images, bag.cameras, lambda: bag.people("*ground_truth*")):
            with contextlib.suppress(Pose3DError):
                count += sum(1 for _ in read())
    return count


def opened(folder: Path, bags: dict[str, bytes], chance: random.Random) -> int:
    """Read a damaged bag."""
    kind = chance.choice(tuple(bags))
    path = folder / f"damaged.{kind}"
    path.write_bytes(mutated_bytes(bags[kind], chance))
    return read_all(path)


def test_both_formats_are_read(tmp_path: Path, bags: dict[str, bytes]) -> None:
    for kind, data in bags.items():
        (tmp_path / f"a.{kind}").write_bytes(data)
        assert read_all(tmp_path / f"a.{kind}") == 4


def test_paths_without_a_bag_are_errors(tmp_path: Path) -> None:
    for name, path in hostile_paths(tmp_path).items():
        with pytest.raises(BagError, match="bag") as caught, BagReader(path):
            pass
        assert str(caught.value).isprintable(), name


@pytest.mark.parametrize("kind", ["mcap", "db3"])
@pytest.mark.parametrize("name", ["pipe", "loop", "device", "endless", "picture", "folder"])
def test_what_is_no_bag_under_a_bag_s_name_is_an_error(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / f"x.{kind}").symlink_to(hostile_paths(tmp_path)[name])
    with pytest.raises(BagError), BagReader(tmp_path / f"x.{kind}"):
        pass


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_metadata_of_another_kind_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "metadata.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(BagError), BagReader(tmp_path):
        pass


def test_metadata_that_is_no_file_is_passed_over_and_data_that_is_none_an_error(
    tmp_path: Path, bags: dict[str, bytes]
) -> None:
    folder = tmp_path / "folder_db3"
    shutil.copytree(folder, tmp_path / "other")
    paths = hostile_paths(tmp_path / "other")
    for name in ("pipe", "device"):
        (tmp_path / "other/metadata.yaml").unlink()
        (tmp_path / "other/metadata.yaml").symlink_to(paths[name])
        assert read_all(tmp_path / "other") == 4
    data = next(path for path in (tmp_path / "other").glob("folder*.db3"))
    for name in ("pipe", "device"):
        data.unlink()
        data.symlink_to(paths[name])
        with pytest.raises(BagError), BagReader(tmp_path / "other"):
            pass


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms())
def test_any_bag_is_records_or_an_error(tmp_path: Path, bags: dict[str, bytes], chance: random.Random) -> None:
    with contextlib.suppress(Pose3DError):
        opened(tmp_path, bags, chance)


@pytest.mark.slow
def test_100000_bags(tmp_path: Path, bags: dict[str, bytes], record_promise: ReliabilityLog) -> None:
    found = fuzz(lambda chance: opened(tmp_path, bags, chance), 100_000)
    record_promise("fuzzing: bags", "records or one of our errors, no hang, no blow-up", str(found), found.kept)
