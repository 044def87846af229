"""One engine for all who ask for the same, closed with the last of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pose3d_ros.engines import BackendChoice, Engine, EngineOptions, EnginePool, EngineSet, Manifest, ManifestEntry
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.errors import EngineError

from .conftest import adder_feeds

BACKEND = BackendChoice("onnxruntime", "a test")


class Counted(Engine):
    """Counts those that are open, and how many run at once."""

    open_ones = 0

    def __init__(self, entry: ManifestEntry, backend: BackendChoice, options: EngineOptions) -> None:
        super().__init__(entry.name, (), ())
        type(self).open_ones += 1
        self.running = self.most = 0
        self.release = threading.Event()

    def _run(self, feeds: object) -> dict[str, Tensor]:
        self.running += 1
        self.most = max(self.most, self.running)
        self.release.wait(0.01)
        self.running -= 1
        return {}

    def _release(self) -> None:
        type(self).open_ones -= 1


def test_sets_share_an_engine_until_the_last_one_closes(make_entry: Callable[..., ManifestEntry]) -> None:
    pool, manifest = EnginePool(), Manifest(Path("."), (make_entry(),))
    first, second = (EngineSet(manifest, BACKEND, EngineOptions(report=list), pool=pool) for _ in range(2))
    one, other = first.for_role("pose").engine, second.for_role("pose").engine
    assert len(pool) == 1
    assert (one.inputs, one.outputs, one.status) == (other.inputs, other.outputs, "onnxruntime on the CPU")
    np.testing.assert_array_equal(one.infer(adder_feeds(2))["total"], 3 * adder_feeds(2)["a"])
    assert first.busy_s > 0 == second.busy_s
    first.close()
    first.close()
    with pytest.raises(EngineError, match="closed"):
        one.infer(adder_feeds(1))
    np.testing.assert_array_equal(other.infer(adder_feeds(1))["same"], [7])
    second.close()
    assert len(pool) == 0


@pytest.mark.parametrize(
    "options", [EngineOptions(threads=2), EngineOptions(precision="fp32"), EngineOptions(max_people=3)]
)
def test_other_options_are_another_engine(make_entry: Callable[..., ManifestEntry], options: EngineOptions) -> None:
    pool, entry = EnginePool(), make_entry()
    with pool.open(entry, BACKEND), pool.open(entry, BACKEND, options):
        assert len(pool) == 2
    with pool.open(entry, BACKEND), pool.open(make_entry(name="other"), BACKEND):
        assert len(pool) == 2


def test_threads_that_ask_at_once_get_one_engine_that_runs_for_one_at_a_time(
    make_entry: Callable[..., ManifestEntry],
) -> None:
    pool, entry, opened = EnginePool(), make_entry(), list[Engine]()
    barrier = threading.Barrier(4)

    def use() -> None:
        barrier.wait(30)
        opened.append(pool.open(entry, BACKEND, opener=Counted))
        for _ in range(5):
            opened[-1].infer({})

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(opened), Counted.open_ones, len(pool)) == (4, 1, 1)
    (shared,) = {id(one._engine): one._engine for one in opened}.values()  # type: ignore[attr-defined]
    assert shared.most == 1
    for engine in opened:
        engine.close()
    assert (Counted.open_ones, len(pool)) == (0, 0)


def test_engine_that_can_not_be_opened_is_tried_again_by_the_next(make_entry: Callable[..., ManifestEntry]) -> None:
    pool, entry = EnginePool(), make_entry(sha256="0" * 64)
    for _ in range(2):
        with pytest.raises(EngineError, match="adder"):
            pool.open(entry, BACKEND)
        assert len(pool) == 0
    with pool.open(make_entry(), BACKEND):
        assert len(pool) == 1
