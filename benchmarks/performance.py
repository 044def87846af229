"""What a frame of 1 to 16 people costs on this machine, stage by stage, beside eager PyTorch of the official two nets.

python benchmarks/performance.py [--backend tensorrt torch] [--precision fp16] [--quick]

The whole pipeline, detector to smoother, on one 1280x720 image of so many people: with the default models, and with
one shared ResNet-50 at 256 px in the place of their pose net, on each backend that is named. ResNet-50 has random
weights, on which time does not depend: all thresholds are 0, so that no person is dropped, and the detector gives its N
best boxes. The two nets (peers/two_nets.py) get the same boxes. All take turns, so that whatever else the machine does
meets all. docs/tensorrt.md says how to read the table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import attr
import numpy as np
import torch
from common import report
from nets import SIZE_PX, SKELETON, nets
from peers.two_nets import TwoNets
from performance_turns import HEIGHT_PX, MEASURED, WIDTH_PX, Case, Times, Turns, boxes_in, crowded_frame

from pose3d_ros.config.settings import (
    PARAMETERS,
    DetectorConfig,
    EngineConfig,
    PipelineConfig,
    PoseConfig,
    TrackerConfig,
)
from pose3d_ros.engines import BackendChoice, Manifest, choose_backend
from pose3d_ros.engines.engine_set import EngineSet, engine_options, open_manifest
from pose3d_ros.engines.factory import default_probes
from pose3d_ros.engines.spec.manifest import sha256_of
from pose3d_ros.errors import Pose3DError
from pose3d_ros.pipeline import Pipeline
from pose3d_ros.records import FrameResult, TrackState
from pose3d_training.nets.exported_graphs import export_root_pose

DEFAULT, RESNET50 = "default", "ResNet-50"
PEOPLE, PEOPLE_ON_CPU, PEOPLE_QUICK = (1, 2, 4, 8, 16), (1, 2, 4), (1, 2)
"""On a CPU the nets with ResNet-50 see fewer: 16 people are seconds a frame."""
_ROUNDS, _ROUNDS_ON_CPU, _ROUNDS_QUICK = 50, 8, 3
_STAGES = ("upload", "detect", "pose", "track", "smooth", "total")
_SEEN = (TrackState.NEW, TrackState.TRACKED)
_TARGETS = (
    "on a GPU of the H200's class: total_ms_8_people_resnet50 at most 4, eager_over_ours_8_people_resnet50 at least 5, "
    "overhead_ms_8_people at most 0.5"
)


def main() -> None:
    """Measure and report."""
    args = arguments()
    torch.set_num_threads(args.threads)
    load = os.getloadavg()[0]
    backends = chosen(args.backend)
    with ExitStack() as stack:
        pipelines = opened(args, backends, stack)
        statuses = dict.fromkeys(status for pipeline in pipelines.values() for status in pipeline.engines.statuses)
        device = device_of(list(statuses))
        rounds = args.rounds or (_ROUNDS_QUICK if args.quick else _ROUNDS if device == "cuda" else _ROUNDS_ON_CPU)
        times = turns(args, pipelines, device).taken(rounds)
        problems = [problem for pipeline in pipelines.values() for problem in pipeline.engine_problems]
    notes = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "backends": "; ".join(f"{backend.name}: {backend.reason}" for backend in backends),
        "models": "; ".join(statuses),
        "problems": "; ".join(problems) or "none",
        "precision": args.precision,
        "threads": args.threads,
        "load before": f"{load:.1f}; other work slows the two nets most, since their threads wait for each other",
        "frames of a line": rounds * MEASURED,
        "image": f"{WIDTH_PX}x{HEIGHT_PX}; all thresholds 0, the detector's N best boxes",
        "two nets": f"RootNet, then PoseNet, eager torch {torch.__version__}, float32, {device}, each box read once, "
        "person by person as the authors' demos do; batched: all people in one call of each net",
        "people that came out": completeness(times.frames),
    }
    targets = {"targets": _TARGETS} if device == "cuda" else {}
    rows = [row(case, times) for case in times.frames]
    report("performance", rows, notes | targets, figures(backends[0].name, times))


def arguments() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    backend, precision = PARAMETERS["backend"], PARAMETERS["precision"]
    names = (*(backend.choices or ()), "all")
    parser.add_argument(
        "--backend",
        nargs="+",
        choices=names,
        default=["auto"],
        help="what runs the models; all: every one that has a GPU, or else works",
    )
    parser.add_argument("--precision", choices=precision.choices, default=precision.default, help=precision.description)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the CPU, for all (%(default)s)")
    parser.add_argument("--people", type=int, nargs="+", metavar="N", help="people in the image (1 2 4 8 16)")
    parser.add_argument("--rounds", type=int, help=f"rounds of {MEASURED} frames of each line")
    parser.add_argument("--quick", action="store_true", help="1 and 2 people, the default models, 3 rounds")
    return parser.parse_args()


def chosen(wanted: Sequence[str]) -> list[BackendChoice]:
    """The backends to measure, without a fallback: what is measured is what is named."""
    if "all" in wanted:
        found = {name: probe() for name, probe in default_probes().items()}
        usable = [name for name, state in found.items() if state.usable]
        wanted = [name for name in usable if found[name].preferred] or usable
    return [replace(choose_backend(name), fallback="") for name in wanted]


def opened(
    args: argparse.Namespace, backends: Sequence[BackendChoice], stack: ExitStack
) -> dict[tuple[str, str], Pipeline]:
    """The pipelines by backend and models, for that many people. Plans of TensorRT that lack are built first."""
    manifests = {DEFAULT: open_manifest(EngineConfig())}
    if not args.quick:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        manifests[RESNET50] = with_resnet50(manifests[DEFAULT], folder)
    config = config_of(args, Case("", "", max(everyone(args)), True))
    options = engine_options(config, report=print)
    return {
        (backend.name, name): stack.enter_context(Pipeline(EngineSet(manifest, backend, options), config))
        for backend in backends
        for name, manifest in manifests.items()
    }


def with_resnet50(manifest: Manifest, folder: Path) -> Manifest:
    """The models with a ResNet-50 of random weights, the same in every run, in the place of the pose net."""
    path = folder / "root_pose.onnx"
    export_root_pose(nets()[2].eval(), path)
    entry = attr.evolve(
        manifest.for_role("pose"),
        name="root_pose-resnet50-random",
        file=path,
        sha256=sha256_of(path),
        input_size_px=(SIZE_PX, SIZE_PX),
        training_data="none",
    )
    return Manifest(folder, (manifest.for_role("detector"), entry, manifest.for_role("smoother")))


def config_of(args: argparse.Namespace, case: Case) -> PipelineConfig:
    """Settings under which all of a case's people come through, whatever the nets say of them."""
    return PipelineConfig(
        engine=EngineConfig(precision=args.precision, threads=args.threads),
        detector=DetectorConfig(score_threshold=0.01, max_people=case.people),
        pose=PoseConfig(joint_score_threshold=0.0, person_score_threshold=0.0, flip_test=case.flip_test),
        tracker=TrackerConfig(new_track_score=0.0, duplicate_overlap=1.0),
    )


def device_of(statuses: Sequence[str]) -> str:
    """Where the two nets run: on the GPU, unless the models are all on the CPU."""
    on_cpu = all(status.lower().endswith("cpu") for status in statuses)
    return "cuda" if torch.cuda.is_available() and not on_cpu else "cpu"


def everyone(args: argparse.Namespace) -> tuple[int, ...]:
    """The numbers of people of the default models."""
    return tuple(args.people or (PEOPLE_QUICK if args.quick else PEOPLE))


def turns(args: argparse.Namespace, pipelines: Mapping[tuple[str, str], Pipeline], device: str) -> Turns:
    """What takes turns."""
    frame, configured = crowded_frame(), partial(config_of, args)
    heavy = tuple(args.people or (PEOPLE_QUICK if args.quick else PEOPLE if device == "cuda" else PEOPLE_ON_CPU))
    cases = [
        Case(backend, models, people, flip_test)
        for backend, models in pipelines
        for flip_test in ((True,) if models == DEFAULT else (True, False))
        for people in (everyone(args) if models == DEFAULT else heavy)
    ]
    first = next(iter(pipelines.values()))
    boxes = boxes_in(frame, first, configured(Case("", "", max(everyone(args)), True)))
    root, pose, _ = nets()
    return Turns(pipelines, configured, cases, TwoNets(root, pose, SKELETON, device), heavy, frame, boxes)


def row(case: Case, times: Times) -> dict[str, object]:
    """A line of the table."""
    frames = times.frames[case]
    total_ms = stage_ms(frames, "total")
    return {
        "backend": case.backend,
        "models": case.models,
        "people": case.people,
        "flip": "yes" if case.flip_test else "no",
        **{stage: round(stage_ms(frames, stage), 2) for stage in _STAGES},
        "p95": round(float(np.percentile([frame.timings_ms["total"] for frame in frames], 95)), 2),
        "frames/s": round(1e3 / total_ms, 1),
        "models %": round(100 * stage_ms(frames, "engines") / total_ms, 1),
        "overhead": round(overhead_ms(frames), 2),
        **dict(beside(times.one_by_one_ms.get(case.people), total_ms, "two nets")),
        **dict(beside(times.batched_ms.get(case.people), total_ms, "batched")),
    }


def beside(peer_ms: Sequence[float] | None, total_ms: float, name: str) -> Iterator[tuple[str, float | None]]:
    """The two nets' median, and how many times that of the whole pipeline it is; None where they did not run."""
    median_ms = statistics.median(peer_ms) if peer_ms else None
    yield name, median_ms and round(median_ms, 2)
    yield f"{name} / total", median_ms and round(median_ms / total_ms, 2)


def stage_ms(frames: Sequence[FrameResult], stage: str) -> float:
    """Median milliseconds of a stage."""
    return statistics.median(frame.timings_ms[stage] for frame in frames)


def overhead_ms(frames: Sequence[FrameResult]) -> float:
    """Median of what a frame takes beside its engines."""
    return statistics.median(frame.timings_ms["total"] - frame.timings_ms["engines"] for frame in frames)


def figures(backend: str, times: Times) -> dict[str, float]:
    """Summarize eight people on the first backend, with the flip test, as the package comes, and without it."""
    found: dict[str, float] = {}
    if default := times.frames.get(Case(backend, DEFAULT, 8, True)):
        found["overhead_ms_8_people"] = round(overhead_ms(default), 3)
    for flip_test, suffix in ((True, ""), (False, "_without_flip_test")):
        if frames := times.frames.get(Case(backend, RESNET50, 8, flip_test)):
            total_ms = stage_ms(frames, "total")
            found[f"total_ms_8_people_resnet50{suffix}"] = round(total_ms, 3)
            found[f"eager_over_ours_8_people_resnet50{suffix}"] = ratio(times.one_by_one_ms[8], total_ms)
            found[f"batched_eager_over_ours_8_people_resnet50{suffix}"] = ratio(times.batched_ms[8], total_ms)
    return found


def ratio(peer_ms: Sequence[float], total_ms: float) -> float:
    """How many times as long the two nets took."""
    return round(statistics.median(peer_ms) / total_ms, 3)


def completeness(frames: Mapping[Case, Sequence[FrameResult]]) -> str:
    """Whether every frame gave as many people as it was asked for, and where not."""
    wrong = [
        f"{case.backend} {case.models} {case.people}: {least}"
        for case, results in frames.items()
        if (least := min(sum(person.state in _SEEN for person in r.people) for r in results)) != case.people
    ]
    return "fewer than asked for, " + ", ".join(wrong) if wrong else "as many as asked for, in every frame"


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"performance: {error}")
