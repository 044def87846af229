"""Benchmarks of engines: random inputs of the right shapes, latency, and how far two engines' outputs differ."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pose3d_ros.engines.base import Engine, TensorSpec
from pose3d_ros.engines.spec.entry import ManifestEntry, numeric_parameter
from pose3d_ros.engines.tensorrt.profiles import usual_sides_px
from pose3d_ros.engines.tensors import Tensor

_WARM_UP, _MIN_CALLS = 3, 10
_DISTANCES_M = (2.0, 8.0)
_MM_PER_M = 1000.0


@dataclass(frozen=True)
class Latency:
    """Median and 95th percentile of one call, milliseconds."""

    median_ms: float
    p95_ms: float


def random_feeds(engine: Engine, entry: ManifestEntry, batch: int, seed: int = 0) -> dict[str, Tensor]:
    """Inputs for a call: noise as smooth as an image, distances of people in a room, and small random numbers."""
    rng = np.random.default_rng(seed)
    shapes = usual_shapes(engine.inputs, entry, batch)
    return {spec.name: _array(spec, shape, entry, rng) for spec, shape in zip(engine.inputs, shapes, strict=True)}


def usual_shapes(inputs: Sequence[TensorSpec], entry: ManifestEntry, batch: int) -> tuple[tuple[int, ...], ...]:
    """Usual shapes of an entry's inputs, in their order.

    Axes with a name get a length: the first is the batch, the second of a lifter its window of frames, the two last
    of four an image's sides.
    """
    sides = dict(zip((2, 3), usual_sides_px(entry), strict=True))
    if "lifter" in entry.roles:
        sides = {1: int(numeric_parameter(entry, "receptive_field", 1))}
    return tuple(
        tuple(n if isinstance(n, int) else batch if i == 0 else sides.get(i, 1) for i, n in enumerate(spec.shape))
        for spec in inputs
    )


def measure_latency(engine: Engine, feeds: Mapping[str, Tensor], seconds: float = 1.5) -> Latency:
    """Time calls, one after another, for about that long."""
    for _ in range(_WARM_UP):
        engine.infer(feeds)
    times_ms: list[float] = []
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s or len(times_ms) < _MIN_CALLS:
        start_s = time.perf_counter()
        engine.infer(feeds)
        times_ms.append((time.perf_counter() - start_s) * 1e3)
    return Latency(statistics.median(times_ms), float(np.percentile(times_ms, 95)))


def difference(wanted: Tensor, got: Tensor) -> float:
    """The largest difference, over the largest value or 1; infinite for another shape or what is not finite.

    Not over each value: of offsets up to hundreds of pixels those near 0 are as exact as the others.
    """
    if wanted.shape != got.shape or not np.isfinite(got).all():
        return float("inf")
    a, b = wanted.astype(np.float64), got.astype(np.float64)
    return float(np.max(np.abs(a - b), initial=0.0) / np.max(np.abs(a), initial=1.0))


def _array(spec: TensorSpec, shape: tuple[int, ...], entry: ManifestEntry, rng: np.random.Generator) -> Tensor:
    if len(shape) == 4 and "lifter" not in entry.roles:
        return _image(shape, rng).astype(spec.dtype)
    if spec.name == "k_m":
        return rng.uniform(*_DISTANCES_M, size=shape).astype(spec.dtype)
    if spec.name == "k":
        return (rng.uniform(*_DISTANCES_M, size=shape) * _MM_PER_M).astype(spec.dtype)
    return rng.normal(size=shape).astype(spec.dtype)


def _image(shape: tuple[int, ...], rng: np.random.Generator) -> Tensor:
    """Noise of pixels 8 by 8: nets see edges in it, as in an image."""
    n, c, h, w = shape
    coarse = rng.normal(size=(n, c, -(-h // 8), -(-w // 8)))
    return np.asarray(coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :h, :w])
