"""The pipeline beside MediaPipe Pose on the same frames: speed, memory, and the time to the first people.

Compared are one person in single images and in video (MediaPipe Pose: one person, relative to the hips) and three
people in video (its landmarker with three people switched on); and what each further person costs here: in single
images on given boxes, one to three of them. This pipeline finds people in metres from the camera, on as many threads as
MediaPipe has (one) and on all. Static: the pipeline is reset before every frame; photograph: the frame has no stamp
either, and every part of it is searched. All take turns, frame by frame, so what else the machine does meets all alike.
Videos are played to and fro, so that nothing jumps.

A ratio is that of the medians; beside it stand the least and the largest of the rounds. MediaPipe is installed for this
comparison only, in out/bench-venv.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from common import load, report
from peers.mediapipe_process import Peer, Setting, Skipped, call

from pose3d_ros.bags.bag_reader import BagReader, sample_bag
from pose3d_ros.config.settings import DetectorConfig, EngineConfig, PipelineConfig
from pose3d_ros.errors import InputError, Pose3DError
from pose3d_ros.geometry import Camera
from pose3d_ros.pipeline import Pipeline, open_pipeline
from pose3d_ros.records import STILL, Detection, Frame, TrackState
from pose3d_ros.types import ImageArray

FIRST_PEOPLE = Path(__file__).parent / "peers" / "first_people.py"
SETTINGS = {
    "MediaPipe Pose, static": Setting("pose", "static"),
    "MediaPipe Pose, video": Setting("pose", "video"),
    "MediaPipe landmarker, 3 people, video": Setting("landmarker", "video", 3),
}
STATIC, VIDEO, VIDEO_OF_3 = SETTINGS
ONE, FOLLOWED, FOLLOWED_3 = "one person, static", "one person followed", "three people followed"
ALL_STATIC, PHOTOGRAPH = "all people, static", "all people, photograph"
FURTHER, FURTHER_FOLLOWED = "each further person, static", "each further followed"
BOXES = "boxes of {}, static"
_PEOPLE = 3
_TARGETS = (
    (ONE, STATIC, 0.75),
    (FOLLOWED, VIDEO, 0.6),
    (FOLLOWED_3, VIDEO_OF_3, 0.6),
    (FURTHER, STATIC, 0.3),
    (FURTHER_FOLLOWED, STATIC, 0.3),
)
_WARM_UP = 5
_SEEN = (TrackState.NEW, TrackState.TRACKED)


@dataclass(frozen=True)
class Turn:
    """One frame by one method: milliseconds of the clock, of all cores' work, and people found."""

    ms: float
    cpu_ms: float
    people: int


@dataclass(frozen=True)
class Step:
    """Which frame comes next, and when it does in the video that is played to and fro."""

    frame: int
    stamp_ns: int


Method = Callable[[Step], Turn]
Rounds = Sequence[Sequence[Turn]]
"""The turns of a method, by round."""


def main() -> None:
    """Measure all and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bag", help="recording to take the frames from (default: the package's)")
    parser.add_argument("--video", help="video to take them from instead, as of a camera of 60 degrees")
    parser.add_argument("--frames", type=int, default=60, help="that follow each other (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4, help="how often every method has every frame (%(default)s)")
    parser.add_argument("--engines", default="", help="set of engines or folder (default: as users get)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1], help="(%(default)s)")
    args = parser.parse_args()
    frames = video_frames(args.video, args.frames) if args.video else bag_frames(args.bag, args.frames)
    camera, before = frames[0].camera, load()
    threads = list(dict.fromkeys(args.threads))
    notes: dict[str, object] = {"frames": f"{len(frames)}, {camera.width_px}x{camera.height_px}", "rounds": args.rounds}
    with ExitStack() as stack:
        methods: dict[str, Method] = {}
        try:
            peer = stack.enter_context(Peer(SETTINGS))
            methods |= {name: peer_method(peer, name, frames) for name in SETTINGS}
            notes["peer"] = f"MediaPipe {peer.version}, full model"
        except Skipped as reason:
            notes["peer"] = f"not measured: {reason}"
        for count in threads:
            config = PipelineConfig(engine=EngineConfig(engines=args.engines, threads=count))
            methods |= our_methods(config, frames, stack, notes)
        turns = take_turns(methods, frames, args.rounds)
    for count in threads:
        one, three = (turns[labelled(BOXES.format(people), count)] for people in (1, _PEOPLE))
        turns[labelled(FURTHER, count)] = further(one, three)
        one, three = turns[labelled(FOLLOWED, count)], turns[labelled(FOLLOWED_3, count)]
        turns[labelled(FURTHER_FOLLOWED, count)] = further(one, three)
    notes["load before and after"] = f"{before}, {load()}"
    notes["each further person"] = "(three - one) / 2, frame by frame; static: of given boxes, and no detector runs"
    ratios = ratio_rows(turns, threads)
    report("mediapipe_peer", [row_of(name, rounds) for name, rounds in turns.items()], notes)
    if ratios:
        report("mediapipe_peer_ratios", ratios, figures=figures_of(ratios))
    report("first_people", first_people_rows(frames[0], args.engines, args.rounds), notes)


def bag_frames(bag: str | None, count: int) -> list[Frame]:
    """The first frames of a recording."""
    with BagReader(Path(bag) if bag else sample_bag()) as reader:
        camera = next(reader.cameras()).camera
        images = list(reader.images())[:count]
    return [Frame(image.image_bgr, camera, image.stamp_ns - images[0].stamp_ns) for image in images]


def video_frames(path: str, count: int) -> list[Frame]:
    """The first frames of a video. Raises InputError."""
    capture = cv2.VideoCapture(path)
    rate_hz = capture.get(cv2.CAP_PROP_FPS) or 30.0
    images: list[ImageArray] = []
    while len(images) < count and (read := capture.read())[0]:
        images.append(np.asarray(read[1], dtype=np.uint8))
    if not images:
        raise InputError(f"video {path}", expected="one that OpenCV can read", got="no frame", fix="Check the path.")
    camera = Camera.from_hfov(60.0, images[0].shape[1], images[0].shape[0])
    return [Frame(image, camera, round(i * 1e9 / rate_hz)) for i, image in enumerate(images)]


def steps_of(frames: Sequence[Frame], rounds: int) -> list[list[Step]]:
    """The rounds, each of all frames: forth, back, forth …, with times that go on."""
    period_ns = frames[1].stamp_ns - frames[0].stamp_ns if len(frames) > 1 else 33_000_000
    order = list(range(len(frames)))
    return [
        [Step(frame, (n * len(order) + i) * period_ns) for i, frame in enumerate(order if n % 2 == 0 else order[::-1])]
        for n in range(rounds)
    ]


def take_turns(methods: Mapping[str, Method], frames: Sequence[Frame], rounds: int) -> dict[str, list[list[Turn]]]:
    """Every method on every frame, one after the other, as often as there are rounds; the first frames don't count."""
    turns: dict[str, list[list[Turn]]] = {name: [] for name in methods}
    for n, steps in enumerate(steps_of(frames, rounds)):
        taken: dict[str, list[Turn]] = {name: [] for name in methods}
        for i, step in enumerate(steps):
            for name, method in methods.items():
                turn = method(step)
                if n or i >= min(_WARM_UP, len(steps) - 1):
                    taken[name].append(turn)
        for name, of_round in taken.items():
            turns[name].append(of_round)
    return turns


def peer_method(peer: Peer, name: str, frames: Sequence[Frame]) -> Method:
    """A setting of MediaPipe."""

    def method(step: Step) -> Turn:
        answer = peer(name, frames[step.frame].image_bgr, step.stamp_ns // 1_000_000)
        return Turn(answer.ms, answer.cpu_ms, len(answer.landmarks_px))

    return method


def our_methods(
    config: PipelineConfig, frames: Sequence[Frame], stack: ExitStack, notes: dict[str, object]
) -> dict[str, Method]:
    """The pipeline without smoothing on so many threads, which its methods' names end with."""

    def opened(people: int) -> Pipeline:
        limited = replace(config, detector=DetectorConfig(max_people=people)) if people else config
        return stack.enter_context(open_pipeline(config=limited, smooth=False))

    one, everyone, followed, followed_3 = opened(1), opened(0), opened(1), opened(0)
    boxes = [boxes_of(everyone, frame) for frame in frames]
    notes["engines"] = everyone.engines.names

    def timed(pipeline: Pipeline, step: Step, stamp_ns: int, given: Sequence[Detection] | None = None) -> Turn:
        frame = replace(frames[step.frame], stamp_ns=stamp_ns)
        cpu_s, start_s = time.process_time(), time.perf_counter()
        people = pipeline(frame, given).people
        took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        return Turn(took_s * 1e3, cpu_s * 1e3, sum(person.state in _SEEN for person in people))

    def static(pipeline: Pipeline, step: Step, people: int | None = None) -> Turn:
        pipeline.reset()
        return timed(pipeline, step, step.stamp_ns, None if people is None else boxes[step.frame][:people])

    def on_boxes(people: int) -> Method:
        return lambda step: static(everyone, step, people)

    methods: dict[str, Method] = {
        ONE: lambda step: static(one, step),
        FOLLOWED: lambda step: timed(followed, step, step.stamp_ns),
        FOLLOWED_3: lambda step: timed(followed_3, step, step.stamp_ns),
        ALL_STATIC: lambda step: static(everyone, step),
        PHOTOGRAPH: lambda step: timed(everyone, step, STILL),
        **{BOXES.format(count): on_boxes(count) for count in (1, _PEOPLE)},
    }
    return {labelled(name, config.engine.threads): method for name, method in methods.items()}


def labelled(name: str, threads: int) -> str:
    """A method of this pipeline on so many threads."""
    return f"{name}, {threads} thread{'s' if threads != 1 else ''}"


def boxes_of(pipeline: Pipeline, frame: Frame) -> tuple[Detection, ...]:
    """Three boxes of a frame: of the people found, again from the first where there are fewer, else the middle."""
    found = [person.pose.detection for person in pipeline(replace(frame, stamp_ns=STILL)).people]
    width, height = frame.camera.width_px, frame.camera.height_px
    found = found or [Detection(np.array([0.4 * width, 0.2 * height, 0.6 * width, 0.8 * height]), 1.0)]
    return tuple(found[i % len(found)] for i in range(_PEOPLE))


def further(one: Rounds, three: Rounds) -> list[list[Turn]]:
    """What each person beyond the first costs, frame by frame."""
    more = _PEOPLE - 1
    return [
        [Turn((b.ms - a.ms) / more, (b.cpu_ms - a.cpu_ms) / more, 1) for a, b in zip(*pair, strict=True)]
        for pair in zip(one, three, strict=True)
    ]


def median_of(rounds: Rounds, field: str) -> float:
    """Median of a field of all turns."""
    return float(statistics.median(getattr(turn, field) for turns in rounds for turn in turns))


def row_of(name: str, rounds: Rounds) -> dict[str, object]:
    """A line of the table of times."""
    turns = [turn for of_round in rounds for turn in of_round]
    return {
        "method": name,
        "median ms": round(median_of(rounds, "ms"), 1),
        "p95 ms": round(float(np.percentile([turn.ms for turn in turns], 95)), 1),
        "CPU ms": round(median_of(rounds, "cpu_ms"), 1),
        "people a frame": round(statistics.mean(turn.people for turn in turns), 2),
    }


def ratio_rows(turns: Mapping[str, Rounds], threads: Sequence[int]) -> list[dict[str, object]]:
    """A line a comparison and number of threads; none without the peer."""
    rows: list[dict[str, object]] = []
    for ours, theirs, target in _TARGETS:
        for count in threads if theirs in turns else ():
            a, b = turns[labelled(ours, count)], turns[theirs]
            by_round = [median_of([x], "ms") / median_of([y], "ms") for x, y in zip(a, b, strict=True)]
            rows.append(
                {
                    "compared": ours,
                    "with": theirs,
                    "threads": count,
                    "ratio": round(median_of(a, "ms") / median_of(b, "ms"), 2),
                    "least": round(min(by_round), 2),
                    "largest": round(max(by_round), 2),
                    "CPU ratio": round(median_of(a, "cpu_ms") / median_of(b, "cpu_ms"), 2),
                    "target": target,
                }
            )
    return rows


def figures_of(ratios: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """The ratios by name."""
    return {f"{row['compared']}, {row['threads']} threads": float(str(row["ratio"])) for row in ratios}


def first_people_rows(frame: Frame, engines: str, rounds: int) -> list[dict[str, object]]:
    """From the start of a process to the first people, and its peak memory: medians of processes that take turns."""
    measured: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.npy"
        np.save(image, frame.image_bgr)
        for _ in range(rounds):
            for name in dict.fromkeys((engines or "auto", "embedded")):
                said = json.loads(call([sys.executable, str(FIRST_PEOPLE), name, str(image)]))
                measured.setdefault(f"pose3d, {name}", []).append((said["since_start_s"], said["peak_mb"]))
            for name in (STATIC, VIDEO_OF_3):
                try:
                    with Peer({name: SETTINGS[name]}) as peer:
                        answer = peer(name, frame.image_bgr)
                except Skipped:
                    continue
                measured.setdefault(name, []).append((answer.since_start_s, answer.peak_mb))
    return [
        {
            "process": name,
            "first people after s": round(statistics.median(s for s, _ in values), 2),
            "peak MB": round(statistics.median(mb for _, mb in values)),
        }
        for name, values in measured.items()
    ]


if __name__ == "__main__":
    try:
        main()
    except (Pose3DError, Skipped) as error:
        sys.exit(f"mediapipe_peer: {error}")
