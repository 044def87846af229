"""This pipeline beside MediaPipe Pose on the same frames, each frame for itself.

MediaPipe finds one person, relative to the hips; this pipeline finds everybody, in metres from the camera.

MediaPipe is installed for this comparison only, in build/bench-venv.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from common import report

from pose3d_ros.cli.sample import sample_bag
from pose3d_ros.config import DetectorConfig, EngineConfig, PipelineConfig
from pose3d_ros.errors import Pose3DError
from pose3d_ros.evaluation.bag import BagReader
from pose3d_ros.nodes.opening import open_pipeline
from pose3d_ros.records import Frame

# The last release with its models inside; newer ones fetch them from a server.
REQUIREMENT = "mediapipe==0.10.21"
ENVIRONMENT = Path("build/bench-venv")
WORKER = Path(__file__).parent / "peers" / "mediapipe_worker.py"
_LIMIT_S = 1800


class Skipped(Exception):
    """Why the peer could not be measured."""


@dataclass(frozen=True)
class Speed:
    """Of one method: milliseconds a frame, of the clock and of all cores' work, and people found a frame."""

    name: str
    median_ms: float
    p95_ms: float
    cpu_ms: float
    people: float


def main() -> None:
    """Measure both and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bag", help="recording to take the frames from (default: the package's)")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--engines", default="", help="folder with a manifest.yaml (default: the embedded ones)")
    args = parser.parse_args()
    frames = read_frames(Path(args.bag) if args.bag else sample_bag(), args.frames)
    notes: dict[str, object] = {
        "frames": len(frames),
        "size": f"{frames[0].camera.width_px}x{frames[0].camera.height_px}",
    }
    config = PipelineConfig(engine=EngineConfig(engines=args.engines))
    one = replace(config, detector=DetectorConfig(max_people=1))
    speeds = [measure_ours("pose3d, one person", one, frames), measure_ours("pose3d, everybody", config, frames)]
    try:
        peer, version = measure_peer(frames)
        speeds.insert(0, peer)
        notes["peer"] = f"MediaPipe Pose {version}, full model, static mode"
    except Skipped as reason:
        notes["peer"] = f"not measured: {reason}"
    report("mediapipe_peer", [row_of(speed, speeds[0]) for speed in speeds], notes)


def read_frames(bag: Path, count: int) -> list[Frame]:
    """Frames spread over a recording."""
    with BagReader(bag) as reader:
        camera = next(reader.cameras()).camera
        images = list(reader.images())
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    return [Frame(images[i].image_bgr, camera, images[i].stamp_ns) for i in chosen]


def measure_ours(name: str, config: PipelineConfig, frames: Sequence[Frame]) -> Speed:
    """The pipeline without smoothing, forgetting everybody between frames."""
    with open_pipeline(config).pipeline as pipeline:
        for frame in frames[:3]:
            pipeline(frame)
        times_ms: list[float] = []
        people = 0
        cpu_s = time.process_time()
        for frame in frames:
            pipeline.reset()
            start_s = time.perf_counter()
            people += len(pipeline(frame).people)
            times_ms.append((time.perf_counter() - start_s) * 1e3)
        cpu_s = time.process_time() - cpu_s
    return Speed(
        name,
        statistics.median(times_ms),
        float(np.percentile(times_ms, 95)),
        cpu_s / len(frames) * 1e3,
        people / len(frames),
    )


def measure_peer(frames: Sequence[Frame]) -> tuple[Speed, str]:
    """MediaPipe in a process of its own, and its version. Raises Skipped."""
    python = peer_python()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "frames.npy"
        np.save(file, np.stack([frame.image_bgr[..., ::-1] for frame in frames]))
        numbers = json.loads(call([str(python), str(WORKER), str(file)]).strip().splitlines()[-1])
    version = str(numbers.pop("version"))
    return Speed("MediaPipe Pose", **numbers), version


def peer_python() -> Path:
    """The interpreter of the peer's environment, which is made when it is not there. Raises Skipped."""
    python = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / REQUIREMENT.replace("==", "-")
    if not ready.exists():
        print(f"installing {REQUIREMENT} in {ENVIRONMENT} …", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT])
        ready.touch()
    return python


def call(command: Sequence[str]) -> str:
    """What a command prints. Raises Skipped with the end of its complaint."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Skipped(str(error)) from error
    if done.returncode != 0:
        complaint = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Skipped(complaint)
    return done.stdout


def row_of(speed: Speed, first: Speed) -> dict[str, object]:
    """A line of the table; the ratios are to the first method."""
    return {
        "method": speed.name,
        "median ms": round(speed.median_ms, 1),
        "p95 ms": round(speed.p95_ms, 1),
        "CPU ms": round(speed.cpu_ms, 1),
        "people a frame": round(speed.people, 2),
        "ratio": round(speed.median_ms / first.median_ms, 2),
        "CPU ratio": round(speed.cpu_ms / first.cpu_ms, 2),
    }


if __name__ == "__main__":
    try:
        main()
    except Pose3DError as error:
        sys.exit(f"mediapipe_peer: {error}")
