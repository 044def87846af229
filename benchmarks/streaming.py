"""What a frame of the smoother costs: one step of the net, beside the whole window that it equals; and the default's.

    python benchmarks/streaming.py

The net of the first table sees 243 frames and has the default's channels; its weights are random, which cost the same.
Both forms run on ONNX Runtime in turns. The second table is the shipped smoother with all that it does for people.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from common import load, report

from pose3d_ros.config.settings import EngineConfig, PipelineConfig, SmootherConfig
from pose3d_ros.engines import Engine, EngineOptions, ManifestEntry, choose_backend, open_engine
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.pipeline import open_smoother
from pose3d_ros.records import Detection, Person, Pose, TrackState
from pose3d_ros.skeletons import get_skeleton
from pose3d_ros.stages.smooth.smooth_features import correction_size, feature_size
from pose3d_training.nets.exported_graphs import export_temporal_step, export_temporal_windows
from pose3d_training.nets.temporal_net import TemporalModel

PEOPLE = (1, 4, 8)
SKELETON = get_skeleton("muco21")
WIDTHS, CHANNELS = (3, 3, 3, 3, 3), 256
Feeds = dict[str, npt.NDArray[np.float32]]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60, help="runs of each form, in turns")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the engines")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, difference = compare(Path(folder), args.turns, args.threads)
    default = default_ms(args.turns, args.threads)
    notes = {
        "receptive field": "243 frames",
        "largest difference of the two": f"{difference:.1e}",
        "threads": args.threads,
        "load": load(),
    }
    figures = {f"default_ms_{people}_people": ms for people, ms in default.items()}
    report("streaming", rows, notes, figures)


def compare(folder: Path, turns: int, threads: int) -> tuple[list[dict[str, float]], float]:
    """A row for each number of people, and the largest difference between step and window."""
    net = random_net()
    step, window = (_opened(folder, name, net, threads) for name in ("step", "window"))
    rows: list[dict[str, float]] = []
    with step, window:
        difference = max(_difference(step, window, net, people) for people in PEOPLE)
        for people in PEOPLE:
            calls = partial(step.infer, _step_feeds(net, people)), partial(window.infer, _window(net, people))
            step_ms, window_ms = in_turns(calls, turns)
            rows.append(
                {
                    "people": people,
                    "step ms": round(step_ms, 3),
                    "ms a person": round(step_ms / people, 3),
                    "whole window ms": round(window_ms, 2),
                    "times faster": round(window_ms / step_ms, 1),
                }
            )
    return rows, difference


def random_net() -> TemporalModel:
    """Causal, of the default's width, over 243 frames."""
    torch.manual_seed(0)
    joints = len(SKELETON)
    net = TemporalModel(1, feature_size(joints), joints, WIDTHS, causal=True, dropout=0.0, channels=CHANNELS).eval()
    assert net.num_joints_out * 3 == correction_size(joints)
    return net


def _opened(folder: Path, form: str, net: TemporalModel, threads: int) -> Engine:
    path = folder / f"{form}.onnx"
    (export_temporal_step if form == "step" else export_temporal_windows)(net, path)
    entry = ManifestEntry(
        name=form,
        roles=("smoother",),
        file=path,
        sha256=sha256_of(path),
        decoder="temporal_step",
        skeleton=SKELETON.name,
        units="metres",
        license="-",
        training_data="none",
    )
    return open_engine(entry, choose_backend("onnxruntime"), EngineOptions(threads=threads))


def _step_feeds(net: TemporalModel, people: int) -> Feeds:
    widths = [feature_size(len(SKELETON)), *[CHANNELS] * (len(WIDTHS) - 1)]
    states = {
        f"state_{i}": np.zeros((people, width, past), np.float32)
        for i, (width, past) in enumerate(zip(widths, net.history, strict=True))
    }
    return {"x": np.zeros((people, widths[0]), np.float32), **states}


def _window(net: TemporalModel, people: int, seed: int = 0) -> Feeds:
    shape = (people, net.receptive_field, 1, feature_size(len(SKELETON)))
    return {"keypoints": np.random.default_rng(seed).normal(0, 0.3, shape).astype(np.float32)}


def _difference(step: Engine, window: Engine, net: TemporalModel, people: int) -> float:
    """Between the window's result and that of the last of its steps, metres."""
    frames, feeds = _window(net, people, seed=1), _step_feeds(net, people)
    for t in range(net.receptive_field):
        out = step.infer({**feeds, "x": np.ascontiguousarray(frames["keypoints"][:, t, 0])})
        feeds = {name: out.get(f"next_{name}", value) for name, value in feeds.items()}
    whole = window.infer(frames)["joints"].reshape(people, -1)
    return float(np.abs(whole - out["y"]).max())


def default_ms(turns: int, threads: int) -> dict[int, float]:
    """Median milliseconds of a frame of the shipped smoother, by how many people are in it."""
    config = PipelineConfig(engine=EngineConfig(engines="embedded", threads=threads))
    smoother, engines = open_smoother(replace(config, smoother=SmootherConfig(method="temporal_conv")))
    rng, out = np.random.default_rng(0), {}
    with engines:
        for people in PEOPLE:
            smoother.reset()
            times_ms = []
            for t in range(turns + 10):
                found = [_person(i, rng) for i in range(people)]
                began_s = time.perf_counter()
                smoother.update(found, 33_333_333 * t)
                times_ms.append((time.perf_counter() - began_s) * 1e3)
            out[people] = round(statistics.median(times_ms[10:]), 3)
    return out


def _person(number: int, rng: np.random.Generator) -> Person:
    joints = rng.normal(0, 0.3, (len(SKELETON), 3)) + [number - 3, 0, 5]
    pixels, detection = np.zeros((len(SKELETON), 2)), Detection(np.array([0.0, 0, 1, 1]), 0.9)
    pose = Pose(joints[SKELETON.root], joints, pixels, np.ones(len(SKELETON)), SKELETON, detection, root_sigma_m=0.3)
    return Person(number, TrackState.TRACKED, pose, np.zeros(3), 0.9)


def in_turns(calls: Sequence[Callable[[], object]], turns: int) -> list[float]:
    """Median milliseconds of each call, one after the other in every turn, so that a busy machine slows all alike."""
    times_ms: list[list[float]] = [[] for _ in calls]
    for turn in range(turns + 3):
        for call, kept in zip(calls, times_ms, strict=True):
            began_s = time.perf_counter()
            call()
            if turn >= 3:
                kept.append((time.perf_counter() - began_s) * 1e3)
    return [statistics.median(kept) for kept in times_ms]


if __name__ == "__main__":
    main()
