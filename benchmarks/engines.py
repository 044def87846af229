"""What each engine costs by batch size: milliseconds a call and a person, and the ratio to one person's call."""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass

import numpy as np
from common import report

from pose3d_ros.config import EngineConfig
from pose3d_ros.engines import BackendChoice, Engine, ManifestEntry, choose_backend, open_engine
from pose3d_ros.engines.base import Tensor, TensorSpec
from pose3d_ros.nodes.opening import open_manifest

BATCHES = (1, 2, 4, 8)
# The detector's image is 4:3 with its long side as the manifest says, both sides multiples of 32.
_ASPECT, _MULTIPLE = 0.75, 32
_WARM_UP, _MIN_CALLS, _SECONDS = 3, 10, 1.5


@dataclass(frozen=True)
class Cost:
    """Median and 95th percentile of one call, milliseconds."""

    median_ms: float
    p95_ms: float


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="", help="folder with a manifest.yaml (default: the embedded ones)")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    manifest = open_manifest(EngineConfig(engines=args.engines))
    backend = choose_backend(args.backend)
    rows: list[dict[str, object]] = []
    for entry in manifest.entries:
        rows += measure_entry(entry, backend, args.threads)
    notes = {"backend": f"{backend.name}: {backend.reason}", "threads": args.threads or "as the backend chooses"}
    report("engines", rows, notes)


def measure_entry(entry: ManifestEntry, backend: BackendChoice, threads: int) -> list[dict[str, object]]:
    """The rows of one engine. The detector sees one image at a time, the others all people of a frame."""
    batches = (1,) if "detector" in entry.roles else BATCHES
    rows: list[dict[str, object]] = []
    with open_engine(entry, backend, threads=threads) as engine:
        alone_ms = 0.0
        for batch in batches:
            cost = measure(engine, feeds_of(engine, entry, batch))
            alone_ms = alone_ms or cost.median_ms
            rows.append(
                {
                    "engine": entry.name,
                    "roles": "+".join(entry.roles),
                    "batch": batch,
                    "median ms": round(cost.median_ms, 2),
                    "p95 ms": round(cost.p95_ms, 2),
                    "ms a person": round(cost.median_ms / batch, 2),
                    "ratio to batch 1": round(cost.median_ms / alone_ms, 2),
                }
            )
    return rows


def feeds_of(engine: Engine, entry: ManifestEntry, batch: int) -> dict[str, Tensor]:
    """Inputs of the right shapes, small random numbers."""
    rng = np.random.default_rng(0)
    sizes = {"batch": batch, **image_size(entry)}
    return {spec.name: random_input(spec, sizes, rng) for spec in engine.inputs}


def image_size(entry: ManifestEntry) -> dict[str, int]:
    """Height and width of an engine that takes images of any size."""
    long_side = int(entry.number("long_side_px", 320))
    return {"width": long_side, "height": round(long_side * _ASPECT / _MULTIPLE) * _MULTIPLE}


def random_input(spec: TensorSpec, sizes: dict[str, int], rng: np.random.Generator) -> Tensor:
    """An array for an input; axes with a name take their length from `sizes`."""
    shape = [axis if isinstance(axis, int) else sizes[axis] for axis in spec.shape]
    return rng.normal(size=shape).astype(spec.dtype)


def measure(engine: Engine, feeds: dict[str, Tensor]) -> Cost:
    """Time calls for about a second and a half."""
    for _ in range(_WARM_UP):
        engine.infer(feeds)
    times_ms: list[float] = []
    end_s = time.perf_counter() + _SECONDS
    while time.perf_counter() < end_s or len(times_ms) < _MIN_CALLS:
        start_s = time.perf_counter()
        engine.infer(feeds)
        times_ms.append((time.perf_counter() - start_s) * 1e3)
    return Cost(statistics.median(times_ms), float(np.percentile(times_ms, 95)))


if __name__ == "__main__":
    main()
