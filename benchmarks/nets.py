"""What a shared backbone saves: RootPoseNet beside the two separate nets of Moon 2019, all with ResNet-50 at 256 px.

python benchmarks/nets.py [--rounds 15] [--threads 2]

Random weights: time does not depend on them. The calls take turns, so that whatever else the machine does meets all.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from common import report

from pose3d_ros.engines.onnx_runtime.ort_engine import OnnxEngine
from pose3d_ros.engines.tensors import Tensor
from pose3d_ros.skeletons import get_skeleton
from pose3d_training.nets.exported_graphs import export_posenet, export_root_pose, export_rootnet
from pose3d_training.nets.mppe_nets import PoseNet, RootNet
from pose3d_training.nets.root_pose_net import RootPoseNet

SKELETON, SIZE_PX = get_skeleton("muco21"), 256
BATCHES = (1, 4)
_WARM_UP = 2


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15, help="calls of each (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of one session (%(default)s)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root, pose, shared = exported(Path(folder))
        engines = [OnnxEngine(path, threads=args.threads) for path in (root, pose, shared)]
        medians = {batch: measured(engines, batch, args.rounds) for batch in BATCHES}
    rows = [row(batch, ms, medians[1]) for batch, ms in medians.items()]
    arithmetic = work()
    figures = {
        "shared_over_two": round(medians[1]["shared"] / (medians[1]["root"] + medians[1]["pose"]), 3),
        "shared_over_two_by_multiply_adds": round(arithmetic["shared"] / (arithmetic["root"] + arithmetic["pose"]), 3),
        "person_of_4_over_1": round(medians[4]["shared"] / 4 / medians[1]["shared"], 3),
    }
    notes = {f"{name} [GMAC]": round(count / 1e9, 2) for name, count in arithmetic.items()}
    report("nets", rows, {**notes, "threads": args.threads, "rounds": args.rounds}, figures)


def nets() -> tuple[RootNet, PoseNet, RootPoseNet]:
    """The three nets with random weights; the shared one has PoseNet's head and volume."""
    torch.manual_seed(0)
    shared = RootPoseNet(
        "resnet50", SKELETON, SIZE_PX, num_deconv=3, deconv_channels=256, depth_bins=64, refine_channels=0
    )
    return RootNet(), PoseNet(len(SKELETON)), shared


def exported(folder: Path) -> tuple[Path, Path, Path]:
    """The three graphs."""
    root, pose, shared = nets()
    paths = folder / "root.onnx", folder / "pose.onnx", folder / "shared.onnx"
    export_rootnet(root.eval(), paths[0])
    export_posenet(pose.eval(), paths[1])
    export_root_pose(shared.eval(), paths[2])
    return paths


def work() -> dict[str, int]:
    """Multiply-adds of one person."""
    # Here, since it imports the renderer, which other benchmarks that use these nets do without.
    from pose3d_training.commands.describe import count_multiply_adds

    image, k = torch.zeros(1, 3, SIZE_PX, SIZE_PX), torch.ones(1)
    root, pose, shared = nets()
    return {
        "root": count_multiply_adds(root, image, k),
        "pose": count_multiply_adds(pose, image),
        "shared": count_multiply_adds(shared, image, k),
    }


def measured(engines: list[OnnxEngine], batch: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of each net's call."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(batch, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    distance = np.full(batch, 4.0, dtype=np.float32)
    feeds: list[dict[str, Tensor]] = [
        {"image": image, "k": distance * 1000},
        {"image": image},
        {"image": image, "k_m": distance},
    ]
    calls: dict[str, Callable[[], object]] = {
        name: (lambda engine=engine, feed=feed: engine.infer(feed))  # type: ignore[misc]
        for name, engine, feed in zip(("root", "pose", "shared"), engines, feeds, strict=True)
    }
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_WARM_UP + rounds):
        for name, call in calls.items():
            start_s = time.perf_counter()
            call()
            if turn >= _WARM_UP:
                times_ms[name].append((time.perf_counter() - start_s) * 1e3)
    return {name: statistics.median(times) for name, times in times_ms.items()}


def row(batch: int, ms: dict[str, float], alone: dict[str, float]) -> dict[str, object]:
    """A line of the table."""
    two = ms["root"] + ms["pose"]
    return {
        "people": batch,
        "RootNet ms": round(ms["root"], 1),
        "PoseNet ms": round(ms["pose"], 1),
        "RootPoseNet ms": round(ms["shared"], 1),
        "shared / two": round(ms["shared"] / two, 3),
        "ms per person": round(ms["shared"] / batch, 1),
        "of one alone": round(ms["shared"] / batch / alone["shared"], 3),
    }


if __name__ == "__main__":
    main()
