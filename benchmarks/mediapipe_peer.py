"""The pipeline beside MediaPipe Pose on the same frames, each frame for itself.

MediaPipe finds one person, relative to the hips; this pipeline finds all people, in metres from the camera. So it also
says what each further person costs: on the same boxes, one to three of them. All take turns, frame by frame, and
medians are compared: what else the machine does meets all alike.

MediaPipe is installed for this comparison only, in out/bench-venv.
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
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import OUTPUT, report

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.config.settings import DetectorConfig, EngineConfig, PipelineConfig
from pose3d_ros.errors import Pose3DError
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import Detection, Frame

# The last release with its models inside; newer ones fetch them from a server.
REQUIREMENT = "mediapipe==0.10.21"
ENVIRONMENT = OUTPUT.parent / "bench-venv"
WORKER = Path(__file__).parent / "peers" / "mediapipe_worker.py"
_LIMIT_S = 1800


PEER, ONE, ALL = "MediaPipe Pose", "pose3d, one person", "pose3d, all people"
BOXES = "pose3d, boxes of {}"
_PEOPLE = (1, 2, 3)
_WARM_UP = 3


class Skipped(Exception):
    """Why the peer could not be measured."""


@dataclass(frozen=True)
class Turn:
    """One frame by one method: milliseconds of the clock, of all cores' work, and people found."""

    ms: float
    cpu_ms: float
    people: int


Method = Callable[[int], Turn]
"""Frame number → what it took."""


def main() -> None:
    """Measure both and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bag", help="recording to take the frames from (default: the package's)")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3, help="how often every method has every frame (%(default)s)")
    parser.add_argument("--engines", default="", help="folder with a manifest.yaml (default: the package's)")
    args = parser.parse_args()
    frames = read_frames(Path(args.bag) if args.bag else sample_bag(), args.frames)
    camera = frames[0].camera
    notes: dict[str, object] = {
        "frames": len(frames), "rounds": args.rounds, "size": f"{camera.width_px}x{camera.height_px}"
    }  # fmt: skip
    with ExitStack() as stack:
        methods: dict[str, Method] = {}
        try:
            peer = stack.enter_context(Peer(frames))
            methods[PEER] = peer
            notes["peer"] = f"MediaPipe Pose {peer.version}, full model, static mode"
        except Skipped as reason:
            notes["peer"] = f"not measured: {reason}"
        methods |= our_methods(PipelineConfig(engine=EngineConfig(engines=args.engines)), frames, stack)
        turns = take_turns(methods, len(frames), args.rounds)
    notes["each further person"] = (
        "median of (boxes of 3 - boxes of 1) / 2, frame by frame; boxes: those of the frame's own detections, and no "
        "detector runs"
    )
    report("mediapipe_peer", rows_of(turns), notes)


def read_frames(bag: Path, count: int) -> list[Frame]:
    """Frames spread over a recording."""
    with BagReader(bag) as reader:
        camera = next(reader.cameras()).camera
        images = list(reader.images())
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    return [Frame(images[i].image_bgr, camera, images[i].stamp_ns) for i in chosen]


def take_turns(methods: Mapping[str, Method], frames: int, rounds: int) -> dict[str, list[Turn]]:
    """Every method on every frame, one after the other, as often as there are rounds."""
    for method in methods.values():
        for i in range(min(_WARM_UP, frames)):
            method(i)
    turns: dict[str, list[Turn]] = {name: [] for name in methods}
    for _ in range(rounds):
        for i in range(frames):
            for name, method in methods.items():
                turns[name].append(method(i))
    return turns


def our_methods(config: PipelineConfig, frames: Sequence[Frame], stack: ExitStack) -> dict[str, Method]:
    """The pipeline without smoothing, reset between frames: one person, all people, and given boxes."""
    one = stack.enter_context(
        open_pipeline(config=replace(config, detector=DetectorConfig(max_people=1)), smooth=False)
    )
    all_people = stack.enter_context(open_pipeline(config=config, smooth=False))
    boxes = [boxes_of(all_people, frame) for frame in frames]

    def timed(pipeline: Pipeline, i: int, detections: Sequence[Detection] | None = None) -> Turn:
        pipeline.reset()
        cpu_s, start_s = time.process_time(), time.perf_counter()
        people = len(pipeline(frames[i], detections).people)
        took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        return Turn(took_s * 1e3, cpu_s * 1e3, people)

    def on_boxes(count: int) -> Method:
        return lambda i: timed(all_people, i, boxes[i][:count])

    return {
        ONE: lambda i: timed(one, i),
        ALL: lambda i: timed(all_people, i),
        **{BOXES.format(count): on_boxes(count) for count in _PEOPLE},
    }


def boxes_of(pipeline: Pipeline, frame: Frame) -> tuple[Detection, ...]:
    """Three boxes of a frame: of the people found, again from the first where there are fewer, else the middle."""
    pipeline.reset()
    found = [person.pose.detection for person in pipeline(frame).people]
    width, height = frame.camera.width_px, frame.camera.height_px
    found = found or [Detection(np.array([0.4 * width, 0.2 * height, 0.6 * width, 0.8 * height]), 1.0)]
    return tuple(found[i % len(found)] for i in range(max(_PEOPLE)))


class Peer:
    """MediaPipe in a process of its own. Raises Skipped where it can't be had."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        python = peer_python()
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "frames.npy"
        np.save(file, np.stack([frame.image_bgr[..., ::-1] for frame in frames]))
        self._process = subprocess.Popen(
            [str(python), str(WORKER), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            self.version = str(self._answer()["version"])
        except Skipped:
            self.__exit__()
            raise

    def __call__(self, i: int) -> Turn:
        if self._process.stdin is None:
            raise Skipped("the worker has no input")
        self._process.stdin.write(f"{i}\n")
        self._process.stdin.flush()
        return Turn(**self._answer())

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        while line and not line.startswith("{"):  # its libraries print as well
            line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise Skipped(f"the worker ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._folder.cleanup()


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


def rows_of(turns: Mapping[str, Sequence[Turn]]) -> list[dict[str, object]]:
    """A line a method, and one for each further person; the ratios are to the peer, or to the first without one."""
    first = next(iter(turns.values()))
    ms, cpu_ms = (statistics.median([getattr(turn, name) for turn in first]) for name in ("ms", "cpu_ms"))
    rows: list[dict[str, object]] = [row_of(name, of_one, ms, cpu_ms) for name, of_one in turns.items()]
    low, high = (turns[BOXES.format(count)] for count in (_PEOPLE[0], _PEOPLE[-1]))
    more = _PEOPLE[-1] - _PEOPLE[0]
    further = [Turn((b.ms - a.ms) / more, (b.cpu_ms - a.cpu_ms) / more, 1) for a, b in zip(low, high, strict=True)]
    return [*rows, row_of("each further person", further, ms, cpu_ms)]


def row_of(name: str, turns: Sequence[Turn], first_ms: float, first_cpu_ms: float) -> dict[str, object]:
    """A line of the table."""
    ms, cpu_ms = statistics.median([turn.ms for turn in turns]), statistics.median([turn.cpu_ms for turn in turns])
    return {
        "method": name,
        "median ms": round(ms, 1),
        "p95 ms": round(float(np.percentile([turn.ms for turn in turns], 95)), 1),
        "CPU ms": round(cpu_ms, 1),
        "people a frame": round(statistics.mean(turn.people for turn in turns), 2),
        "ratio": round(ms / first_ms, 2),
        "CPU ratio": round(cpu_ms / first_cpu_ms, 2),
    }


if __name__ == "__main__":
    try:
        main()
    except (Pose3DError, Skipped) as error:
        sys.exit(f"mediapipe_peer: {error}")
