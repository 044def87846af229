"""Plans on disk: found again, and never when anything they depend on has changed."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pose3d_ros.engines.tensorrt.plan_cache import PlanCache, PlanKey
from pose3d_ros.engines.tensorrt.profiles import Profile
from pose3d_ros.errors import EngineError

KEY = PlanKey(
    name="pose", onnx_sha256="ab" * 32, tensorrt="10.3.0", cuda="12.6", gpu="Orin", compute_capability="8.7",
    multiprocessors=16, system="Linux aarch64", precision="fp16",
    profiles=(Profile("image", (1, 3, 96, 96), (4, 3, 96, 96), (16, 3, 96, 96)),), flags=("tf32",),
)  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {"onnx_sha256": "cd" * 32},
    {"tensorrt": "10.13.3"},
    {"cuda": "12.9"},
    {"gpu": "RTX 4090"},
    {"compute_capability": "8.9"},
    {"multiprocessors": 128},
    {"system": "Linux x86_64"},
    {"profiles": (Profile("image", (1, 3, 96, 96), (4, 3, 96, 96), (8, 3, 96, 96)),)},
    {"flags": ()},
    {"schema": 0},
]


def test_stored_plan_is_found(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path / "new" / "folder")
    assert cache.look_up(KEY) == (None, "never built")
    assert cache.last_build_s(KEY) is None
    cache.store(KEY, b"plan", 12.34)
    assert cache.look_up(KEY) == (b"plan", "")
    assert cache.last_build_s(KEY) == 12.3
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in cache.folder.iterdir()} == {0o600}
    assert sorted(p.name for p in cache.folder.iterdir()) == ["pose.fp16.plan", "pose.fp16.plan.json"]


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: next(iter(c)))
def test_any_changed_key_field_makes_a_plan_stale(tmp_path: Path, change: dict[str, Any]) -> None:
    cache = PlanCache(tmp_path)
    cache.store(KEY, b"plan", 60.0)
    changed = dataclasses.replace(KEY, **change)
    plan, why = cache.look_up(changed)
    assert plan is None
    assert next(iter(change)) in why
    assert cache.last_build_s(changed) == 60.0  # still says how long it may take


def test_plans_of_two_precisions_coexist(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    cache.store(KEY, b"half", 1.0)
    whole = dataclasses.replace(KEY, precision="fp32")
    cache.store(whole, b"whole", 1.0)
    assert [cache.look_up(key)[0] for key in (KEY, whole)] == [b"half", b"whole"]


@pytest.mark.parametrize("damage", ["cut", "gone", "no record", "empty record", "another record"])
def test_damaged_plan_is_stale(tmp_path: Path, damage: str) -> None:
    cache = PlanCache(tmp_path)
    cache.store(KEY, b"plan", 1.0)
    plan = cache.path("pose", "fp16")
    record = plan.with_name(plan.name + ".json")
    if damage == "cut":
        plan.write_bytes(b"pla")
    elif damage == "gone":
        plan.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        record.write_text("" if damage == "empty record" else json.dumps(["key"]))
    found, why = cache.look_up(KEY)
    assert found is None
    assert why
    cache.store(KEY, b"anew", 1.0)
    assert cache.look_up(KEY) == (b"anew", "")


def test_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "plans").touch()
    cache = PlanCache(tmp_path / "plans")
    with pytest.raises(EngineError, match="engine_cache"):
        cache.store(KEY, b"plan", 1.0)
    with pytest.raises(EngineError, match="engine_cache"), cache.locked("pose", "fp16"):
        pass


def test_second_process_waits_for_the_build(tmp_path: Path) -> None:
    cache, order = PlanCache(tmp_path), []
    inside = threading.Event()

    def second() -> None:
        inside.wait(5)
        with PlanCache(tmp_path).locked("pose", "fp16"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with cache.locked("pose", "fp16"):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


@pytest.mark.parametrize("name", ["../../x", "/abs/x", "a/b", ".hidden", "a\0b", "n" * 300, " "])
def test_name_of_another_place_is_refused(tmp_path: Path, name: str) -> None:
    cache = PlanCache(tmp_path / "home" / "plans")
    with pytest.raises(EngineError, match="no slash"), cache.locked(name, "fp16"):
        pass
    with pytest.raises(EngineError, match="no slash"):
        cache.store(dataclasses.replace(KEY, name=name), b"plan", 1.0)
    assert not [*tmp_path.iterdir()]


def test_lock_that_is_a_link_leaves_its_target_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    cache = PlanCache(tmp_path / "plans")
    cache.store(KEY, b"plan", 1.0)
    (cache.folder / "pose.fp16.plan.lock").symlink_to(precious)
    with pytest.raises(EngineError, match="engine_cache"), cache.locked("pose", "fp16"):
        pass
    assert precious.read_text() == "kept"


def test_lock_is_never_emptied(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    lock = tmp_path / "pose.fp16.plan.lock"
    lock.write_text("kept")
    with cache.locked("pose", "fp16"):
        assert lock.read_text() == "kept"


@pytest.mark.parametrize("which", [".plan", ".plan.json"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_plan_that_is_no_file_is_not_read(tmp_path: Path, which: str, kind: str) -> None:
    cache = PlanCache(tmp_path / "plans")
    cache.store(KEY, b"plan", 1.0)
    file = cache.folder / f"pose.fp16{which}"
    file.rename(tmp_path / "elsewhere")
    if kind == "link":
        file.symlink_to(tmp_path / "elsewhere")
    else:
        os.mkfifo(file)
    assert cache.look_up(KEY)[0] is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_plan_of_another_user_is_not_read(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path / "plans")
    cache.store(KEY, b"plan", 1.0)
    os.chown(cache.path("pose", "fp16"), 1234, 1234)
    assert cache.look_up(KEY)[0] is None
    os.chown(cache.folder, 1234, 1234)
    with pytest.raises(EngineError, match=r"user with the number 1234.*engine_cache"):
        cache.store(KEY, b"plan", 1.0)


_BUILDER = """
import sys, time
from pathlib import Path
from pose3d_ros.engines.tensorrt.plan_cache import PlanCache
cache, log = PlanCache(Path(sys.argv[1])), Path(sys.argv[1], "log.json")
with cache.locked("pose", "fp16"):
    made = cache.folder / "made.plan"
    if not made.exists():
        with log.open("a") as file:
            file.write("built ")
        time.sleep(0.3)
        made.touch()
"""


def test_of_two_processes_that_build_one_engine_one_builds(tmp_path: Path) -> None:
    folder = tmp_path / "plans"
    both = [subprocess.Popen([sys.executable, "-c", _BUILDER, str(folder)]) for _ in range(2)]
    assert [one.wait(60) for one in both] == [0, 0]
    assert (folder / "log.json").read_text() == "built "


@pytest.mark.slow
def test_of_four_processes_that_build_one_engine_one_builds_each_time(tmp_path: Path, record_promise: Any) -> None:
    folders = [tmp_path / f"plans{number}" for number in range(25)]
    for folder in folders:
        builders = [subprocess.Popen([sys.executable, "-c", _BUILDER, str(folder)]) for _ in range(4)]
        assert [one.wait(120) for one in builders] == [0] * 4
    builds = [(folder / "log.json").read_text().count("built") for folder in folders]
    promise = "of processes that need one engine at once one builds it, and the others wait (a stand-in builds)"
    figure = f"{sum(builds)} builds in {len(builds)} times four processes"
    record_promise("one build", promise, figure, builds == [1] * len(builds))


def test_builder_that_was_killed_holds_nobody_up(tmp_path: Path) -> None:
    text = _BUILDER.replace("time.sleep(0.3)", "time.sleep(600)")
    builder = subprocess.Popen([sys.executable, "-c", text, str(tmp_path / "plans")])
    log = tmp_path / "plans" / "log.json"
    while builder.poll() is None and not log.exists():
        time.sleep(0.01)
    builder.kill()
    builder.wait(60)
    with PlanCache(tmp_path / "plans").locked("pose", "fp16"):
        assert log.read_text() == "built "
