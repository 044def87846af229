"""What each engine costs by batch size: milliseconds a call and a person, and the ratio to one person's call."""

from __future__ import annotations

import argparse

from common import report

from pose3d_ros.config.settings import EngineConfig
from pose3d_ros.engines import BackendChoice, EngineOptions, ManifestEntry, choose_backend, open_engine
from pose3d_ros.engines.engine_set import open_manifest
from pose3d_ros.engines.trial import measure_latency, random_feeds

BATCHES = (1, 2, 4, 8)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="", help="folder with a manifest.yaml (default: the package's)")
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
    with open_engine(entry, backend, EngineOptions(threads=threads)) as engine:
        alone_ms = 0.0
        for batch in batches:
            latency = measure_latency(engine, random_feeds(engine, entry, batch))
            alone_ms = alone_ms or latency.median_ms
            rows.append(
                {
                    "engine": entry.name,
                    "roles": "+".join(entry.roles),
                    "batch": batch,
                    "median ms": round(latency.median_ms, 2),
                    "p95 ms": round(latency.p95_ms, 2),
                    "ms per person": round(latency.median_ms / batch, 2),
                    "ratio to batch 1": round(latency.median_ms / alone_ms, 2),
                }
            )
    return rows


if __name__ == "__main__":
    main()
