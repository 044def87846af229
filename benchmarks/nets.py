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
from common import load, report

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
    before = load()
    with tempfile.TemporaryDirectory() as folder:
        root, pose, shared = exported(Path(folder))
        engines = [OnnxEngine(path, threads=args.threads) for path in (root, pose, shared)]
        times = measured(engines, args.rounds)
    medians = {batch: {net: statistics.median(ms) for net, ms in of_batch.items()} for batch, of_batch in times.items()}
    of_four = [four / 4 / one for four, one in zip(times[4]["shared"], times[1]["shared"], strict=True)]
    rows = [row(batch, ms, medians[1]) for batch, ms in medians.items()]
    arithmetic = work()
    figures = {
        "shared_over_two": round(medians[1]["shared"] / (medians[1]["root"] + medians[1]["pose"]), 3),
        "shared_over_two_by_multiply_adds": round(arithmetic["shared"] / (arithmetic["root"] + arithmetic["pose"]), 3),
        "person_of_4_over_1": round(statistics.median(of_four), 3),
    }
    spread = ", ".join(f"{share:.2f}" for share in np.percentile(of_four, (10, 90)))
    notes: dict[str, object] = {f"{name} [GMAC]": round(count / 1e9, 2) for name, count in arithmetic.items()}
    notes |= {"threads": args.threads, "rounds": args.rounds, "load before and after": f"{before}, {load()}"}
    notes["person_of_4_over_1"] = f"median of the rounds' ratios; 10% and 90% of them: {spread}"
    report("nets", rows, notes, figures)


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


def measured(engines: list[OnnxEngine], rounds: int) -> dict[int, dict[str, list[float]]]:
    """Milliseconds of each net's calls by batch: one call of all in every round, so that a round's calls are alike."""
    calls = {batch: calls_of(engines, batch) for batch in BATCHES}
    times_ms: dict[int, dict[str, list[float]]] = {batch: {name: [] for name in calls[batch]} for batch in BATCHES}
    for turn in range(_WARM_UP + rounds):
        for batch, of_batch in calls.items():
            for name, call in of_batch.items():
                start_s = time.perf_counter()
                call()
                if turn >= _WARM_UP:
                    times_ms[batch][name].append((time.perf_counter() - start_s) * 1e3)
    return times_ms


def calls_of(engines: list[OnnxEngine], batch: int) -> dict[str, Callable[[], object]]:
    """A call of each net on so many random crops."""
    rng = np.random.default_rng(0)
    image = rng.normal(size=(batch, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    distance = np.full(batch, 4.0, dtype=np.float32)
    feeds: list[dict[str, Tensor]] = [
        {"image": image, "k": distance * 1000},
        {"image": image},
        {"image": image, "k_m": distance},
    ]
    return {
        name: (lambda engine=engine, feed=feed: engine.infer(feed))  # type: ignore[misc]
        for name, engine, feed in zip(("root", "pose", "shared"), engines, feeds, strict=True)
    }


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
