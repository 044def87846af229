"""Trying engines out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pose3d_ros.engines import ManifestEntry, default_manifest_dir, load_manifest
from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.trial import difference, measure_latency, random_feeds


def test_feeds_fit_every_default_engine() -> None:
    for entry in load_manifest(default_manifest_dir()).entries:
        with OnnxEngine(entry.file, threads=1) as engine:
            feeds = random_feeds(engine, entry, 2)
            assert all(len(array) == 2 for array in feeds.values())
            answer = engine.infer(feeds)
        assert all(np.isfinite(array).all() for array in answer.values())


def test_feeds_are_the_same_for_the_same_seed(make_entry: Callable[..., ManifestEntry]) -> None:
    entry = make_entry()
    with OnnxEngine(entry.file, threads=1) as engine:
        first, again, other = (random_feeds(engine, entry, 3, seed)["a"] for seed in (1, 1, 2))
        latency = measure_latency(engine, random_feeds(engine, entry, 3), seconds=0.0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert 0 < latency.median_ms <= latency.p95_ms


def test_difference_is_relative_to_the_largest_value_above_one() -> None:
    wanted = np.array([0.0, 0.5, -200.0], dtype=np.float32)
    assert difference(wanted, wanted) == 0.0
    assert difference(wanted[:2], wanted[:2] + np.array([0.25, 0], np.float32)) == 0.25
    assert difference(wanted, wanted + np.array([20, 0, 0], np.float32)) == np.float64(0.1)
    assert difference(wanted, wanted[:2]) == np.inf
    assert difference(wanted, np.full(3, np.nan, np.float32)) == np.inf
    assert difference(np.zeros((0, 2)), np.zeros((0, 2))) == 0.0
