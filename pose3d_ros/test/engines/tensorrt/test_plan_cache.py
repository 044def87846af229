"""Plans on disk: found again, and never when anything they depend on has changed."""

from __future__ import annotations

import dataclasses
import json
import threading
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
    assert {p.stat().st_mode & 0o777 for p in cache.folder.iterdir()} == {0o644}
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
